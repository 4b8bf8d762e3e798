//! What an agent changed: the base beside a capture, or two snapshots.

use sandbox_review::changes::Options;
use sandbox_review::{Changes, compare};
use sandbox_workspace::{BlobSource, EntryKind, Reason, Tree, TreeId, WorkspacePath};
use tokio::task::block_in_place;

use super::capture::{Capture, Stillness};
use super::{Engine, Working};
use crate::operation::{Operation, Phase};
use crate::state::record::Record;
use crate::{Result, SandboxId};

/// One end of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A snapshot, by id or name.
    Snapshot(String),
    /// A capture that was taken before, by its name.
    Capture(String),
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
}

impl Engine {
    /// Compares the base, or a snapshot, with the workspace or another one.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for a snapshot or capture that is not there.
    pub async fn changes(
        &self,
        id: &SandboxId,
        from: Option<&str>,
        to: Side,
        op: &Operation,
    ) -> Result<Compared> {
        let working = self.work_on(id).await?;
        working.compare(from, to, op).await
    }
}

impl Working {
    pub(super) async fn compare(
        &self,
        from: Option<&str>,
        to: Side,
        op: &Operation,
    ) -> Result<Compared> {
        let from = match from {
            Some(name) => self.find_snapshot(name)?.tree,
            None => self.record.base,
        };
        let (to, capture) = match to {
            Side::Snapshot(name) => (self.find_snapshot(&name)?.tree, None),
            Side::Capture(name) => self.find_capture(&name).map(|c| (c.tree, Some(c)))?,
            Side::Live => self
                .capture(Stillness::Live, op)
                .await
                .map(|c| (c.tree, Some(c)))?,
            Side::Frozen => self
                .capture(Stillness::Frozen, op)
                .await
                .map(|c| (c.tree, Some(c)))?,
        };
        op.enter(Phase::Comparing)?;
        let store = self.engine.store();
        let changes = block_in_place(|| -> Result<Changes> {
            let old = store.tree(&from)?;
            let new = store.tree(&to)?;
            let mut changes = self
                .engine
                .differences(&self.record, &old, &new, true, op)?;
            changes.left_out += capture.as_ref().map_or(0, |c| c.passed_over);
            Ok(changes)
        })?;
        Ok(Compared {
            capture,
            from,
            to,
            changes,
        })
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
        self.differences_in(record, from, to, blobs, op)
    }

    /// Likewise, with the contents from `blobs`.
    pub(super) fn differences_in(
        &self,
        record: &Record,
        from: &Tree,
        to: &Tree,
        blobs: Option<&dyn BlobSource>,
        op: &Operation,
    ) -> Result<Changes> {
        let matcher = record.rules.matcher()?;
        // What the project itself has stays under review whatever the rules say of its name.
        let left_out = |path: &WorkspacePath| {
            if is_git_bookkeeping(path) {
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
        let options = Options {
            left_out: &left_out,
            ours: &record.rewritten,
            renames: blobs.is_some(),
            contents: blobs.is_some(),
            cancel: op.cancel().clone(),
        };
        Ok(compare(from, to, blobs.unwrap_or(self.store()), &options)?)
    }
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
