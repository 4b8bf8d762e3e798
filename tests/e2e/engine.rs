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
        let _ = cleaning.join();
    }
}

async fn remove(label: String) {
    let Ok(docker) = Docker::connect_with_defaults() else {
        return;
    };
    let filters = HashMap::from([("label", vec![label])]);
    let containers = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    for container in docker
        .list_containers(Some(containers))
        .await
        .unwrap_or_default()
    {
        let force = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        let _ = docker
            .remove_container(&container.id.unwrap_or_default(), Some(force))
            .await;
    }
    let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
    for network in docker
        .list_networks(Some(networks))
        .await
        .unwrap_or_default()
    {
        let _ = docker.remove_network(&network.id.unwrap_or_default()).await;
    }
    let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let found = docker
        .list_volumes(Some(volumes))
        .await
        .ok()
        .and_then(|found| found.volumes);
    for volume in found.unwrap_or_default() {
        let _ = docker
            .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
            .await;
    }
}
