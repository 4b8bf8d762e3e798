//! Proof instead of trust: what a sandbox can reach, and whether it sees the folders we give it.
//!
//! A probe is the guest in a container of the same kind as a sandbox, or inside the sandbox's own before an
//! agent starts. An outcome that is not known to mean "closed" counts as open: the fence fails closed.

mod canary;
mod fence;
mod sweep;
mod targets;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use futures_util::StreamExt;

use self::fence::{Meaning, Target, judge};
use self::targets::names;
use super::container::{GUEST, ulimit};
use super::error::{DockerError, Problem};
use super::gateway::relay_mount;
use super::{Docker, labels};
use crate::state::record::Owner;

pub use self::fence::{Fence, Finding};

/// What a probe may print at most; more is not ours.
const OUTPUT: usize = 256 * 1024;
/// How long all targets together may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory of a probe's container.
const MEMORY: i64 = 64 * 1024 * 1024;

/// How long a gateway's word is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Two seconds: it answers within milliseconds.
    Usual,
    /// Fifteen: this computer is very busy.
    Long,
}

impl Patience {
    fn words(self) -> Vec<String> {
        match self {
            Self::Usual => vec!["probe".to_owned()],
            Self::Long => ["probe", "patient"].map(str::to_owned).to_vec(),
        }
    }
}

/// Whose a probe beside a sandbox is.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The data directory's name.
    pub instance: &'a str,
    /// The guest program.
    pub guest: &'a [u8],
    /// Whom it runs as.
    pub owner: Owner,
}

/// Which network a probe's container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeNetwork<'a> {
    /// That of this container.
    Of(&'a str),
    /// As a sandbox has it: none.
    Fenced,
    /// The engine's usual one, and what must not be seen is mounted where it lies: shows that the targets can be
    /// reached where nothing protects.
    Unprotected,
}

/// Something of this computer's that no sandbox may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// In words.
    pub what: &'static str,
    /// Where it lies here. One whose path is no text cannot be tried.
    pub path: PathBuf,
}

impl Hidden {
    /// What lies at this path, in words.
    pub fn new(what: &'static str, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { what, path }
    }

    fn target(&self) -> Option<Target> {
        Some(Target {
            what: self.what,
            argument: format!("file:{}", self.path.to_str()?),
            meaning: Meaning::File,
        })
    }
}

/// What stands between a sandbox and the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// It is offline: nothing does.
    Nothing,
    /// A gateway, which also must refuse what it refuses in every mode.
    Gateway {
        /// A site that it must let through, as `host:port`, where there is one.
        approved: Option<String>,
    },
}

impl Docker {
    /// Tries the fence in a container of its own, as `doctor` does.
    pub async fn prove_fence(
        &self,
        instance: &str,
        guest: &[u8],
        owner: Owner,
        network: ProbeNetwork<'_>,
        hidden: &[Hidden],
    ) -> Result<Fence, DockerError> {
        let files = hidden.iter().filter_map(Hidden::target).collect();
        let targets = [files, self.targets().await, names()].concat();
        let mut args = vec!["probe".to_owned()];
        args.extend(targets.iter().map(|t| t.argument.clone()));
        let mounts = match network {
            ProbeNetwork::Unprotected => hidden.iter().map(|one| in_its_place(&one.path)).collect(),
            _ => Vec::new(),
        };
        let probe = Probe {
            instance,
            owner,
            network,
            mounts,
        };
        let printed = self.run_probe(guest, &probe, args).await?;
        Ok(judge(&targets, &printed))
    }

    /// Tries a gateway in a container of its own, which has nothing but its socket: what it must refuse, and
    /// `approved` (`host:port`), which it must let through.
    pub async fn prove_gateway(
        &self,
        instance: &str,
        guest: &[u8],
        owner: Owner,
        relay: &str,
        approved: Option<&str>,
    ) -> Result<Fence, DockerError> {
        let targets = self.gateway_targets(approved).await;
        let mut args = Patience::Long.words();
        args.push("relay".to_owned());
        args.extend(targets.iter().map(|t| t.argument.clone()));
        let probe = Probe {
            instance,
            owner,
            network: ProbeNetwork::Fenced,
            mounts: vec![relay_mount(relay, true)],
        };
        let printed = self.run_probe(guest, &probe, args).await?;
        Ok(judge(&targets, &printed))
    }

    /// Tries the fence of a sandbox that runs from a container of its own that shares the sandbox's network: an agent
    /// that runs already has no hand in it. Gives also the engine's id of a command in the sandbox, unless it has no
    /// room for one.
    pub async fn prove_fence_beside(
        &self,
        container: &str,
        beside: &Beside<'_>,
        guard: &Guard,
        patience: Patience,
    ) -> Result<(Fence, Option<String>), DockerError> {
        let targets = self.targets_of(guard).await;
        let mut args = patience.words();
        args.extend(targets.iter().map(|t| t.argument.clone()));
        let probe = Probe {
            instance: beside.instance,
            owner: beside.owner,
            network: ProbeNetwork::Of(container),
            mounts: Vec::new(),
        };
        let printed = self.run_probe(beside.guest, &probe, args).await?;
        let command = [&format!("{GUEST}/sandbox-guest"), "probe", "links"];
        let fence = judge(&targets, &printed);
        if !fence.is_closed() {
            return Ok((fence, None));
        }
        let mark = self.exec(container, command.map(str::to_owned).to_vec(), Vec::new());
        let Ok(running) = mark.await else {
            return Ok((fence, None));
        };
        let id = running.id().to_owned();
        // A pause that met it would make the engine hang.
        let _ = tokio::time::timeout(PATIENCE, running.collect(OUTPUT)).await;
        Ok((fence, Some(id)))
    }

    /// Tries the fence from inside a sandbox's own running container; quick enough for each start. Gives also the
    /// engine's id of the command that tried.
    pub async fn prove_fence_in(
        &self,
        container: &str,
        hidden: &Hidden,
        guard: &Guard,
        patience: Patience,
    ) -> Result<(Fence, Option<String>), DockerError> {
        let mut targets = self.targets_of(guard).await;
        targets.extend(hidden.target());
        let mut command = vec![format!("{GUEST}/sandbox-guest")];
        command.extend(patience.words());
        command.extend(targets.iter().map(|t| t.argument.clone()));
        let running = self.exec(container, command, Vec::new()).await?;
        let id = running.id().to_owned();
        let call = tokio::time::timeout(PATIENCE, running.collect(OUTPUT));
        let (_, printed, _) = call.await.map_err(|_| too_slow())??;
        Ok((judge(&targets, &printed), Some(id)))
    }

    async fn run_probe(
        &self,
        guest: &[u8],
        probe: &Probe<'_>,
        args: Vec<String>,
    ) -> Result<Vec<u8>, DockerError> {
        let image = self.ensure_guest_image(guest).await?;
        let body = probe.body(image, args);
        let call = self
            .client
            .create_container(None::<CreateContainerOptions>, body);
        let made = self.change("make a probe", call).await?;
        let printed = self.probe_output(&made.id).await;
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let call = self.client.remove_container(&made.id, Some(options));
        let removed = self.change("remove a probe", call).await;
        let printed = printed?;
        removed?;
        Ok(printed)
    }

    async fn probe_output(&self, id: &str) -> Result<Vec<u8>, DockerError> {
        // Attached before it starts: the log of a container that ends at once may lack its last lines.
        let options = AttachContainerOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let call = self.client.attach_container(id, Some(options));
        let mut stream = self.change("attach to a probe", call).await?.output;
        let call = self
            .client
            .start_container(id, None::<StartContainerOptions>);
        self.change("start a probe", call).await?;
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        // The stream ends with the container.
        let read = async {
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|e| DockerError::from_bollard("read a probe", e))?;
                let to = match &piece {
                    bollard::container::LogOutput::StdErr { .. } => &mut errors,
                    _ => &mut out,
                };
                let bytes = piece.into_bytes();
                let room = OUTPUT.saturating_sub(to.len());
                to.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Ok::<(), DockerError>(())
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .map_err(|_| too_slow())??;
        let state = self
            .inspect("look at a probe", id)
            .await?
            .state
            .unwrap_or_default();
        if state.exit_code.unwrap_or(0) == 0 {
            return Ok(out);
        }
        let why = String::from_utf8_lossy(&errors)
            .trim()
            .replace(['\n', '\r'], " ");
        Err(DockerError::new(
            Problem::Failed,
            format!("a probe failed: {why}"),
        ))
    }
}

/// What a probe's container is.
struct Probe<'a> {
    instance: &'a str,
    owner: Owner,
    network: ProbeNetwork<'a>,
    mounts: Vec<Mount>,
}

impl Probe<'_> {
    fn body(&self, image: String, args: Vec<String>) -> ContainerCreateBody {
        let network = match self.network {
            ProbeNetwork::Fenced => "none".to_owned(),
            ProbeNetwork::Unprotected => "bridge".to_owned(),
            ProbeNetwork::Of(container) => format!("container:{container}"),
        };
        let mut labels = labels::shared("probe");
        labels.insert(labels::INSTANCE.to_owned(), self.instance.to_owned());
        ContainerCreateBody {
            image: Some(image),
            entrypoint: Some(vec!["/sandbox-guest".to_owned()]),
            cmd: Some(args),
            user: Some(format!("{}:{}", self.owner.uid, self.owner.gid)),
            labels: Some(labels),
            host_config: Some(HostConfig {
                mounts: Some(self.mounts.clone()),
                network_mode: Some(network),
                cap_drop: Some(vec!["ALL".to_owned()]),
                security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
                readonly_rootfs: Some(true),
                memory: Some(MEMORY),
                memory_swap: Some(MEMORY),
                pids_limit: Some(32),
                // Some engines give more than they may themselves, unless it is stated.
                ulimits: Some(vec![ulimit("nofile", 1024), ulimit("core", 0)]),
                log_config: Some(HostConfigLogConfig {
                    typ: Some("json-file".to_owned()),
                    config: Some(HashMap::from([
                        ("max-size".to_owned(), "1m".to_owned()),
                        ("max-file".to_owned(), "1".to_owned()),
                    ])),
                }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

/// Mounts what lies at a path at the same path.
fn in_its_place(path: &Path) -> Mount {
    let path = path.to_string_lossy().into_owned();
    Mount {
        typ: Some(MountType::BIND),
        source: Some(path.clone()),
        target: Some(path),
        read_only: Some(true),
        ..Default::default()
    }
}

fn too_slow() -> DockerError {
    DockerError::new(Problem::TimedOut, "a probe took too long")
}
