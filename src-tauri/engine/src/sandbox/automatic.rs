//! Automatic snapshots: before a start, before a copy-out, and when the workspace falls quiet. Thinned with age.

use sandbox_workspace::TreeId;
use sandbox_workspace::snapshots::{Snapshot, SnapshotKind, Snapshots, thin};
use tokio::task::block_in_place;

use super::{Engine, Working};
use crate::event::Event;
use crate::operation::Operation;
use crate::state::activity::{ActivityKind, Part};
use crate::{Result, SandboxId};

impl Engine {
    /// Takes an automatic snapshot of the workspace as it is, without a pause. `None` where the settings say
    /// no, or where a snapshot has exactly this state already.
    pub async fn auto_snapshot(&self, id: &SandboxId, op: &Operation) -> Result<Option<Snapshot>> {
        let working = self.work_on(id).await?;
        block_in_place(|| working.auto_snapshot(op))
    }
}

impl Working {
    /// As [`Engine::auto_snapshot`], for who holds the sandbox already.
    pub(super) fn auto_snapshot(&self, op: &Operation) -> Result<Option<Snapshot>> {
        if !self.engine.settings()?.auto_snapshots {
            return Ok(None);
        }
        let (tree, _) = self.read_into_store(false, &[], op)?;
        self.keep_automatically(tree)
    }

    /// Records a stored tree as an automatic snapshot, and lets go of those that age has thinned.
    pub(super) fn keep_automatically(&self, tree: TreeId) -> Result<Option<Snapshot>> {
        if !self.engine.settings()?.auto_snapshots {
            return Ok(None);
        }
        let folder = Snapshots::new(self.dir.snapshots());
        let mut list = folder.list()?.snapshots;
        if list
            .iter()
            .any(|s| s.tree == tree && s.base == self.record.base)
        {
            return Ok(None);
        }
        let taken = self.record_snapshot(SnapshotKind::Auto, None, tree, None)?;
        list.push(taken.clone());
        for old in thin(&list, taken.time_ms) {
            folder.delete(&old)?;
        }
        let subject = Some(taken.id.as_str().to_owned());
        self.engine.note_in(
            Part::ByItself,
            self.id(),
            ActivityKind::Snapshot,
            "Snapshot taken by itself",
            String::new(),
            subject,
        );
        self.engine
            .events()
            .send(Event::Snapshots(self.id().clone()));
        Ok(Some(taken))
    }
}
