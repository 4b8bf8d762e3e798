//! A text difference in hunks: blocks of changed lines with three unchanged ones around them.

use std::ops::Range;
use std::time::Duration;

use sandbox_workspace::BlobId;
use serde::{Deserialize, Serialize};

use super::{Note, Sides, words};
use crate::text::{Block, Encoding, Lines, blocks};

/// Unchanged lines shown around changed ones, as git does.
const CONTEXT: usize = 3;
/// Longest search for equal lines.
const LIMIT: Duration = Duration::from_secs(2);
/// Longer lines are cut for display.
const LONGEST: usize = 2_000;

/// Names a hunk by what it removes and adds, wherever it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HunkId(pub String);

/// One hunk, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Stable while the hunk's content is the same.
    pub id: HunkId,
    /// First old line, from 1; the line before it where there are none (as git prints it).
    pub old_start: usize,
    /// Number of old lines.
    pub old_len: usize,
    /// First new line, likewise.
    pub new_start: usize,
    /// Number of new lines.
    pub new_len: usize,
    /// The line that the hunk lies under, for instance a function's head.
    pub heading: String,
    /// Unchanged, removed and added lines, top to bottom.
    pub lines: Vec<Line>,
    /// Nothing but white space differs.
    pub whitespace_only: bool,
}

/// What a line of a hunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// In both texts.
    Context,
    /// Only in the old one.
    Deleted,
    /// Only in the new one.
    Added,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// Its number in the old text, from 1.
    pub old_no: Option<usize>,
    /// Its number in the new text, from 1.
    pub new_no: Option<usize>,
    /// Decoded, without its line ending. Hidden characters are in it and are for the viewer to show.
    pub text: String,
    /// Changed words, as ranges of UTF-16 units of `text`.
    pub words: Vec<Range<u32>>,
    /// The text ends here without a newline.
    pub no_newline: bool,
    /// Number of characters where `text` is only the beginning.
    pub cut: Option<usize>,
    /// Has characters that act or mislead instead of showing.
    pub hidden: bool,
}

/// The difference of two texts. Holds both; hunks are made when they are asked for.
#[derive(Debug)]
pub struct TextDiff {
    pub(crate) old: Lines,
    pub(crate) new: Lines,
    pub(crate) blocks: Vec<Block>,
    groups: Vec<Range<usize>>,
    ids: Vec<HunkId>,
    old_encoding: Encoding,
    new_encoding: Encoding,
    both: bool,
}

impl TextDiff {
    pub(super) fn new(sides: &Sides, old_encoding: Encoding, new_encoding: Encoding) -> Self {
        let both = sides.old.bytes().is_some() && sides.new.bytes().is_some();
        let (old, new) = (sides.old.lines(old_encoding), sides.new.lines(new_encoding));
        Self::between(old, new, old_encoding, new_encoding, both)
    }

    /// The difference of two contents that were cut into lines.
    fn between(old: Lines, new: Lines, a: Encoding, b: Encoding, both: bool) -> Self {
        let blocks = blocks(&old, &new, LIMIT);
        let groups = group(&blocks);
        let mut diff = Self {
            old,
            new,
            blocks,
            groups,
            ids: Vec::new(),
            old_encoding: a,
            new_encoding: b,
            both,
        };
        diff.ids = diff.name();
        diff
    }

    /// The difference of two UTF-8 contents.
    pub fn of_bytes(old: &[u8], new: &[u8]) -> Self {
        let lines = |bytes: &[u8]| Lines::new(bytes.to_vec(), Encoding::Utf8);
        Self::between(lines(old), lines(new), Encoding::Utf8, Encoding::Utf8, true)
    }

    /// Number of hunks.
    pub fn hunk_count(&self) -> usize {
        self.groups.len()
    }

    /// Lines of the old text.
    pub fn old_total(&self) -> usize {
        self.old.len()
    }

    /// Lines of the new text.
    pub fn new_total(&self) -> usize {
        self.new.len()
    }

    /// The ids of all hunks, top to bottom.
    pub fn ids(&self) -> &[HunkId] {
        &self.ids
    }

    /// Lines removed and added in one hunk.
    pub fn counts(&self, hunk: usize) -> (usize, usize) {
        self.blocks[self.groups[hunk].clone()]
            .iter()
            .fold((0, 0), |(old, new), b| {
                (old + b.old.len(), new + b.new.len())
            })
    }

    /// Changed lines in hunks where nothing but white space differs: what a view without them leaves out. A
    /// line that was changed counts once.
    pub fn whitespace_lines(&self) -> usize {
        (0..self.hunk_count())
            .filter(|hunk| self.whitespace_only(*hunk))
            .flat_map(|hunk| self.group(hunk))
            .map(|block| block.old.len().max(block.new.len()))
            .sum()
    }

    /// One hunk; panics where there is none.
    pub fn hunk(&self, at: usize) -> Hunk {
        let (old, new) = self.extent(at);
        let start = |range: &Range<usize>| range.start + usize::from(!range.is_empty());
        Hunk {
            id: self.ids[at].clone(),
            old_start: start(&old),
            old_len: old.len(),
            new_start: start(&new),
            new_len: new.len(),
            heading: self.heading(old.start).map_or_else(String::new, |line| {
                self.old_encoding.decode(line).trim_end().to_owned()
            }),
            lines: self.lines(at),
            whitespace_only: self.whitespace_only(at),
        }
    }

    /// Several hunks; what lies beyond the last is left out.
    pub fn hunks(&self, range: Range<usize>) -> Vec<Hunk> {
        let end = range.end.min(self.hunk_count());
        (range.start.min(end)..end)
            .map(|at| self.hunk(at))
            .collect()
    }

    /// Unchanged lines by their number in the new text, from 1; for folds that are opened. Lines that
    /// are not unchanged are left out.
    pub fn unchanged(&self, new_lines: Range<usize>) -> Vec<Line> {
        let end = new_lines.end.min(self.new.len() + 1);
        (new_lines.start.max(1)..end)
            .filter_map(|number| {
                let at = number - 1;
                let before = self.blocks.partition_point(|b| b.new.end <= at);
                if self.blocks.get(before).is_some_and(|b| b.new.contains(&at)) {
                    return None;
                }
                let old = match before.checked_sub(1).map(|b| &self.blocks[b]) {
                    Some(block) => at - block.new.end + block.old.end,
                    None => at,
                };
                Some(self.context(old, at))
            })
            .collect()
    }

    /// Numbers of the new lines, from 1, that have characters which act or mislead instead of showing.
    pub fn hidden(&self) -> Vec<usize> {
        self.blocks
            .iter()
            .flat_map(|block| block.new.clone())
            .filter(|at| {
                // Plain ASCII text cannot, and is nearly all there is.
                let line = self.new.get(*at);
                suspicious(line) && words::has_hidden(&self.text(line, self.new_encoding))
            })
            .map(|at| at + 1)
            .collect()
    }

    /// Old lines and new lines of a hunk, with the unchanged ones around.
    pub(crate) fn extent(&self, hunk: usize) -> (Range<usize>, Range<usize>) {
        let group = &self.blocks[self.groups[hunk].clone()];
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let before = CONTEXT.min(first.old.start).min(first.new.start);
        let after = CONTEXT
            .min(self.old.len() - last.old.end)
            .min(self.new.len() - last.new.end);
        (
            first.old.start - before..last.old.end + after,
            first.new.start - before..last.new.end + after,
        )
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.new_encoding
    }

    pub(crate) fn group(&self, hunk: usize) -> &[Block] {
        &self.blocks[self.groups[hunk].clone()]
    }

    /// Git's default rule: the nearest line above that begins with a letter, `_` or `$`.
    pub(crate) fn heading(&self, old_start: usize) -> Option<&[u8]> {
        (0..old_start)
            .rev()
            .take(10_000)
            .map(|at| self.old.get(at))
            .find(|line| {
                line.first()
                    .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$'))
            })
            .map(|line| &line[..line.len().min(80)])
    }

    pub(super) fn notes(&self, notes: &mut Vec<Note>) {
        if !self.both {
            return;
        }
        if self.old_encoding != self.new_encoding && !self.old.is_empty() && !self.new.is_empty() {
            notes.push(Note::Encoding {
                old: self.old_encoding.name(),
                new: self.new_encoding.name(),
            });
        }
        let (old, new) = (
            self.old.eol(self.old_encoding),
            self.new.eol(self.new_encoding),
        );
        if old != new && old != crate::text::Eol::None && new != crate::text::Eol::None {
            notes.push(Note::Eol { old, new });
        }
        let (before, after) = (
            self.old.unfinished(self.old_encoding),
            self.new.unfinished(self.new_encoding),
        );
        if after && !before && !self.old.is_empty() {
            notes.push(Note::FinalNewlineLost);
        } else if before && !after && !self.new.is_empty() {
            notes.push(Note::FinalNewlineAdded);
        }
    }

    fn name(&self) -> Vec<HunkId> {
        let mut seen = std::collections::HashMap::new();
        (0..self.groups.len())
            .map(|at| {
                let mut content = Vec::new();
                for block in self.group(at) {
                    for (mark, line) in self.marked(block) {
                        content.push(mark);
                        content.extend_from_slice(&(line.len() as u64).to_be_bytes());
                        content.extend_from_slice(line);
                    }
                    content.push(b'@');
                }
                let BlobId([a, b, c, d, e, f, g, h, ..]) = BlobId::of(&content);
                let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                // Equal hunks in one file are told apart by their order.
                let times: &mut u32 = seen.entry(hash).or_default();
                *times += 1;
                HunkId(match *times {
                    1 => format!("{hash:016x}"),
                    n => format!("{hash:016x}-{n}"),
                })
            })
            .collect()
    }

    fn marked<'d>(&'d self, block: &Block) -> impl Iterator<Item = (u8, &'d [u8])> {
        let old = block.old.clone().map(|at| (b'-', self.old.get(at)));
        old.chain(block.new.clone().map(|at| (b'+', self.new.get(at))))
    }

    fn lines(&self, hunk: usize) -> Vec<Line> {
        let (old, new) = self.extent(hunk);
        let mut lines = Vec::with_capacity(old.len() + new.len());
        let (mut a, mut b) = (old.start, new.start);
        for block in self.group(hunk) {
            while a < block.old.start {
                lines.push(self.context(a, b));
                (a, b) = (a + 1, b + 1);
            }
            self.block(block, &mut lines);
            (a, b) = (block.old.end, block.new.end);
        }
        while a < old.end {
            lines.push(self.context(a, b));
            (a, b) = (a + 1, b + 1);
        }
        lines
    }

    fn block(&self, block: &Block, lines: &mut Vec<Line>) {
        let from = lines.len();
        for at in block.old.clone() {
            let line = self.line(LineKind::Deleted, self.old.get(at), self.old_encoding);
            lines.push(Line {
                old_no: Some(at + 1),
                ..line
            });
        }
        for at in block.new.clone() {
            let line = self.line(LineKind::Added, self.new.get(at), self.new_encoding);
            lines.push(Line {
                new_no: Some(at + 1),
                ..line
            });
        }
        let (removed, added) = lines[from..].split_at_mut(block.old.len());
        words::mark(removed, added);
    }

    fn context(&self, old: usize, new: usize) -> Line {
        let line = self.line(LineKind::Context, self.new.get(new), self.new_encoding);
        Line {
            old_no: Some(old + 1),
            new_no: Some(new + 1),
            ..line
        }
    }

    fn line(&self, kind: LineKind, bytes: &[u8], encoding: Encoding) -> Line {
        // Four bytes a character at most; the rest of a very long line is not decoded.
        let mut shown = self.text(&bytes[..bytes.len().min(4 * LONGEST)], encoding);
        let beginning = shown.char_indices().nth(LONGEST).map(|(at, _)| at);
        let cut = (beginning.is_some() || bytes.len() > 4 * LONGEST)
            .then(|| self.text(bytes, encoding).chars().count());
        if let Some(end) = beginning {
            shown.truncate(end);
        }
        Line {
            kind,
            old_no: None,
            new_no: None,
            hidden: suspicious(bytes) && words::has_hidden(&shown),
            text: shown,
            words: Vec::new(),
            no_newline: !crate::text::ends_in_feed(bytes, encoding),
            cut,
        }
    }

    fn text(&self, bytes: &[u8], encoding: Encoding) -> String {
        let mut text = encoding.decode(bytes);
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        text
    }

    fn whitespace_only(&self, hunk: usize) -> bool {
        self.group(hunk).iter().all(|block| {
            let bare = |bytes: &[u8]| -> Vec<u8> {
                bytes
                    .iter()
                    .copied()
                    .filter(|b| !b.is_ascii_whitespace())
                    .collect()
            };
            bare(self.old.range(block.old.clone())) == bare(self.new.range(block.new.clone()))
        })
    }
}

/// Whether a line can hold a hidden character at all.
fn suspicious(line: &[u8]) -> bool {
    line.iter()
        .any(|b| *b >= 0x7f || (*b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')))
}

/// Blocks whose surrounding lines touch are one hunk.
fn group(blocks: &[Block]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if block.old.start - blocks[at - 1].old.end <= 2 * CONTEXT => {
                group.end = at + 1;
            }
            _ => groups.push(at..at + 1),
        }
    }
    groups
}
