//! Which version of an agent is the newest: asked of its package registry, in a container.

use super::{Install, Recipe};
use crate::event::{Event, ImageProgress};
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
        let events = self.events().clone();
        let listener = move |progress: ImageProgress| events.send(Event::Image(progress));
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
