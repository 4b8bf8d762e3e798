//! Reset: workspace and container back to a snapshot, after a safety snapshot that undoes it.
//!
//! Kill, read, write down what will be done, restore, start the same container. From the moment that the
//! intent is written a crash is rolled forward: the safety snapshot exists by then.

use sandbox_workspace::restore::{Place, Trashed};
use sandbox_workspace::snapshots::{Snapshot, SnapshotId, SnapshotKind, Snapshots};
use sandbox_workspace::{Dir, Index, RestoreOptions, Scan, restore};
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::home::{HomeNow, home_in};
use super::{Engine, Working, pause, up};
use crate::docker::home_copier::Job;
use crate::docker::lifecycle::ContainerState;
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::state::json_file;
use crate::state::record::NetworkMode;
use crate::{Error, Result, SandboxId};

/// What a reset did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The snapshot that was gone back to.
    pub snapshot: SnapshotId,
    /// What was there before; a reset to it undoes this one.
    pub safety: SnapshotId,
    /// Files that could not be put back, and why.
    pub failed: Vec<String>,
}

/// What a reset is about to do, on disk until it is done.
#[derive(Debug, Serialize, Deserialize)]
struct Intent {
    to: SnapshotId,
    safety: SnapshotId,
    /// How the container was found.
    was: Was,
    /// Whether the snapshot becomes the baseline.
    #[serde(default)]
    baseline: bool,
    /// Whether the home folder goes too.
    #[serde(default)]
    wipe: bool,
    /// Whether the home folder is put back too.
    #[serde(default)]
    home: bool,
}

/// What a way back does beside putting the workspace back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    Nothing,
    /// The snapshot becomes the baseline.
    Baseline,
    /// The home folder goes.
    Wipe,
    /// The home folder is put back too.
    Home,
}

impl Intent {
    fn also(&self) -> Also {
        match (self.baseline, self.wipe, self.home) {
            (true, _, _) => Also::Baseline,
            (_, true, _) => Also::Wipe,
            (_, _, true) => Also::Home,
            _ => Also::Nothing,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Was {
    Stopped,
    Running,
    Paused,
}

impl Engine {
    /// Puts a sandbox back to its baseline or another snapshot. What ran, runs again; terminals end.
    /// `with_home`: the home folder too, log-ins among it; the safety snapshot has it as it was.
    ///
    /// # Errors
    /// [`Error::Engine`] where there is a container and its engine does not answer: the agent could still
    /// be writing. [`Error::InvalidRequest`] where the home is wanted and the snapshot was taken without.
    pub async fn reset(
        &self,
        id: &SandboxId,
        to: Option<&str>,
        with_home: bool,
        op: &Operation,
    ) -> Result<Reset> {
        let also = if with_home {
            (Also::Home, "Workspace and home folder reset")
        } else {
            (Also::Nothing, "Workspace reset")
        };
        self.put_everything_back(id, to, also, op).await
    }

    /// *Wipe everything*: as a reset to the baseline, and the home folder goes, with log-ins, conversations and
    /// what was installed there. The workspace can be had back from the safety snapshot, the home cannot.
    ///
    /// # Errors
    /// As [`Self::reset`].
    pub async fn wipe(&self, id: &SandboxId, op: &Operation) -> Result<Reset> {
        let also = (Also::Wipe, "Workspace reset and home folder wiped");
        self.put_everything_back(id, None, also, op).await
    }

    async fn put_everything_back(
        &self,
        id: &SandboxId,
        to: Option<&str>,
        (also, what): (Also, &str),
        op: &Operation,
    ) -> Result<Reset> {
        let mut working = self.work_on(id).await?;
        let baseline = working.record.baseline.clone();
        let to = working.find_snapshot(to.unwrap_or(&baseline))?;
        let reset = working.go_to(&to, also, op).await?;
        let words = to.name.clone().unwrap_or_default();
        let subject = Some(reset.safety.as_str().to_owned());
        self.note(id, ActivityKind::Reset, what, words, subject);
        Ok(reset)
    }
}

impl Working {
    /// Puts workspace, base and container to a snapshot, which may become the baseline by it.
    pub(super) async fn go_to(
        &mut self,
        to: &Snapshot,
        also: Also,
        op: &Operation,
    ) -> Result<Reset> {
        if also == Also::Home {
            home_in(to)?;
            self.ensure_home(op).await?;
        }
        let was = self.halt().await?;
        let done = self.go_to_halted(to, was, also, op).await;
        let started = self.resume(was).await;
        // What runs comes first: the list of changes is another one as well.
        block_in_place(|| self.engine.look_where_seen(self.id()));
        let reset = done?;
        started?;
        for event in [
            Event::Snapshots(self.id().clone()),
            Event::Workspace(self.id().clone()),
            Event::Sandbox(self.id().clone()),
        ] {
            self.engine.events().send(event);
        }
        Ok(reset)
    }

    /// Likewise, with nothing running in the container.
    async fn go_to_halted(
        &mut self,
        to: &Snapshot,
        was: Was,
        also: Also,
        op: &Operation,
    ) -> Result<Reset> {
        op.enter(Phase::Capturing)?;
        let home = match also {
            Also::Home => Some(self.home_before(to, op).await?),
            _ => None,
        };
        let (safety, found) = block_in_place(|| self.prepare(to, was, also, home.as_ref(), op))?;
        fail::fail_point!("reset-intent");
        self.empty_home(also).await?;
        let failed = match home {
            Some(now) => self.put_home(&home_in(to)?, now, op).await?,
            None => Vec::new(),
        };
        fail::fail_point!("reset-home");
        let mut reset = self.put_back(to, &safety, Some(found), also, op)?;
        reset.failed.extend(failed);
        Ok(reset)
    }

    /// The home as it is now, in the store, and whether the way to `to` can be gone.
    async fn home_before(&self, to: &Snapshot, op: &Operation) -> Result<HomeNow> {
        let now = self.take_home(Job::TakeAll, op).await?;
        block_in_place(|| self.check_way_back(&home_in(to)?, &now))?;
        Ok(now)
    }

    /// A container, and with it a home, also where both were wiped.
    async fn ensure_home(&mut self, op: &Operation) -> Result<()> {
        let docker = self.engine.docker().await?;
        let instance = self.engine.data().instance();
        if docker.find(instance, self.id()).await?.is_none() {
            if self.record.network.mode != NetworkMode::Offline {
                docker.ensure_relay(instance, self.id()).await?;
            }
            up::make(self, &docker, op).await?;
        }
        Ok(())
    }

    /// Ends everything in the container at once, and says how it was found.
    pub(super) async fn halt(&self) -> Result<Was> {
        if !self.record.container_made {
            return Ok(Was::Stopped);
        }
        let docker = self.engine.docker().await?;
        let instance = self.engine.data().instance();
        let Some(found) = docker.find(instance, self.id()).await? else {
            return Ok(Was::Stopped);
        };
        let was = match found.state {
            ContainerState::Running => Was::Running,
            ContainerState::Paused => Was::Paused,
            _ => return Ok(Was::Stopped),
        };
        docker.kill(&found.id).await?;
        if was == Was::Paused {
            docker.unpause(&found.id).await?;
        }
        docker.wait_until_ended(&found.id).await?;
        Ok(was)
    }

    /// Takes the container and its home away; both are made anew at the next start. Doing so twice is fine.
    async fn empty_home(&self, also: Also) -> Result<()> {
        if also != Also::Wipe || !self.record.container_made {
            return Ok(());
        }
        let docker = self.engine.docker().await?;
        let instance = self.engine.data().instance();
        if let Some(found) = docker.find(instance, self.id()).await? {
            docker.remove_own(instance, &found.id).await?;
        }
        let home = self.id().home_volume();
        docker.remove_own_volume(instance, &home).await?;
        self.engine.agent_forgets(self.id());
        Ok(())
    }

    /// The safety snapshot with what was found for it, and the intent.
    fn prepare(
        &self,
        to: &Snapshot,
        was: Was,
        also: Also,
        home: Option<&HomeNow>,
        op: &Operation,
    ) -> Result<(Snapshot, Scan)> {
        let wanted = self.engine.store().tree(&to.tree)?;
        let (tree, found) = self.read_into_store(true, &[&wanted], op)?;
        if let Some(unread) = found.tree.unreadable.first() {
            return Err(Error::Incomplete {
                message: format!("{}, so nothing was put back", unread.reason),
            });
        }
        let home = home.map(|now| self.home_of(now));
        let safety = self.record_snapshot(SnapshotKind::Safety, None, tree, home)?;
        json_file::write(
            &self.dir.reset_intent(),
            &Intent {
                to: to.id.clone(),
                safety: safety.id.clone(),
                was,
                baseline: also == Also::Baseline,
                wipe: also == Also::Wipe,
                home: also == Also::Home,
            },
        )?;
        Ok((safety, found))
    }

    /// Restores tree and base together. Also what the recovery does: there nothing was `found` just now, and
    /// reading again first is what makes it right from any state in between.
    fn put_back(
        &mut self,
        to: &Snapshot,
        safety: &Snapshot,
        found: Option<Scan>,
        also: Also,
        op: &Operation,
    ) -> Result<Reset> {
        let failed = block_in_place(|| self.restore(to, safety, found, op))?;
        if self.record.base != to.base {
            self.record.epoch += 1;
        }
        if also == Also::Baseline {
            to.id.as_str().clone_into(&mut self.record.baseline);
        }
        self.record.base = to.base;
        self.record.save(&self.dir)?;
        let intent = self.dir.reset_intent();
        std::fs::remove_file(&intent).map_err(|e| Error::io("remove", &intent, e))?;
        Ok(Reset {
            snapshot: to.id.clone(),
            safety: safety.id.clone(),
            failed,
        })
    }

    fn restore(
        &self,
        to: &Snapshot,
        safety: &Snapshot,
        mut found: Option<Scan>,
        op: &Operation,
    ) -> Result<Vec<String>> {
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
        let mut trashed: Vec<Trashed> = safety.trashed.clone();
        if let Some(done) = sandbox_workspace::recover(&place, &progress)? {
            trashed.extend(done.trashed);
            found = None;
        }
        let found = match found {
            Some(found) => found,
            None => {
                let wanted = self.engine.store().tree(&to.tree)?;
                self.read_into_store(true, &[&wanted], op)?.1
            }
        };
        let options = RestoreOptions {
            owner: self.gives_to(),
            skipped: &found.skipped,
            bring_back: &to.trashed,
            only: None,
            progress: &progress,
            cancel: op.cancel(),
        };
        let done = restore(&place, &found.tree, &to.tree, &options)?;
        trashed.extend(done.trashed);
        if trashed != safety.trashed {
            let mut safety = safety.clone();
            safety.trashed = trashed;
            Snapshots::new(self.dir.snapshots()).write(&safety)?;
        }
        self.know(found.index, done.index);
        let all = done.failed.iter().chain(&done.not_brought_back);
        Ok(all.map(|(path, why)| format!("{path}: {why}")).collect())
    }

    /// Keeps what is known of the files that stayed and of those that were written.
    pub(super) fn know(&self, mut stayed: Index, written: Index) {
        stayed.extend(written);
        if let Err(error) = stayed.save(&self.dir.index()) {
            tracing::warn!(%error, "the next look at the workspace will be slower");
        }
    }

    /// Starts what ran before, and freezes again what the user had frozen.
    pub(super) async fn resume(&mut self, was: Was) -> Result<()> {
        if was == Was::Stopped {
            return Ok(());
        }
        up::bring_up(self, &Operation::silent()).await?;
        if was == Was::Paused {
            let docker = self.engine.docker().await?;
            let container = up::running(&self.engine, &docker, &self.record).await?;
            pause::pause(&docker, &self.dir, &container, pause::PausedBy::User).await?;
        }
        Ok(())
    }

    /// Finishes a reset that was cut off. True if there was one.
    pub(super) async fn finish_reset(&mut self) -> Result<bool> {
        let Some(intent) = json_file::read::<Intent>(&self.dir.reset_intent())? else {
            return Ok(false);
        };
        self.halt().await?;
        let snapshots = Snapshots::new(self.dir.snapshots());
        let to = snapshots.get(&intent.to)?;
        let safety = snapshots.get(&intent.safety)?;
        self.empty_home(intent.also()).await?;
        if intent.home {
            let op = Operation::silent();
            let now = self.home_before(&to, &op).await?;
            self.put_home(&home_in(&to)?, now, &op).await?;
        }
        self.put_back(&to, &safety, None, intent.also(), &Operation::silent())?;
        self.resume(intent.was).await?;
        block_in_place(|| self.engine.look_where_seen(self.id()));
        Ok(true)
    }
}
