//! What an image has in it, from a container that is never started.

use std::collections::BTreeSet;
use std::io::Read;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptions,
    DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::StreamExt;
use sandbox_protocol::egress::RELAY_FOLDER;
use sandbox_workspace::Cancel;

use crate::docker::container::{GUEST, HOME, WORKSPACE};
use crate::docker::error::{DockerError, Problem};
use crate::docker::{Docker, labels};
use crate::image::CERTIFICATES;

/// Folders in which something of ours, or of the engine's, is put or mounted.
const OURS: [&str; 9] = [
    WORKSPACE,
    HOME,
    GUEST,
    RELAY_FOLDER,
    CERTIFICATES,
    "/tmp",
    "/dev",
    "/proc",
    "/sys",
];
/// How the engine's interface says that something is a symbolic link.
const MODE_LINK: u32 = 1 << 27;

/// The path and all folders above it but the root.
fn way_to(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let above = path.match_indices('/').map(move |(at, _)| &path[..at]);
    above.chain([path]).filter(|part| !part.is_empty())
}

impl Docker {
    /// `/etc/passwd` and `/etc/group` of an image, from a container that is never started.
    ///
    /// # Errors
    /// [`Problem::Unsupported`] where a folder of ours, or one of its `volumes`, is or lies behind a link: what is
    /// copied or mounted there would come to lie elsewhere, in the workspace for instance.
    pub(super) async fn accounts(
        &self,
        image: &str,
        name: &str,
        volumes: &[String],
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
        let link = self.link_on_the_way(&made.id, volumes).await;
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let call = self.client.remove_container(&made.id, Some(options));
        self.change("put the look into the image away", call)
            .await?;
        if let Some(link) = link? {
            return Err(DockerError::new(
                Problem::Unsupported,
                format!(
                    "{} is a link in the image {name}, so that what the sandbox has there would lie elsewhere; choose an image where it is a folder",
                    link.escape_default()
                ),
            ));
        }
        Ok((passwd?, group?))
    }

    /// The first link on the way to a folder of ours, or to one of the volumes.
    async fn link_on_the_way(
        &self,
        container: &str,
        volumes: &[String],
    ) -> Result<Option<String>, DockerError> {
        let folders = OURS.into_iter().chain(volumes.iter().map(String::as_str));
        let ways: BTreeSet<&str> = folders.flat_map(way_to).collect();
        for path in ways {
            if self.is_link(container, path).await? {
                return Ok(Some(path.to_owned()));
            }
        }
        Ok(None)
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
            Ok(found) => Ok(found.file_mode & MODE_LINK != 0),
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

#[cfg(test)]
mod tests {
    use super::way_to;

    #[test]
    fn each_folder_on_a_way_is_looked_at() {
        let way: Vec<&str> = way_to("/home/agent/").collect();
        assert_eq!(way, ["/home", "/home/agent"]);
        assert_eq!(way_to("/tmp").collect::<Vec<_>>(), ["/tmp"]);
        assert_eq!(way_to("/").count(), 0);
    }
}
