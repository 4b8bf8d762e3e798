//! Which lines differ: blocks of removed and added lines, top to bottom.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use similar::{Algorithm, DiffOp};

use super::Lines;
use super::slide::{self, Place};

/// Lines of the old text that are replaced by lines of the new one. One side may be empty; between
/// two blocks lies at least one equal line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Lines of the old text.
    pub old: Range<usize>,
    /// Lines of the new text.
    pub new: Range<usize>,
}

/// The blocks in which two texts differ. After `limit` the rest of the search is cut short: the
/// answer stays right and becomes coarser.
pub fn blocks(old: &Lines, new: &Lines, limit: Duration) -> Vec<Block> {
    let mut found = raw(old, new, limit);
    slide::settle(old, new, &mut found, Place::Readable);
    found
}

/// The same for a merge: once for each rule by which a block that could lie in several places is laid.
pub(crate) fn blocks_to_merge(old: &Lines, new: &Lines, limit: Duration) -> [Vec<Block>; 3] {
    let found = raw(old, new, limit);
    [Place::Lowest, Place::Readable, Place::Highest].map(|place| {
        let mut blocks = found.clone();
        slide::settle(old, new, &mut blocks, place);
        blocks
    })
}

fn raw(old: &Lines, new: &Lines, limit: Duration) -> Vec<Block> {
    let head = common(old.iter(), new.iter(), old.len().min(new.len()));
    let room = old.len().min(new.len()) - head;
    let tail = common(
        (head..old.len()).rev().map(|at| old.get(at)),
        (head..new.len()).rev().map(|at| new.get(at)),
        room,
    );
    let (old_middle, new_middle) = (head..old.len() - tail, head..new.len() - tail);
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    if old_middle.is_empty() || new_middle.is_empty() {
        vec![Block {
            old: old_middle,
            new: new_middle,
        }]
    } else {
        search(old, old_middle, new, new_middle, limit)
    }
}

fn common<'l>(
    a: impl Iterator<Item = &'l [u8]>,
    b: impl Iterator<Item = &'l [u8]>,
    most: usize,
) -> usize {
    a.zip(b).take(most).take_while(|(a, b)| a == b).count()
}

fn search(
    old: &Lines,
    old_range: Range<usize>,
    new: &Lines,
    new_range: Range<usize>,
    limit: Duration,
) -> Vec<Block> {
    // Numbers instead of lines: each line is hashed once, with a seed that the agent cannot know and sees
    // nothing of. In a long text the hashing is what takes the time, so not by the standard library's.
    let room = old_range.len().max(new_range.len());
    let mut numbers: HashMap<&[u8], u32, RandomState> =
        HashMap::with_capacity_and_hasher(room + room / 8, RandomState::default());
    let mut number = |line| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(line).or_insert(next)
    };
    let a: Vec<u32> = old_range.clone().map(|at| number(old.get(at))).collect();
    let b: Vec<u32> = new_range.clone().map(|at| number(new.get(at))).collect();
    let deadline = Instant::now().checked_add(limit);
    let ops = similar::capture_diff_slices_deadline(Algorithm::Myers, &a, &b, deadline);
    let mut found: Vec<Block> = Vec::new();
    for op in ops {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        let block = Block {
            old: old.start + old_range.start..old.end + old_range.start,
            new: new.start + new_range.start..new.end + new_range.start,
        };
        match found.last_mut() {
            Some(last) if last.old.end == block.old.start && last.new.end == block.new.start => {
                last.old.end = block.old.end;
                last.new.end = block.new.end;
            }
            _ => found.push(block),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Encoding;

    fn of(a: &str, b: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let lines = |text: &str| Lines::new(text.into(), Encoding::Utf8);
        blocks(&lines(a), &lines(b), Duration::from_secs(5))
            .into_iter()
            .map(|b| (b.old, b.new))
            .collect()
    }

    #[test]
    fn blocks_are_apart_and_complete() {
        assert_eq!(of("a\nb\n", "a\nb\n"), []);
        assert_eq!(of("", "a\n"), [(0..0, 0..1)]);
        assert_eq!(
            of("a\nb\nc\n", "a\nx\nc\ny\n"),
            [(1..2, 1..2), (3..3, 3..4)]
        );
        assert_eq!(of("a", "a\n"), [(0..1, 0..1)], "only the line ending");
    }
}
