//! Some paths of the workspace as they are in a snapshot.

use sandbox_workspace::restore::Place;
use sandbox_workspace::snapshots::{Snapshot, SnapshotKind};
use sandbox_workspace::{Dir, RestoreOptions, Tree, WorkspacePath, restore};
use tokio::task::block_in_place;

use super::pause::Frozen;
use super::{Engine, Reset, Working};
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Puts paths, and what lies below them, back to a snapshot. The rest of the workspace, the base and
    /// what runs stay as they are. A safety snapshot is taken first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a snapshot, or a path on either side, that is not there; [`Error::Incomplete`] where the workspace cannot
    /// be read.
    pub async fn put_back(
        &self,
        id: &SandboxId,
        snapshot: &str,
        paths: &[WorkspacePath],
        op: &Operation,
    ) -> Result<Reset> {
        let working = self.work_on(id).await?;
        let to = working.find_snapshot(snapshot)?;
        op.enter(Phase::Capturing)?;
        let frozen = Frozen::begin(&working).await?;
        let still = frozen.is_some() || !working.record.container_made;
        let done = block_in_place(|| working.put_paths_back(&to, paths, still, op));
        if let Some(frozen) = frozen {
            frozen.end().await;
        }
        let reset = done?;
        let detail = match paths {
            [one] => one.to_lossy(),
            several => format!("{} files", several.len()),
        };
        let subject = Some(reset.safety.as_str().to_owned());
        self.note(id, ActivityKind::Reset, "Put back", detail, subject);
        self.events().send(Event::Snapshots(id.clone()));
        Ok(reset)
    }
}

impl Working {
    fn put_paths_back(
        &self,
        to: &Snapshot,
        paths: &[WorkspacePath],
        still: bool,
        op: &Operation,
    ) -> Result<Reset> {
        let wanted = self.engine.store().tree(&to.tree)?;
        let (tree, found) = self.read_into_store(still, &[&wanted], op)?;
        if let Some(unread) = found.tree.unreadable.first() {
            return Err(Error::Incomplete {
                message: format!("{}, so nothing was put back", unread.reason),
            });
        }
        let is_there = |tree: &Tree, path| tree.get(path).is_some() || !tree.below(path).is_empty();
        let missing = paths
            .iter()
            .find(|path| !is_there(&wanted, path) && !is_there(&found.tree, path));
        if let Some(path) = missing {
            return Err(Error::NotFound {
                what: "path in the workspace or the snapshot",
                name: path.to_string(),
            });
        }
        let safety = self.record_snapshot(SnapshotKind::Safety, None, tree, None)?;
        op.enter(Phase::Restoring)?;
        let workspace = self.workspace()?;
        let trash = Dir::open_root(&self.dir.trash())?;
        let journal = self.dir.restore_journal();
        let place = Place {
            workspace: &workspace,
            trash: &trash,
            journal: &journal,
            store: self.engine.store(),
        };
        let progress = op.phase(Phase::Restoring);
        sandbox_workspace::recover(&place, &progress)?;
        let options = RestoreOptions {
            owner: self.gives_to(),
            skipped: &[],
            bring_back: &[],
            only: Some(paths),
            progress: &progress,
            cancel: op.cancel(),
        };
        let done = restore(&place, &found.tree, &to.tree, &options)?;
        self.know(found.index, done.index);
        let failed = done.failed.iter();
        Ok(Reset {
            snapshot: to.id.clone(),
            safety: safety.id,
            failed: failed.map(|(path, why)| format!("{path}: {why}")).collect(),
        })
    }
}
