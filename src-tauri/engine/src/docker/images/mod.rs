//! Images: the environment, the personal layer, the guest's own.

mod build;
mod look;

use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::StreamExt;
use sandbox_workspace::Cancel;

use self::build::tell;
use super::Docker;
use super::error::{DockerError, Problem};
use crate::agents::{Recipe, layer};
use crate::event::ImageProgress;
use crate::image::packages::PackageName;
use crate::image::{self, Layer};

pub(super) use self::build::image_labels;

/// Told how a build goes.
pub type Listener<'a> = &'a (dyn Fn(ImageProgress) + Send + Sync);

/// An image that a sandbox can be made from.
#[derive(Debug, Clone)]
pub struct Personal {
    /// Its id.
    pub id: String,
    /// Names of the environment variables that the image below sets.
    pub env: Vec<String>,
    /// Folders that the image below declares as volumes.
    pub volumes: Vec<String>,
}

impl Docker {
    /// The image of that name or id, if it is there.
    pub async fn image(&self, reference: &str) -> Result<Option<ImageInspect>, DockerError> {
        match self
            .ask("look at an image", self.client.inspect_image(reference))
            .await
        {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn local_images(&self) -> Result<Vec<ImageSummary>, DockerError> {
        let options = ListImagesOptionsBuilder::default().build();
        self.ask("list the images", self.client.list_images(Some(options)))
            .await
    }

    /// Tags of all local images that a person could choose: not our own parts.
    pub async fn image_names(&self) -> Result<Vec<String>, DockerError> {
        let list = self.local_images().await?;
        let mut names: Vec<String> = list
            .into_iter()
            .flat_map(|i| i.repo_tags)
            .filter(|tag| !tag.starts_with("agent-sandbox/") && !tag.contains("<none>"))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Size in bytes of all images of ours together, shared layers counted once by the largest.
    pub async fn own_image_bytes(&self) -> Result<u64, DockerError> {
        let list = self.local_images().await?;
        let largest = list
            .into_iter()
            .filter(|i| i.repo_tags.iter().any(|t| t.starts_with("agent-sandbox/")))
            .filter_map(|i| u64::try_from(i.size).ok())
            .max();
        Ok(largest.unwrap_or(0))
    }

    /// Names of the images that this app made. The base is one of them only where it can be fetched again.
    pub async fn own_images(&self) -> Result<Vec<String>, DockerError> {
        let list = self.local_images().await?;
        let mut names: Vec<String> = list
            .into_iter()
            .filter(|i| !i.repo_digests.is_empty() || !i.repo_tags.iter().any(|t| t == image::BASE))
            .flat_map(|i| i.repo_tags)
            .filter(|tag| tag.starts_with("agent-sandbox/"))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes one of our images by its name; one that a container uses stays.
    ///
    /// # Errors
    /// A name that is not ours, or an image in use.
    pub async fn remove_image(&self, name: &str) -> Result<(), DockerError> {
        if !name.starts_with("agent-sandbox/") {
            return Err(DockerError::new(
                Problem::Conflict,
                format!("{name} was not made by this app"),
            ));
        }
        let call = self
            .client
            .remove_image(name, None::<RemoveImageOptions>, None);
        match self.change("remove the image", call).await {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    /// The environment's tag if it is built already.
    pub async fn environment(
        &self,
        certificates: &[u8],
    ) -> Result<Option<ImageInspect>, DockerError> {
        let Some(base) = self.image(image::BASE).await? else {
            return Ok(None);
        };
        let tag = image::environment_tag(&base.id.unwrap_or_default(), certificates);
        self.image(&tag).await
    }

    /// Builds the environment if it is not there; gives its id.
    pub async fn ensure_environment(
        &self,
        certificates: &[u8],
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        if let Some(found) = self.environment(certificates).await? {
            return Ok(found.id.unwrap_or_default());
        }
        let base = self.ensure_base(cancel, listener).await?;
        let tag = image::environment_tag(&base, certificates);
        let context = image::environment_context(certificates).map_err(|e| tar_failed(&e))?;
        self.build(&tag, context, cancel, listener).await
    }

    async fn ensure_base(
        &self,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        if let Some(found) = self.image(image::BASE).await? {
            return Ok(found.id.unwrap_or_default());
        }
        let (name, tag) = image::BASE_PULL;
        tell(listener, "Fetching the base system", None, None);
        let options = CreateImageOptionsBuilder::default()
            .from_image(name)
            .tag(tag)
            .build();
        let mut stream = self.client.create_image(Some(options), None, None);
        loop {
            let next = self
                .next("fetch the base system", cancel, stream.next())
                .await?;
            let Some(message) = next else { break };
            let message = message.map_err(|error| {
                base_missing(&DockerError::from_bollard("fetch the base system", error))
            })?;
            if let Some(status) = message.status {
                tell(listener, "Fetching the base system", None, Some(status));
            }
        }
        let (repo, base_tag) = image::BASE
            .split_once(':')
            .unwrap_or((image::BASE, "latest"));
        let options = TagImageOptionsBuilder::default()
            .repo(repo)
            .tag(base_tag)
            .build();
        let pulled = format!("{name}:{tag}");
        let call = self.client.tag_image(&pulled, Some(options));
        self.change("name the base system", call).await?;
        let found = self.image(image::BASE).await?;
        found.and_then(|i| i.id).ok_or_else(|| {
            base_missing(&DockerError::new(
                Problem::Missing,
                "it is not there after fetching",
            ))
        })
    }

    /// An agent's layer on an image; gives its id.
    pub async fn ensure_agent(
        &self,
        below: &str,
        recipe: &Recipe,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let found = self.image(below).await?;
        let id = found.and_then(|image| image.id).unwrap_or_default();
        let Some(dockerfile) = layer::dockerfile(&id, recipe) else {
            return Ok(below.to_owned());
        };
        let tag = format!(
            "agent-sandbox/{}:{}",
            recipe.id,
            image::key(&[dockerfile.as_bytes()])
        );
        let phase = format!("Installing {}", recipe.name);
        self.ensure_layer(&tag, &dockerfile, &phase, cancel, listener)
            .await
    }

    /// System packages on the environment; gives its id. `below` must be one of Debian.
    pub async fn ensure_packages(
        &self,
        below: &str,
        packages: &[PackageName],
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        let Some(dockerfile) = image::packages::dockerfile(below, packages) else {
            return Ok(below.to_owned());
        };
        let key = image::key(&[dockerfile.as_bytes()]);
        let tag = format!("agent-sandbox/packages:{key}");
        self.ensure_layer(&tag, &dockerfile, "Adding packages", cancel, listener)
            .await
    }

    /// The image of that tag, built from its recipe alone where it is missing; gives its id.
    async fn ensure_layer(
        &self,
        tag: &str,
        dockerfile: &str,
        phase: &str,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<String, DockerError> {
        if let Some(found) = self.image(tag).await? {
            return Ok(found.id.unwrap_or_default());
        }
        tell(listener, phase, None, None);
        let context = image::one_file(dockerfile.as_bytes()).map_err(|e| tar_failed(&e))?;
        let named = |progress: ImageProgress| {
            listener(ImageProgress {
                phase: phase.to_owned(),
                fraction: None,
                ..progress
            });
        };
        self.build(tag, context, cancel, &named).await
    }

    /// Builds an image for what one of its steps prints behind a mark, and takes it away again.
    ///
    /// # Errors
    /// A step that fails, or says nothing of the kind.
    pub async fn build_and_read(
        &self,
        dockerfile: &str,
        mark: &str,
        cancel: &Cancel,
    ) -> Result<String, DockerError> {
        let tag = format!(
            "agent-sandbox/asked:{}",
            image::key(&[dockerfile.as_bytes()])
        );
        let context = image::one_file(dockerfile.as_bytes()).map_err(|e| tar_failed(&e))?;
        let said = std::sync::Mutex::new(None);
        let listener = |progress: ImageProgress| {
            let line = progress.line.unwrap_or_default();
            if let Some((_, answer)) = line.split_once(mark)
                && !answer.contains('$')
                && let Ok(mut said) = said.lock()
            {
                *said = Some(answer.trim().to_owned());
            }
        };
        self.build(&tag, context, cancel, &listener).await?;
        self.remove_image(&tag).await?;
        let said = said.into_inner().ok().flatten();
        said.filter(|answer| !answer.is_empty()).ok_or_else(|| {
            DockerError::new(
                Problem::Failed,
                "the package registry did not say which version is the newest",
            )
        })
    }

    /// Our thin layer on an image: user, home, certificates, guest. Runs nothing of the image.
    pub async fn ensure_personal(
        &self,
        below: &str,
        uid: u32,
        gid: u32,
        certificates: &[u8],
        guest: &[u8],
    ) -> Result<Personal, DockerError> {
        let found = self.image(below).await?.ok_or_else(|| {
            DockerError::new(
                Problem::Missing,
                format!("there is no image {below} on this computer; fetch it first, for instance with docker pull"),
            )
        })?;
        let id = found.id.clone().unwrap_or_default();
        let config = found.config.clone().unwrap_or_default();
        if config
            .on_build
            .as_ref()
            .is_some_and(|triggers| !triggers.is_empty())
        {
            return Err(DockerError::new(
                Problem::Unsupported,
                format!(
                    "the image {below} asks to run commands while it is built upon (ONBUILD); it is refused"
                ),
            ));
        }
        let volumes = config.volumes.unwrap_or_default();
        image::volumes::check(below, &volumes)?;
        let layer = Layer {
            image: &id,
            uid,
            gid,
            certificates,
            guest,
        };
        let tag = layer.tag();
        let own = match self.image(&tag).await? {
            Some(own) => own.id.unwrap_or_default(),
            None => {
                let (passwd, group) = self.accounts(&id, below, &volumes).await?;
                let context = layer.context(&passwd, &group).map_err(|e| tar_failed(&e))?;
                self.build(&tag, context, &Cancel::default(), &|_| {})
                    .await?
            }
        };
        let env = config.env.unwrap_or_default();
        Ok(Personal {
            id: own,
            env: env
                .iter()
                .filter_map(|e| e.split('=').next())
                .map(str::to_owned)
                .collect(),
            volumes,
        })
    }

    /// An image with the guest and nothing else; gives its tag. Imported, not built: no builder and no registry is needed.
    pub async fn ensure_guest_image(&self, guest: &[u8]) -> Result<String, DockerError> {
        let content = image::guest_only(guest).map_err(|e| tar_failed(&e))?;
        let tag = format!("agent-sandbox/guest:{}", image::key(&[&content]));
        if self.image(&tag).await?.is_some() {
            return Ok(tag);
        }
        self.import(&tag, content).await?;
        Ok(tag)
    }
}

fn tar_failed(error: &std::io::Error) -> DockerError {
    DockerError::new(
        Problem::Failed,
        format!("could not pack the image's parts: {error}"),
    )
}

fn base_missing(why: &DockerError) -> DockerError {
    DockerError::new(
        Problem::Missing,
        format!(
            "the base system is not on this computer and could not be fetched ({why}); connect to the internet and try again, or, from the source code, run `cargo xtask run`, which makes it from Debian's packages"
        ),
    )
}
