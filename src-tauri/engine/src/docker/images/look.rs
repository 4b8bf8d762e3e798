//! What an image has in it, from a container that is never started.

use std::io::Read;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptions,
    DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::StreamExt;
use sandbox_workspace::Cancel;

use crate::docker::container::WORKSPACE;
use crate::docker::error::{DockerError, Problem};
use crate::docker::{Docker, labels};

impl Docker {
    /// `/etc/passwd` and `/etc/group` of an image, from a container that is never started.
    pub(super) async fn accounts(
        &self,
        image: &str,
        name: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), DockerError> {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: Some(vec!["/never-started".to_owned()]),
            cmd: Some(Vec::new()),
            labels: Some(labels::shared("probe")),
            network_disabled: Some(true),
            ..Default::default()
        };
        let call = self
            .client
            .create_container(None::<CreateContainerOptions>, body);
        let made = self.change("look into the image", call).await?;
        let passwd = self.read_file(&made.id, "/etc/passwd").await;
        let group = self.read_file(&made.id, "/etc/group").await;
        let link = self.is_link(&made.id, WORKSPACE).await;
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let call = self.client.remove_container(&made.id, Some(options));
        self.change("put the look into the image away", call)
            .await?;
        if link? {
            return Err(DockerError::new(
                Problem::Unsupported,
                format!(
                    "{WORKSPACE} is a link in the image {name}: the workspace would hide another folder of it"
                ),
            ));
        }
        Ok((passwd?, group?))
    }

    /// Whether a path of a container that never ran is a symbolic link; false where nothing is there.
    async fn is_link(&self, container: &str, path: &str) -> Result<bool, DockerError> {
        let options = ContainerArchiveInfoOptionsBuilder::default()
            .path(path)
            .build();
        let call = self
            .client
            .get_container_archive_info(container, Some(options));
        match self.ask("look into the image", call).await {
            Ok(found) => Ok(!found.link_target.is_empty()),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A small file of a container that never ran; empty where there is none.
    async fn read_file(&self, container: &str, path: &str) -> Result<Vec<u8>, DockerError> {
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let mut stream = self
            .client
            .download_from_container(container, Some(options));
        let mut archive = Vec::new();
        while let Some(piece) = self
            .next(
                "read the image's accounts",
                &Cancel::default(),
                stream.next(),
            )
            .await?
        {
            match piece {
                Ok(bytes) if archive.len() < 1024 * 1024 => archive.extend_from_slice(&bytes),
                Ok(_) => break,
                // An image without accounts is fine; a failure must not become one.
                Err(error) => {
                    let error = DockerError::from_bollard("read the image's accounts", error);
                    return if error.is_missing() {
                        Ok(Vec::new())
                    } else {
                        Err(error)
                    };
                }
            }
        }
        let mut content = Vec::new();
        if let Ok(entries) = tar::Archive::new(archive.as_slice()).entries() {
            for entry in entries.flatten() {
                if entry.header().entry_type().is_file() {
                    let _ = entry.take(256 * 1024).read_to_end(&mut content);
                    break;
                }
            }
        }
        Ok(content)
    }
}
