//! `agents`: which there are, and which version of one is taken.

use clap::Subcommand;
use sandbox_engine::agents::{Install, OWN_FILE, Recipe};
use sandbox_engine::{Engine, Operation};
use serde_json::{Value, json};

use super::mistake::Mistake;

/// `agents`
#[derive(Debug, Subcommand)]
pub enum Agents {
    /// All agents, with their versions
    List,
    /// Take another version of an agent: the newest one, once it installs, or the one stated
    Update {
        /// Its id
        agent: String,
        /// Exactly this one
        #[arg(long)]
        version: Option<String>,
        /// Back to the one that was tried with this app
        #[arg(long, conflicts_with = "version")]
        tried: bool,
    },
}

/// Runs one; gives the document and its text.
pub async fn run(
    engine: &Engine,
    agents: Option<Agents>,
    op: &Operation,
) -> Result<(Value, String), Mistake> {
    match agents {
        None | Some(Agents::List) => Ok(list(engine)),
        Some(Agents::Update {
            agent,
            version,
            tried,
        }) => {
            match (version, tried) {
                (_, true) => engine.choose_version(&agent, None)?,
                (Some(version), false) => engine.choose_version(&agent, Some(&version))?,
                (None, false) => {
                    engine.update_agent(&agent, op).await?;
                }
            }
            let now = engine.recipes();
            let now = now.find(&agent).and_then(|recipe| recipe.install.as_ref());
            let now = now
                .map(|install| install.version().to_owned())
                .unwrap_or_default();
            let text = format!("{agent} {now}: sandboxes get it when they start the next time");
            Ok((json!({ "agent": agent, "version": now }), text))
        }
    }
}

fn list(engine: &Engine) -> (Value, String) {
    let recipes = engine.recipes();
    let rows: Vec<Value> = recipes
        .list
        .iter()
        .map(|recipe| row(engine, recipe))
        .collect();
    let mut text = String::new();
    for recipe in &recipes.list {
        let version = recipe
            .install
            .as_ref()
            .map_or("", |install| install.version());
        text += &format!(
            "{:<10}  {:<14}  {version:<10}  {}\n",
            recipe.id,
            recipe.name,
            engine.agent_needs(recipe)
        );
    }
    for problem in &recipes.problems {
        text += &format!("Passed over: {problem}. {}\n", problem.fix);
    }
    let problems: Vec<String> = recipes.problems.iter().map(ToString::to_string).collect();
    let file = engine.data().root().join(OWN_FILE);
    text += &format!("Your own agents: {}\n", file.display());
    (
        json!({ "agents": rows, "problems": problems, "file": file.to_string_lossy() }),
        text,
    )
}

fn row(engine: &Engine, recipe: &Recipe) -> Value {
    json!({
        "id": recipe.id, "name": recipe.name, "own": recipe.is_own,
        "version": recipe.install.as_ref().map(Install::version),
        "package": recipe.install.as_ref().map(Install::package),
        "start": recipe.start, "needs": engine.agent_needs(recipe), "hosts": recipe.hosts,
        "keys": recipe.keys.keys().collect::<Vec<_>>(),
    })
}
