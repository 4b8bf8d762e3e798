//! The sandbox's container: what it is asked to be (SECURITY §2.1), and making it.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use sandbox_protocol::egress::{PROXY_PORT, SERVICES_VARIABLE};

use super::error::{DockerError, Problem};
use super::gateway::relay_mount;
use super::{Docker, labels};
use crate::SandboxId;
use crate::image::JAVA_CERTIFICATES;
use crate::state::record::{Limits, Owner};

/// Where the workspace is in the container, and the only folder that a command starts in.
pub const WORKSPACE: &str = "/workspace";
/// The user's home in the container: a named volume.
pub const HOME: &str = "/home/agent";
/// Where the guest lies: in our layer of the image, below a read-only root.
pub const GUEST: &str = "/opt/agent-sandbox";
/// Open files of one process. An engine that runs as a process of a limited user cannot give more than
/// its own hard limit, and 20,000 is seen in the wild; no agent was seen to need more than this.
pub(super) const OPEN_FILES: i64 = 16_384;
/// An engine of an ordinary user gets its bounds from control groups of version 2 only.
const UNBOUNDED: &str = "this container engine runs as an ordinary user and the computer has control groups of \
    version 1: there it cannot bound memory, processors or processes, and one sandbox could take the whole computer. \
    Switch the computer to version 2 (systemd.unified_cgroup_hierarchy=1), or use an engine that runs as root";
const UNFILTERED: &str = "this container engine lets containers make every system call (it has no seccomp filter, or is \
    set to seccomp-profile=unconfined), which weakens the wall around a sandbox too much. Remove that setting from the engine's \
    configuration (daemon.json) and restart it; where the kernel has no seccomp, use another kernel";
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
            // Then what pip, npm and cargo install for the user of a system that is read-only.
            "/opt/agents/bin:/home/agent/.local/bin:/home/agent/.cargo/bin:\
             /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", HOME),
        ("USER", "agent"),
        ("LOGNAME", "agent"),
        ("SHELL", "/bin/bash"),
        ("LANG", "C.UTF-8"),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("AGENT_SANDBOX", "1"),
        // Debian's pip otherwise refuses to install for the user too, to keep a system whole that nobody can change here.
        ("PIP_BREAK_SYSTEM_PACKAGES", "1"),
        ("NPM_CONFIG_PREFIX", "/home/agent/.local"),
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

/// For who looks at the variables of the proxy because it refused something: most programs show no more than the number.
const PROXY_NOTICE: &str = "403 from this proxy means that the user has not approved the site for this sandbox. Nothing is \
    broken: tell the user which site the task needs, and why. `curl http://HOST/` prints the reason";

/// What programs are told of the way out, each in its own words.
fn proxy_environment(certificates: bool) -> Vec<(String, String)> {
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
    let mut jvm = ["http", "https"]
        .map(|scheme| format!("-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={PROXY_PORT}"))
        .join(" ");
    if certificates {
        jvm += &format!(
            " -Djavax.net.ssl.trustStore={JAVA_CERTIFICATES} -Djavax.net.ssl.trustStoreType=JKS"
        );
    }
    env.push(("JAVA_TOOL_OPTIONS".to_owned(), jvm));
    env.push((
        "AGENT_SANDBOX_PROXY_NOTICE".to_owned(),
        PROXY_NOTICE.to_owned(),
    ));
    env
}

impl ContainerSpec {
    /// Environment of every command in the sandbox.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut env = environment(self.certificates);
        if self.relay.is_some() {
            env.extend(proxy_environment(self.certificates.is_some()));
            if !self.services.is_empty() {
                let ports: Vec<String> = self.services.iter().map(u16::to_string).collect();
                env.push((SERVICES_VARIABLE.to_owned(), ports.join(",")));
            }
        }
        env
    }

    pub(super) fn user(&self) -> String {
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

    pub(super) fn security(&self) -> Vec<String> {
        let mut options = vec!["no-new-privileges:true".to_owned()];
        if self.apparmor {
            options.push("apparmor=docker-default".to_owned());
        }
        options
    }

    pub(super) fn host_config(&self) -> HostConfig {
        let memory = i64::try_from(self.limits.memory).unwrap_or(i64::MAX);
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
            log_config: Some(one_log("10m")),
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

/// A limit that cannot be raised from inside.
pub(super) fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    }
}

/// One log of at most this size.
pub(super) fn one_log(most: &str) -> HostConfigLogConfig {
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(HashMap::from([
            ("max-size".to_owned(), most.to_owned()),
            ("max-file".to_owned(), "1".to_owned()),
        ])),
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
        if self.info().unbounded {
            return Err(DockerError::new(Problem::Unsupported, UNBOUNDED));
        }
        // A runtime of its own, such as gVisor's, keeps the calls from the kernel by itself.
        if self.info().unfiltered && spec.runtime.is_none() {
            return Err(DockerError::new(Problem::Unsupported, UNFILTERED));
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
}
