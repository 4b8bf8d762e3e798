//! Start, stop, pause, remove, and what state a container is in.

use std::collections::HashMap;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    KillContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};

use super::error::{DockerError, Problem};
use super::{Docker, labels};
use crate::SandboxId;

/// What a container does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// There is none.
    Missing,
    /// Made and never started.
    Created,
    /// It runs.
    Running,
    /// Frozen.
    Paused,
    /// It ended.
    Exited {
        /// 137 is a kill from outside.
        code: i64,
        /// By the kernel, for want of memory.
        out_of_memory: bool,
    },
}

impl ContainerState {
    /// Whether its processes exist.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A container of ours as it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The engine's id.
    pub id: String,
    /// What it does.
    pub state: ContainerState,
    /// The id of its image.
    pub image: String,
    /// When it was last started, in the engine's words.
    pub started: String,
    /// Names of the networks that it is on.
    pub networks: Vec<String>,
}

impl Docker {
    /// The sandbox's container, by its name and only with our labels.
    ///
    /// # Errors
    /// A container of that name without our labels: somebody else's, never touched.
    pub async fn find(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<Option<Found>, DockerError> {
        self.find_named(instance, &sandbox.container_name()).await
    }

    pub(super) async fn find_named(
        &self,
        instance: &str,
        name: &str,
    ) -> Result<Option<Found>, DockerError> {
        let found = match self.inspect("look at the container", name).await {
            Ok(found) => found,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        if !is_ours(instance, &found) {
            return Err(DockerError::new(
                Problem::Conflict,
                format!(
                    "a container named {name} is there and was not made by this app; it is left alone"
                ),
            ));
        }
        Ok(Some(Found {
            id: found.id.clone().unwrap_or_else(|| name.to_owned()),
            state: state(&found),
            image: found.image.unwrap_or_default(),
            started: found
                .state
                .and_then(|state| state.started_at)
                .unwrap_or_default(),
            networks: found
                .network_settings
                .and_then(|settings| settings.networks)
                .map(|networks| networks.into_keys().collect())
                .unwrap_or_default(),
        }))
    }

    /// Starts it; one that runs already is fine.
    pub async fn start(&self, container: &str) -> Result<(), DockerError> {
        let call = self
            .client
            .start_container(container, None::<StartContainerOptions>);
        self.change("start the container", call).await
    }

    /// Asks it to end, and ends it after `seconds`.
    pub async fn stop(&self, container: &str, seconds: i32) -> Result<(), DockerError> {
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let call = self.client.stop_container(container, Some(options));
        gone_is_fine(self.change("stop the container", call).await)
    }

    /// Ends it at once; one that does not run is fine.
    pub async fn kill(&self, container: &str) -> Result<(), DockerError> {
        let options = KillContainerOptionsBuilder::default()
            .signal("SIGKILL")
            .build();
        let call = self.client.kill_container(container, Some(options));
        match self.change("end the container", call).await {
            Err(error) if matches!(error.problem, Problem::Missing | Problem::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Waits until it does not run any more.
    pub async fn wait_until_ended(&self, container: &str) -> Result<(), DockerError> {
        let start = std::time::Instant::now();
        loop {
            match self.inspect("look at the container", container).await {
                Ok(found) if !state(&found).is_up() => return Ok(()),
                Ok(_) if start.elapsed() > self.deadlines.change => {
                    return Err(DockerError::new(
                        Problem::TimedOut,
                        "the container did not end when it was told to",
                    ));
                }
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                Err(error) if error.is_missing() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Freezes it.
    pub async fn pause(&self, container: &str) -> Result<(), DockerError> {
        self.change(
            "pause the container",
            self.client.pause_container(container),
        )
        .await
    }

    /// Lets it go on; one that is not frozen is fine.
    pub async fn unpause(&self, container: &str) -> Result<(), DockerError> {
        let call = self.client.unpause_container(container);
        let Err(error) = self.change("resume the container", call).await else {
            return Ok(());
        };
        let found = self.inspect("look at the container", container).await?;
        if state(&found) == ContainerState::Paused {
            Err(error)
        } else {
            Ok(())
        }
    }

    /// Removes a container of this instance; a missing one is fine, somebody else's is left alone.
    pub async fn remove_own(&self, instance: &str, container: &str) -> Result<(), DockerError> {
        let id = match self.inspect("look at the container", container).await {
            // By id from here on: a name could be another's by now.
            Ok(found) if is_ours(instance, &found) => {
                found.id.unwrap_or_else(|| container.to_owned())
            }
            Ok(_) => return Ok(()),
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        };
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let call = self.client.remove_container(&id, Some(options));
        gone_is_fine(self.change("remove the container", call).await)
    }

    /// Ids and names of all containers of this instance.
    pub async fn own_containers(
        &self,
        instance: &str,
    ) -> Result<Vec<(String, String)>, DockerError> {
        let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let list = self
            .ask(
                "list the containers",
                self.client.list_containers(Some(options)),
            )
            .await?;
        Ok(list
            .into_iter()
            .filter_map(|c| {
                let name = c
                    .names
                    .unwrap_or_default()
                    .into_iter()
                    .next()
                    .unwrap_or_default();
                Some((c.id?, name.trim_start_matches('/').to_owned()))
            })
            .collect())
    }
}

fn is_ours(instance: &str, found: &ContainerInspectResponse) -> bool {
    found
        .config
        .as_ref()
        .and_then(|c| c.labels.as_ref())
        .and_then(|l| l.get(labels::INSTANCE))
        .is_some_and(|i| i == instance)
}

fn gone_is_fine(result: Result<(), DockerError>) -> Result<(), DockerError> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        other => other,
    }
}

fn state(found: &ContainerInspectResponse) -> ContainerState {
    let Some(state) = &found.state else {
        return ContainerState::Missing;
    };
    match state.status {
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::RESTARTING) => {
            ContainerState::Running
        }
        Some(ContainerStateStatusEnum::PAUSED) => ContainerState::Paused,
        Some(ContainerStateStatusEnum::CREATED) => ContainerState::Created,
        _ => ContainerState::Exited {
            code: state.exit_code.unwrap_or(0),
            out_of_memory: state.oom_killed.unwrap_or(false),
        },
    }
}
