//! The container that copies a sandbox's home: the guest, that volume, and nothing else.
//!
//! Not an exec in the sandbox: there the agent has the same user as the copying process and could stop it or
//! speak in its place; a sandbox that stands still or is stopped takes no exec. Not the engine's archive
//! interface either (SECURITY R12): it follows what the agent laid out, as root, in the engine.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, ResourcesUlimits,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, InspectContainerOptions,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sandbox_protocol::home::HOME_FOLDER;
use tokio::io::AsyncWrite;

use super::error::{DockerError, Problem};
use super::gateway::GUEST_ONLY;
use super::{Docker, labels};
use crate::SandboxId;
use crate::state::record::Owner;

/// The names of one folder of a million files fit.
const MEMORY: i64 = 256 * 1024 * 1024;
/// A handle for each folder of the deepest path.
const OPEN_FILES: i64 = 16_384;
/// What it says of itself when it fails, in bytes.
const WORDS: usize = 1024;

/// What is copied, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Read only, beside whatever runs in the sandbox.
    Take,
    /// Nothing runs in the sandbox: folders that their owner closed are opened for the moment.
    TakeAll,
    /// The volume is written.
    Put,
}

/// Whose home.
pub(crate) struct Whose<'a> {
    pub instance: &'a str,
    pub sandbox: &'a SandboxId,
    /// Whom the sandbox runs as.
    pub owner: Owner,
    pub guest: &'a [u8],
}

/// One that runs. It must be [put away](Docker::remove_home_copier) in any case.
pub(crate) struct Copier {
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    /// What it is told; dropping it ends it.
    pub input: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    words: Vec<u8>,
}

impl Copier {
    /// The next piece of its output; `None` when it has ended. Waits for ever.
    pub async fn next(&mut self) -> Result<Option<Bytes>, DockerError> {
        loop {
            match self.output.next().await {
                None => return Ok(None),
                Some(Ok(LogOutput::StdErr { message })) => {
                    let room = WORDS.saturating_sub(self.words.len());
                    self.words
                        .extend_from_slice(&message[..message.len().min(room)]);
                }
                Some(Ok(piece)) => return Ok(Some(piece.into_bytes())),
                Some(Err(error)) => {
                    return Err(DockerError::from_bollard("copy the home folder", error));
                }
            }
        }
    }

    /// Why it ended before it was done, as far as it said.
    pub fn broken_off(&self) -> DockerError {
        let words = String::from_utf8_lossy(&self.words);
        let words = words.trim().trim_start_matches("sandbox-guest: ");
        let why = if words.is_empty() {
            "it was ended from outside".to_owned()
        } else {
            words.escape_debug().to_string()
        };
        DockerError::new(
            Problem::Failed,
            format!("the home folder was not wholly copied: {why}"),
        )
    }
}

impl Docker {
    /// Whether the sandbox has a home volume of ours.
    pub(crate) async fn has_home(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<bool, DockerError> {
        let home = sandbox.home_volume();
        Ok(self.own_volumes(instance).await?.contains(&home))
    }

    /// Starts to copy. One that a crash left goes first: two would write over each other.
    ///
    /// # Errors
    /// There is no home volume: the engine would make one of anybody's.
    pub(crate) async fn copy_home(
        &self,
        whose: &Whose<'_>,
        job: Job,
    ) -> Result<Copier, DockerError> {
        self.remove_home_copier(whose.instance, whose.sandbox)
            .await?;
        if !self.has_home(whose.instance, whose.sandbox).await? {
            return Err(DockerError::new(
                Problem::Missing,
                "the sandbox has no home folder",
            ));
        }
        let image = self.ensure_guest_image(whose.guest).await?;
        let name = whose.sandbox.home_copier_name();
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let call = self
            .client
            .create_container(Some(options), body(whose, job, image));
        let made = self
            .change("make a container for the home folder", call)
            .await?;
        self.hold_to_contract(whose, job, &made.id).await?;
        let options = AttachContainerOptionsBuilder::default()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let call = self.client.attach_container(&made.id, Some(options));
        let attached = self
            .change("attach to the home folder's container", call)
            .await?;
        self.start(&made.id).await?;
        Ok(Copier {
            output: attached.output,
            input: Some(attached.input),
            words: Vec::new(),
        })
    }

    async fn hold_to_contract(
        &self,
        whose: &Whose<'_>,
        job: Job,
        container: &str,
    ) -> Result<(), DockerError> {
        let call = self
            .client
            .inspect_container(container, None::<InspectContainerOptions>);
        let found = self
            .ask("look at the home folder's container", call)
            .await?;
        let wrong = violations(whose, job, &found);
        if wrong.is_empty() {
            return Ok(());
        }
        Err(DockerError::new(
            Problem::Failed,
            format!(
                "the home folder's container came out wider than asked for: {}",
                wrong.join("; ")
            ),
        ))
    }

    /// Takes it away, whatever it is doing; none is fine.
    pub(crate) async fn remove_home_copier(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<(), DockerError> {
        self.remove_own(instance, &sandbox.home_copier_name()).await
    }
}

fn verb(job: Job) -> Vec<String> {
    let words: &[&str] = match job {
        Job::Take => &["home", "take"],
        Job::TakeAll => &["home", "take", "--open-up"],
        Job::Put => &["home", "put"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn user(owner: Owner) -> String {
    format!("{}:{}", owner.uid, owner.gid)
}

fn body(whose: &Whose<'_>, job: Job, image: String) -> ContainerCreateBody {
    let mount = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(whose.sandbox.home_volume()),
        target: Some(HOME_FOLDER.to_owned()),
        read_only: Some(job == Job::Take),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let files = ResourcesUlimits {
        name: Some("nofile".to_owned()),
        soft: Some(OPEN_FILES),
        hard: Some(OPEN_FILES),
    };
    ContainerCreateBody {
        image: Some(image),
        entrypoint: Some(vec![GUEST_ONLY.to_owned()]),
        cmd: Some(verb(job)),
        user: Some(user(whose.owner)),
        labels: Some(labels::of_sandbox(
            whose.instance,
            whose.sandbox,
            "home-copier",
        )),
        tty: Some(false),
        // Its input ends when this process does: what it was not told it does not do.
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        stop_timeout: Some(1),
        host_config: Some(HostConfig {
            mounts: Some(vec![mount]),
            network_mode: Some("none".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            pids_limit: Some(32),
            ulimits: Some(vec![files]),
            // What it copies would be kept in a log of the engine's.
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            init: Some(false),
            ipc_mode: Some("private".to_owned()),
            auto_remove: Some(false),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What of it is wider than asked for; empty is right.
fn violations(whose: &Whose<'_>, job: Job, found: &ContainerInspectResponse) -> Vec<&'static str> {
    let host = found.host_config.clone().unwrap_or_default();
    let config = found.config.clone().unwrap_or_default();
    let empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    let mounts = found.mounts.clone().unwrap_or_default();
    let home = whose.sandbox.home_volume();
    let only_home = mounts.len() == 1
        && mounts.iter().all(|mount| {
            mount.name.as_deref() == Some(&home)
                && mount.destination.as_deref() == Some(HOME_FOLDER)
                && (job != Job::Take || mount.rw == Some(false))
        });
    let log = host.log_config.clone().and_then(|log| log.typ);
    let parts = [
        ("user", config.user == Some(user(whose.owner))),
        (
            "command",
            config.entrypoint == Some(vec![GUEST_ONLY.to_owned()]) && config.cmd == Some(verb(job)),
        ),
        (
            "capabilities",
            host.cap_drop == Some(vec!["ALL".to_owned()]) && empty(&host.cap_add),
        ),
        ("privileged", host.privileged != Some(true)),
        ("read-only root", host.readonly_rootfs == Some(true)),
        ("network", host.network_mode.as_deref() == Some("none")),
        ("memory limit", host.memory == Some(MEMORY)),
        ("process limit", host.pids_limit == Some(32)),
        (
            "volumes of others",
            empty(&host.binds) && empty(&host.volumes_from),
        ),
        ("log", log.as_deref() == Some("none")),
        ("mounts", only_home),
    ];
    let broken = parts.into_iter().filter(|(_, holds)| !holds);
    broken.map(|(what, _)| what).collect()
}
