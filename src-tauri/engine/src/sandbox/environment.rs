//! The image below a sandbox: ours with the wanted packages, a chosen one, or what the folder's own files say.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use sandbox_workspace::{BlobId, BlobSource, Dir, Tree, WorkspacePath};
use tokio::task::block_in_place;

use super::{Engine, Working};
use crate::docker::folder_build::FolderBuild;
use crate::docker::{Docker, DockerError, Problem};
use crate::event::{Event, Events, ImageProgress};
use crate::image::context::{Context, content};
use crate::image::folder::{self, FolderImage, FolderImageError, Found, Plan, RECIPE_MOST};
use crate::image::packages::{self, PackageName};
use crate::operation::Operation;
use crate::{Error, Result};

/// Below this many free bytes a build is stopped.
const ROOM: u64 = 1 << 30;

impl Engine {
    /// Adds packages to the list of the environment and takes others away; gives the list. A sandbox of our
    /// environment has it from its next start on.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a list that is too long.
    pub fn change_packages(
        &self,
        add: &[PackageName],
        remove: &[PackageName],
    ) -> Result<Vec<PackageName>> {
        let mut settings = self.settings()?;
        let mut list = settings.packages;
        list.extend_from_slice(add);
        list.retain(|name| !remove.contains(name));
        list.sort();
        list.dedup();
        check_packages(&list)?;
        settings.packages = list.clone();
        self.save_settings(&settings)?;
        Ok(list)
    }

    /// What the files of a folder say of an environment: for a Dockerfile and for a devcontainer.json.
    /// Changes nothing. What is used later is what was handed over.
    pub fn folder_images(
        &self,
        project: &Path,
    ) -> Result<[(FolderImage, Result<Found, FolderImageError>); 2]> {
        let project = Dir::open_root(project)?;
        let read = |path: &WorkspacePath| {
            let (file, stat) = project.open_file(path).ok()?;
            let mut content = Vec::new();
            let most = stat.size <= RECIPE_MOST;
            (most && file.take(RECIPE_MOST).read_to_end(&mut content).is_ok()).then_some(content)
        };
        Ok([FolderImage::Dockerfile, FolderImage::Devcontainer]
            .map(|kind| (kind, folder::find(kind, &read))))
    }

    /// What a stored tree says of an environment.
    pub(super) fn folder_image_of(&self, tree: &Tree, kind: FolderImage) -> Result<Found> {
        let read = |path: &WorkspacePath| content(tree, self.store(), path).ok().flatten();
        folder::find(kind, &read).map_err(|error| Error::InvalidRequest {
            message: error.to_string(),
        })
    }

    /// The image that a sandbox starts from, made where it is not there; without agent and user.
    pub(super) async fn image_below(
        &self,
        working: &mut Working,
        docker: &Docker,
        op: &Operation,
    ) -> Result<String> {
        if let Some(kind) = working.record.image_from {
            return self.folder_image(working, kind, docker, op).await;
        }
        if let Some(image) = &working.record.image {
            return Ok(image.clone());
        }
        let packages = self.settings()?.packages;
        let id = self.usual_image(docker, op).await?;
        working.record.packages = packages;
        Ok(id)
    }

    /// From the baseline: what an agent writes into its Dockerfile later builds nothing.
    async fn folder_image(
        &self,
        working: &Working,
        kind: FolderImage,
        docker: &Docker,
        op: &Operation,
    ) -> Result<String> {
        let tree = working.find_snapshot(&working.record.baseline)?.tree;
        let tree = self.store().tree(&tree)?;
        let found = self.folder_image_of(&tree, kind)?;
        let (dockerfile, context, target) = match found.plan {
            Plan::Image(image) => return Ok(image),
            Plan::Build {
                dockerfile,
                context,
                target,
            } => (dockerfile, context, target),
        };
        let context =
            block_in_place(|| Context::new(&tree, self.store(), context.as_ref(), &dockerfile))
                .map_err(|error| {
                    DockerError::new(
                        Problem::Failed,
                        format!("could not read what was handed over: {error}"),
                    )
                })?;
        let has_room = || self.free_space().is_ok_and(|free| free >= ROOM);
        let build = FolderBuild {
            context,
            blobs: Arc::new(Contents(self.clone())),
            target: target.as_deref(),
            cpu_millis: working.record.limits.cpu_millis,
            has_room: &has_room,
        };
        let listener = self.image_listener();
        let built = docker
            .ensure_folder_image(build, op.cancel(), &listener)
            .await;
        unless_cancelled(op, built)
    }

    /// Our environment without packages.
    pub(super) async fn environment(&self, docker: &Docker, op: &Operation) -> Result<String> {
        let listener = self.image_listener();
        let built = docker
            .ensure_environment(&self.config().certificates, op.cancel(), &listener)
            .await;
        unless_cancelled(op, built)
    }

    /// Tells everybody who listens how a build goes, and when dropped that it ended.
    pub(crate) fn image_listener(&self) -> impl Fn(ImageProgress) + Send + Sync + 'static {
        let telling = Telling(self.events().clone());
        move |progress| telling.0.send(Event::Image(progress))
    }
}

/// See [`Engine::image_listener`].
struct Telling(Events);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.send(Event::ImageEnded);
    }
}

fn check_packages(list: &[PackageName]) -> Result<()> {
    if list.len() > packages::MOST {
        return Err(Error::InvalidRequest {
            message: format!("there can be {} packages, not more", packages::MOST),
        });
    }
    Ok(())
}

/// What fails because it was cancelled was cancelled.
pub(super) fn unless_cancelled<T>(op: &Operation, done: Result<T, DockerError>) -> Result<T> {
    match done {
        Err(_) if op.cancel().is_cancelled() => Err(Error::Cancelled),
        other => Ok(other?),
    }
}

/// The store of an engine, to be handed to a thread.
struct Contents(Engine);

impl BlobSource for Contents {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        self.0.store().open(id)
    }
}
