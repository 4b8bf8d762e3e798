//! What the user decided about the changes of one capture, and the contents that come of it.

use std::collections::{BTreeMap, BTreeSet};

use sandbox_workspace::{BlobId, BlobSource, Entry, EntryKind, WorkspacePath};
use serde::{Deserialize, Serialize};

use crate::diff::{FileDiff, HunkId, LineKind, TextDiff};
use crate::text::Encoding;
use crate::{Change, ReviewError};

/// What is decided about a file, or about one of its hunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Undecided,
    /// All of it.
    Accepted,
    /// Some hunks or lines.
    Partly,
    /// None of it.
    Rejected,
}

/// The decisions of one capture, by path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decisions {
    files: Vec<(WorkspacePath, FileDecision)>,
}

/// The decisions about one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileDecision {
    /// What the decision was made on: a decision on other contents does not count.
    seen: Seen,
    /// For the file as a whole, and for each hunk that has none of its own.
    whole: Option<bool>,
    /// By hunk.
    hunks: BTreeMap<HunkId, HunkDecision>,
    /// Ticked as read.
    viewed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Seen {
    from: Option<EntryKind>,
    to: Option<EntryKind>,
    mode: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HunkDecision {
    All(bool),
    /// The accepted lines of the hunk, by their index in it.
    Lines(BTreeSet<usize>),
}

impl Decisions {
    /// Decides about a whole file; decisions about its hunks are forgotten.
    pub fn file(&mut self, change: &Change, accept: bool) {
        let decision = self.entry(change);
        decision.whole = Some(accept);
        decision.hunks.clear();
    }

    /// Takes back what was decided about a file.
    pub fn forget(&mut self, change: &Change) {
        let decision = self.entry(change);
        decision.whole = None;
        decision.hunks.clear();
    }

    /// Decides about one hunk.
    pub fn hunk(
        &mut self,
        change: &Change,
        diff: &TextDiff,
        hunk: &HunkId,
        accept: bool,
    ) -> Result<(), ReviewError> {
        place(change, diff, hunk)?;
        self.entry(change)
            .hunks
            .insert(hunk.clone(), HunkDecision::All(accept));
        Ok(())
    }

    /// Decides about lines of one hunk, by their index in it; context lines are ignored.
    pub fn lines(
        &mut self,
        change: &Change,
        diff: &TextDiff,
        hunk: &HunkId,
        lines: &[usize],
        accept: bool,
    ) -> Result<(), ReviewError> {
        let kinds = kinds(diff, place(change, diff, hunk)?);
        let changed = |line: usize| {
            kinds
                .get(line)
                .is_some_and(|kind| *kind != LineKind::Context)
        };
        let decision = self.entry(change);
        let mut accepted: BTreeSet<usize> = (0..kinds.len())
            .filter(|line| changed(*line) && decision.accepts(hunk, *line))
            .collect();
        for line in lines.iter().copied().filter(|line| changed(*line)) {
            if accept {
                accepted.insert(line);
            } else {
                accepted.remove(&line);
            }
        }
        let all = (0..kinds.len()).filter(|line| changed(*line)).count();
        let outcome = match accepted.len() {
            0 => HunkDecision::All(false),
            n if n == all => HunkDecision::All(true),
            _ => HunkDecision::Lines(accepted),
        };
        decision.hunks.insert(hunk.clone(), outcome);
        Ok(())
    }

    /// Ticks a file as read, or not.
    pub fn view(&mut self, change: &Change, viewed: bool) {
        self.entry(change).viewed = viewed;
    }

    /// Whether a file is ticked as read; taken back by itself when it changed again.
    pub fn is_viewed(&self, change: &Change) -> bool {
        self.get(change).is_some_and(|decision| decision.viewed)
    }

    /// What is decided about a file.
    pub fn of(&self, change: &Change) -> Decision {
        let Some(decision) = self.get(change) else {
            return Decision::Undecided;
        };
        let mut some = decision.hunks.values().map(|hunk| match hunk {
            HunkDecision::All(accept) => Some(*accept),
            HunkDecision::Lines(_) => None,
        });
        match decision.whole {
            None if decision.hunks.is_empty() => Decision::Undecided,
            Some(true) if some.all(|hunk| hunk == Some(true)) => Decision::Accepted,
            Some(false) if some.all(|hunk| hunk == Some(false)) => Decision::Rejected,
            None if some.clone().all(|hunk| hunk == Some(false)) => Decision::Undecided,
            _ => Decision::Partly,
        }
    }

    /// What is decided about one hunk of a file.
    pub fn of_hunk(&self, change: &Change, hunk: &HunkId) -> Decision {
        let Some(decision) = self.get(change) else {
            return Decision::Undecided;
        };
        match (decision.hunks.get(hunk), decision.whole) {
            (Some(HunkDecision::All(true)), _) | (None, Some(true)) => Decision::Accepted,
            (Some(HunkDecision::All(false)), _) | (None, Some(false)) => Decision::Rejected,
            (Some(HunkDecision::Lines(_)), _) => Decision::Partly,
            (None, None) => Decision::Undecided,
        }
    }

    /// Whether a line of a hunk, by its index, is accepted.
    pub fn accepts(&self, change: &Change, hunk: &HunkId, line: usize) -> bool {
        self.get(change)
            .is_some_and(|decision| decision.accepts(hunk, line))
    }

    /// The same decisions for the next capture: kept where a file is unchanged, and by hunk where one is
    /// still there. What was viewed and changed is no longer viewed.
    pub fn carry(&self, next: &[Change], blobs: &dyn BlobSource) -> Result<Self, ReviewError> {
        let mut carried = Self::default();
        for change in next {
            let Some(old) = self.find(&change.path) else {
                continue;
            };
            if old.seen == Seen::of(change) {
                *carried.entry(change) = old.clone();
                continue;
            }
            if old.hunks.is_empty() {
                continue;
            }
            let FileDiff::Text(diff) = change.diff(blobs)?.body else {
                continue;
            };
            let kept: BTreeMap<_, _> = diff
                .ids()
                .iter()
                .filter_map(|id| Some((id.clone(), old.hunks.get(id)?.clone())))
                .collect();
            carried.entry(change).hunks = kept;
        }
        Ok(carried)
    }

    /// The content that a partly accepted file gets: the old one with the accepted lines.
    pub fn result_of(&self, change: &Change, diff: &TextDiff) -> Result<Vec<u8>, ReviewError> {
        let decision = self.get(change).ok_or_else(|| stale(change))?;
        if let Some(gone) = decision.hunks.keys().find(|id| !diff.ids().contains(id)) {
            tracing::debug!(hunk = %gone.0, path = %change.path, "a decided hunk is gone");
            return Err(stale(change));
        }
        let mut out = Vec::with_capacity(diff.new.bytes().len());
        let mut at = 0;
        for (place, id) in diff.ids().iter().enumerate() {
            let (extent, _) = diff.extent(place);
            out.extend_from_slice(diff.old.range(at..extent.start));
            at = extent.start;
            let mut index = 0;
            for block in diff.group(place) {
                out.extend_from_slice(diff.old.range(at..block.old.start));
                index += block.old.start - at;
                for line in block.old.clone() {
                    if !decision.accepts(id, index) {
                        push_line(&mut out, diff.old.get(line), diff.encoding());
                    }
                    index += 1;
                }
                for line in block.new.clone() {
                    if decision.accepts(id, index) {
                        push_line(&mut out, diff.new.get(line), diff.encoding());
                    }
                    index += 1;
                }
                at = block.old.end;
            }
        }
        out.extend_from_slice(diff.old.range(at..diff.old.len()));
        Ok(out)
    }

    /// What is to be written for one file: the entry, and its content if it is not the capture's.
    /// `None` where nothing of it is accepted.
    pub fn outcome(
        &self,
        change: &Change,
        blobs: &dyn BlobSource,
    ) -> Result<Option<Outcome>, ReviewError> {
        match self.of(change) {
            Decision::Undecided | Decision::Rejected => Ok(None),
            Decision::Accepted => Ok(Some(Outcome::Whole)),
            Decision::Partly => {
                let FileDiff::Text(diff) = change.diff(blobs)?.body else {
                    return Err(ReviewError::WholeOnly {
                        path: change.path.clone(),
                    });
                };
                let content = self.result_of(change, &diff)?;
                if content == diff.new.bytes() && change.to.is_some() {
                    return Ok(Some(Outcome::Whole));
                }
                if content == diff.old.bytes() && change.from.is_some() {
                    return Ok(None);
                }
                Ok(Outcome::part(change, content))
            }
        }
    }

    fn entry(&mut self, change: &Change) -> &mut FileDecision {
        let at = match self
            .files
            .binary_search_by(|(path, _)| path.cmp(&change.path))
        {
            Ok(at) => at,
            Err(at) => {
                let fresh = FileDecision::default();
                self.files.insert(at, (change.path.clone(), fresh));
                at
            }
        };
        let decision = &mut self.files[at].1;
        let seen = Seen::of(change);
        if decision.seen != seen {
            *decision = FileDecision {
                seen,
                ..FileDecision::default()
            };
        }
        decision
    }

    fn find(&self, path: &WorkspacePath) -> Option<&FileDecision> {
        let at = self.files.binary_search_by(|(p, _)| p.cmp(path)).ok()?;
        Some(&self.files[at].1)
    }

    fn get(&self, change: &Change) -> Option<&FileDecision> {
        self.find(&change.path)
            .filter(|decision| decision.seen == Seen::of(change))
    }
}

/// What is written for one accepted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The capture's entry, as it is; or its deletion.
    Whole,
    /// Another content, of the accepted lines only.
    Part {
        /// The entry with that content.
        entry: Entry,
        /// The content.
        content: Vec<u8>,
    },
}

impl Outcome {
    fn part(change: &Change, content: Vec<u8>) -> Option<Self> {
        // A deletion of which only some lines are accepted leaves the file with the others.
        let like = change.to.as_ref().or(change.from.as_ref())?;
        let entry = Entry {
            kind: EntryKind::File {
                blob: BlobId::of(&content),
                size: content.len() as u64,
            },
            ..like.clone()
        };
        Some(Self::Part { entry, content })
    }
}

impl FileDecision {
    fn accepts(&self, hunk: &HunkId, line: usize) -> bool {
        match self.hunks.get(hunk) {
            Some(HunkDecision::All(accept)) => *accept,
            Some(HunkDecision::Lines(lines)) => lines.contains(&line),
            None => self.whole == Some(true),
        }
    }
}

impl Seen {
    fn of(change: &Change) -> Self {
        Self {
            from: change.from.as_ref().map(|entry| entry.kind.clone()),
            to: change.to.as_ref().map(|entry| entry.kind.clone()),
            mode: change.to.as_ref().map(|entry| entry.mode),
        }
    }
}

fn stale(change: &Change) -> ReviewError {
    ReviewError::Stale {
        path: change.path.clone(),
    }
}

fn place(change: &Change, diff: &TextDiff, hunk: &HunkId) -> Result<usize, ReviewError> {
    diff.ids()
        .iter()
        .position(|id| id == hunk)
        .ok_or_else(|| stale(change))
}

fn kinds(diff: &TextDiff, hunk: usize) -> Vec<LineKind> {
    let (old, _) = diff.extent(hunk);
    let mut kinds = Vec::new();
    let mut at = old.start;
    for block in diff.group(hunk) {
        kinds.extend((at..block.old.start).map(|_| LineKind::Context));
        kinds.extend(block.old.clone().map(|_| LineKind::Deleted));
        kinds.extend(block.new.clone().map(|_| LineKind::Added));
        at = block.old.end;
    }
    kinds.extend((at..old.end).map(|_| LineKind::Context));
    kinds
}

/// Adds a line. Where lines of both texts are mixed, one that had no newline because it was the last
/// gets one.
fn push_line(out: &mut Vec<u8>, line: &[u8], encoding: Encoding) {
    if !out.is_empty() && !crate::text::ends_in_feed(out, encoding) {
        out.extend_from_slice(match encoding {
            Encoding::Utf16Le => b"\n\0",
            Encoding::Utf16Be => b"\0\n",
            Encoding::Utf8 | Encoding::Utf8Marked | Encoding::Other(_) => b"\n",
        });
    }
    out.extend_from_slice(line);
}
