//! The sandbox's container: its contract (SECURITY §2.1), making it, and checking it.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountType, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions};

use sandbox_protocol::egress::{PROXY_PORT, RELAY_FOLDER, SERVICES_VARIABLE};

use super::error::{DockerError, Problem};
use super::gateway::relay_mount;
use super::{Docker, labels};
use crate::SandboxId;
use crate::state::record::{Limits, Owner};

/// Where the workspace is in the container, and the only folder that a command starts in.
pub const WORKSPACE: &str = "/workspace";
/// The user's home in the container: a named volume.
pub const HOME: &str = "/home/agent";
/// Where the guest lies: in our layer of the image, below a read-only root.
pub const GUEST: &str = "/opt/agent-sandbox";
/// Open files of one process. An engine that runs as a process of a limited user cannot give more than
/// its own hard limit, and 20,000 is seen in the wild; no agent was seen to need more than this.
const OPEN_FILES: i64 = 16_384;
/// Shared memory in bytes.
const SHARED_MEMORY: i64 = 256 * 1024 * 1024;

/// Everything that decides what a sandbox's container is.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// Whose it is.
    pub sandbox: SandboxId,
    /// The data directory's name.
    pub instance: String,
    /// The personal image, by id.
    pub image: String,
    /// Environment names that the image sets and that are removed: nothing of the image is trusted.
    pub image_env: Vec<String>,
    /// Paths the image declares as volumes; covered by a small tmpfs each.
    pub image_volumes: Vec<String>,
    /// Absolute path of the workspace on this computer.
    pub workspace: String,
    /// Name of the home volume.
    pub home: String,
    /// Whom it runs as.
    pub owner: Owner,
    /// What it may use.
    pub limits: Limits,
    /// The volume with its gateway's socket; absent: offline.
    pub relay: Option<String>,
    /// Ports of the user's computer that are on its loopback, with a relay.
    pub services: Vec<u16>,
    /// AppArmor is there.
    pub apparmor: bool,
    /// Certificates of the computer are in the image at this path.
    pub certificates: Option<&'static str>,
    /// The runtime that was asked for; absent: the engine's own.
    pub runtime: Option<String>,
}

/// What is the same in every sandbox.
fn environment(certificates: Option<&str>) -> Vec<(String, String)> {
    let mut env = vec![
        (
            "PATH",
            "/opt/agents/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", HOME),
        ("USER", "agent"),
        ("LOGNAME", "agent"),
        ("SHELL", "/bin/bash"),
        ("LANG", "C.UTF-8"),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("AGENT_SANDBOX", "1"),
    ];
    if let Some(path) = certificates {
        for name in [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "NODE_EXTRA_CA_CERTS",
            "REQUESTS_CA_BUNDLE",
            "PIP_CERT",
            "CARGO_HTTP_CAINFO",
        ] {
            env.push((name, path));
        }
    }
    env.into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

/// What programs are told of the way out, each in its own words.
fn proxy_environment() -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let local = "localhost,127.0.0.1,::1";
    let mut env: Vec<(String, String)> = Vec::new();
    for (name, value) in [
        ("http_proxy", proxy.as_str()),
        ("https_proxy", &proxy),
        ("no_proxy", local),
    ] {
        env.push((name.to_owned(), value.to_owned()));
        env.push((name.to_ascii_uppercase(), value.to_owned()));
    }
    // Node's own fetch looks at the above only when told to; the JVM never does.
    env.push(("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned()));
    let jvm = ["http", "https"]
        .map(|scheme| format!("-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={PROXY_PORT}"))
        .join(" ");
    env.push(("JAVA_TOOL_OPTIONS".to_owned(), jvm));
    env
}

impl ContainerSpec {
    /// Environment of every command in the sandbox.
    fn environment(&self) -> Vec<(String, String)> {
        let mut env = environment(self.certificates);
        if self.relay.is_some() {
            env.extend(proxy_environment());
            if !self.services.is_empty() {
                let ports: Vec<String> = self.services.iter().map(u16::to_string).collect();
                env.push((SERVICES_VARIABLE.to_owned(), ports.join(",")));
            }
        }
        env
    }

    fn user(&self) -> String {
        format!("{}:{}", self.owner.uid, self.owner.gid)
    }

    fn mounts(&self) -> Vec<Mount> {
        let mut mounts = vec![
            Mount {
                typ: Some(MountType::BIND),
                source: Some(self.workspace.clone()),
                target: Some(WORKSPACE.to_owned()),
                read_only: Some(false),
                bind_options: Some(MountBindOptions {
                    propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
                    ..Default::default()
                }),
                ..Default::default()
            },
            // At first use the engine copies the image's home folder into it, with its owner.
            Mount {
                typ: Some(MountType::VOLUME),
                source: Some(self.home.clone()),
                target: Some(HOME.to_owned()),
                read_only: Some(false),
                ..Default::default()
            },
        ];
        mounts.extend(
            self.relay
                .as_deref()
                .map(|volume| relay_mount(volume, true)),
        );
        mounts
    }

    fn tmpfs(&self) -> HashMap<String, String> {
        let mut tmpfs = HashMap::from([(
            "/tmp".to_owned(),
            format!(
                "rw,exec,nosuid,nodev,mode=1777,size={}",
                self.limits.memory / 4
            ),
        )]);
        // What has a mount of ours needs no cover.
        for path in self
            .image_volumes
            .iter()
            .filter(|path| ![WORKSPACE, HOME, "/tmp"].contains(&path.trim_end_matches('/')))
        {
            tmpfs.insert(
                path.clone(),
                "rw,nosuid,nodev,mode=1777,size=67108864".to_owned(),
            );
        }
        tmpfs
    }

    fn security(&self) -> Vec<String> {
        let mut options = vec!["no-new-privileges:true".to_owned()];
        if self.apparmor {
            options.push("apparmor=docker-default".to_owned());
        }
        options
    }

    fn host_config(&self) -> HostConfig {
        let memory = i64::try_from(self.limits.memory).unwrap_or(i64::MAX);
        let ulimit = |name: &str, value: i64| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(value),
            hard: Some(value),
        };
        HostConfig {
            mounts: Some(self.mounts()),
            tmpfs: Some(self.tmpfs()),
            network_mode: Some("none".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(self.security()),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            memory: Some(memory),
            memory_swap: Some(memory),
            nano_cpus: Some(i64::from(self.limits.cpu_millis) * 1_000_000),
            pids_limit: Some(i64::from(self.limits.processes)),
            oom_kill_disable: Some(false),
            shm_size: Some(SHARED_MEMORY),
            ulimits: Some(vec![
                ulimit("nofile", OPEN_FILES),
                ulimit("core", 0),
                ulimit(
                    "fsize",
                    i64::try_from(self.limits.file_size).unwrap_or(i64::MAX),
                ),
            ]),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "10m".to_owned()),
                    ("max-file".to_owned(), "1".to_owned()),
                ])),
            }),
            init: Some(false),
            ipc_mode: Some("private".to_owned()),
            // Where the kernel has old control groups the engine's default is the host's.
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            // Nothing is asked there; else the engine copies the computer's name servers and domains in.
            dns: Some(vec!["127.0.0.1".to_owned()]),
            dns_search: Some(vec![".".to_owned()]),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            auto_remove: Some(false),
            runtime: self.runtime.clone(),
            ..Default::default()
        }
    }

    fn body(&self) -> ContainerCreateBody {
        let ours = self.environment();
        let mut env: Vec<String> = ours.iter().map(|(k, v)| format!("{k}={v}")).collect();
        // A name without a value takes the image's variable away.
        env.extend(
            self.image_env
                .iter()
                .filter(|name| !ours.iter().any(|(k, _)| k == *name))
                .cloned(),
        );
        ContainerCreateBody {
            hostname: Some("sandbox".to_owned()),
            user: Some(self.user()),
            env: Some(env),
            image: Some(self.image.clone()),
            entrypoint: Some(vec![format!("{GUEST}/sandbox-guest"), "init".to_owned()]),
            cmd: Some(Vec::new()),
            working_dir: Some(WORKSPACE.to_owned()),
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..Default::default()
            }),
            stop_signal: Some("SIGTERM".to_owned()),
            stop_timeout: Some(2),
            tty: Some(false),
            open_stdin: Some(false),
            labels: Some(labels::of_sandbox(&self.instance, &self.sandbox, "agent")),
            host_config: Some(self.host_config()),
            ..Default::default()
        }
    }
}

impl Docker {
    /// Makes a sandbox's container and holds it against the contract; gives its id.
    ///
    /// # Errors
    /// A runtime that was asked for and is missing; a name that is taken by somebody else's container;
    /// a container that came out wider than the contract (it is removed again).
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<String, DockerError> {
        if let Some(runtime) = &spec.runtime {
            self.offers(runtime)?;
        }
        let name = spec.sandbox.container_name();
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let call = self.client.create_container(Some(options), spec.body());
        let made = self.change("make the container", call).await?;
        let violations = self.violations(spec, &made.id).await;
        match violations {
            Ok(list) if list.is_empty() => Ok(made.id),
            Ok(list) => {
                self.remove_own(&spec.instance, &made.id).await?;
                Err(DockerError::new(
                    Problem::Failed,
                    format!(
                        "the container came out wider than asked for: {}",
                        list.join("; ")
                    ),
                ))
            }
            Err(error) => {
                self.remove_own(&spec.instance, &made.id).await?;
                Err(error)
            }
        }
    }

    /// Whether containers can be run by this runtime.
    ///
    /// # Errors
    /// [`Problem::Unsupported`], naming those that there are. Another one never takes its place.
    pub fn offers(&self, runtime: &str) -> Result<(), DockerError> {
        let there = &self.info().runtimes;
        if there.contains(runtime) {
            return Ok(());
        }
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        Err(DockerError::new(
            Problem::Unsupported,
            format!(
                "the runtime {} was asked for and this engine does not have it; it has {}",
                runtime.escape_debug(),
                there.join(", ")
            ),
        ))
    }

    /// What of the contract a container breaks; empty is right.
    pub async fn violations(
        &self,
        spec: &ContainerSpec,
        container: &str,
    ) -> Result<Vec<String>, DockerError> {
        let call = self
            .client
            .inspect_container(container, None::<InspectContainerOptions>);
        let found = self.ask("look at the container", call).await?;
        Ok(violations(spec, &found))
    }
}

/// Holds what the engine made against what was asked for. Public for the tests' control.
pub fn violations(spec: &ContainerSpec, found: &ContainerInspectResponse) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut want = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let host = found.host_config.clone().unwrap_or_default();
    let config = found.config.clone().unwrap_or_default();
    let expected = spec.host_config();
    let empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);

    want(config.user == Some(spec.user()), "user");
    want(
        config.entrypoint == Some(vec![format!("{GUEST}/sandbox-guest"), "init".to_owned()]),
        "entry point",
    );
    want(empty(&config.cmd), "command");
    want(
        config.working_dir.as_deref() == Some(WORKSPACE),
        "working folder",
    );
    want(
        config
            .healthcheck
            .is_none_or(|h| h.test == Some(vec!["NONE".to_owned()])),
        "health check",
    );
    // A name without a value is one that we took away from the image.
    let ours = spec.environment();
    want(
        config
            .env
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .all(|(name, value)| ours.iter().any(|(n, v)| n == name && v == value)),
        "environment",
    );
    want(
        config.labels.as_ref().is_some_and(|found| {
            labels::of_sandbox(&spec.instance, &spec.sandbox, "agent")
                .iter()
                .all(|(key, value)| found.get(key) == Some(value))
        }),
        "labels",
    );
    want(
        host.cap_drop == Some(vec!["ALL".to_owned()]),
        "capabilities dropped",
    );
    want(empty(&host.cap_add), "capabilities added");
    want(host.privileged != Some(true), "privileged");
    want(host.readonly_rootfs == Some(true), "read-only root");
    want(host.network_mode.as_deref() == Some("none"), "network");
    let security = host.security_opt.clone().unwrap_or_default();
    want(
        security
            .iter()
            .any(|o| o.starts_with("no-new-privileges") && !o.ends_with("false")),
        "no-new-privileges",
    );
    want(
        !security
            .iter()
            .any(|o| o.contains("unconfined") || o.contains("disable")),
        "confinement",
    );
    want(
        host.memory == expected.memory && host.memory_swap == expected.memory,
        "memory limit",
    );
    want(host.nano_cpus == expected.nano_cpus, "processor limit");
    want(host.pids_limit == expected.pids_limit, "process limit");
    want(host.oom_kill_disable != Some(true), "out-of-memory killer");
    let ulimits = |c: &HostConfig| {
        let mut list: Vec<_> = c
            .ulimits
            .clone()
            .unwrap_or_default()
            .into_iter()
            .map(|u| (u.name, u.soft, u.hard))
            .collect();
        list.sort();
        list
    };
    want(ulimits(&host) == ulimits(&expected), "limits of files");
    want(host.devices.as_ref().is_none_or(Vec::is_empty), "devices");
    want(empty(&host.group_add), "groups");
    want(empty(&host.volumes_from), "volumes of others");
    want(empty(&host.binds), "binds");
    for (mode, what) in [
        (&host.pid_mode, "processes of the host"),
        (&host.ipc_mode, "shared memory of the host"),
        (&host.uts_mode, "name of the host"),
        (&host.userns_mode, "users of the host"),
    ] {
        want(
            mode.as_deref()
                .is_none_or(|m| m != "host" && !m.starts_with("container:")),
            what,
        );
    }
    want(
        host.restart_policy.as_ref().is_none_or(|p| {
            matches!(
                p.name,
                None | Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY)
            )
        }),
        "restart policy",
    );
    want(
        host.masked_paths
            .as_ref()
            .is_none_or(|paths| !paths.is_empty()),
        "masked paths",
    );
    want(
        host.readonly_paths
            .as_ref()
            .is_none_or(|paths| !paths.is_empty()),
        "read-only paths",
    );
    want(mounts(&host) == mounts(&expected), "mounts asked for");
    want(
        host.cgroupns_mode != Some(HostConfigCgroupnsModeEnum::HOST),
        "control groups of the host",
    );
    let mut targets: Vec<String> = found
        .mounts
        .clone()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|m| m.destination)
        .filter(|target| {
            !expected
                .tmpfs
                .as_ref()
                .is_some_and(|t| t.contains_key(target))
        })
        .collect();
    targets.sort();
    let mut ours = vec![WORKSPACE.to_owned(), HOME.to_owned()];
    ours.extend(spec.relay.is_some().then(|| RELAY_FOLDER.to_owned()));
    ours.sort();
    want(targets == ours, "mounts");
    wrong
}

/// Type, source, target, and whether it is read-only.
type MountFacts = (Option<MountType>, Option<String>, Option<String>, bool);

/// What the mounts come to, in an order that can be compared.
fn mounts(host: &HostConfig) -> Vec<MountFacts> {
    let mut list: Vec<_> = host
        .mounts
        .clone()
        .unwrap_or_default()
        .into_iter()
        .map(|m| (m.typ, m.source, m.target, m.read_only == Some(true)))
        .collect();
    list.sort();
    list
}
