//! The diff of one file.

use std::ops::Range;

use sandbox_review::diff::{self, BinarySide, Diff, FileDiff as Body, ImageSide};
use sandbox_review::{Change, Decisions, Hunk, Line, TextDiff};
use sandbox_workspace::{Entry, EntryKind};

use super::count;
use crate::ipc::review::{
    DiffHunk, DiffLine, DiffOptions, FileDiff, LineKind, MadeBy, UnchangedLines,
};

/// Hunks of one answer where the window names no number.
const MOST_HUNKS: usize = 500;

/// What the window draws of one change.
pub fn file_diff(
    change: &Change,
    diff: &Diff,
    decisions: &Decisions,
    options: &DiffOptions,
) -> FileDiff {
    let notes: Vec<String> = diff.notes.iter().map(ToString::to_string).collect();
    match &diff.body {
        Body::Text(text) => text_diff(change, text, decisions, options, notes, diff.made_by),
        Body::Image { old, new } => FileDiff::Image {
            old: old.is_some(),
            new: new.is_some(),
            old_size: old.as_ref().map_or(0, image_size),
            new_size: new.as_ref().map_or(0, image_size),
        },
        Body::Binary { old, new } => FileDiff::Binary {
            description: described(new.as_ref().or(old.as_ref()), &notes),
            old_size: old.as_ref().map_or(0, |side| side.size),
            new_size: new.as_ref().map_or(0, |side| side.size),
            old_hash: hash(change.from.as_ref()),
            new_hash: hash(change.to.as_ref()),
        },
        Body::TooLarge { old, new } => FileDiff::Binary {
            description: "Too large to compare line by line".to_owned(),
            old_size: old.unwrap_or(0),
            new_size: new.unwrap_or(0),
            old_hash: hash(change.from.as_ref()),
            new_hash: hash(change.to.as_ref()),
        },
        Body::Symlink { old, new, leaves } => FileDiff::Symlink {
            old: old.as_deref().map(lossy),
            new: new.as_deref().map(lossy),
            leaves: *leaves,
        },
        Body::Facts => FileDiff::Facts { notes },
    }
}

/// Unchanged lines of a fold that is opened: `number` of them from the new line `from`, counted from 1.
pub fn unchanged(text: &TextDiff, from: u32, number: u32) -> UnchangedLines {
    let from = from as usize;
    let lines = text.unchanged(from..from.saturating_add(number as usize));
    UnchangedLines {
        lines: lines.into_iter().map(|line| drawn(line, false)).collect(),
    }
}

fn text_diff(
    change: &Change,
    text: &TextDiff,
    decisions: &Decisions,
    options: &DiffOptions,
    notes: Vec<String>,
    made_by: Option<diff::MadeBy>,
) -> FileDiff {
    let range = asked_for(options, text.hunk_count());
    let more = text.hunk_count() - range.end;
    let hunks = text
        .hunks(range)
        .into_iter()
        .filter(|hunk| !(options.ignore_whitespace && hunk.whitespace_only))
        .map(|hunk| drawn_hunk(change, hunk, decisions))
        .collect();
    FileDiff::Text {
        hunks,
        old_total: count(text.old_total()),
        new_total: count(text.new_total()),
        more_hunks: count(more),
        notes,
        hidden: text.hidden().into_iter().map(count).collect(),
        left_out: if options.ignore_whitespace {
            count(text.whitespace_lines())
        } else {
            0
        },
        made_by: made_by.map(|made| match made {
            diff::MadeBy::PackageManager => MadeBy::PackageManager,
            diff::MadeBy::Generator => MadeBy::Generator,
        }),
    }
}

fn asked_for(options: &DiffOptions, all: usize) -> Range<usize> {
    let from = (options.from_hunk as usize).min(all);
    let most = match options.max_hunks as usize {
        0 => MOST_HUNKS,
        most => most.min(MOST_HUNKS),
    };
    from..from.saturating_add(most).min(all)
}

fn drawn_hunk(change: &Change, hunk: Hunk, decisions: &Decisions) -> DiffHunk {
    let Hunk {
        id,
        old_start,
        old_len,
        new_start,
        new_len,
        heading,
        lines,
        whitespace_only: _,
    } = hunk;
    let accepted = |at: usize| decisions.accepts(change, &id, at);
    let lines = lines
        .into_iter()
        .enumerate()
        .map(|(at, line)| drawn(line, accepted(at)))
        .collect();
    DiffHunk {
        old_start: count(old_start),
        old_lines: count(old_len),
        new_start: count(new_start),
        new_lines: count(new_len),
        heading,
        lines,
        decision: decisions.of_hunk(change, &id).into(),
        id: id.0,
    }
}

fn drawn(line: Line, accepted: bool) -> DiffLine {
    let Line {
        kind,
        old_no,
        new_no,
        text,
        words,
        no_newline,
        cut,
        hidden: _,
    } = line;
    DiffLine {
        kind: match kind {
            sandbox_review::LineKind::Context => LineKind::Context,
            sandbox_review::LineKind::Deleted => LineKind::Deleted,
            sandbox_review::LineKind::Added => LineKind::Added,
        },
        old: old_no.map(count),
        new: new_no.map(count),
        text,
        words: words
            .into_iter()
            .map(|range| (range.start, range.end))
            .collect(),
        accepted,
        no_newline,
        cut: cut.map(count),
    }
}

fn described(side: Option<&BinarySide>, notes: &[String]) -> String {
    let kind = side
        .and_then(|side| side.media_type)
        .unwrap_or("Binary file");
    std::iter::once(kind)
        .chain(notes.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Of a file, by which one can tell that another is the same.
fn hash(entry: Option<&Entry>) -> Option<String> {
    match entry?.kind {
        EntryKind::File { blob, .. } => Some(blob.to_hex()),
        _ => None,
    }
}

fn image_size(side: &ImageSide) -> u64 {
    side.size
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use sandbox_workspace::{BlobId, FileTime, WorkspacePath};

    #[test]
    fn a_file_has_a_hash_and_a_link_none() {
        let entry = |kind| Entry {
            path: WorkspacePath::try_from("a").unwrap(),
            kind,
            mode: 0o644,
            mtime: FileTime {
                seconds: 0,
                nanos: 0,
            },
        };
        let blob = BlobId::of(b"abc");
        let known = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        assert_eq!(
            hash(Some(&entry(EntryKind::File { blob, size: 3 }))).as_deref(),
            Some(known),
            "BLAKE3 of abc, as its own test vectors have it"
        );
        let target = b"abc".to_vec();
        assert_eq!(hash(Some(&entry(EntryKind::Symlink { target }))), None);
        assert_eq!(hash(None), None);
    }

    #[test]
    fn hunks_come_in_parts_and_never_beyond_the_last() {
        let options = |from_hunk, max_hunks| DiffOptions {
            from_hunk,
            max_hunks,
            ..DiffOptions::default()
        };
        assert_eq!(asked_for(&options(0, 0), 3), 0..3);
        assert_eq!(asked_for(&options(1, 1), 3), 1..2);
        assert_eq!(asked_for(&options(9, 9), 3), 3..3);
        assert_eq!(asked_for(&options(0, u32::MAX), 10_000), 0..MOST_HUNKS);
    }
}
