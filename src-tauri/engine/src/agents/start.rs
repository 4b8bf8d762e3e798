//! How a sandbox's agent is started: its line, what is set for it, and whether it goes on where it was.

use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::Recipe;
use crate::credentials::{self, Kept};
use crate::terminal::OpenTerminal;
use crate::{Engine, Error, Result, SandboxId};

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

impl AgentStart {
    /// The terminal that it runs in, of so many columns and rows. `agent`: what it does is the sandbox's status.
    pub fn in_terminal(self, agent: bool, cols: u16, rows: u16) -> OpenTerminal {
        OpenTerminal {
            name: self.name,
            command: vec!["/bin/sh".to_owned(), "-c".to_owned(), self.line],
            env: self.env,
            cwd: "/workspace".to_owned(),
            cols: cols.max(2),
            rows: rows.max(2),
            agent,
        }
    }
}

impl Engine {
    /// What starts a sandbox's agent, or goes on with what it did before; `None`: it has none, but a shell.
    pub fn agent_start(&self, id: &SandboxId) -> Result<Option<AgentStart>> {
        let (_, record) = self.load(id)?;
        let recipes = self.recipes();
        let recipe = recipes.find(&record.agent);
        let keys = self.keys_for(&record);
        let Some(line) = line(recipe, record.command.as_deref(), &keys) else {
            return Ok(None);
        };
        let mut env = recipe.map_or_else(Default::default, |recipe| recipe.env.clone());
        for (name, value) in self.key_environment(&record) {
            let value = match env.get(&name) {
                Some(usual) => credentials::joined(&value, usual),
                None => value,
            };
            env.insert(name, value);
        }
        Ok(Some(AgentStart {
            name: recipes.name(&record.agent),
            line,
            env: env.into_iter().collect(),
        }))
    }

    /// Its home was wiped. A log-in that is kept for its agent goes as well: it would come straight back.
    pub(crate) fn agent_forgets(&self, id: &SandboxId) {
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

/// The user's own command, or the recipe's line; `None`: there is neither.
fn line(recipe: Option<&Recipe>, own: Option<&str>, keys: &[Kept]) -> Option<String> {
    if let Some(own) = own.filter(|line| !line.is_empty()) {
        return Some(own.to_owned());
    }
    let recipe = recipe.filter(|recipe| !recipe.start.is_empty())?;
    let start = with_flags(recipe, &recipe.start, keys);
    if recipe.resume.is_empty() {
        return Some(start);
    }
    let resume = with_flags(recipe, &recipe.resume, keys);
    Some(gone_on(&resume, &start, &recipe.conversations))
}

/// Goes on with the last conversation, decided by what lies in the home, and begins a new one where there is none
/// or where it could not be gone on with: the program failed and wrote nothing into any. Neither Ctrl+C nor a
/// signal (a status above 125) is a failure of that kind.
fn gone_on(resume: &str, start: &str, conversations: &str) -> String {
    const FAILED: &str = "[ $status -gt 0 ] && [ $status -le 125 ]";
    if conversations.is_empty() {
        return format!("{resume}; status=$?; if {FAILED}; then exec {start}; fi; exit $status");
    }
    format!(
        "since=$(mktemp); written() {{ find ~/{conversations} -size +0 \"$@\" 2>/dev/null | grep -q .; }}; \
         written || exec {start}; {resume}; status=$?; \
         if {FAILED} && ! written -newer \"$since\"; then exec {start}; fi; exit $status"
    )
}

/// The flags of the first key that has some, behind the program's name.
pub fn with_flags(recipe: &Recipe, line: &str, keys: &[Kept]) -> String {
    let flags = credentials::by_rank(keys).into_iter().find_map(|kept| {
        let with = recipe.keys.get(&kept.provider)?;
        (!with.flags.is_empty()).then(|| credentials::filled_for_shell(&with.flags, kept))
    });
    match (flags, line.split_once(' ')) {
        (None, _) => line.to_owned(),
        (Some(flags), Some((program, rest))) => format!("{program} {flags} {rest}"),
        (Some(flags), None) => format!("{line} {flags}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::slice::from_ref;

    use super::*;
    use crate::agents::built_in;
    use crate::credentials::Place;

    const FILES: &str = ".it/*/talk-*.jsonl";
    const TALK: &str = ".it/work/talk-1.jsonl";

    /// What a line that goes on ran, of `resume` and `start`, and its status. `resume` does what it is told.
    fn run(home: &Path, resume: &str, conversations: &str) -> (String, i32) {
        for (name, does) in [("resume", resume), ("start", "exit 7")] {
            fs::write(home.join(name), format!("echo {name} >> ~/ran\n{does}\n")).unwrap();
        }
        let line = gone_on("sh ~/resume", "sh ~/start", conversations);
        let ended = Command::new("sh")
            .args(["-c", &line])
            .env("HOME", home)
            .status()
            .unwrap();
        let ran = fs::read_to_string(home.join("ran")).unwrap();
        (
            ran.replace('\n', " ").trim().to_owned(),
            ended.code().unwrap_or(-1),
        )
    }

    #[test]
    fn whether_it_goes_on_is_decided_by_what_there_is_and_what_happened() {
        /// What it is about, the conversation, where they lie, what resuming does, what was run, the status.
        type Case = (
            &'static str,
            Option<&'static str>,
            &'static str,
            &'static str,
            &'static str,
            i32,
        );
        let table: [Case; 10] = [
            ("nothing to go on with", None, FILES, "exit 0", "start", 7),
            ("an empty one", Some(""), FILES, "exit 0", "start", 7),
            ("one", Some("x"), FILES, "exit 0", "resume", 0),
            (
                "it could not, at once",
                Some("x"),
                FILES,
                "exit 1",
                "resume start",
                7,
            ),
            (
                "it could not, later",
                Some("x"),
                FILES,
                "sleep 1.1; exit 1",
                "resume start",
                7,
            ),
            (
                "it went on and failed then",
                Some("x"),
                FILES,
                "sleep 1.1; echo more >> ~/.it/work/talk-1.jsonl; exit 1",
                "resume",
                1,
            ),
            ("Ctrl+C", Some("x"), FILES, "exit 130", "resume", 130),
            ("it finds out by itself", None, "", "exit 0", "resume", 0),
            ("and cannot go on", None, "", "exit 1", "resume start", 7),
            ("and was ended", None, "", "exit 143", "resume", 143),
        ];
        for (what, talk, conversations, does, ran, status) in table {
            let home = tempfile::tempdir().unwrap();
            if let Some(text) = talk {
                fs::create_dir_all(home.path().join(".it/work")).unwrap();
                fs::write(home.path().join(TALK), text).unwrap();
            }
            let (found, ended) = run(home.path(), does, conversations);
            assert_eq!((found.as_str(), ended), (ran, status), "{what}");
        }
    }

    #[test]
    fn an_own_command_is_taken_as_it_is_and_a_shell_has_no_line() {
        let recipe = |id: &str| built_in().iter().find(|recipe| recipe.id == id);
        let own = line(recipe("own"), Some("make && ./run"), &[]);
        assert_eq!(own.as_deref(), Some("make && ./run"));
        assert_eq!(line(recipe("own"), None, &[]), None);
        assert_eq!(line(recipe("shell"), Some(""), &[]), None);
        assert_eq!(line(None, None, &[]), None);
        let codex = line(recipe("codex"), None, &[]).unwrap();
        assert!(codex.contains("|| exec codex -c "), "{codex}");
    }

    /// What a program is given by a line of the shell.
    fn arguments(line: &str) -> Vec<String> {
        let (_, rest) = line.split_once(' ').unwrap();
        let said = Command::new("sh")
            .args(["-c", &format!("printf '%s\\n' {rest}")])
            .output()
            .unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_models_name_is_only_ever_a_name() {
        for model in [
            "qwen2.5-coder:7b",
            "it's",
            "a'; touch /tmp/x; '",
            "a\"b\\c",
            "$(id) `id` {base}",
        ] {
            let kept = Kept {
                provider: "own".to_owned(),
                place: Place::File,
                since: 0,
                server: Some("http://127.0.0.1:1".to_owned()),
                model: Some(model.to_owned()),
            };
            let recipe = |id: &str| built_in().iter().find(|recipe| recipe.id == id).unwrap();
            let codex = recipe("codex");
            let given = arguments(&with_flags(codex, "codex --last", from_ref(&kept)));
            let toml: toml::Table = toml::from_str(&given[1]).unwrap();
            assert_eq!(toml["model"].as_str(), Some(model), "{given:?}");
            assert_eq!(given.last().unwrap(), "--last");

            let env = credentials::environment(Some(recipe("opencode")), from_ref(&kept));
            let config = env
                .iter()
                .find(|(name, _)| name == "OPENCODE_CONFIG_CONTENT");
            let config: serde_json::Value = serde_json::from_str(&config.unwrap().1).unwrap();
            assert_eq!(config["model"], format!("own/{model}"));
            let env = credentials::environment(Some(recipe("aider")), from_ref(&kept));
            assert!(env.contains(&("AIDER_MODEL".to_owned(), format!("openai/{model}"))));
        }
    }
}
