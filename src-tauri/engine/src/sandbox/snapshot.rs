//! Snapshots: taking, finding, comparing with the base.

use std::path::PathBuf;

use sandbox_workspace::TreeId;
use sandbox_workspace::snapshots::{
    Home, NewSnapshot, Snapshot, SnapshotId, SnapshotKind, Snapshots,
};
use tokio::task::block_in_place;

use super::pause::Frozen;
use super::{Engine, Working};
use crate::docker::home_copier::Job;
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Takes a snapshot by the user's wish. Rebuildable folders are in it, so that it puts back all of it;
    /// `with_home`: the home folder too, with what was installed there and with log-ins.
    ///
    /// # Errors
    /// With the home: [`Error::Engine`] where the container engine does not answer, and
    /// [`Error::InvalidRequest`] where the sandbox was never started. In either case [`Error::InvalidRequest`]
    /// where another snapshot has the name. Then no snapshot is taken.
    pub async fn snapshot(
        &self,
        id: &SandboxId,
        name: Option<String>,
        with_home: bool,
        op: &Operation,
    ) -> Result<Snapshot> {
        let working = self.work_on(id).await?;
        let name = tidy_name(name.as_deref());
        working.check_name_is_free(name.as_deref(), None)?;
        if with_home {
            working.check_home().await?;
        }
        op.enter(Phase::Capturing)?;
        let frozen = Frozen::begin(&working).await?;
        let still = frozen.is_some() || !working.record.container_made;
        let read = block_in_place(|| working.read_whole_into_store(still, op));
        let home = match &read {
            Ok(_) if with_home => Some(working.take_home(Job::Take, op).await),
            _ => None,
        };
        if let Some(frozen) = frozen {
            frozen.end().await;
        }
        let (tree, home) = (read?, home.transpose()?);
        let home = home.map(|now| working.home_of(&now));
        let snapshot =
            block_in_place(|| working.record_snapshot(SnapshotKind::Named, name, tree, home))?;
        let subject = Some(snapshot.id.as_str().to_owned());
        let words = snapshot.name.clone().unwrap_or_default();
        self.note(id, ActivityKind::Snapshot, "Snapshot taken", words, subject);
        self.events().send(Event::Snapshots(id.clone()));
        Ok(snapshot)
    }

    /// All snapshots, oldest first, and the files of those that cannot be read.
    pub fn snapshots(&self, id: &SandboxId) -> Result<(Vec<Snapshot>, Vec<PathBuf>)> {
        let (dir, _) = self.load(id)?;
        let listed = Snapshots::new(dir.snapshots()).list()?;
        Ok((listed.snapshots, listed.unreadable))
    }

    /// Renames a snapshot; an empty name takes it away.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where another snapshot has the name.
    pub async fn rename_snapshot(&self, id: &SandboxId, snapshot: &str, name: &str) -> Result<()> {
        let working = self.work_on(id).await?;
        let mut found = working.find_snapshot(snapshot)?;
        found.name = tidy_name(Some(name));
        working.check_name_is_free(found.name.as_deref(), Some(&found.id))?;
        Snapshots::new(working.dir.snapshots()).write(&found)?;
        self.events().send(Event::Snapshots(id.clone()));
        Ok(())
    }

    /// Forgets a snapshot; its space is freed by the next pruning. The baseline stays.
    pub async fn delete_snapshot(&self, id: &SandboxId, snapshot: &str) -> Result<()> {
        let working = self.work_on(id).await?;
        let found = working.find_snapshot(snapshot)?;
        if found.id.as_str() == working.record.baseline {
            return Err(Error::InvalidRequest {
                message:
                    "the baseline cannot be deleted: every reset without a choice goes back to it"
                        .to_owned(),
            });
        }
        Snapshots::new(working.dir.snapshots()).delete(&found.id)?;
        self.events().send(Event::Snapshots(id.clone()));
        Ok(())
    }
}

impl Working {
    /// Also the rebuildable folders.
    fn read_whole_into_store(&self, still: bool, op: &Operation) -> Result<TreeId> {
        use sandbox_workspace::{Index, ScanOptions, scan};
        let writer = self.engine.store().writer()?;
        let workspace = self.workspace()?;
        let index = Index::load(&self.dir.index());
        let progress = op.phase(Phase::Capturing);
        let options = ScanOptions {
            index: Some(&index),
            open_closed: still,
            progress: &progress,
            ..ScanOptions::new(op.cancel())
        };
        let found = scan(&workspace, &writer, &options)?;
        let tree = writer.put_tree(&found.tree)?;
        writer.commit()?;
        if !found.index.is_same(&index)
            && let Err(error) = found.index.save(&self.dir.index())
        {
            tracing::warn!(%error, "the next look at the workspace will be slower");
        }
        Ok(tree)
    }

    /// Records a stored tree as a snapshot.
    pub fn record_snapshot(
        &self,
        kind: SnapshotKind,
        name: Option<String>,
        tree: TreeId,
        home: Option<Home>,
    ) -> Result<Snapshot> {
        let store = self.engine.store();
        let base = store.tree(&self.record.base)?;
        let whole = store.tree(&tree)?;
        let op = Operation::silent();
        let changed = self
            .engine
            .differences(&self.record, &base, &whole, false, &op)?
            .list
            .len();
        Ok(Snapshots::new(self.dir.snapshots()).add(NewSnapshot {
            kind,
            name,
            time_ms: self.engine.now().unsigned_abs(),
            tree,
            base: self.record.base,
            changed: changed as u64,
            bytes: store.summary(&tree)?.bytes,
            home,
        })?)
    }

    /// A name stands for one snapshot: a reset to it must not be a guess.
    fn check_name_is_free(&self, name: Option<&str>, own: Option<&SnapshotId>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        let list = Snapshots::new(self.dir.snapshots()).list()?.snapshots;
        let taken = list
            .iter()
            .find(|s| s.name.as_deref() == Some(name) && own != Some(&s.id));
        match taken {
            None => Ok(()),
            Some(other) => Err(Error::InvalidRequest {
                message: format!(
                    "a snapshot is called {name:?} already ({}): choose another name, or rename or delete that one",
                    other.id
                ),
            }),
        }
    }

    /// A snapshot by its id, by its name (the newest of that name), or by the beginning of one id.
    pub fn find_snapshot(&self, wanted: &str) -> Result<Snapshot> {
        let list = Snapshots::new(self.dir.snapshots()).list()?.snapshots;
        if let Some(found) = list.iter().find(|s| s.id.as_str() == wanted) {
            return Ok(found.clone());
        }
        if let Some(found) = list
            .iter()
            .rev()
            .find(|s| s.name.as_deref() == Some(wanted))
        {
            return Ok(found.clone());
        }
        let mut begins = list
            .iter()
            .filter(|s| wanted.len() >= 4 && s.id.as_str().starts_with(wanted));
        match (begins.next(), begins.next()) {
            (Some(found), None) => Ok(found.clone()),
            _ => Err(Error::NotFound {
                what: "snapshot",
                name: wanted.to_owned(),
            }),
        }
    }
}

/// Without spaces around it; none where nothing is left.
fn tidy_name(name: Option<&str>) -> Option<String> {
    let name = name?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
