//! What a recipe puts into a home: answers to questions that its agent asks at its first start. Only what is absent
//! is put there, so nothing of the agent's or its user's is ever changed.

use sandbox_protocol::login::{LoginFile, LoginSaid};

use super::{Engine, log_ins, proof};
use crate::agents::Recipe;
use crate::docker::Docker;
use crate::state::activity::ActivityKind;
use crate::state::record::Record;
use crate::{Result, SandboxId};

impl Engine {
    /// Answers what a sandbox's agent would ask at its first start, before it is started: a key or a log-in may have
    /// come since the sandbox was. That it fails stops nothing: the agent asks.
    pub async fn ready_agent(&self, id: &SandboxId) -> Result<()> {
        let (_, record) = self.load(id)?;
        let docker = self.docker().await?;
        let entry = proof::entry(self, &docker, &record).await?;
        put_in(self, &record, &docker, &entry.container).await;
        Ok(())
    }
}

/// Into a sandbox that runs.
pub(super) async fn put_in(engine: &Engine, record: &Record, docker: &Docker, container: &str) {
    if let Err(error) = try_put_in(engine, record, docker, container).await {
        let what = "Its agent may ask what it asks at a first start";
        let why = error.to_string();
        engine.note(&record.id, ActivityKind::Started, what, why, None);
    }
}

async fn try_put_in(
    engine: &Engine,
    record: &Record,
    docker: &Docker,
    container: &str,
) -> Result<()> {
    let recipes = engine.recipes();
    let Some(recipe) = recipes.find(&record.agent) else {
        return Ok(());
    };
    if recipe.home.is_empty() || !is_known(engine, record, recipe, docker, container).await? {
        return Ok(());
    }
    let paths: Vec<String> = recipe.home.keys().cloned().collect();
    let mut absent = Vec::new();
    for said in log_ins::look(docker, container, &paths).await? {
        if let LoginSaid::Missing { path } = said
            && let Some(text) = recipe.home.get(&path)
        {
            absent.push(LoginFile {
                path,
                content: text.clone(),
            });
        }
    }
    if absent.is_empty() {
        return Ok(());
    }
    log_ins::write(docker, container, &absent).await
}

/// Whether it has a key or a log-in. Without one its own first start leads to a log-in, and is left alone.
async fn is_known(
    engine: &Engine,
    record: &Record,
    recipe: &Recipe,
    docker: &Docker,
    container: &str,
) -> Result<bool> {
    if recipe.keys.is_empty() && recipe.login_files.is_empty() {
        return Ok(true);
    }
    if engine.agent_has_key(record) {
        return Ok(true);
    }
    let Some(token) = recipe.login_files.first() else {
        return Ok(false);
    };
    let said = log_ins::look(docker, container, std::slice::from_ref(token)).await?;
    Ok(matches!(said.as_slice(), [LoginSaid::Found { .. }]))
}
