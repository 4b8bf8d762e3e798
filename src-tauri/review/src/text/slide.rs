//! Where a block of only added or only removed lines could lie as well, the place a reader expects.
//!
//! The rules are git's (its "indent heuristic"), so that our hunks are git's hunks.

use super::{Block, Lines};

/// Furthest a block is moved up while the best place is sought; as in git.
const FURTHEST: usize = 100;

/// Where a block goes that could lie in several places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where a reader expects it.
    Readable,
    /// As far down as it goes.
    Lowest,
    /// As far up as it goes.
    Highest,
}

/// Moves each one-sided block to its place.
pub(super) fn settle(old: &Lines, new: &Lines, blocks: &mut Vec<Block>, place: Place) {
    for at in 0..blocks.len() {
        let block = blocks[at].clone();
        if block.old.is_empty() == block.new.is_empty() {
            continue;
        }
        let (low, high) = bounds(blocks, at, old.len(), new.len());
        let (lines, range) = if block.old.is_empty() {
            (new, block.new.clone())
        } else {
            (old, block.old.clone())
        };
        let up = range_up(lines, &range, low);
        let down = range_down(lines, &range, high);
        if up == 0 && down == 0 {
            continue;
        }
        let shift = match place {
            Place::Readable => best(lines, range.start..range.end, up, down),
            Place::Lowest => down.cast_signed(),
            Place::Highest => -up.cast_signed(),
        };
        let moved = |range: &std::ops::Range<usize>| {
            let by = |at: usize| at.saturating_add_signed(shift);
            by(range.start)..by(range.end)
        };
        blocks[at] = Block {
            old: moved(&block.old),
            new: moved(&block.new),
        };
    }
    join(blocks);
}

/// How many lines the block may move up and down before it meets a neighbour.
fn bounds(blocks: &[Block], at: usize, old_len: usize, new_len: usize) -> (usize, usize) {
    let block = &blocks[at];
    let low = match at.checked_sub(1).map(|before| &blocks[before]) {
        Some(before) => block.old.start - before.old.end,
        None => block.old.start.min(block.new.start),
    };
    let high = match blocks.get(at + 1) {
        Some(after) => after.old.start - block.old.end,
        None => (old_len - block.old.end).min(new_len - block.new.end),
    };
    (low, high)
}

fn range_up(lines: &Lines, range: &std::ops::Range<usize>, most: usize) -> usize {
    (0..most)
        .take_while(|by| lines.get(range.start - 1 - by) == lines.get(range.end - 1 - by))
        .count()
}

fn range_down(lines: &Lines, range: &std::ops::Range<usize>, most: usize) -> usize {
    (0..most)
        .take_while(|by| lines.get(range.start + by) == lines.get(range.end + by))
        .count()
}

/// The shift with the least bad split above and below; of equals the lowest place.
fn best(lines: &Lines, range: std::ops::Range<usize>, up: usize, down: usize) -> isize {
    let end = range.end + down;
    let length = range.len();
    let earliest = (range.end - up)
        .max(end.saturating_sub(length + 1))
        .max(end.saturating_sub(FURTHEST));
    let mut chosen: Option<(Score, usize)> = None;
    for place in earliest..=end {
        let mut score = Score::default();
        score.add(&Split::measure(lines, place));
        score.add(&Split::measure(lines, place - length));
        if chosen
            .as_ref()
            .is_none_or(|(best, _)| score.compare(best) <= 0)
        {
            chosen = Some((score, place));
        }
    }
    let place = chosen.map_or(end, |(_, place)| place);
    place.cast_signed() - range.end.cast_signed()
}

/// Blocks that came to touch are one.
fn join(blocks: &mut Vec<Block>) {
    blocks.dedup_by(|next, last| {
        let touches = last.old.end == next.old.start && last.new.end == next.new.start;
        if touches {
            last.old.end = next.old.end;
            last.new.end = next.new.end;
        }
        touches
    });
}

const MAX_INDENT: i64 = 200;
const MAX_BLANKS: usize = 20;

/// What lies around a place between two lines. Indents are -1 where there is no such line.
struct Split {
    end_of_file: bool,
    indent: i64,
    pre_blank: i64,
    pre_indent: i64,
    post_blank: i64,
    post_indent: i64,
}

impl Split {
    fn measure(lines: &Lines, place: usize) -> Self {
        let mut split = Self {
            end_of_file: place >= lines.len(),
            indent: if place >= lines.len() {
                -1
            } else {
                indent(lines.get(place))
            },
            pre_blank: 0,
            pre_indent: -1,
            post_blank: 0,
            post_indent: -1,
        };
        for at in (0..place).rev() {
            split.pre_indent = indent(lines.get(at));
            if split.pre_indent != -1 {
                break;
            }
            split.pre_blank += 1;
            if split.pre_blank == MAX_BLANKS as i64 {
                split.pre_indent = 0;
                break;
            }
        }
        for at in place + 1..lines.len() {
            split.post_indent = indent(lines.get(at));
            if split.post_indent != -1 {
                break;
            }
            split.post_blank += 1;
            if split.post_blank == MAX_BLANKS as i64 {
                split.post_indent = 0;
                break;
            }
        }
        split
    }
}

/// Columns of white space before the text, tabs to 8; -1 for a blank line.
fn indent(line: &[u8]) -> i64 {
    let mut columns = 0;
    for byte in line {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 8 - columns % 8,
            b'\n' | b'\r' | 0x0b | 0x0c => {}
            _ => return columns,
        }
        if columns >= MAX_INDENT {
            return MAX_INDENT;
        }
    }
    -1
}

#[derive(Default)]
struct Score {
    effective_indent: i64,
    penalty: i64,
}

// The weights are git's, found there by trying them on a corpus of judged diffs.
impl Score {
    fn add(&mut self, split: &Split) {
        if split.pre_indent == -1 && split.pre_blank == 0 {
            self.penalty += 1;
        }
        if split.end_of_file {
            self.penalty += 21;
        }
        let post_blank = if split.indent == -1 {
            1 + split.post_blank
        } else {
            0
        };
        let total_blank = split.pre_blank + post_blank;
        self.penalty += -30 * total_blank + 6 * post_blank;
        let indent = if split.indent == -1 {
            split.post_indent
        } else {
            split.indent
        };
        let any_blanks = total_blank != 0;
        self.effective_indent += indent;
        if indent == -1 || split.pre_indent == -1 {
            return;
        }
        let by_blanks = |with: i64, without: i64| if any_blanks { with } else { without };
        if indent > split.pre_indent {
            self.penalty += by_blanks(10, -4);
        } else if indent < split.pre_indent {
            if split.post_indent != -1 && split.post_indent > indent {
                self.penalty += by_blanks(17, 24);
            } else {
                self.penalty += by_blanks(17, 23);
            }
        }
    }

    fn compare(&self, other: &Self) -> i64 {
        let indents = match self.effective_indent.cmp(&other.effective_indent) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        };
        60 * indents + (self.penalty - other.penalty)
    }
}
