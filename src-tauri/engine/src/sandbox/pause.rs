//! Who paused a container is written down before it is paused: a capture's pause is taken back by whoever
//! comes next, the user's never is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Engine, Working};
use crate::docker::Docker;
use crate::docker::lifecycle::ContainerState;
use crate::state::data_dir::SandboxDir;
use crate::state::{json_file, lock};
use crate::{Error, Result, SandboxId};

/// The longest that a capture freezes the container. Then it goes on, and torn files are marked.
const MOST: Duration = Duration::from_secs(2);

/// The longest that a pause waits for commands that are on their way in.
const ON_THEIR_WAY: Duration = Duration::from_secs(5);

/// Who froze a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// The user: only they let it go on.
    User,
    /// A capture of the workspace.
    Capture,
    /// The disk was almost full: the user lets it go on when it is not.
    Space,
    /// Its workspace was larger than its limit: likewise.
    Room,
    /// Its fence could not be tried out, or its gateway could not be told of a change: likewise.
    Fence,
}

#[derive(Serialize, Deserialize)]
struct Paused {
    by: PausedBy,
    /// In words, where the user is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Whether the user lets it go on, and nobody else.
pub fn is_paused_by_user(dir: &SandboxDir) -> bool {
    paused_by(dir).is_some_and(|by| by != PausedBy::Capture)
}

/// Who paused this sandbox; `None` where nobody of ours did.
pub fn paused_by(dir: &SandboxDir) -> Option<PausedBy> {
    let paused: Option<Paused> = json_file::read(&dir.pause()).ok()?;
    paused.map(|p| p.by)
}

/// Why this sandbox was paused, where that was written down.
pub fn why_paused(dir: &SandboxDir) -> Option<String> {
    let paused: Option<Paused> = json_file::read(&dir.pause()).ok()?;
    paused?.why
}

/// Pauses a container while no command is on its way into it: one that arrives in a container that stands still is
/// refused, or hangs. A way in that takes too long is not waited for.
pub(super) async fn pause(
    docker: &Docker,
    dir: &SandboxDir,
    container: &str,
    by: PausedBy,
) -> Result<()> {
    pause_because(docker, dir, container, by, None).await
}

/// Likewise, with the reason.
pub(super) async fn pause_because(
    docker: &Docker,
    dir: &SandboxDir,
    container: &str,
    by: PausedBy,
    why: Option<String>,
) -> Result<()> {
    let _alone = lock::exclusive_within(&dir.entering(), ON_THEIR_WAY).await?;
    json_file::write(&dir.pause(), &Paused { by, why })?;
    if let Err(error) = docker.pause(container).await {
        forget(dir)?;
        return Err(error.into());
    }
    Ok(())
}

pub(super) fn forget(dir: &SandboxDir) -> Result<()> {
    match std::fs::remove_file(dir.pause()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", dir.pause(), e))
        }
        _ => Ok(()),
    }
}

/// A container that stands still while its workspace is read.
pub(super) struct Frozen {
    done: Option<oneshot::Sender<()>>,
    thaw: JoinHandle<()>,
}

impl Frozen {
    /// Freezes the sandbox's container if it runs; `None` where there is nothing to freeze. An engine
    /// that is away, or cannot freeze, is no reason not to look: files that change meanwhile are marked.
    pub async fn begin(working: &Working) -> Result<Option<Self>> {
        if !working.record.container_made {
            return Ok(None);
        }
        let Ok(docker) = working.engine.docker().await else {
            return Ok(None);
        };
        let Some(container) = running(&working.engine, &docker, working.id()).await else {
            return Ok(None);
        };
        match pause(&docker, &working.dir, &container, PausedBy::Capture).await {
            Err(Error::Engine(error)) => {
                tracing::warn!(%error, "captured without a pause");
                return Ok(None);
            }
            paused => paused?,
        }
        let (done, wait) = oneshot::channel();
        let dir = working.dir.clone();
        let thaw = tokio::spawn(async move {
            let _ = tokio::time::timeout(MOST, wait).await;
            match docker.unpause(&container).await {
                Ok(()) => {
                    let _ = forget(&dir);
                }
                // The file stays: the next operation tries again.
                Err(error) => tracing::warn!(%error, "the container is still paused"),
            }
        });
        Ok(Some(Self {
            done: Some(done),
            thaw,
        }))
    }

    /// Lets it go on and waits until it does.
    pub async fn end(mut self) {
        if let Some(done) = self.done.take() {
            let _ = done.send(());
        }
        let _ = self.thaw.await;
    }
}

async fn running(engine: &Engine, docker: &Docker, id: &SandboxId) -> Option<String> {
    let found = docker.find(engine.data().instance(), id).await.ok()??;
    (found.state == ContainerState::Running).then_some(found.id)
}

/// Takes back a pause that a killed capture left. Without an engine there is nothing to take back yet.
pub(super) async fn take_back(working: &Working) -> Result<bool> {
    if paused_by(&working.dir) != Some(PausedBy::Capture) {
        return Ok(false);
    }
    let Ok(docker) = working.engine.docker().await else {
        return Ok(false);
    };
    let instance = working.engine.data().instance();
    if let Some(found) = docker.find(instance, working.id()).await?
        && found.state == ContainerState::Paused
    {
        docker.unpause(&found.id).await?;
    }
    forget(&working.dir)?;
    Ok(true)
}
