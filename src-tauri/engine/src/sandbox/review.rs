//! What an agent changed: the base beside a capture, or any two states.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sandbox_review::changes::Options;
use sandbox_review::{Change, Changes, compare};
use sandbox_workspace::{BlobSource, EntryKind, Reason, Tree, TreeId, Unreadable, WorkspacePath};
use tokio::task::block_in_place;

use super::capture::{Capture, Stillness};
use super::{Engine, Working};
use crate::operation::{Operation, Phase};
use crate::state::record::Record;
use crate::{Result, SandboxId};

/// One end of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// What workspace and project last had in common.
    Base,
    /// A snapshot, by id or name.
    Snapshot(String),
    /// A capture that was taken before, by its name.
    Capture(String),
    /// What a person calls it: a snapshot, a capture, or else `baseline`, `base`, `project` or `now`.
    Named(String),
    /// The project as it is, as a hand-over would take it in.
    Project,
    /// The workspace as it is, read without a pause.
    Live,
    /// The workspace as it is, read while the container stands still.
    Frozen,
}

/// Two trees and what lies between them.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The capture it was made of; `None` between two snapshots.
    pub capture: Option<Capture>,
    /// From here.
    pub from: TreeId,
    /// To here.
    pub to: TreeId,
    /// The differences.
    pub changes: Changes,
    /// What of them the hand-over rules leave out: the topmost folders and files of it, at most
    /// [`LEFT_OUT_MOST`], sorted.
    pub left_out: Vec<WorkspacePath>,
}

/// Most left-out paths that are named one by one.
pub const LEFT_OUT_MOST: usize = 200;

impl Engine {
    /// Compares any two: base, snapshots, captures, the workspace, the project.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for a snapshot or capture that is not there.
    pub async fn changes(
        &self,
        id: &SandboxId,
        from: Side,
        to: Side,
        op: &Operation,
    ) -> Result<Compared> {
        let working = self.work_on(id).await?;
        working.compare(from, to, op).await
    }
}

/// One end, stored.
struct End {
    id: TreeId,
    capture: Option<Capture>,
    /// Of the project: what its tree cannot say because it stays out.
    project: Option<Tree>,
}

impl End {
    fn of(id: TreeId) -> Self {
        Self {
            id,
            capture: None,
            project: None,
        }
    }
}

impl Working {
    pub(super) async fn compare(&self, from: Side, to: Side, op: &Operation) -> Result<Compared> {
        let from = self.end(from, op).await?;
        let to = self.end(to, op).await?;
        op.enter(Phase::Comparing)?;
        let passed_over = to
            .capture
            .as_ref()
            .map_or(&[][..], |c| &c.passed_over_paths);
        let noted = Noted {
            passed_over,
            ..Noted::default()
        };
        let changes = block_in_place(|| self.between(&from, &to, &noted, op))?;
        let mut left_out = noted
            .left_out
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        left_out.extend(passed_over.iter().take(LEFT_OUT_MOST).cloned());
        Ok(Compared {
            capture: to.capture,
            from: from.id,
            to: to.id,
            changes,
            left_out: left_out.into_iter().take(LEFT_OUT_MOST).collect(),
        })
    }

    async fn end(&self, side: Side, op: &Operation) -> Result<End> {
        let side = match side {
            Side::Named(name) => self.meant(name)?,
            other => other,
        };
        let captured = |capture: Capture| End {
            capture: Some(capture.clone()),
            ..End::of(capture.tree)
        };
        match side {
            Side::Base => Ok(End::of(self.record.base)),
            Side::Snapshot(name) | Side::Named(name) => {
                Ok(End::of(self.find_snapshot(&name)?.tree))
            }
            Side::Capture(name) => self.find_capture(&name).map(captured),
            Side::Live => self.capture(Stillness::Live, op).await.map(captured),
            Side::Frozen => self.capture(Stillness::Frozen, op).await.map(captured),
            Side::Project => {
                op.enter(Phase::Counting)?;
                let (now, id) = block_in_place(|| self.read_project(op))?;
                let mut tree = now.tree;
                tree.unreadable
                    .extend(now.left_out.into_iter().map(|row| Unreadable {
                        path: Some(row.path),
                        reason: String::new(),
                    }));
                Ok(End {
                    project: Some(tree),
                    ..End::of(id)
                })
            }
        }
    }

    /// A snapshot of that name wins over the words.
    fn meant(&self, name: String) -> Result<Side> {
        let missing = match self.find_snapshot(&name) {
            Ok(found) => return Ok(Side::Snapshot(found.id.as_str().to_owned())),
            Err(error) => error,
        };
        match name.as_str() {
            "baseline" => Ok(Side::Snapshot(self.record.baseline.clone())),
            "base" => Ok(Side::Base),
            "project" => Ok(Side::Project),
            "now" => Ok(Side::Live),
            _ if self.is_good(&name) => Ok(Side::Capture(name)),
            _ => Err(missing),
        }
    }

    fn between(&self, from: &End, to: &End, noted: &Noted<'_>, op: &Operation) -> Result<Changes> {
        let store = self.engine.store();
        let tree = |end: &End| -> Result<Tree> {
            Ok(match &end.project {
                Some(tree) => tree.clone(),
                None => store.tree(&end.id)?,
            })
        };
        let (old, new) = (tree(from)?, tree(to)?);
        let mut changes =
            self.engine
                .differences_noting(&self.record, &old, &new, Some(store), noted, op)?;
        changes.left_out += to.capture.as_ref().map_or(0, |c| c.passed_over);
        let unread = |tree: &Tree| tree.unreadable.iter().any(|u| !u.reason.is_empty());
        changes.unknown = unread(&old) || unread(&new);
        Ok(changes)
    }
}

impl Engine {
    /// Compares two trees by a sandbox's rules. Without `contents` no file is read.
    pub(super) fn differences(
        &self,
        record: &Record,
        from: &Tree,
        to: &Tree,
        contents: bool,
        op: &Operation,
    ) -> Result<Changes> {
        let blobs: Option<&dyn BlobSource> = contents.then_some(self.store());
        self.differences_in(record, from, to, blobs, &[], op)
    }

    /// Likewise, with the contents from `blobs`; what `known` has already is not counted again.
    pub(super) fn differences_in(
        &self,
        record: &Record,
        from: &Tree,
        to: &Tree,
        blobs: Option<&dyn BlobSource>,
        known: &[Change],
        op: &Operation,
    ) -> Result<Changes> {
        let noted = Noted {
            known,
            ..Noted::default()
        };
        self.differences_noting(record, from, to, blobs, &noted, op)
    }

    /// Likewise; the topmost left-out paths go to `noted`, a few more than [`LEFT_OUT_MOST`] at most.
    fn differences_noting(
        &self,
        record: &Record,
        from: &Tree,
        to: &Tree,
        blobs: Option<&dyn BlobSource>,
        noted: &Noted<'_>,
        op: &Operation,
    ) -> Result<Changes> {
        let matcher = record.rules.matcher()?;
        // What the project itself has stays under review whatever the rules say of its name.
        let is_left_out = |path: &WorkspacePath| {
            if is_git_bookkeeping(path) || noted.is_passed_over(path) && to.get(path).is_none() {
                return true;
            }
            if from.get(path).is_some() {
                return false;
            }
            let is_dir = to
                .get(path)
                .is_some_and(|entry| entry.kind == EntryKind::Dir);
            // What an agent writes where secrets lie (`.env`, `.envrc`) can run on the user's machine, and
            // a FIFO is a change of its own kind: both are shown.
            let reason = matcher.left_out_of(to, path, is_dir);
            matches!(
                reason,
                Some(Reason::Excluded | Reason::Rebuildable | Reason::Ignored)
            )
        };
        let left_out = |path: &WorkspacePath| {
            let is = is_left_out(path);
            if is {
                let mut named = noted
                    .left_out
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if named.len() <= LEFT_OUT_MOST {
                    named.insert(topmost(path, &is_left_out));
                }
            }
            is
        };
        let options = Options {
            left_out: &left_out,
            ours: &record.rewritten,
            renames: blobs.is_some(),
            contents: blobs.is_some(),
            known: noted.known,
            cancel: op.cancel().clone(),
        };
        Ok(compare(from, to, blobs.unwrap_or(self.store()), &options)?)
    }
}

/// What a comparison is told of left-out paths, and tells.
#[derive(Default)]
struct Noted<'a> {
    /// Folders that the capture did not read: nothing in them counts as deleted.
    passed_over: &'a [WorkspacePath],
    /// Changes that are counted already.
    known: &'a [Change],
    /// The topmost left-out paths that differ.
    left_out: Mutex<BTreeSet<WorkspacePath>>,
}

impl Noted<'_> {
    fn is_passed_over(&self, path: &WorkspacePath) -> bool {
        let within = |folder: &WorkspacePath| path == folder || path.starts_with(folder);
        self.passed_over.iter().any(within)
    }
}

/// The highest folder on the way to `path` that is left out as well; else `path` itself.
fn topmost(path: &WorkspacePath, is_left_out: &dyn Fn(&WorkspacePath) -> bool) -> WorkspacePath {
    std::iter::successors(path.parent(), WorkspacePath::parent)
        .filter(|folder| is_left_out(folder))
        .last()
        .unwrap_or_else(|| path.clone())
}

/// What git keeps about itself and every command of it moves: never copied out, and counted, not listed.
/// Hooks and configuration stay in the list: they run programs, and the user should see that they changed.
fn is_git_bookkeeping(path: &WorkspacePath) -> bool {
    let mut parts = path.components().skip_while(|part| *part != b".git");
    parts.next().is_some()
        && parts.next().is_some_and(|part| {
            part != b"hooks" && !part.starts_with(b"config") && part != b"modules"
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookkeeping_is_what_git_moves_and_nothing_that_runs() {
        let is = |path: &str| is_git_bookkeeping(&WorkspacePath::new(path).expect("a path"));
        for path in [".git/index", ".git/objects/ab/cd", "sub/.git/HEAD"] {
            assert!(is(path), "{path} is listed");
        }
        for path in [
            ".git",
            ".git/hooks/pre-commit",
            ".git/config",
            ".GIT/index",
            "a/index",
        ] {
            assert!(!is(path), "{path} is hidden");
        }
    }
}
