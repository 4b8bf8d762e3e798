//! What a recipe puts into a home: answers to questions that its agent asks at its first start. Only what is absent
//! is put there, so nothing of the agent's or its user's is ever changed.

use sandbox_protocol::login::{LoginFile, LoginSaid};

use super::{Working, log_ins};
use crate::Result;
use crate::agents::Recipe;
use crate::docker::Docker;
use crate::state::activity::ActivityKind;

/// Into a sandbox that was just started; its agent does not run yet. That it fails stops nothing: the agent asks.
pub(super) async fn put_in(working: &Working, docker: &Docker, container: &str) {
    if let Err(error) = try_put_in(working, docker, container).await {
        let what = "Its agent may ask what it asks at a first start";
        let why = error.to_string();
        working
            .engine
            .note(working.id(), ActivityKind::Started, what, why, None);
    }
}

async fn try_put_in(working: &Working, docker: &Docker, container: &str) -> Result<()> {
    let recipes = working.engine.recipes();
    let Some(recipe) = recipes.find(&working.record.agent) else {
        return Ok(());
    };
    if recipe.home.is_empty() || !is_known(working, recipe, docker, container).await? {
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
    working: &Working,
    recipe: &Recipe,
    docker: &Docker,
    container: &str,
) -> Result<bool> {
    if recipe.keys.is_empty() && recipe.login_files.is_empty() {
        return Ok(true);
    }
    if working.engine.agent_has_key(&working.record) {
        return Ok(true);
    }
    let Some(token) = recipe.login_files.first() else {
        return Ok(false);
    };
    let said = log_ins::look(docker, container, std::slice::from_ref(token)).await?;
    Ok(matches!(said.as_slice(), [LoginSaid::Found { .. }]))
}
