//! Named volumes: a sandbox's home, its gateway's socket.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};
use std::collections::HashMap;

use super::error::DockerError;
use super::{Docker, labels};
use crate::SandboxId;

impl Docker {
    /// Makes a sandbox's home volume; one that is there already must carry our label.
    pub async fn ensure_home(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<String, DockerError> {
        let name = sandbox.home_volume();
        self.ensure_volume(&name, labels::of_sandbox(instance, sandbox, "home"))
            .await?;
        Ok(name)
    }

    pub(crate) async fn ensure_volume(
        &self,
        name: &str,
        labels: HashMap<String, String>,
    ) -> Result<(), DockerError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone()),
            ..Default::default()
        };
        let volume = self
            .change("make a volume", self.client.create_volume(request))
            .await?;
        // Creating one that exists returns the existing one, whoever made it.
        if labels
            .iter()
            .any(|(key, value)| volume.labels.get(key) != Some(value))
        {
            return Err(DockerError::new(
                super::Problem::Conflict,
                format!("a volume named {name} is there and was not made by this app"),
            ));
        }
        Ok(())
    }

    /// Removes a volume of this instance; a missing one is fine, somebody else's is left alone.
    pub async fn remove_own_volume(&self, instance: &str, name: &str) -> Result<(), DockerError> {
        match self
            .ask("look at a volume", self.client.inspect_volume(name))
            .await
        {
            Ok(volume)
                if volume.labels.get(labels::INSTANCE).map(String::as_str) == Some(instance) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        }
        let call = self.client.remove_volume(name, None::<RemoveVolumeOptions>);
        match self.change("remove a volume", call).await {
            Err(error) if error.is_missing() => Ok(()),
            other => other,
        }
    }

    /// Bytes of this instance's volumes, by name. The engine measures them, which takes a while.
    pub async fn home_bytes(&self, instance: &str) -> Result<HashMap<String, u64>, DockerError> {
        let own = self.own_volumes(instance).await?;
        let options = None::<bollard::query_parameters::DataUsageOptions>;
        let usage = self
            .change("measure the volumes", self.client.df(options))
            .await?;
        // Engines before 28 tell it in a form that the library no longer reads: then nothing is known.
        let volumes = usage
            .volume_usage
            .and_then(|usage| usage.items)
            .unwrap_or_default();
        Ok(volumes
            .into_iter()
            .filter_map(|volume| {
                let name = volume.get("Name")?.as_str()?.to_owned();
                let bytes = volume.get("UsageData")?.get("Size")?.as_u64()?;
                own.contains(&name).then_some((name, bytes))
            })
            .collect())
    }

    /// Names of all volumes of this instance.
    pub async fn own_volumes(&self, instance: &str) -> Result<Vec<String>, DockerError> {
        let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
        let options = ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let found = self
            .ask("list the volumes", self.client.list_volumes(Some(options)))
            .await?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|v| v.name)
            .collect())
    }
}
