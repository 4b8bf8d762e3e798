//! Where a container engine may be found: `DOCKER_HOST`, contexts, the usual sockets.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::error::{DockerError, Problem};
use super::socket;

/// Where to look. Filled by the caller: the engine reads no environment.
#[derive(Debug, Clone, Default)]
pub struct EndpointSearch {
    /// `DOCKER_HOST`, if set: then nothing else is tried.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`, if set.
    pub docker_context: Option<String>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, if set.
    pub runtime_dir: Option<PathBuf>,
    /// The system's own sockets, `/var/run/docker.sock` and the like.
    pub system_sockets: Vec<PathBuf>,
    /// Whether a `docker` or `podman` program was seen: tells "not running" from "not installed".
    pub installed: bool,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its path.
    pub socket: PathBuf,
    /// How it was found, for messages.
    pub found_by: String,
}

impl EndpointSearch {
    /// All endpoints to try, the likeliest first.
    ///
    /// # Errors
    /// A remote engine (tcp, ssh) in `DOCKER_HOST` or the current context is refused with the reason.
    pub fn candidates(&self) -> Result<Vec<Endpoint>, DockerError> {
        if let Some(host) = self.docker_host.as_deref().filter(|h| !h.is_empty()) {
            return Ok(vec![local(host, "DOCKER_HOST")?]);
        }
        let mut found = Vec::new();
        if let Some(endpoint) = self.context()? {
            found.push(endpoint);
        }
        let mut add = |socket: PathBuf, found_by: &str| {
            if !found.iter().any(|e: &Endpoint| e.socket == socket) {
                found.push(Endpoint {
                    socket,
                    found_by: found_by.to_owned(),
                });
            }
        };
        for socket in &self.system_sockets {
            add(socket.clone(), "the usual place");
        }
        if let Some(home) = &self.home {
            for (below, by) in socket::BELOW_HOME {
                add(home.join(below), by);
            }
        }
        if let Some(runtime) = &self.runtime_dir {
            add(runtime.join("docker.sock"), "rootless Docker");
            add(runtime.join("podman/podman.sock"), "Podman");
        }
        Ok(found)
    }

    /// The endpoint of the current Docker context, unless it is the default one.
    fn context(&self) -> Result<Option<Endpoint>, DockerError> {
        let Some(home) = &self.home else {
            return Ok(None);
        };
        let name = match &self.docker_context {
            Some(name) => name.clone(),
            None => match read_json::<Config>(&home.join(".docker/config.json")) {
                Some(Config {
                    current_context: Some(name),
                }) => name,
                _ => return Ok(None),
            },
        };
        if name == "default" || name.is_empty() {
            return Ok(None);
        }
        let folder = home.join(".docker/contexts/meta");
        let Ok(contexts) = std::fs::read_dir(folder) else {
            return Ok(None);
        };
        for context in contexts.flatten() {
            if let Some(meta) = read_json::<Meta>(&context.path().join("meta.json"))
                && meta.name == name
                && let Some(host) = meta.endpoints.docker.and_then(|d| d.host)
            {
                return local(&host, &format!("the Docker context {name}")).map(Some);
            }
        }
        Ok(None)
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host")]
    host: Option<String>,
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Takes a local socket and refuses everything else: a remote engine cannot see the workspace.
fn local(host: &str, found_by: &str) -> Result<Endpoint, DockerError> {
    match socket::path(host) {
        Some(socket) => Ok(Endpoint {
            socket,
            found_by: found_by.to_owned(),
        }),
        None => Err(DockerError::new(
            Problem::Unsupported,
            format!(
                "{found_by} names the container engine {host:?}; only one on this computer, reached by {}, can share the workspace",
                socket::KIND
            ),
        )),
    }
}

impl Endpoint {
    /// Whether a socket is there and lets this user in; tells apart why not.
    ///
    /// Never by a blocking connect: a stopped engine whose queue is full would hold this thread for ever.
    pub(crate) async fn check(&self, deadline: Duration) -> Result<(), DockerError> {
        let at = self.socket.display();
        let missing = || {
            DockerError::new(
                Problem::NotInstalled,
                format!("no container engine at {at} ({})", self.found_by),
            )
        };
        match socket::is_there(&self.socket) {
            Ok(true) => {}
            Ok(false) => {
                return Err(DockerError::new(
                    Problem::NotRunning,
                    format!("{at} ({}) is not a socket", self.found_by),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(refused(&at));
            }
            Err(_) => return Err(missing()),
        }
        match tokio::time::timeout(deadline, socket::connect(&self.socket)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match error.kind() {
                io::ErrorKind::PermissionDenied => refused(&at),
                io::ErrorKind::WouldBlock => hangs(&at),
                io::ErrorKind::NotFound => missing(),
                _ => DockerError::new(
                    Problem::NotRunning,
                    format!(
                        "a container engine is installed and does not run (nobody answers at {at})"
                    ),
                ),
            }),
            Err(_) => Err(hangs(&at)),
        }
    }
}

fn hangs(at: &dyn std::fmt::Display) -> DockerError {
    DockerError::new(
        Problem::TimedOut,
        format!("the container engine at {at} takes no connections"),
    )
}

fn refused(at: &dyn std::fmt::Display) -> DockerError {
    DockerError::new(
        Problem::NoPermission,
        format!("a container engine is running, and your account may not use it ({at})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_engines_are_refused_and_local_ones_taken() {
        for remote in [
            "tcp://10.0.0.1:2375",
            "ssh://me@host",
            "http://x",
            "unix://relative",
        ] {
            let search = EndpointSearch {
                docker_host: Some(remote.to_owned()),
                ..Default::default()
            };
            let error = search.candidates().expect_err(remote);
            assert_eq!(error.problem, Problem::Unsupported, "{remote}");
        }
        let search = EndpointSearch {
            docker_host: Some("unix:///tmp/x.sock".to_owned()),
            ..Default::default()
        };
        let found = search.candidates().expect("local");
        assert_eq!(found.len(), 1, "with DOCKER_HOST nothing else is tried");
        assert_eq!(found[0].socket, Path::new("/tmp/x.sock"));
    }

    #[test]
    fn the_current_context_comes_first() {
        let home = tempfile::tempdir().expect("temp dir");
        let meta = home.path().join(".docker/contexts/meta/abc");
        std::fs::create_dir_all(&meta).expect("makes");
        std::fs::write(
            home.path().join(".docker/config.json"),
            r#"{"currentContext":"mine"}"#,
        )
        .expect("writes");
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"mine","Endpoints":{"docker":{"Host":"unix:///run/mine.sock"}}}"#,
        )
        .expect("writes");
        let search = EndpointSearch {
            home: Some(home.path().to_owned()),
            ..Default::default()
        };
        let found = search.candidates().expect("reads");
        assert_eq!(found[0].socket, Path::new("/run/mine.sock"));
    }
}
