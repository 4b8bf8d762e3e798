//! The fence of a sandbox that runs: proven before its agent starts, and again whenever nobody may have looked.

use super::{Engine, network};
use crate::docker::Docker;
use crate::docker::lifecycle::ContainerState;
use crate::state::activity::ActivityKind;
use crate::state::record::NetworkMode;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Proves the fence of every sandbox that runs: after this app, or the container engine, was away. One that is
    /// not proven closed is ended; gives those, with why. What another face works on at the moment is its to prove.
    pub async fn prove_all(&self) -> Vec<(SandboxId, Error)> {
        let mut ended = Vec::new();
        for record in self.records().unwrap_or_default() {
            if !record.container_made {
                continue;
            }
            match prove_running(self, &record.id).await {
                Ok(_) | Err(Error::Busy { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, sandbox = %record.id, "a running sandbox is not proven closed");
                    if matches!(error, Error::FenceOpen { .. }) {
                        let what = "Ended: its fence was not proven closed";
                        self.note(
                            &record.id,
                            ActivityKind::Stopped,
                            what,
                            error.to_string(),
                            None,
                        );
                    }
                    ended.push((record.id, error));
                }
            }
        }
        ended
    }
}

/// Brings the gateway of a running sandbox back, and proves the fence again. False: it needs none.
pub(super) async fn revive_gateway(engine: &Engine, id: &SandboxId) -> Result<bool> {
    let (_, record) = engine.load(id)?;
    match record.network.mode {
        NetworkMode::Offline => Ok(false),
        _ => prove_running(engine, id).await,
    }
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
    let guarded = working.record.network.mode != NetworkMode::Offline;
    if guarded {
        network::bring_up(&working, &docker).await?;
    }
    if found.state == ContainerState::Running {
        let runtime = working.record.runtime.as_deref();
        prove(&docker, &found.id, guarded, runtime).await?;
    }
    Ok(true)
}

/// Tries the fence from inside; ends the container if it is not proven closed.
pub(super) async fn prove(
    docker: &Docker,
    container: &str,
    guarded: bool,
    runtime: Option<&str>,
) -> Result<()> {
    let proven = docker.prove_fence_in(container, guarded).await;
    let failed = match (proven, runtime) {
        (Ok(fence), _) if fence.is_closed() => return Ok(()),
        (Ok(fence), Some(runtime)) if fence.lacks_only_the_gateway() => Error::FenceOpen {
            message: no_socket(runtime),
        },
        (Ok(fence), _) => Error::FenceOpen {
            message: fence.open().join("; "),
        },
        (Err(error), _) => error.into(),
    };
    docker.kill(container).await?;
    Err(failed)
}

/// gVisor lets nobody in it connect to a socket of the world outside, unless it is told to.
fn no_socket(runtime: &str) -> String {
    format!(
        "under the runtime {runtime} the sandbox does not reach its gateway. It is closed, and has no way out \
         at all: make the sandbox offline, or, for gVisor, add --host-uds=open to that runtime\u{2019}s \
         runtimeArgs in the engine\u{2019}s configuration and restart the engine"
    )
}
