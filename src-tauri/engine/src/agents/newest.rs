//! Which version of an agent is the newest: asked of its package registry, in a container.

use super::{Install, Recipe};
use crate::operation::Phase;
use crate::{Engine, Error, Operation, Result};

/// Stands before the answer in what the step prints.
const MARK: &str = "newest-version=";

impl Engine {
    /// Asks the registry. Builds the environment image first where it is not there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Cancelled`], [`Error::Engine`] where the registry is not reached.
    pub async fn newest_version(&self, agent: &str, op: &Operation) -> Result<String> {
        let recipes = self.recipes();
        let install = recipes
            .find(agent)
            .and_then(|recipe: &Recipe| recipe.install.clone());
        let install = install.ok_or_else(|| Error::NotFound {
            what: "installed agent",
            name: agent.to_owned(),
        })?;
        let docker = self.docker().await?;
        let listener = self.image_listener();
        let found = docker
            .ensure_environment(&self.config().certificates, op.cancel(), &listener)
            .await;
        let below = found.map_err(|error| cancelled(error.into(), op))?;
        let dockerfile = dockerfile(&below, &install, self.now());
        let built = docker.build_and_read(&dockerfile, MARK, op.cancel()).await;
        let version = built.map_err(|error| cancelled(error.into(), op))?;
        super::check::version(&version)?;
        Ok(version)
    }
}

impl Engine {
    /// Asks for the newest version of an agent, installs it into a layer, and only then takes it: one that cannot
    /// be installed is never taken. Gives the version. Sandboxes that are there get it when they are started the
    /// next time.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Cancelled`], [`Error::Engine`] where the registry is not reached or the
    /// version does not install; the one of before stays.
    pub async fn update_agent(&self, agent: &str, op: &Operation) -> Result<String> {
        op.enter(Phase::Image)?;
        let version = self.newest_version(agent, op).await?;
        let recipes = self.recipes();
        let found = recipes.find(agent).ok_or_else(|| Error::NotFound {
            what: "agent",
            name: agent.to_owned(),
        })?;
        let mut recipe = found.clone();
        recipe.install = recipe.install.map(|install| install.of_version(&version));
        if recipe.install != found.install {
            let docker = self.docker().await?;
            let below = self.usual_image(&docker, op).await?;
            self.agent_image(&docker, &below, &recipe, op).await?;
            self.choose_version(agent, Some(&version))?;
        }
        Ok(version)
    }
}

fn cancelled(error: Error, op: &Operation) -> Error {
    if op.cancel().is_cancelled() {
        Error::Cancelled
    } else {
        error
    }
}

/// The time is in it: an answer of yesterday is not the newest.
fn dockerfile(image: &str, install: &Install, now: i64) -> String {
    let ask = match install {
        Install::Npm { package, .. } => {
            format!("npm view ${{SSL_CERT_FILE:+--cafile \"$SSL_CERT_FILE\"}} {package} version")
        }
        Install::Pip { package, .. } => format!(
            "python3 -m pip index versions ${{SSL_CERT_FILE:+--cert \"$SSL_CERT_FILE\"}} \
             --ignore-requires-python {package} 2>/dev/null | sed -n 's/^[^(]*(\\([^)]*\\)).*/\\1/p' | head -n 1"
        ),
    };
    format!("FROM {image}\nUSER 0:0\nRUN : {now}; echo \"{MARK}$({ask})\"\n")
}
