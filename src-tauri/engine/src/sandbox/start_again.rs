//! "Start again from my folder as it is now": a new baseline, the old one kept.

use sandbox_workspace::snapshots::{NewSnapshot, Snapshot, SnapshotKind, Snapshots};
use tokio::task::block_in_place;

use super::reset::Also;
use super::{Engine, Reset, Working};
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Makes the workspace what the project is now, as a reset does: a safety snapshot first, what ran runs
    /// again, terminals end. From now on this is the baseline; the old one stays in the list.
    ///
    /// # Errors
    /// [`Error::ProjectUnusable`] where the project is gone, empty or not wholly readable; [`Error::Engine`]
    /// where there is a container and its engine does not answer.
    pub async fn start_again(&self, id: &SandboxId, op: &Operation) -> Result<Reset> {
        let mut working = self.work_on(id).await?;
        op.enter(Phase::Counting)?;
        let to = block_in_place(|| working.new_baseline(op))?;
        let reset = match working.go_to(&to, Also::Baseline, op).await {
            Ok(reset) => reset,
            Err(error) => {
                working.drop_unused(&to)?;
                return Err(error);
            }
        };
        let subject = Some(reset.safety.as_str().to_owned());
        self.note(
            id,
            ActivityKind::HandedOver,
            "Started again from your folder",
            String::new(),
            subject,
        );
        self.events().send(Event::Review(id.clone()));
        Ok(reset)
    }
}

impl Working {
    /// Records the project as it is now as a snapshot that is its own base.
    fn new_baseline(&mut self, op: &Operation) -> Result<Snapshot> {
        let (now, tree) = self.read_project(op)?;
        if let Some(unread) = now.tree.unreadable.first() {
            return Err(Error::ProjectUnusable {
                message: format!(
                    "part of your folder cannot be read ({}), so nothing was changed",
                    unread.reason
                ),
            });
        }
        if now.tree.entries().is_empty() {
            return Err(Error::ProjectUnusable {
                message: "your folder is empty now, so nothing was changed".to_owned(),
            });
        }
        self.remember_rewritten(&now)?;
        Ok(Snapshots::new(self.dir.snapshots()).add(NewSnapshot {
            kind: SnapshotKind::Baseline,
            name: None,
            time_ms: self.engine.now().unsigned_abs(),
            tree,
            base: tree,
            changed: 0,
            bytes: self.engine.store().summary(&tree)?.bytes,
            home: None,
        })?)
    }

    /// A baseline that nothing was started from. One that an interrupted restore still goes to stays.
    fn drop_unused(&self, to: &Snapshot) -> Result<()> {
        if self.record.baseline == to.id.as_str() || self.dir.reset_intent().exists() {
            return Ok(());
        }
        Ok(Snapshots::new(self.dir.snapshots()).delete(&to.id)?)
    }
}
