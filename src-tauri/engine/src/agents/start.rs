//! How a sandbox's agent is started: its line, what is set for it, and whether it goes on where it was.

use std::fs;

use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::Recipe;
use crate::credentials::{self, Kept};
use crate::state::data_dir::SandboxDir;
use crate::state::record::Record;
use crate::{Engine, Error, Result, SandboxId};

/// A conversation that cannot be gone on with ends at once: then a new one is begun. In seconds.
const AT_ONCE: u32 = 5;

/// What to run in a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStart {
    /// For the tab.
    pub name: String,
    /// For `sh -c`.
    pub line: String,
    /// Added to the sandbox's environment.
    pub env: Vec<(String, String)>,
}

impl Engine {
    /// What starts a sandbox's agent, or goes on with what it did before; `None`: it has none, but a shell.
    pub fn agent_start(&self, id: &SandboxId) -> Result<Option<AgentStart>> {
        let (dir, record) = self.load(id)?;
        let recipes = self.recipes();
        let recipe = recipes.find(&record.agent);
        let keys = self.keys_for(&record);
        let been = begun(&dir).exists();
        let Some(line) = line(recipe, &record, &keys, been) else {
            return Ok(None);
        };
        let mut env: Vec<(String, String)> = recipe
            .map(|recipe| recipe.env.clone().into_iter().collect())
            .unwrap_or_default();
        env.extend(self.key_environment(&record));
        Ok(Some(AgentStart {
            name: recipes.name(&record.agent),
            line,
            env,
        }))
    }

    /// Its agent was started: the next time it goes on.
    pub fn agent_started(&self, id: &SandboxId) {
        let mark = begun(&self.data().sandbox(id));
        if let Err(error) = fs::write(&mark, "") {
            tracing::warn!(%error, "the agent will begin anew the next time");
        }
    }

    /// Whether it has something to go on with.
    pub(crate) fn agent_has_begun(&self, id: &SandboxId) -> bool {
        begun(&self.data().sandbox(id)).exists()
    }

    /// What it did before is not in its home: the next time it begins anew.
    pub(crate) fn agent_begins_anew(&self, id: &SandboxId) {
        let _ = fs::remove_file(begun(&self.data().sandbox(id)));
    }

    /// Its home was wiped. A log-in that is kept for its agent goes as well: it would come straight back.
    pub(crate) fn agent_forgets(&self, id: &SandboxId) {
        self.agent_begins_anew(id);
        let Ok((_, record)) = self.load(id) else {
            return;
        };
        let forgotten =
            block_in_place(|| Handle::current().block_on(self.forget_log_in(&record.agent)));
        match forgotten {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(%error, "a kept log-in stays"),
        }
    }
}

fn begun(dir: &SandboxDir) -> std::path::PathBuf {
    dir.root().join("agent-begun")
}

fn line(recipe: Option<&Recipe>, record: &Record, keys: &[Kept], been: bool) -> Option<String> {
    if let Some(own) = record.command.as_ref().filter(|line| !line.is_empty()) {
        return Some(own.clone());
    }
    let recipe = recipe.filter(|recipe| !recipe.start.is_empty())?;
    let start = with_flags(recipe, &recipe.start, keys);
    if !been || recipe.resume.is_empty() {
        return Some(start);
    }
    let resume = with_flags(recipe, &recipe.resume, keys);
    Some(format!(
        "begun=$(date +%s); {resume}; status=$?; \
         if [ $status -ne 0 ] && [ $(($(date +%s) - begun)) -lt {AT_ONCE} ]; then exec {start}; fi; exit $status"
    ))
}

/// The flags of the first key that has some, behind the program's name.
pub fn with_flags(recipe: &Recipe, line: &str, keys: &[Kept]) -> String {
    let flags = credentials::by_rank(keys).into_iter().find_map(|kept| {
        let with = recipe.keys.get(&kept.provider)?;
        (!with.flags.is_empty()).then(|| credentials::filled(&with.flags, kept))
    });
    match (flags, line.split_once(' ')) {
        (None, _) => line.to_owned(),
        (Some(flags), Some((program, rest))) => format!("{program} {flags} {rest}"),
        (Some(flags), None) => format!("{line} {flags}"),
    }
}
