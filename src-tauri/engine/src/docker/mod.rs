//! The container engine, spoken to by its own interface over a local socket.
//!
//! Architecture invariant: every call has a deadline. A hung or absent daemon is an error within
//! seconds, never a hung window. Only objects that carry our labels are ever changed or removed.

pub mod container;
pub mod contract;
pub mod egress_network;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod exec;
pub mod folder_build;
pub mod gateway;
pub(crate) mod home_copier;
pub mod images;
pub mod info;
pub mod labels;
pub mod lifecycle;
mod podman;
pub mod probe;
mod socket;
pub mod stats;
pub mod volumes;

use std::future::Future;
use std::time::Duration;

pub use endpoint::{Endpoint, EndpointSearch};
pub use error::{DockerError, Problem};
pub use info::EngineInfo;

/// How long the engine may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Questions: ping, inspect, list.
    pub ask: Duration,
    /// Changes: create, start, stop, remove.
    pub change: Duration,
    /// Between two messages of a long stream (build, pull).
    pub stream: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            ask: Duration::from_secs(10),
            change: Duration::from_secs(30),
            stream: Duration::from_secs(300),
        }
    }
}

/// A connection to one container engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Docker {
    pub(crate) client: bollard::Docker,
    endpoint: Endpoint,
    pub(crate) deadlines: Deadlines,
    info: EngineInfo,
}

/// The oldest interface that is spoken: Engine 20.10.
const OLDEST_API: (u32, u32) = (1, 41);

impl Docker {
    /// Finds an engine and checks that it can be used.
    ///
    /// # Errors
    /// The most telling failure of all endpoints tried; see [`Problem`].
    pub async fn connect(
        search: &EndpointSearch,
        deadlines: Deadlines,
    ) -> Result<Self, DockerError> {
        let candidates = search.candidates()?;
        let mut worst: Option<DockerError> = None;
        for endpoint in candidates {
            match Self::try_endpoint(endpoint, deadlines).await {
                Ok(docker) => return Ok(docker),
                Err(error) => {
                    // A socket that is there and fails says more than one that is missing.
                    if worst
                        .as_ref()
                        .is_none_or(|w| error.problem.weight() > w.problem.weight())
                    {
                        worst = Some(error);
                    }
                }
            }
        }
        match worst {
            Some(error) if error.problem != Problem::NotInstalled => Err(error),
            // No socket anywhere: the program on the disk tells whether something could be started.
            _ if search.installed => Err(DockerError::new(
                Problem::NotRunning,
                "a container engine is installed and does not run",
            )),
            found => Err(found.unwrap_or_else(|| {
                DockerError::new(
                    Problem::NotInstalled,
                    "no container engine was found on this computer",
                )
            })),
        }
    }

    async fn try_endpoint(endpoint: Endpoint, deadlines: Deadlines) -> Result<Self, DockerError> {
        endpoint.check(deadlines.ask).await?;
        let seconds = deadlines.stream.as_secs();
        let client = bollard::Docker::connect_with_local(
            &endpoint.socket.to_string_lossy(),
            seconds,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|e| DockerError::from_bollard("connect", e))?;
        let client = within(
            deadlines.ask,
            "ask for the version",
            client.negotiate_version(),
        )
        .await?;
        let version = within(deadlines.ask, "ask for the version", client.version()).await?;
        let api = version.api_version.clone().unwrap_or_default();
        if parse_api(&api).is_none_or(|found| found < OLDEST_API) {
            return Err(DockerError::new(
                Problem::TooOld,
                format!(
                    "the container engine speaks interface {api}; 1.41 or newer is needed (Docker Engine 20.10)"
                ),
            ));
        }
        let system = within(deadlines.ask, "ask about the engine", client.info()).await?;
        let rootless =
            info::is_podman(&version) && podman::is_rootless(&endpoint.socket, deadlines.ask).await;
        let info = EngineInfo::new(&version, &system, &endpoint, rootless);
        if info.userns_remap {
            return Err(DockerError::new(
                Problem::Unsupported,
                "this Docker maps container users to others (userns-remap); the workspace could not be shared with it",
            ));
        }
        Ok(Self {
            client,
            endpoint,
            deadlines,
            info,
        })
    }

    /// What was found.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Where it was found.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it answers now.
    pub async fn ping(&self) -> Result<(), DockerError> {
        within(
            self.deadlines.ask,
            "ask whether it is there",
            self.client.ping(),
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn ask<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, DockerError> {
        within(self.deadlines.ask, what, call).await
    }

    pub(crate) async fn change<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, DockerError> {
        within(self.deadlines.change, what, call).await
    }
}

/// Waits for a call, at most as long as its deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    what: &'static str,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, DockerError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(DockerError::from_bollard(what, error)),
        Err(_) => Err(DockerError::new(
            Problem::TimedOut,
            format!(
                "the container engine did not {what} within {} s",
                deadline.as_secs()
            ),
        )),
    }
}

fn parse_api(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
