//! Building the image that a folder's own files ask for. Its recipe is hostile until shown otherwise.
//!
//! What holds: the context is what was handed over and nothing else; no build arguments, no secrets and no
//! log-in of a registry are given; memory, processor and time are bounded; the classic builder knows no
//! privileged steps; nothing that the image's configuration says is trusted later. What does not: the steps
//! run with the engine's own network, before any fence, and may copy from other images of this computer.
//! Whoever offers it says so.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::query_parameters::{
    BuildImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions,
};
use bytes::Bytes;
use futures_util::stream;
use sandbox_workspace::{BlobSource, Cancel};
use tokio::sync::mpsc;

use super::Docker;
use super::error::{DockerError, Problem};
use super::images::{Listener, image_labels};
use crate::event::ImageProgress;
use crate::image::context::{CONTEXT_MOST, Context};

/// The longest that a build may take in all.
const LONGEST: Duration = Duration::from_secs(45 * 60);
/// The largest image that is kept, in bytes.
const LARGEST: i64 = 20 << 30;
/// Memory of a build in bytes, with no swap: the most that the engine's interface can be told.
const MEMORY: i32 = i32::MAX;
/// Microseconds in which a processor's share is counted.
const PERIOD: i32 = 100_000;
/// How often the disk is looked at meanwhile.
const LOOK: Duration = Duration::from_secs(2);
/// Pieces of the context that wait to be sent.
const WAITING: usize = 16;
/// Bytes of one piece.
const PIECE: usize = 256 * 1024;

/// What is to be built.
pub struct FolderBuild<'a> {
    /// What it may copy.
    pub context: Context,
    /// Where the contents are.
    pub blobs: Arc<dyn BlobSource>,
    /// The stage that is wanted.
    pub target: Option<&'a str>,
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// Says whether the disk has room for more.
    pub has_room: &'a (dyn Fn() -> bool + Send + Sync),
}

impl Docker {
    /// Builds it if it is not there; gives its id.
    ///
    /// # Errors
    /// A context over 4 GB, a build over 45 minutes or 20 GB, a disk that gets full, a step that fails.
    pub async fn ensure_folder_image(
        &self,
        build: FolderBuild<'_>,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let tag = format!("agent-sandbox/folder:{}", build.context.key(build.target));
        if let Some(found) = self.image(&tag).await? {
            return Ok(found.id.unwrap_or_default());
        }
        if build.context.bytes > CONTEXT_MOST {
            return Err(DockerError::new(
                Problem::Unsupported,
                "the files that the Dockerfile may copy from have more than 4 GB; leave some out with .dockerignore",
            ));
        }
        let before = self.all_image_ids().await?;
        let made = Mutex::new(Vec::new());
        let noting = |progress: ImageProgress| {
            if let Some(id) = progress.line.as_deref().and_then(layer) {
                made.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            }
            listener(progress);
        };
        let has_room = build.has_room;
        let building = self.build_folder(&tag, build, cancel, &noting);
        let ended = tokio::select! {
            ended = tokio::time::timeout(LONGEST, building) => {
                ended.unwrap_or_else(|_| Err(failed("the image was not built within 45 minutes")))
            }
            () = disk_full(has_room) => {
                Err(failed("the disk was getting full while the image was built, so it was stopped"))
            }
        };
        if ended.is_err() {
            let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.drop_layers(&before, &made).await;
        }
        let id = ended?;
        let size = self.image(&tag).await?.and_then(|image| image.size);
        if size.is_some_and(|size| size > LARGEST) {
            self.remove_image(&tag).await?;
            return Err(failed("the image has more than 20 GB, so it was not kept"));
        }
        Ok(id)
    }

    /// Ids of all images, with those between two steps.
    async fn all_image_ids(&self) -> Result<HashSet<String>, DockerError> {
        let options = ListImagesOptionsBuilder::default().all(true).build();
        let list = self.client.list_images(Some(options));
        let list = self.ask("list the images", list).await?;
        Ok(list.into_iter().map(|image| image.id).collect())
    }

    /// Takes away what a build that failed left between two steps: images that it named, that were not
    /// there before it, and that have no name. The engine keeps what something else stands on.
    async fn drop_layers(&self, before: &HashSet<String>, made: &[String]) {
        for id in made.iter().rev() {
            let Ok(Some(image)) = self.image(id).await else {
                continue;
            };
            let named = !image.repo_tags.unwrap_or_default().is_empty()
                || !image.repo_digests.unwrap_or_default().is_empty();
            let whole = image.id.unwrap_or_default();
            if named || before.contains(&whole) {
                continue;
            }
            let call = self
                .client
                .remove_image(&whole, None::<RemoveImageOptions>, None);
            if let Err(error) = self.change("remove a half-built image", call).await {
                tracing::debug!(%error, "a half-built image stays");
            }
        }
    }

    async fn build_folder(
        &self,
        tag: &str,
        build: FolderBuild<'_>,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let mut options = BuildImageOptionsBuilder::default()
            .dockerfile(&build.context.recipe_name)
            .t(tag)
            .rm(true)
            .forcerm(true)
            .memory(MEMORY)
            .memswap(MEMORY)
            .cpuperiod(PERIOD)
            .cpuquota(quota(build.cpu_millis, self.info().cpus))
            .labels(&image_labels());
        if let Some(target) = build.target {
            options = options.target(target);
        }
        let body = bollard::body_try_stream(archive(build.context, build.blobs));
        let messages = self.client.build_image(options.build(), None, Some(body));
        self.follow_build(tag, messages, cancel, listener).await
    }
}

fn failed(message: &str) -> DockerError {
    DockerError::new(Problem::Failed, message)
}

/// Microseconds of a period; no more cores than there are.
fn quota(cpu_millis: u32, cores: u32) -> i32 {
    let millis = cpu_millis.min(cores.max(1).saturating_mul(1000));
    i32::try_from(u64::from(millis) * PERIOD.unsigned_abs() as u64 / 1000).unwrap_or(i32::MAX)
}

/// The image that a step ended in: ` ---> 0123456789ab`.
fn layer(line: &str) -> Option<String> {
    let id = line.trim().strip_prefix("---> ")?.trim();
    (id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
}

async fn disk_full(has_room: &(dyn Fn() -> bool + Send + Sync)) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if !has_room() {
            return;
        }
    }
}

/// The archive as a stream, made while it is sent: it is never in memory as a whole.
fn archive(
    context: Context,
    blobs: Arc<dyn BlobSource>,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let pieces = Pieces {
            sender: sender.clone(),
            piece: Vec::with_capacity(PIECE),
        };
        if let Err(error) = context.write(blobs.as_ref(), pieces) {
            // Nobody listens any more where the build has ended.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}

/// Collects small writes into pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.sender
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

#[cfg(test)]
mod tests {
    use super::{layer, quota};

    #[test]
    fn steps_name_their_images() {
        assert_eq!(layer(" ---> 0123456789ab").as_deref(), Some("0123456789ab"));
        for line in [
            " ---> Running in 0123456789ab",
            " ---> Using cache",
            "0123456789ab",
        ] {
            assert_eq!(layer(line), None, "{line}");
        }
    }

    #[test]
    fn a_build_gets_no_more_cores_than_there_are() {
        assert_eq!(quota(1500, 4), 150_000);
        assert_eq!(quota(64_000, 2), 200_000);
        assert_eq!(quota(1000, 0), 100_000);
    }
}
