//! The fence of a sandbox that runs: proven before its agent starts, and again whenever nobody may have looked.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use sandbox_protocol::egress::Grant;
use serde::{Deserialize, Serialize};

use super::{Engine, network, pause, up};
use crate::docker::lifecycle::{ContainerState, Found};
use crate::docker::probe::{Beside, Fence, Guard, Hidden, Patience};
use crate::docker::{Docker, DockerError};
use crate::event::Event;
use crate::state::activity::ActivityKind;
use crate::state::lock::Held;
use crate::state::record::{NetworkMode, Record};
use crate::state::{json_file, lock};
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Proves the fence of every sandbox that runs: after this app, or the container engine, was away. One that is
    /// not proven closed is ended; gives those, with why. What another face works on at the moment is its to prove.
    pub async fn prove_all(&self) -> Vec<(SandboxId, Error)> {
        let made = self.records().unwrap_or_default().into_iter();
        let proofs = made
            .filter(|record| record.container_made)
            .map(async |record| match prove_or_note(self, &record.id).await {
                Ok(_) | Err(Error::Busy { .. }) => None,
                Err(error) => Some((record.id, error)),
            });
        // Some at once: one that is worked on, or does not answer, keeps the others from nothing.
        let ended = stream::iter(proofs).buffer_unordered(PROOFS);
        ended.filter_map(std::future::ready).collect().await
    }
}

/// Fences that are tried at once: each takes a container beside its sandbox.
const PROOFS: usize = 4;

/// Brings the gateway of a running sandbox back, and proves the fence again. False: it needs none.
pub(super) async fn revive_gateway(engine: &Engine, id: &SandboxId) -> Result<bool> {
    let (_, record) = engine.load(id)?;
    match record.network.mode {
        NetworkMode::Offline => Ok(false),
        _ => prove_or_note(engine, id).await,
    }
}

/// Likewise whatever its network; one that is ended by it is noted.
async fn prove_or_note(engine: &Engine, id: &SandboxId) -> Result<bool> {
    let proven = prove_running(engine, id).await;
    if let Err(error) = &proven {
        tracing::warn!(%error, sandbox = %id, "a running sandbox is not proven closed");
        if matches!(error, Error::FenceOpen { .. }) {
            let what = "Ended: its fence was not proven closed";
            engine.note(id, ActivityKind::Stopped, what, error.to_string(), None);
        }
    }
    proven
}

/// Proves the fence of a sandbox that runs, with its gateway where it has one. False: it does not run.
async fn prove_running(engine: &Engine, id: &SandboxId) -> Result<bool> {
    let working = engine.work_on(id).await?;
    let docker = engine.docker().await?;
    let instance = engine.data().instance();
    let found = docker.find(instance, id).await?;
    let Some(found) = found.filter(|found| found.state.is_up()) else {
        return Ok(false);
    };
    let runs = found.state == ContainerState::Running;
    let record = &working.record;
    if record.network.mode != NetworkMode::Offline {
        let mut up = network::bring_up(&working, &docker).await;
        if up.is_err() {
            up = network::bring_up(&working, &docker).await;
        }
        if let Err(error) = up {
            let place = Place {
                engine,
                docker: &docker,
                record,
                container: &found.id,
                agent: Agent::MayRun,
            };
            // Its gateway goes by what it was told last: nothing is proven.
            return Err(match runs {
                true => place.stand_still(&error).await.unwrap_or(error),
                false => error,
            });
        }
    }
    if runs {
        prove(engine, &docker, record, &found.id, Agent::MayRun).await?;
    }
    Ok(true)
}

/// What a proof is good for: the container and the gateway as they were then, and the engine that ran it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Proof {
    /// The command that tried, by the engine's id.
    tried: String,
    /// The last one that was let in since. The engine knows it while both are the same: as long as it runs, and for
    /// some minutes.
    known: String,
    container: Started,
    /// Absent: offline.
    gateway: Option<Started>,
}

/// A container, since it was last started.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Started {
    id: String,
    at: String,
}

impl From<Found> for Started {
    fn from(found: Found) -> Self {
        Self {
            id: found.id,
            at: found.started,
        }
    }
}

/// A container that a command may be run in. It is not paused before this is dropped, which is to be when the
/// command has begun.
pub(super) struct Entry {
    pub(super) container: String,
    _not_paused: Option<Held>,
}

/// The longest that a command waits for a pause that is just being made.
const PAUSE_BEGINS: Duration = Duration::from_secs(5);

/// A way into a sandbox that runs. Its fence was proven since it, its gateway and the container engine were started, by
/// whichever face of the app; else it is proven now.
///
/// # Errors
/// As [`up::running`]; [`Error::FenceOpen`], [`Error::Busy`]: then nothing may be run in it.
pub(super) async fn entry(engine: &Engine, docker: &Docker, record: &Record) -> Result<Entry> {
    up::running(engine, docker, record).await?;
    if !still_holds(engine, docker, record).await? {
        // Apart: few commands need its room.
        Box::pin(prove_or_note(engine, &record.id)).await?;
    }
    let lock = engine.data().sandbox(&record.id).entering();
    let not_paused = lock::shared_within(&lock, PAUSE_BEGINS).await?;
    Ok(Entry {
        container: up::running(engine, docker, record).await?,
        _not_paused: not_paused,
    })
}

/// After a command was let in: what was proven holds as long as the engine knows this one. Only an engine that still
/// knows the one before is the same.
pub(super) async fn carry_on(engine: &Engine, docker: &Docker, id: &SandboxId, command: &str) {
    let path = engine.data().sandbox(id).proof();
    let Ok(Some(mut proof)) = json_file::read::<Proof>(&path) else {
        return;
    };
    let same = docker.remembers(&proof.known, &proof.container.id).await;
    if !same.is_ok_and(|same| same) {
        return;
    }
    command.clone_into(&mut proof.known);
    if let Err(error) = json_file::write(&path, &proof) {
        tracing::warn!(%error, "a proof is not carried on");
    }
}

/// Whether what was proven last is what runs. A gateway that has ended leads nowhere.
async fn still_holds(engine: &Engine, docker: &Docker, record: &Record) -> Result<bool> {
    let path = engine.data().sandbox(&record.id).proof();
    // One that does not read is none.
    let Ok(Some(proof)) = json_file::read::<Proof>(&path) else {
        return Ok(false);
    };
    let instance = engine.data().instance();
    let Some(found) = docker.find(instance, &record.id).await? else {
        return Ok(false);
    };
    let alone = found.networks.iter().all(|network| network == "none");
    if !alone || proof.container != Started::from(found) {
        return Ok(false);
    }
    if record.network.mode != NetworkMode::Offline {
        let gateway = docker.find_gateway(instance, &record.id).await?;
        let gateway = gateway.filter(|gateway| gateway.state.is_up());
        if gateway.is_some_and(|now| proof.gateway != Some(now.into())) {
            return Ok(false);
        }
    }
    Ok(docker.remembers(&proof.known, &proof.container.id).await?)
}

/// Whether something of the agent's may run where the fence is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// The container was started just now: our process 1 is alone in it.
    NotYet,
    /// It could tell a probe inside what it likes.
    MayRun,
}

/// Tries the fence, again with more patience where that told nothing; ends the container if it is open. One that may
/// well be closed, and in which something of the agent's runs, is paused instead: no way out, and nothing is lost.
///
/// # Errors
/// [`Error::FenceOpen`]; [`Error::FenceUnclear`]: it is paused.
pub(super) async fn prove(
    engine: &Engine,
    docker: &Docker,
    record: &Record,
    container: &str,
    agent: Agent,
) -> Result<()> {
    let guard = match record.network.mode {
        NetworkMode::Offline => Guard::Nothing,
        _ => Guard::Gateway {
            approved: site_to_try(&engine.grant_for(record, Vec::new())?),
        },
    };
    let place = Place {
        engine,
        docker,
        record,
        container,
        agent,
    };
    let mut proven = place.attempt(&guard, Patience::Usual).await;
    if is_unclear(&proven) {
        tracing::warn!(sandbox = %record.id, "the fence could not be tried out; once more");
        proven = place.attempt(&guard, Patience::Long).await;
    }
    let unclear = is_unclear(&proven);
    let failed = match (proven, record.runtime.as_deref()) {
        (Ok((fence, command)), _) if fence.is_closed() => {
            if let Some(command) = command {
                place.remember(command).await?;
            }
            return Ok(());
        }
        (Ok((fence, _)), Some(runtime)) if fence.lacks_only_the_gateway() => Error::FenceOpen {
            message: no_socket(runtime),
        },
        (Ok((fence, _)), _) => Error::FenceOpen {
            message: fence.open().join("; "),
        },
        (Err(error), _) => error.into(),
    };
    if unclear
        && agent == Agent::MayRun
        && let Some(stands_still) = place.stand_still(&failed).await
    {
        return Err(stands_still);
    }
    docker.kill(container).await?;
    Err(failed)
}

/// A site that a gateway with this grant lets through, as `host:port`.
pub(super) fn site_to_try(grant: &Grant) -> Option<String> {
    grant.policy.one_approved().map(|site| site.to_string())
}

/// What a probe says, and the engine's id of the command that tried.
type Tried = std::result::Result<(Fence, Option<String>), DockerError>;

/// Whether nothing was found out: the probe did not run, or what it waited for did not come.
fn is_unclear(tried: &Tried) -> bool {
    tried.as_ref().map_or(true, |(fence, _)| fence.is_unclear())
}

/// Where the fence is tried.
struct Place<'a> {
    engine: &'a Engine,
    docker: &'a Docker,
    record: &'a Record,
    container: &'a str,
    agent: Agent,
}

impl Place<'_> {
    /// From inside, which is quicker, while no agent runs; then from beside. A runtime of another kind has a network of
    /// its own, which nobody can be beside.
    async fn attempt(&self, guard: &Guard, patience: Patience) -> Tried {
        let (docker, container) = (self.docker, self.container);
        if self.record.runtime.is_some() || self.agent == Agent::NotYet {
            let hidden = Hidden::new(
                "the app's own file of this sandbox, which is among yours",
                self.engine.data().sandbox(&self.record.id).record(),
            );
            let inside = docker.prove_fence_in(container, &hidden, guard, patience);
            return Box::pin(inside).await;
        }
        let beside = Beside {
            instance: self.engine.data().instance(),
            guest: self.engine.config().guest,
            owner: up::container_user(docker, self.record),
        };
        Box::pin(docker.prove_fence_beside(container, &beside, guard, patience)).await
    }

    /// Writes down what was proven. Without it the next command proves again.
    async fn remember(&self, command: String) -> Result<()> {
        let (engine, id) = (self.engine, &self.record.id);
        let instance = engine.data().instance();
        let gateway = self.docker.find_gateway(instance, id).await?;
        let Some(found) = self.docker.find(instance, id).await? else {
            return Ok(());
        };
        let proof = Proof {
            known: command.clone(),
            tried: command,
            container: found.into(),
            gateway: gateway.map(Into::into),
        };
        if let Err(error) = json_file::write(&engine.data().sandbox(id).proof(), &proof) {
            tracing::warn!(%error, "a proof is not remembered");
        }
        Ok(())
    }

    /// Pauses what runs there, and says why. `None` where that cannot be done: then it is to be ended.
    async fn stand_still(&self, why: &Error) -> Option<Error> {
        let engine = self.engine;
        let message = match why {
            Error::FenceOpen { message } => message.clone(),
            other => other.to_string(),
        };
        let what = "Paused: its fence could not be tried out in time";
        let (docker, record) = (self.docker, self.record);
        stand_still(engine, docker, record, self.container, what, &message)
            .await
            .then_some(Error::FenceUnclear { message })
    }
}

/// Pauses what runs in a sandbox until the user lets it go on; writes down what was done and why, and tells. False where
/// that cannot be done.
pub(super) async fn stand_still(
    engine: &Engine,
    docker: &Docker,
    record: &Record,
    container: &str,
    what: &str,
    why: &str,
) -> bool {
    let id = &record.id;
    let dir = engine.data().sandbox(id);
    let (by, reason) = (pause::PausedBy::Fence, Some(format!("{what} ({why})")));
    if let Err(error) = pause::pause_because(docker, &dir, container, by, reason).await {
        tracing::warn!(%error, sandbox = %id, "it cannot be paused");
        return false;
    }
    engine.note(id, ActivityKind::Paused, what, why.to_owned(), None);
    engine.events().send(Event::Sandbox(id.clone()));
    true
}

/// gVisor lets nobody in it connect to a socket of the world outside, unless it is told to.
fn no_socket(runtime: &str) -> String {
    format!(
        "under the runtime {runtime} the sandbox does not reach its gateway. It is closed, and has no way out \
         at all: make the sandbox offline, or, for gVisor, add --host-uds=open to that runtime\u{2019}s \
         runtimeArgs in the engine\u{2019}s configuration and restart the engine"
    )
}
