//! Removing everything that the app ever made.

use std::fs;

use sandbox_workspace::Dir;

use super::Engine;
use crate::{Error, Result};

/// What there is, or was, to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Containers, by name.
    pub containers: Vec<String>,
    /// Volumes, by name.
    pub volumes: Vec<String>,
    /// Networks, by name.
    pub networks: Vec<String>,
    /// Images, by name.
    pub images: Vec<String>,
    /// Keys and log-ins that are kept outside of the sandboxes: whose, and where.
    pub keys: Vec<String>,
    /// The data directory.
    pub data: String,
    /// What could not be looked at or removed, in words.
    pub kept: Vec<String>,
}

impl Engine {
    /// Lists everything that the app made with this data directory, and its images.
    pub async fn made(&self) -> Result<Purged> {
        let mut all = Purged {
            data: self.data().root().display().to_string(),
            ..Purged::default()
        };
        let keys = self.keys()?.into_iter();
        all.keys = keys
            .map(|kept| format!("key of {}, {}", kept.provider, kept.place.words()))
            .collect();
        let log_ins = self.log_ins()?.into_iter();
        all.keys.extend(
            log_ins.map(|kept| format!("log-in of {}, {}", kept.agent, kept.place.words())),
        );
        let docker = match self.docker().await {
            Ok(docker) => docker,
            Err(error) => {
                all.kept
                    .push(format!("containers, volumes and images: {error}"));
                return Ok(all);
            }
        };
        let instance = self.data().instance();
        let containers = docker.own_containers(instance).await?;
        all.containers = containers.into_iter().map(|(_, name)| name).collect();
        all.volumes = docker.own_volumes(instance).await?;
        all.networks = docker.own_networks(instance).await?;
        all.images = docker.own_images().await?;
        Ok(all)
    }

    /// Removes all of it. Images that another data directory's containers use stay.
    ///
    /// # Errors
    /// [`Error::Engine`] where there is a container and the engine does not answer; nothing is removed then.
    pub async fn purge(&self) -> Result<Purged> {
        let mut all = self.made().await?;
        let docker = self.docker().await;
        if let Err(error) = &docker
            && self.records()?.iter().any(|r| r.container_made)
        {
            return Err(Error::InvalidRequest {
                message: format!(
                    "nothing was removed, for there are containers to remove first: {error}"
                ),
            });
        }
        if let Ok(docker) = docker {
            let instance = self.data().instance();
            for (id, _) in docker.own_containers(instance).await? {
                docker.remove_own(instance, &id).await?;
            }
            for volume in &all.volumes {
                docker.remove_own_volume(instance, volume).await?;
            }
            for network in docker.own_networks(instance).await? {
                docker.remove_own_network(instance, &network).await?;
            }
            for image in &all.images {
                if let Err(error) = docker.remove_image(image).await {
                    all.kept.push(format!("image {image}: {error}"));
                }
            }
        }
        all.kept.extend(self.forget_keys().await);
        let root = self.data().root();
        let folder = Dir::open_root(root)?;
        for name in ["sandboxes", "store", "keys"] {
            if root.join(name).exists() {
                folder.remove_tree(name.as_bytes())?;
            }
        }
        for name in [
            "settings.json",
            "keys.json",
            "log-ins.json",
            "sites.json",
            "agent-versions.json",
            "names.lock",
            "instance.lock",
            "instance",
            "format",
            "lock",
        ] {
            let path = root.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path, e));
                }
                _ => {}
            }
        }
        // A folder that holds something else is the user's.
        if let Err(error) = fs::remove_dir(root) {
            all.kept.push(format!("{}: {error}", root.display()));
        }
        Ok(all)
    }
}
