//! What a run leaves in the container engine is removed, also after a failure.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};

/// Removes what carries the label of one data folder, and nothing else.
pub struct Cleaner {
    pub data: PathBuf,
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        let Ok(instance) = std::fs::read_to_string(self.data.join("instance")) else {
            return;
        };
        let label = format!("io.agent-sandbox.instance={}", instance.trim());
        // A thread of its own: the test's runtime may be the one that is being dropped.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(remove(label)))
        });
        // Said and no more: the test has failed or passed by itself.
        match cleaning.join() {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => eprintln!("a test's containers stay: {error}"),
            other => eprintln!("a test's containers stay: {other:?}"),
        }
    }
}

async fn remove(label: String) -> Result<(), bollard::errors::Error> {
    // An engine that is older than the client library refuses its newest version.
    let docker = Docker::connect_with_defaults()?.negotiate_version().await?;
    let filters = HashMap::from([("label", vec![label])]);
    let containers = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let force = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    for container in docker.list_containers(Some(containers)).await? {
        let id = container.id.unwrap_or_default();
        docker.remove_container(&id, Some(force.clone())).await?;
    }
    let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
    for network in docker.list_networks(Some(networks)).await? {
        docker
            .remove_network(&network.id.unwrap_or_default())
            .await?;
    }
    let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let found = docker.list_volumes(Some(volumes)).await?.volumes;
    for volume in found.unwrap_or_default() {
        docker
            .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
            .await?;
    }
    Ok(())
}
