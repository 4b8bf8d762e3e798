//! Named volumes: a sandbox's home, its gateway's socket.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};
use serde::Deserialize;
use std::collections::HashMap;

use super::error::DockerError;
use super::{Docker, labels, socket};
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
    pub async fn volume_bytes(&self, instance: &str) -> Result<HashMap<String, u64>, DockerError> {
        let own = self.own_volumes(instance).await?;
        // The client library reads only the form of the newest engines.
        let socket = &self.endpoint().socket;
        let what = "/system/df?type=volume";
        let used: Option<DiskUsage> = socket::answer(socket, what, self.deadlines.change).await;
        let measured = used.map(DiskUsage::bytes).unwrap_or_default();
        Ok(measured
            .into_iter()
            .filter(|(name, _)| own.contains(name))
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

/// What an engine says of its disk, in either of two forms: before version 28, and since.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DiskUsage {
    volumes: Option<Vec<MeasuredVolume>>,
    volume_usage: Option<VolumeUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeUsage {
    items: Option<Vec<MeasuredVolume>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MeasuredVolume {
    name: String,
    usage_data: Option<UsageData>,
}

/// Below zero where it cannot be told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UsageData {
    size: i64,
}

impl DiskUsage {
    fn bytes(self) -> HashMap<String, u64> {
        let newer = self.volume_usage.and_then(|usage| usage.items);
        let volumes = newer.or(self.volumes).unwrap_or_default();
        let measured = volumes.into_iter().filter_map(|volume| {
            let size = volume.usage_data?.size;
            Some((volume.name, u64::try_from(size).ok()?))
        });
        measured.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_engines_are_read_and_what_is_not_measured_is_left_out() {
        let volumes = r#"[{"Name": "a", "UsageData": {"Size": 7, "RefCount": 1}},
            {"Name": "b", "UsageData": {"Size": -1}}, {"Name": "c", "UsageData": null}, {"Name": "d"}]"#;
        for text in [
            format!(r#"{{"LayersSize": 1, "Images": [], "Volumes": {volumes}}}"#),
            format!(r#"{{"VolumeUsage": {{"ActiveCount": 1, "Items": {volumes}}}}}"#),
        ] {
            let read: DiskUsage = serde_json::from_str(&text).expect(&text);
            assert_eq!(read.bytes(), HashMap::from([("a".to_owned(), 7)]), "{text}");
        }
        let nothing: DiskUsage = serde_json::from_str(r#"{"Volumes": null}"#).expect("reads");
        assert!(nothing.bytes().is_empty());
    }
}
