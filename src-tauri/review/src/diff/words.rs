//! Which words of changed lines differ, and which characters do not show.

use std::ops::Range;
use std::time::Duration;

use sandbox_workspace::escape::is_hidden;
use similar::{ChangeTag, TextDiff};

use super::Line;

/// Larger blocks get no word marks: they are read as a whole.
const MOST_LINES: usize = 60;
const MOST_BYTES: usize = 16 * 1024;
const LIMIT: Duration = Duration::from_millis(30);
/// Texts with less in common are different texts, and marks in them only distract.
const LEAST_ALIKE: f32 = 0.35;

/// Whether a line has a character that acts or misleads instead of showing.
pub(super) fn has_hidden(text: &str) -> bool {
    text.chars()
        .any(|c| is_hidden(c) && !matches!(c, '\t' | '\r'))
}

/// Marks the changed words of removed and added lines that belong together.
pub(super) fn mark(removed: &mut [Line], added: &mut [Line]) {
    let small = |lines: &[Line]| {
        lines.len() <= MOST_LINES && lines.iter().map(|l| l.text.len()).sum::<usize>() <= MOST_BYTES
    };
    if removed.is_empty() || added.is_empty() || !small(removed) || !small(added) {
        return;
    }
    if removed.len() == added.len() {
        for (old, new) in removed.iter_mut().zip(added) {
            let (a, b) = compare(&old.text, &new.text);
            (old.words, new.words) = (a, b);
        }
        return;
    }
    let joined = |lines: &[Line]| {
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        texts.join("\n")
    };
    let (a, b) = compare(&joined(removed), &joined(added));
    deal(&a, removed);
    deal(&b, added);
}

fn compare(old: &str, new: &str) -> (Vec<Range<u32>>, Vec<Range<u32>>) {
    let diff = TextDiff::configure()
        .timeout(LIMIT)
        .diff_unicode_words(old, new);
    if diff.ratio() < LEAST_ALIKE {
        return (Vec::new(), Vec::new());
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let (mut old_at, mut new_at) = (0, 0);
    for change in diff.iter_all_changes() {
        let length = units(change.value());
        match change.tag() {
            ChangeTag::Equal => (old_at, new_at) = (old_at + length, new_at + length),
            ChangeTag::Delete => old_at = extend(&mut a, old_at, length),
            ChangeTag::Insert => new_at = extend(&mut b, new_at, length),
        }
    }
    (a, b)
}

fn extend(ranges: &mut Vec<Range<u32>>, at: u32, length: u32) -> u32 {
    match ranges.last_mut() {
        Some(last) if last.end == at => last.end = at + length,
        _ => ranges.push(at..at + length),
    }
    at + length
}

/// Ranges of joined lines, as ranges of each line.
fn deal(ranges: &[Range<u32>], lines: &mut [Line]) {
    let mut start = 0;
    for line in lines {
        let end = start + units(&line.text);
        line.words = ranges
            .iter()
            .filter(|range| range.start < end && range.end > start)
            .map(|range| range.start.max(start) - start..range.end.min(end) - start)
            .collect();
        start = end + 1;
    }
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}
