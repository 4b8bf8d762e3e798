//! Proof instead of trust: what a sandbox can reach, and whether it sees the folders we give it.
//!
//! A probe is the guest in a container of the same kind as a sandbox, or inside the sandbox's own before an
//! agent starts. An outcome that is not known to mean "closed" counts as open: the fence fails closed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, InspectNetworkOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures_util::StreamExt;
use sandbox_workspace::system::{self, DirBuilderExt};
use serde::Deserialize;

use super::container::{GUEST, ulimit};
use super::error::{DockerError, Problem};
use super::{Docker, labels};
use crate::state::record::Owner;

/// What a probe may print at most; more is not ours.
const OUTPUT: usize = 256 * 1024;
/// How long all targets together may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory of a probe's container.
const MEMORY: i64 = 64 * 1024 * 1024;
/// Where the canary's folder is seen.
const CANARY: &str = "/canary";

/// One thing that was tried through the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it would have reached, in words.
    pub what: String,
    /// The address or name that was tried.
    pub tried: String,
    /// What happened, in words.
    pub happened: String,
    /// Whether that means that there is no way out.
    pub closed: bool,
}

/// All that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// In the order of trying.
    pub findings: Vec<Finding>,
}

impl Fence {
    /// Whether everything was tried and nothing was reached.
    pub fn is_closed(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|finding| finding.closed)
    }

    /// What was reached, in words; empty when closed.
    pub fn open(&self) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| !finding.closed)
            .map(|f| format!("{} ({}): {}", f.what, f.tried, f.happened))
            .collect()
    }
}

/// Which network a probe's container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeNetwork {
    /// As a sandbox has it: none.
    Fenced,
    /// The engine's usual one: shows that the targets can be reached where nothing protects.
    Unprotected,
}

/// Whether a target's outcome means closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Elsewhere: only "no way there" is closed; even a refusal came back from outside.
    Outside,
    /// On the sandbox's own loopback: only an answer is open.
    Inside,
    /// A name must not be found.
    Name,
    /// No interface but loopback.
    Links,
    /// The gateway must be there and must say no.
    Gateway,
}

struct Target {
    what: &'static str,
    argument: String,
    meaning: Meaning,
}

#[derive(Deserialize)]
struct Line {
    target: String,
    outcome: String,
    detail: String,
}

impl Docker {
    /// Tries the fence in a container of its own, as `doctor` does.
    pub async fn prove_fence(
        &self,
        instance: &str,
        guest: &[u8],
        owner: Owner,
        network: ProbeNetwork,
    ) -> Result<Fence, DockerError> {
        let targets = self.targets(true).await;
        let mut args = vec!["probe".to_owned()];
        args.extend(targets.iter().map(|t| t.argument.clone()));
        let probe = Probe {
            instance,
            owner,
            network,
            folder: None,
        };
        let printed = self.run_probe(guest, &probe, args).await?;
        Ok(judge(&targets, &printed))
    }

    /// Tries the fence from inside a sandbox's own running container; quick enough for each start.
    /// With a gateway it also tries what the gateway must refuse in every mode.
    pub async fn prove_fence_in(
        &self,
        container: &str,
        guarded: bool,
    ) -> Result<Fence, DockerError> {
        let mut targets = self.targets(false).await;
        if guarded {
            targets.extend(self.gateway_targets().await);
        }
        let mut command = vec![format!("{GUEST}/sandbox-guest"), "probe".to_owned()];
        command.extend(targets.iter().map(|t| t.argument.clone()));
        let running = self.exec(container, command, Vec::new()).await?;
        let call = tokio::time::timeout(PATIENCE, running.collect(OUTPUT));
        let (_, printed, _) = call.await.map_err(|_| too_slow())??;
        Ok(judge(&targets, &printed))
    }

    /// Writes in `folder` and reads it in a container, and the other way. Catches engines on other
    /// computers, folders that the engine's virtual machine does not share, and users mapped to others.
    ///
    /// # Errors
    /// [`Problem::Unsupported`] with the reason where the folder is not shared.
    pub async fn canary(
        &self,
        instance: &str,
        guest: &[u8],
        owner: Owner,
        folder: &Path,
    ) -> Result<(), DockerError> {
        let nest = Nest::new(folder, owner)?;
        let args = ["probe", "canary", CANARY, &nest.answer]
            .map(str::to_owned)
            .to_vec();
        let probe = Probe {
            instance,
            owner,
            network: ProbeNetwork::Fenced,
            folder: Some(&nest.path),
        };
        let printed =
            self.run_probe(guest, &probe, args)
                .await
                .map_err(|error| match error.problem {
                    Problem::TimedOut => error,
                    _ => not_shared(folder, &error.message),
                })?;
        if printed != nest.question.as_bytes() {
            return Err(not_shared(folder, "a container reads something else there"));
        }
        nest.check(self.info().desktop, folder)
    }

    /// What is tried. Names cost seconds each where nothing answers, so only `doctor` tries them.
    async fn targets(&self, names: bool) -> Vec<Target> {
        let mut targets = vec![Target {
            what: "any network interface",
            argument: "links".into(),
            meaning: Meaning::Links,
        }];
        let mut outside = |what, argument: String| {
            targets.push(Target {
                what,
                argument,
                meaning: Meaning::Outside,
            });
        };
        let gateway = self
            .gateway()
            .await
            .unwrap_or_else(|| "172.17.0.1".to_owned());
        outside(
            "this computer, by the engine's bridge",
            format!("tcp:{gateway}:22"),
        );
        if let Some(address) = own_address() {
            outside(
                "this computer, by its own address",
                format!("tcp:{address}:22"),
            );
        }
        for (what, argument) in [
            ("a cloud's metadata", "tcp:169.254.169.254:80"),
            ("Docker Desktop's engine", "tcp:192.168.65.7:2375"),
            ("the internet", "tcp:1.1.1.1:443"),
            ("the internet by IPv6", "tcp:[2606:4700:4700::1111]:443"),
            ("a public name server", "udp:8.8.8.8:53"),
        ] {
            outside(what, argument.to_owned());
        }
        targets.push(Target {
            what: "the engine's name server",
            argument: "udp:127.0.0.11:53".into(),
            meaning: Meaning::Inside,
        });
        if names {
            for (what, argument) in [
                ("this computer, by name", "name:host.docker.internal"),
                ("the internet, by name", "name:example.com"),
            ] {
                targets.push(Target {
                    what,
                    argument: argument.into(),
                    meaning: Meaning::Name,
                });
            }
        }
        targets
    }

    /// What a gateway refuses whatever its policy says.
    async fn gateway_targets(&self) -> Vec<Target> {
        let mut inside = vec![
            (
                "a cloud's metadata, by the gateway",
                "169.254.169.254:443".to_owned(),
            ),
            (
                "the gateway itself, by the gateway",
                "127.0.0.1:22".to_owned(),
            ),
        ];
        if let Some(gateway) = self.gateway().await {
            let what = "this computer, by the gateway";
            inside.push((what, format!("{gateway}:2375")));
        }
        inside
            .into_iter()
            .map(|(what, target)| Target {
                what,
                argument: format!("proxy:{target}"),
                meaning: Meaning::Gateway,
            })
            .collect()
    }

    async fn gateway(&self) -> Option<String> {
        let call = self
            .client
            .inspect_network("bridge", None::<InspectNetworkOptions>);
        let found = self.ask("look at the bridge", call).await.ok()?;
        found.ipam?.config?.into_iter().find_map(|c| c.gateway)
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
    network: ProbeNetwork,
    folder: Option<&'a Path>,
}

impl Probe<'_> {
    fn body(&self, image: String, args: Vec<String>) -> ContainerCreateBody {
        let mounts = self.folder.map(|folder| {
            vec![Mount {
                typ: Some(MountType::BIND),
                source: Some(folder.to_string_lossy().into_owned()),
                target: Some(CANARY.to_owned()),
                read_only: Some(false),
                ..Default::default()
            }]
        });
        let network = match self.network {
            ProbeNetwork::Fenced => "none",
            ProbeNetwork::Unprotected => "bridge",
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
                mounts,
                network_mode: Some(network.to_owned()),
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

/// A folder for the canary; removed when dropped.
struct Nest {
    path: PathBuf,
    question: String,
    answer: String,
    owner: Owner,
}

impl Nest {
    fn new(folder: &Path, owner: Owner) -> Result<Self, DockerError> {
        let failed = |error: &dyn std::fmt::Display| {
            DockerError::new(
                Problem::Failed,
                format!("could not write in {}: {error}", folder.display()),
            )
        };
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
        let path = folder.join(format!("canary-{}", crate::ids::hex(&bytes[..8])));
        let nest = Self {
            path,
            question: crate::ids::hex(&bytes[8..16]),
            answer: crate::ids::hex(&bytes[16..]),
            owner,
        };
        let written = (|| {
            std::fs::DirBuilder::new().mode(0o700).create(&nest.path)?;
            let file = nest.path.join("from-app");
            File::create_new(&file)?.write_all(nest.question.as_bytes())?;
            // Only root may, and only root needs to.
            if system::user() == 0 {
                for path in [&nest.path, &file] {
                    system::give_to(path, (owner.uid, owner.gid))?;
                }
            }
            Ok::<(), std::io::Error>(())
        })();
        written.map_err(|error| failed(&error))?;
        Ok(nest)
    }

    fn check(&self, desktop: bool, folder: &Path) -> Result<(), DockerError> {
        let file = system::open_unfollowed(&self.path.join("from-sandbox"))
            .map_err(|_| not_shared(folder, "what a container writes there does not arrive"))?;
        let owner = file.metadata().map_or(u32::MAX, |m| system::owner(&m).0);
        let mut content = String::new();
        let read = file.take(4096).read_to_string(&mut content);
        if read.is_err() || content != self.answer {
            return Err(not_shared(
                folder,
                "what a container writes there arrives changed",
            ));
        }
        let expected = match system::user() {
            0 => self.owner.uid,
            user => user,
        };
        if !desktop && owner != expected {
            return Err(not_shared(
                folder,
                &format!("files made in a container belong to user {owner} instead of {expected}"),
            ));
        }
        Ok(())
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        // A random name of our own, never given to an agent.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn judge(targets: &[Target], printed: &[u8]) -> Fence {
    let lines: Vec<Line> = String::from_utf8_lossy(printed)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let findings = targets
        .iter()
        .map(|target| {
            let line = lines.iter().find(|line| line.target == target.argument);
            let (outcome, detail) = line.map_or(("unknown", "no answer from the probe"), |line| {
                (line.outcome.as_str(), line.detail.as_str())
            });
            Finding {
                what: target.what.to_owned(),
                tried: target.argument.clone(),
                happened: words(outcome, detail),
                closed: target.meaning.is_closed(outcome, detail),
            }
        })
        .collect();
    Fence { findings }
}

impl Meaning {
    fn is_closed(self, outcome: &str, detail: &str) -> bool {
        match self {
            Self::Outside => outcome == "no-way",
            Self::Inside => matches!(outcome, "no-way" | "refused" | "silent"),
            Self::Name => outcome == "no-name",
            Self::Gateway => outcome == "said-no",
            Self::Links => outcome == "links" && detail == "lo",
        }
    }
}

fn words(outcome: &str, detail: &str) -> String {
    match outcome {
        "no-way" => "there is no way there".to_owned(),
        "no-name" => "the name is not found".to_owned(),
        "said-no" => "the gateway said no".to_owned(),
        "refused" => "refused by what is there".to_owned(),
        "silent" => "nothing came back in time".to_owned(),
        "links" if detail == "lo" => "only its own loopback".to_owned(),
        "links" => format!("it has {}", detail.escape_default()),
        _ => format!("{outcome}: {}", detail.escape_default()),
    }
}

/// The address by which this computer reaches others; nothing is sent.
pub(super) fn own_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

fn too_slow() -> DockerError {
    DockerError::new(Problem::TimedOut, "a probe took too long")
}

fn not_shared(folder: &Path, why: &str) -> DockerError {
    DockerError::new(
        Problem::Unsupported,
        format!(
            "the container engine does not share {} as it must: {why}",
            folder.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Vec<Target> {
        vec![
            Target {
                what: "links",
                argument: "links".into(),
                meaning: Meaning::Links,
            },
            Target {
                what: "out",
                argument: "tcp:1.1.1.1:443".into(),
                meaning: Meaning::Outside,
            },
        ]
    }

    fn printed(links: &str, tcp: &str) -> Vec<u8> {
        format!(
            "{{\"target\":\"links\",\"outcome\":\"links\",\"detail\":\"{links}\"}}\n\
             {{\"target\":\"tcp:1.1.1.1:443\",\"outcome\":\"{tcp}\",\"detail\":\"\"}}\n"
        )
        .into_bytes()
    }

    #[test]
    fn only_what_is_known_to_be_closed_is_closed() {
        assert!(judge(&targets(), &printed("lo", "no-way")).is_closed());
        for outcome in [
            "answered",
            "refused",
            "silent",
            "forbidden",
            "unknown",
            "new-word",
        ] {
            let fence = judge(&targets(), &printed("lo", outcome));
            assert!(!fence.is_closed(), "{outcome}");
            assert_eq!(fence.open().len(), 1, "{outcome}");
        }
        assert!(!judge(&targets(), &printed("lo eth0", "no-way")).is_closed());
    }

    #[test]
    fn a_probe_that_says_nothing_proves_nothing() {
        assert!(!judge(&targets(), b"").is_closed());
        assert!(!judge(&targets(), b"not json\n").is_closed());
        assert!(!judge(&[], b"").is_closed());
    }
}
