//! Podman answers by Docker's interface, and says some of it in its own words. They are put into Docker's before
//! they are held against the contract; what it adds by itself is taken out where it widens nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, HostConfig, Mount, MountType};
use bollard::query_parameters::InspectContainerOptions;
use serde::Deserialize;

use super::error::DockerError;
use super::{Docker, socket};

/// For a moment after its end a container of Podman is in a state that Docker has no word for.
const IN_BETWEEN: (u32, Duration) = (100, Duration::from_millis(50));

impl Docker {
    /// What the engine says of a container, by name or id.
    pub(super) async fn inspect(
        &self,
        what: &'static str,
        container: &str,
    ) -> Result<ContainerInspectResponse, DockerError> {
        for _ in 0..IN_BETWEEN.0 {
            let call = self
                .client
                .inspect_container(container, None::<InspectContainerOptions>);
            let said = tokio::time::timeout(self.deadlines.ask, call).await;
            match said {
                Ok(Err(bollard::errors::Error::JsonDataError { .. })) if self.is_podman() => {
                    tokio::time::sleep(IN_BETWEEN.1).await;
                }
                Ok(said) => return said.map_err(|error| DockerError::from_bollard(what, error)),
                Err(_) => break,
            }
        }
        let call = self
            .client
            .inspect_container(container, None::<InspectContainerOptions>);
        self.ask(what, call).await
    }

    pub(super) fn is_podman(&self) -> bool {
        self.info().product == "Podman"
    }
}

/// What Docker's interface has no field for, and its client library therefore passes over.
#[derive(Deserialize)]
struct More {
    #[serde(rename = "Rootless", default)]
    rootless: bool,
}

/// Whether a Podman is an ordinary user's. One that does not say so is taken for root's: then the canary finds out.
pub(super) async fn is_rootless(socket: &Path, patience: Duration) -> bool {
    let more = socket::answer::<More>(socket, "/v1.41/info", patience).await;
    more.is_some_and(|more| more.rootless)
}

/// What a container of Podman has where nothing is dropped, in every version since 4.
const CAPABILITIES: [&str; 11] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Memory file systems that it puts over a read-only root by itself. They count as the container's memory.
const OWN_TMPFS: [&str; 2] = ["/run", "/var/tmp"];
/// What it adds to the options of any mount.
const OWN_OPTIONS: [&str; 3] = ["rprivate", "tmpcopyup", "rbind"];
/// Variables that it sets by itself.
const OWN_VARIABLES: [&str; 2] = ["container", "HOSTNAME"];

/// The same container as Docker would describe it; `asked` is what it was to be.
pub(super) fn in_dockers_words(
    mut found: ContainerInspectResponse,
    asked: &HostConfig,
) -> ContainerInspectResponse {
    let networks = found.network_settings.as_ref();
    let networks = networks.and_then(|settings| settings.networks.clone());
    if let Some(host) = &mut found.host_config {
        // Which bridge it is on stands elsewhere.
        if host.network_mode.as_deref() == Some("bridge")
            && let Some(networks) = networks
            && networks.len() == 1
        {
            host.network_mode = networks.into_keys().next();
        }
        // These it keeps to itself.
        if host.sysctls.is_none() {
            host.sysctls.clone_from(&asked.sysctls);
        }
        capabilities(host);
        limits(host);
        mounts(host);
        memory_file_systems(host, asked);
        // It keeps the size to itself: only the kind can be compared.
        let kind = |host: &HostConfig| host.log_config.as_ref().and_then(|log| log.typ.clone());
        if kind(host) == kind(asked) {
            host.log_config.clone_from(&asked.log_config);
        }
    }
    if let Some(env) = found.config.as_mut().and_then(|config| config.env.as_mut()) {
        env.retain(|entry| {
            let name = entry.split('=').next().unwrap_or_default();
            !OWN_VARIABLES.contains(&name)
        });
    }
    found
}

/// A list of all that there were means what `ALL` means.
fn capabilities(host: &mut HostConfig) {
    let dropped: BTreeSet<String> = host
        .cap_drop
        .iter()
        .flatten()
        .map(|name| name.trim_start_matches("CAP_").to_owned())
        .collect();
    if CAPABILITIES.iter().all(|name| dropped.contains(*name)) {
        host.cap_drop = Some(vec!["ALL".to_owned()]);
    }
}

fn limits(host: &mut HostConfig) {
    for limit in host.ulimits.iter_mut().flatten() {
        let name = limit.name.take().unwrap_or_default();
        limit.name = Some(name.trim_start_matches("RLIMIT_").to_ascii_lowercase());
    }
    if let Some(list) = &mut host.ulimits {
        // Its own; processes are bounded by the control group.
        list.retain(|limit| limit.name.as_deref() != Some("nproc"));
    }
}

/// `SOURCE:TARGET:OPTIONS`, for volumes as well.
fn mounts(host: &mut HostConfig) {
    let Some(binds) = host.binds.take() else {
        return;
    };
    let read = |bind: &String| -> Option<Mount> {
        let mut parts = bind.rsplitn(3, ':');
        let (options, target, source) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = match source.starts_with('/') {
            true => MountType::BIND,
            false => MountType::VOLUME,
        };
        Some(Mount {
            typ: Some(kind),
            source: Some(source.to_owned()),
            target: Some(target.to_owned()),
            read_only: Some(options.split(',').any(|option| option == "ro")),
            ..Default::default()
        })
    };
    match binds.iter().map(read).collect::<Option<Vec<Mount>>>() {
        Some(mounts) => host.mounts.get_or_insert_default().extend(mounts),
        // What does not read stays as it is, and is wider than asked for.
        None => host.binds = Some(binds),
    }
}

fn memory_file_systems(host: &mut HostConfig, asked: &HostConfig) {
    let wanted = asked.tmpfs.clone().unwrap_or_default();
    let Some(found) = &mut host.tmpfs else {
        return;
    };
    found.retain(|path, _| wanted.contains_key(path) || !OWN_TMPFS.contains(&path.as_str()));
    let set = |options: &str| -> BTreeSet<String> {
        let all = options.split(',').map(str::to_owned);
        all.filter(|option| !OWN_OPTIONS.contains(&option.as_str()))
            .collect()
    };
    let same = |(path, options): (&String, &String)| {
        wanted
            .get(path)
            .is_some_and(|asked| set(asked) == set(options))
    };
    let all_same = found.len() == wanted.len() && found.iter().all(same);
    if all_same {
        *found = wanted;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bollard::models::{ContainerConfig, ResourcesUlimits};
    use std::collections::HashMap;

    fn told(host: HostConfig) -> HostConfig {
        let tmpfs = HashMap::from([("/tmp".to_owned(), "rw,exec,size=1".to_owned())]);
        let asked = HostConfig {
            tmpfs: Some(tmpfs),
            ..Default::default()
        };
        let found = ContainerInspectResponse {
            host_config: Some(host),
            config: Some(ContainerConfig {
                env: Some(
                    ["container=podman", "HOSTNAME=sandbox", "A=b"]
                        .map(str::to_owned)
                        .into(),
                ),
                ..Default::default()
            }),
            ..Default::default()
        };
        let told = in_dockers_words(found, &asked);
        assert_eq!(told.config.unwrap().env.unwrap(), ["A=b"]);
        told.host_config.unwrap()
    }

    #[test]
    fn what_podman_says_becomes_what_docker_would() {
        let names = CAPABILITIES.map(|name| format!("CAP_{name}"));
        let limit = |name: &str| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(1),
            hard: Some(1),
        };
        let host = told(HostConfig {
            cap_drop: Some(names.to_vec()),
            ulimits: Some(vec![limit("RLIMIT_NOFILE"), limit("RLIMIT_NPROC")]),
            binds: Some(vec![
                "/data/a:b:/workspace:rprivate,bind,rw".to_owned(),
                "home:/home/agent:ro,nosuid".to_owned(),
            ]),
            tmpfs: Some(HashMap::from([
                (
                    "/tmp".to_owned(),
                    "rw,exec,size=1,rprivate,tmpcopyup".to_owned(),
                ),
                ("/run".to_owned(), "rw".to_owned()),
            ])),
            ..Default::default()
        });
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.ulimits, Some(vec![limit("nofile")]));
        assert_eq!(host.binds, None);
        let mounts = host.mounts.unwrap();
        assert_eq!(mounts[0].source.as_deref(), Some("/data/a:b"));
        assert_eq!(
            (mounts[0].typ, mounts[0].read_only),
            (Some(MountType::BIND), Some(false))
        );
        assert_eq!(
            (mounts[1].typ, mounts[1].read_only),
            (Some(MountType::VOLUME), Some(true))
        );
        assert_eq!(host.tmpfs.unwrap()["/tmp"], "rw,exec,size=1");
    }

    #[test]
    fn what_is_wider_stays_visible() {
        let host = told(HostConfig {
            cap_drop: Some(
                CAPABILITIES[1..]
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
            ),
            binds: Some(vec!["nonsense".to_owned()]),
            tmpfs: Some(HashMap::from([
                ("/tmp".to_owned(), "rw,exec,suid,size=1".to_owned()),
                ("/etc".to_owned(), "rw".to_owned()),
            ])),
            ..Default::default()
        });
        assert_ne!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert!(host.binds.is_some());
        let tmpfs = host.tmpfs.unwrap();
        assert!(tmpfs["/tmp"].contains("suid") && tmpfs.contains_key("/etc"));
    }
    #[cfg(unix)]
    #[tokio::test]
    async fn an_ordinary_users_is_told_from_roots() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let folder = tempfile::tempdir().unwrap();
        for (at, (answer, expected)) in [
            (
                "HTTP/1.0 200 OK\r\n\r\n{\"ID\":\"x\",\"Rootless\":true}",
                true,
            ),
            (
                "HTTP/1.0 200 OK\r\n\r\n{\"ID\":\"x\",\"Rootless\":false}",
                false,
            ),
            ("HTTP/1.0 200 OK\r\n\r\n{\"ID\":\"x\"}", false),
            ("HTTP/1.0 500 No\r\n\r\n", false),
            ("nonsense", false),
            ("", false),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.path().join(at.to_string());
            let listener = tokio::net::UnixListener::bind(&path).unwrap();
            let answering = async {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut asked = [0; 512];
                let count = client.read(&mut asked).await.unwrap();
                assert!(asked[..count].starts_with(b"GET /v1.41/info HTTP/1.0\r\n"));
                client.write_all(answer.as_bytes()).await.unwrap();
            };
            let (told, ()) = tokio::join!(is_rootless(&path, Duration::from_secs(5)), answering);
            assert_eq!(told, expected, "{answer}");
        }
        let nobody = folder.path().join("nobody");
        assert!(!is_rootless(&nobody, Duration::from_secs(5)).await);
    }
}
