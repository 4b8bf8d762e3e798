//! Rules and keys that changed, put in force in the gateways of what runs. What a gateway cannot be told is not in force
//! there: then its sandbox stands still, so that nothing in it goes on by what was taken away, and whoever made the change
//! is told.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Engine, Keys, Working, network, proof, up};
use crate::docker::lifecycle::ContainerState;
use crate::network::link::Link;
use crate::state::activity::ActivityKind;
use crate::state::lock;
use crate::state::record::{NetworkMode, Record};
use crate::{Error, Result, SandboxId};

/// How long somebody else's work on a sandbox is waited for before it is made to stand still all the same.
const OTHERS: Duration = Duration::from_secs(10);

/// A sandbox whose gateway could not be told of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Which.
    pub id: SandboxId,
    /// Its name.
    pub name: String,
    /// Why its gateway could not be told.
    pub why: String,
    /// What became of it.
    pub became: Became,
}

/// What became of a sandbox whose gateway goes by what it was told before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It stands still, and nothing is lost.
    Paused,
    /// It could not be paused, and was ended.
    Ended,
    /// Neither: it may go on by the old rules.
    GoesOn,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = match self.became {
            Became::Paused => "it is paused",
            Became::Ended => "it could not be paused, and was ended",
            Became::GoesOn => "it could not be paused either, and may go on as before",
        };
        write!(f, "\u{201c}{}\u{201d} ({}): {now}", self.name, self.why)
    }
}

impl Engine {
    /// Puts the rules and keys of these sandboxes in force as they are written down. What does not run is told when it
    /// starts.
    ///
    /// # Errors
    /// [`Error::NotInForce`], with every sandbox where they are not.
    pub(crate) async fn put_in_force(
        &self,
        ids: impl IntoIterator<Item = SandboxId>,
        keys: Keys,
    ) -> Result<()> {
        // All at once: a gateway that does not answer keeps no other on the old rules.
        let told = ids.into_iter().map(async |id| self.tell(&id, keys).await);
        let untold: Vec<Untold> = join_all(told).await.into_iter().flatten().collect();
        match untold.is_empty() {
            true => Ok(()),
            false => Err(Error::NotInForce(untold)),
        }
    }

    /// The rules of all sandboxes, also of one that is just being made.
    pub(crate) async fn put_in_force_everywhere(&self) -> Result<()> {
        self.put_in_force(self.data().ids()?, Keys::AsBefore).await
    }

    async fn tell(&self, id: &SandboxId, keys: Keys) -> Option<Untold> {
        let first = self.tell_gateway(id, keys).await.err()?;
        tracing::warn!(error = %first, sandbox = %id, "a gateway is not told of a change; once more");
        let dir = self.data().sandbox(id);
        // A capture would let go on what is made to stand still beside it.
        match lock::exclusive_within(&dir.lock(), OTHERS).await {
            Ok(Some(lock)) => match self.locked(id, lock).await {
                Ok(working) => working.tell_or_hold(keys).await,
                // It is gone.
                Err(Error::NotFound { .. }) => None,
                Err(error) => self.hold(id, &error).await,
            },
            _ => match self.tell_gateway(id, keys).await {
                Ok(()) => None,
                Err(error) => self.hold(id, &error).await,
            },
        }
    }

    /// Hands a sandbox's rules and keys to its gateway, where one runs.
    async fn tell_gateway(&self, id: &SandboxId, keys: Keys) -> Result<()> {
        let Some(record) = Record::load(&self.data().sandbox(id))? else {
            return Ok(());
        };
        if record.network.mode == NetworkMode::Offline || !record.container_made {
            return Ok(());
        }
        let docker = self.docker().await?;
        let found = docker.find_gateway(self.data().instance(), id).await?;
        let Some(gateway) = found.filter(|found| found.state.is_up()) else {
            // It gets them when it starts.
            return Ok(());
        };
        if gateway.state == ContainerState::Paused {
            // By nobody of ours. It takes nothing while it stands still.
            docker.unpause(&gateway.id).await?;
        }
        let mut link = Link::open(&docker, &gateway.id).await?;
        network::hand_over(self, &docker, &record, keys, &mut link).await
    }

    /// Its gateway goes by what it was told before. `None`: nothing runs that could.
    async fn hold(&self, id: &SandboxId, why: &Error) -> Option<Untold> {
        let (name, became) = match Record::load(&self.data().sandbox(id)) {
            Ok(None) => return None,
            Ok(Some(record)) => {
                let became = self.make_stand_still(&record, why).await?;
                (record.name, became)
            }
            // Whose rules are not known has none.
            Err(_) => match self.leave_without_gateway(id).await {
                Ok(()) => return None,
                Err(_) => (id.to_string(), Became::GoesOn),
            },
        };
        Some(Untold {
            id: id.clone(),
            name,
            why: why.to_string(),
            became,
        })
    }

    async fn leave_without_gateway(&self, id: &SandboxId) -> Result<()> {
        let docker = self.docker().await?;
        Ok(docker.remove_gateway(self.data().instance(), id).await?)
    }

    async fn make_stand_still(&self, record: &Record, why: &Error) -> Option<Became> {
        let Ok(docker) = self.docker().await else {
            return Some(Became::GoesOn);
        };
        let container = match up::running(self, &docker, record).await {
            Ok(container) => container,
            // Its gateway is told before it goes on.
            Err(Error::NotRunning { .. } | Error::Paused { .. }) => return None,
            Err(_) => return Some(Became::GoesOn),
        };
        let (what, why) = (
            "Paused: its gateway could not be told of a change",
            why.to_string(),
        );
        if proof::stand_still(self, &docker, record, &container, what, &why).await {
            return Some(Became::Paused);
        }
        if docker.kill(&container).await.is_err() {
            return Some(Became::GoesOn);
        }
        let what = "Ended: its gateway could not be told of a change";
        self.note(&record.id, ActivityKind::Stopped, what, why, None);
        Some(Became::Ended)
    }
}

impl Working {
    /// As [`Engine::put_in_force`], for who holds the sandbox.
    pub(super) async fn put_in_force(&self, keys: Keys) -> Result<()> {
        match self.tell_or_hold(keys).await {
            None => Ok(()),
            Some(untold) => Err(Error::NotInForce(vec![untold])),
        }
    }

    async fn tell_or_hold(&self, keys: Keys) -> Option<Untold> {
        let error = self.tell_gateway(keys).await.err()?;
        self.engine.hold(self.id(), &error).await
    }

    /// Also a gateway of before an update, which is made anew.
    async fn tell_gateway(&self, keys: Keys) -> Result<()> {
        if self.record.network.mode == NetworkMode::Offline || !self.record.container_made {
            return Ok(());
        }
        let docker = self.engine.docker().await?;
        let instance = self.engine.data().instance();
        match docker.find_gateway(instance, self.id()).await? {
            Some(found) if found.state.is_up() => {
                network::bring_up_from(self, &docker, Some(&found.id), keys).await
            }
            // It gets them when it starts.
            _ => Ok(()),
        }
    }
}
