//! Three-way merge by lines: what the user and the agent changed apart from each other goes together.
//!
//! As strict as git's: changes that touch without a line in between are a conflict, unless both sides
//! made the same change. Stricter where it is ambiguous: among equal lines a change can be said to lie
//! in several places, and a merge is clean only if it is, with one result, wherever they are said to lie.

use std::ops::Range;
use std::time::Duration;

use crate::text::{Block, Encoding, Lines, blocks_to_merge};

const LIMIT: Duration = Duration::from_secs(2);

/// A merge, top to bottom. Every line of the three texts is in exactly one piece.
#[derive(Debug)]
pub struct Merge {
    base: Lines,
    yours: Lines,
    agents: Lines,
    pieces: Vec<Piece>,
}

/// Where a piece of the merge comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Neither side changed it.
    Same,
    /// Only the user changed it.
    Yours,
    /// Only the agent changed it.
    Agents,
    /// Both made the same change.
    Both,
    /// Both changed it, differently.
    Conflict,
}

/// One piece, as ranges of lines of the three texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it comes from.
    pub origin: Origin,
    /// Lines of the base.
    pub base: Range<usize>,
    /// Lines of the user's text.
    pub yours: Range<usize>,
    /// Lines of the agent's text.
    pub agents: Range<usize>,
}

impl Merge {
    /// Merges what `yours` and `agents` made of `base`. `None` where one of them is not text.
    pub fn of(base: &[u8], yours: &[u8], agents: &[u8]) -> Option<Self> {
        let encoding = Encoding::detect(base)?;
        // Pieces of one encoding in a file of another would be garbage.
        let alike = |other: &[u8]| other.is_empty() || Encoding::detect(other) == Some(encoding);
        if !(base.is_empty() || (alike(yours) && alike(agents))) {
            return None;
        }
        if Encoding::detect(yours)? != Encoding::detect(agents)? {
            return None;
        }
        let lines = |bytes: &[u8]| Lines::new(bytes.to_vec(), encoding);
        let mut merge = Self {
            base: lines(base),
            yours: lines(yours),
            agents: lines(agents),
            pieces: Vec::new(),
        };
        let mine = blocks_to_merge(&merge.base, &merge.yours, LIMIT);
        let theirs = blocks_to_merge(&merge.base, &merge.agents, LIMIT);
        let mut result = None;
        for (mine, theirs) in mine.iter().zip(&theirs) {
            merge.pieces.clear();
            merge.weave(mine, theirs);
            let next = merge.result();
            if next.is_none() {
                return Some(merge);
            }
            if result.is_some() && result != next {
                merge.pieces = vec![merge.whole()];
                return Some(merge);
            }
            result = next;
        }
        Some(merge)
    }

    /// Everything as one conflict.
    fn whole(&self) -> Piece {
        Piece {
            origin: Origin::Conflict,
            base: 0..self.base.len(),
            yours: 0..self.yours.len(),
            agents: 0..self.agents.len(),
        }
    }

    /// The pieces, top to bottom.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether nothing is left to ask.
    pub fn is_clean(&self) -> bool {
        self.pieces
            .iter()
            .all(|piece| piece.origin != Origin::Conflict)
    }

    /// The merged text; `None` if there is a conflict.
    pub fn result(&self) -> Option<Vec<u8>> {
        if !self.is_clean() {
            return None;
        }
        let mut out = Vec::new();
        for piece in &self.pieces {
            out.extend_from_slice(match piece.origin {
                Origin::Agents => self.agents.range(piece.agents.clone()),
                _ => self.yours.range(piece.yours.clone()),
            });
        }
        Some(out)
    }

    /// The lines of a piece: base, the user's, the agent's.
    pub fn lines(&self, piece: &Piece) -> [&[u8]; 3] {
        [
            self.base.range(piece.base.clone()),
            self.yours.range(piece.yours.clone()),
            self.agents.range(piece.agents.clone()),
        ]
    }

    fn weave(&mut self, mine: &[Block], theirs: &[Block]) {
        let (mut m, mut t) = (0, 0);
        let mut at = (0, 0, 0);
        while m < mine.len() || t < theirs.len() {
            let start = [mine.get(m), theirs.get(t)]
                .into_iter()
                .flatten()
                .map(|block| block.old.start)
                .min()
                .unwrap_or_default();
            self.same(&mut at, start);
            let (first_m, first_t) = (m, t);
            let mut end = start;
            // Everything that overlaps or touches belongs together.
            loop {
                let (had_m, had_t) = (m > first_m, t > first_t);
                let reaches = |block: &Block, other: bool| {
                    let begins = block.old.start;
                    begins < end || (begins == end && (other || begins == start))
                };
                if mine.get(m).is_some_and(|b| reaches(b, had_t)) {
                    end = end.max(mine[m].old.end);
                    m += 1;
                } else if theirs.get(t).is_some_and(|b| reaches(b, had_m)) {
                    end = end.max(theirs[t].old.end);
                    t += 1;
                } else {
                    break;
                }
            }
            let yours = side(&mine[first_m..m], start, end, at.1);
            let agents = side(&theirs[first_t..t], start, end, at.2);
            self.push(first_m < m, first_t < t, start..end, yours, agents);
            at = (end, self.last().1, self.last().2);
        }
        let end = self.base.len();
        self.same(&mut at, end);
    }

    fn same(&mut self, at: &mut (usize, usize, usize), until: usize) {
        let length = until - at.0;
        if length == 0 {
            return;
        }
        self.pieces.push(Piece {
            origin: Origin::Same,
            base: at.0..until,
            yours: at.1..at.1 + length,
            agents: at.2..at.2 + length,
        });
        *at = (until, at.1 + length, at.2 + length);
    }

    fn last(&self) -> (usize, usize, usize) {
        self.pieces
            .last()
            .map_or((0, 0, 0), |p| (p.base.end, p.yours.end, p.agents.end))
    }

    fn push(
        &mut self,
        mine: bool,
        theirs: bool,
        base: Range<usize>,
        yours: Range<usize>,
        agents: Range<usize>,
    ) {
        let equal = self.yours.range(yours.clone()) == self.agents.range(agents.clone());
        let origin = match (mine, theirs) {
            (true, false) => Origin::Yours,
            (false, true) => Origin::Agents,
            _ if equal => Origin::Both,
            _ => Origin::Conflict,
        };
        self.pieces.push(Piece {
            origin,
            base,
            yours,
            agents,
        });
    }
}

/// The lines of one side that stand for `start..end` of the base, of which the first is line `from`.
fn side(blocks: &[Block], start: usize, end: usize, from: usize) -> Range<usize> {
    let grown: usize = blocks.iter().map(|b| b.new.len()).sum();
    let gone: usize = blocks.iter().map(|b| b.old.len()).sum();
    from..from + (end - start) - gone + grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(base: &str, yours: &str, agents: &str) -> Option<String> {
        let merge = Merge::of(base.as_bytes(), yours.as_bytes(), agents.as_bytes()).expect("text");
        merge
            .result()
            .map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn changes_apart_go_together_and_touching_ones_do_not() {
        let base = "1\n2\n3\n4\n5\n";
        assert_eq!(
            merged(base, "x\n2\n3\n4\n5\n", "1\n2\n3\n4\ny\n").as_deref(),
            Some("x\n2\n3\n4\ny\n")
        );
        assert_eq!(merged(base, "1\nx\n3\n4\n5\n", "1\ny\n3\n4\n5\n"), None);
        assert_eq!(
            merged(base, "1\nx\n3\n4\n5\n", "1\n2\ny\n4\n5\n"),
            None,
            "adjacent"
        );
        assert_eq!(
            merged(base, "1\n2\n3\n4\n5\nx\n", "1\n2\n3\n4\n5\ny\n"),
            None,
            "same place"
        );
        assert_eq!(
            merged(base, "1\nx\n3\n4\n5\n", "1\nx\n3\n4\n5\n").as_deref(),
            Some("1\nx\n3\n4\n5\n")
        );
        assert_eq!(merged(base, base, "1\n").as_deref(), Some("1\n"));
        assert_eq!(merged("", "a\n", "a\n").as_deref(), Some("a\n"));
        assert_eq!(merged("", "a\n", "b\n"), None);
    }

    #[test]
    fn what_is_not_text_is_not_merged() {
        assert!(Merge::of(b"a\0", b"b\0", b"c\0").is_none());
        assert!(Merge::of(b"a\n", b"b\0", b"c\n").is_none());
    }
}
