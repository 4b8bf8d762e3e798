//! The check of this computer: each row was tried, not assumed.

use std::time::Duration;

use sandbox_protocol::policy::TEST_SITE;
use sandbox_workspace::Dir;

use super::{Engine, network};
use crate::docker::Docker;
use crate::docker::probe::{Fence, Hidden, ProbeNetwork};
use crate::network::link::Link;
use crate::network::rules;
use crate::state::record::{NetworkMode, NetworkPolicy, Owner};
use crate::{Error, SandboxId, image};

/// Below this there is no room for an environment image and a project.
const ROOM: u64 = 4 << 30;

/// A check takes seconds: what is this old was left by one that was killed.
const LEFT: Duration = Duration::from_secs(300);

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Check {
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            ok: true,
            detail: detail.into(),
            fix: None,
        }
    }

    fn bad(check: &'static str, detail: impl Into<String>, fix: Option<String>) -> Self {
        Self {
            check,
            ok: false,
            detail: detail.into(),
            fix,
        }
    }
}

impl Engine {
    /// All checks, in the order in which one depends on another.
    pub async fn doctor(&self) -> Vec<Check> {
        let mut rows = vec![self.check_data(), self.check_disk(), self.check_guest()];
        match self.docker().await {
            Err(error) => rows.push(Check::bad("engine", error.to_string(), error.fix())),
            Ok(docker) => {
                rows.push(engine_row(&docker));
                rows.push(self.check_image(&docker).await);
                if !self.config().guest.is_empty() {
                    rows.push(self.check_folder(&docker).await);
                    rows.push(self.check_fence().await);
                }
            }
        }
        rows
    }

    fn check_data(&self) -> Check {
        Check::good("data", self.data().root().display().to_string())
    }

    /// Room on the disk.
    pub fn check_disk(&self) -> Check {
        let space = Dir::open_root(self.data().root()).and_then(|dir| dir.free_space());
        match space {
            Ok(space) if space.free < ROOM => Check::bad(
                "disk",
                format!("{} MB free", space.free >> 20),
                Some("Copies and snapshots need at least 4 GB where the data folder lies. Empty the Trash or move large files away until 4 GB are free, then check again.".to_owned()),
            ),
            Ok(space) => Check::good("disk", format!("{} GB free", space.free >> 30)),
            Err(error) => Check::bad("disk", error.to_string(), None),
        }
    }

    fn check_guest(&self) -> Check {
        match self.config().guest.len() {
            0 => Check::bad(
                "guest",
                "this build carries no guest program",
                Some("Build it with: cargo xtask guest".to_owned()),
            ),
            bytes => Check::good("guest", format!("{} KB", bytes >> 10)),
        }
    }

    async fn check_image(&self, docker: &Docker) -> Check {
        match docker.environment(&self.config().certificates).await {
            Ok(Some(_)) => Check::good("image", "the environment image is ready"),
            Ok(None) => match docker.image(image::BASE).await {
                Ok(Some(_)) => Check::good("image", "will be built when the first sandbox starts"),
                _ => Check::good(
                    "image",
                    "will be fetched and built when the first sandbox starts",
                ),
            },
            Err(error) => Check::bad("image", error.to_string(), Some(error.fix())),
        }
    }

    async fn check_folder(&self, docker: &Docker) -> Check {
        let folder = self.data().sandboxes();
        let owner = self.probe_owner(docker);
        let tried = docker
            .canary(self.data().instance(), self.config().guest, owner, &folder)
            .await;
        match tried {
            Ok(()) => Check::good(
                "folder",
                "a container reads and writes what lies in the data folder",
            ),
            Err(error) => Check::bad("folder", error.to_string(), Some(error.fix())),
        }
    }

    async fn check_fence(&self) -> Check {
        match self.fence().await {
            Ok(fence) if fence.is_closed() => {
                let tried: Vec<String> = fence
                    .findings
                    .iter()
                    .map(|f| format!("{}: {}", f.tried, f.happened))
                    .collect();
                Check::good("fence", tried.join("; "))
            }
            Ok(fence) => Check::bad(
                "fence",
                fence.open().join("; "),
                Some("Do not start agents; report what was reached.".to_owned()),
            ),
            Err(error) => Check::bad("fence", error.to_string(), error.fix()),
        }
    }

    /// Tries the fence in containers of its own: past a gateway, and by one with a single approved site.
    pub async fn fence(&self) -> crate::Result<Fence> {
        let docker = self.docker().await?;
        let owner = self.probe_owner(&docker);
        let instance = self.data().instance();
        let guest = self.config().guest;
        // Also those that are being made.
        let known = self.data().ids()?;
        docker.sweep_trials(instance, &known, LEFT).await?;
        let mut fence = docker
            .prove_fence(
                instance,
                guest,
                owner,
                ProbeNetwork::Fenced,
                &self.hidden(&docker),
            )
            .await?;
        // There no gateway can be bounded either, and no sandbox is made.
        if docker.info().unbounded {
            return Ok(fence);
        }
        let trial = SandboxId::random().map_err(|error| Error::Internal {
            message: error.to_string(),
        })?;
        let tried = self.gateway_fence(&docker, &trial, owner).await;
        docker.remove_trial(instance, &trial).await?;
        fence.findings.extend(tried?.findings);
        Ok(fence)
    }

    /// What no container of ours may see. None of it is given to one, and nothing of the kind is in the probe's image.
    fn hidden(&self, docker: &Docker) -> Vec<Hidden> {
        let config = self.config();
        // A home that is the root of all is in every container too.
        let home = config.home.iter().filter(|home| home.parent().is_some());
        let home = home.map(|home| Hidden::new("your home folder", home));
        let rest = [
            Hidden::new("the folder of this app's data", self.data().root()),
            Hidden::new("the container engine's socket", &docker.endpoint().socket),
        ];
        home.chain(rest).collect()
    }

    /// A gateway of nobody's, with the rules that a sandbox could have.
    async fn gateway_fence(
        &self,
        docker: &Docker,
        trial: &SandboxId,
        owner: Owner,
    ) -> crate::Result<Fence> {
        let (instance, guest) = (self.data().instance(), self.config().guest);
        let gateway = docker.ensure_gateway(instance, trial, guest).await?;
        let sites = NetworkPolicy {
            mode: NetworkMode::Approved,
            allow: vec![TEST_SITE.to_owned()],
            ..NetworkPolicy::default()
        };
        let sites = self.with_sites_for_all(&sites)?;
        let refused = docker.refused_addresses((self.config().near)()).await?;
        let mut rules = rules::grant(&sites, &[], refused)?;
        rules.upstream = self.settings()?.upstream_proxy.map(Into::into);
        let mut link = Link::open(docker, &gateway).await?;
        let approved = network::grant(self, docker, rules, &mut link).await?;
        let relay = trial.relay_volume();
        Ok(docker
            .prove_gateway(instance, guest, owner, &relay, approved.as_deref())
            .await?)
    }

    fn probe_owner(&self, docker: &Docker) -> Owner {
        let process = self.config().process;
        // There the container's root is the user.
        if docker.info().rootless {
            return Owner { uid: 0, gid: 0 };
        }
        if process.uid != 0 {
            return process;
        }
        Owner {
            uid: 10_001,
            gid: 10_001,
        }
    }
}

fn engine_row(docker: &Docker) -> Check {
    let info = docker.info();
    let mut words = vec![format!("{} {}", info.product, info.version)];
    words.push(docker.endpoint().found_by.clone());
    words.extend(info.warnings.iter().cloned());
    let unfit = [
        (
            info.unbounded,
            "it cannot bound what a sandbox uses",
            "Switch the computer to control groups of version 2, or use an engine that runs as root.",
        ),
        (
            info.unfiltered,
            "it lets containers make every system call",
            "Remove seccomp-profile=unconfined from the engine's configuration (daemon.json) and restart it.",
        ),
    ];
    if let Some((_, what, fix)) = unfit.into_iter().find(|(is_so, ..)| *is_so) {
        words.push(what.to_owned());
        return Check::bad("engine", words.join("; "), Some(fix.to_owned()));
    }
    Check::good("engine", words.join("; "))
}
