//! The agents, and which version of each is taken.

use agent_sandbox::ipc::handover::{AgentCard, AgentProblem};
use sandbox_engine::agents::{self as recipes, Recipe, RecipeProblem};
use tauri::State;
use tokio::task::block_in_place;

use crate::desk::{Answer, Desk};
use crate::operations::Operations;

#[tauri::command]
pub async fn agents(desk: State<'_, Desk>) -> Answer<Vec<AgentCard>> {
    Ok(cards(&desk))
}

/// What of the user's own file could not be taken.
#[tauri::command]
pub fn agent_problems(desk: State<'_, Desk>) -> Vec<AgentProblem> {
    let all = desk.engine().recipes();
    let told = |problem: &RecipeProblem| AgentProblem {
        path: problem.path.to_string_lossy().into_owned(),
        line: problem.line.and_then(|line| u32::try_from(line).ok()),
        what: problem.what.clone(),
        fix: problem.fix.to_owned(),
    };
    all.problems.iter().map(told).collect()
}

/// Asks for the newest version of an agent and takes it once it is installed; cancelled, the one of before stays.
#[tauri::command]
pub async fn update_agent(
    agent: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<Vec<AgentCard>> {
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    desk.engine().update_agent(agent, &op).await?;
    Ok(cards(&desk))
}

/// Back to the version that was tried with this app.
#[tauri::command]
pub async fn use_tried_agent(agent: &str, desk: State<'_, Desk>) -> Answer<Vec<AgentCard>> {
    block_in_place(|| desk.engine().choose_version(agent, None))?;
    Ok(cards(&desk))
}

fn cards(desk: &Desk) -> Vec<AgentCard> {
    let engine = desk.engine();
    let all = block_in_place(|| engine.recipes());
    for problem in &all.problems {
        tracing::warn!(%problem, "an agent of your own was passed over");
    }
    let version = |recipe: &Recipe| {
        let install = recipe.install.as_ref();
        install.map(|install| install.version().to_owned())
    };
    let tried = |id: &str| {
        let mut tried = recipes::built_in().iter();
        tried.find(|recipe| recipe.id == id).and_then(version)
    };
    let card = |recipe: &Recipe| AgentCard {
        id: recipe.id.clone(),
        name: recipe.name.clone(),
        needs: engine.agent_needs(recipe),
        needs_network: recipe.needs_network(),
        available: true,
        unavailable_reason: None,
        memory: recipe.memory,
        version: version(recipe),
        tried: tried(&recipe.id).filter(|tried| version(recipe).as_ref() != Some(tried)),
        keys: recipe.keys.keys().cloned().collect(),
    };
    all.list.iter().map(card).collect()
}
