//! Agents: what each is, how it is installed and started. Data; what is done with it is elsewhere.

mod check;
pub mod doing;
pub mod layer;
mod newest;
mod recipe;
pub mod start;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

pub use check::RecipeError;
pub use recipe::{Install, Recipe, WithKey};

use crate::state::data_dir::DataDir;
use crate::state::json_file;
use crate::{Engine, Error, Result};

const BUILT_IN: &str = include_str!("recipes.toml");
/// Where a person adds their own, in the data folder.
pub const OWN_FILE: &str = "agents.toml";
/// Where chosen versions are kept.
const VERSIONS: &str = "agent-versions.json";
/// Longest file of a person's own.
const MOST: u64 = 256 * 1024;

static RECIPES: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    let read = read(BUILT_IN, false).unwrap_or_default();
    read.0.into_iter().map(|(_, recipe)| recipe).collect()
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    agent: Vec<toml::Spanned<toml::Value>>,
}

/// Those that come with the app, as they were tried.
pub fn built_in() -> &'static [Recipe] {
    &RECIPES
}

/// All agents that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipes {
    /// In the order in which they are shown.
    pub list: Vec<Recipe>,
    /// What of the person's own file could not be taken, and what to do.
    pub problems: Vec<RecipeProblem>,
}

/// What is wrong with a file of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeProblem {
    /// The file.
    pub path: PathBuf,
    /// Where in it, from 1; `None`: all of it.
    pub line: Option<usize>,
    /// What is wrong, in words.
    pub what: String,
    /// What to do about it.
    pub fix: &'static str,
}

impl fmt::Display for RecipeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

const MEND: &str = "Mend it there; the other agents are not concerned";
const MEND_ALL: &str = "Mend the file there; until then none of your own agents is offered";
const CHOOSE_AGAIN: &str =
    "Update the agents again; until then they are in the versions that were tried with this app";

impl Recipes {
    /// The recipe of that id.
    pub fn find(&self, id: &str) -> Option<&Recipe> {
        self.list.iter().find(|recipe| recipe.id == id)
    }

    /// Its hosts; none for what is not known.
    pub fn hosts(&self, id: &str) -> &[String] {
        self.find(id).map_or(&[], |recipe| &recipe.hosts)
    }

    /// The name that is shown for it.
    pub fn name(&self, id: &str) -> String {
        self.find(id).map_or(id, |recipe| &recipe.name).to_owned()
    }

    /// Ours, then the person's own before the last one; in the versions that were chosen.
    fn load(data: &DataDir) -> Self {
        let mut list = RECIPES.clone();
        let mut problems = Vec::new();
        let path = data.root().join(OWN_FILE);
        let problem = |line: Option<usize>, what: String, fix| RecipeProblem {
            path: path.clone(),
            line,
            what,
            fix,
        };
        match own(&path) {
            Ok((own, wrong)) => {
                problems.extend(
                    wrong
                        .into_iter()
                        .map(|(line, why)| problem(Some(line), why, MEND)),
                );
                for (line, recipe) in own {
                    if list.iter().any(|known| known.id == recipe.id) {
                        let what = format!("there is an agent {} already", recipe.id);
                        problems.push(problem(Some(line), what, MEND));
                        continue;
                    }
                    list.insert(list.len() - 1, recipe);
                }
            }
            Err((line, what)) => problems.push(problem(line, what, MEND_ALL)),
        }
        match versions(data) {
            Ok(chosen) => {
                for recipe in &mut list {
                    if let (Some(install), Some(version)) =
                        (&recipe.install, chosen.get(&recipe.id))
                    {
                        recipe.install = Some(install.of_version(version));
                    }
                }
            }
            Err(error) => problems.push(RecipeProblem {
                path: data.root().join(VERSIONS),
                line: None,
                what: error.to_string(),
                fix: CHOOSE_AGAIN,
            }),
        }
        Self { list, problems }
    }
}

/// With the line that each stands in, from 1.
type Read = (Vec<(usize, Recipe)>, Vec<(usize, String)>);

/// What a person's own file has, or why it cannot be read, and where.
fn own(path: &Path) -> Result<Read, (Option<usize>, String)> {
    let text = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Ok(found) if found.len() <= MOST => fs::read_to_string(path),
        Ok(_) => Err(io::Error::other("it is longer than 256 KB")),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| (None, format!("it cannot be read: {error}")))?;
    read(&text, true).map_err(|error| {
        let line = error.span().map(|span| line_of(&text, span.start));
        (line, error.message().to_owned())
    })
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Those that can be taken, and what is wrong with the others.
fn read(text: &str, is_own: bool) -> Result<Read, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    let mut list = Vec::new();
    let mut wrong = Vec::new();
    for value in file.agent {
        let line = line_of(text, value.span().start);
        let read = recipe::Written::deserialize(value.into_inner())
            .map_err(|error| error.message().to_owned())
            .and_then(|written| {
                let id = written.id.clone();
                let checked = written.checked(is_own);
                checked.map_err(|why| format!("the agent {id}: {why}"))
            });
        match read {
            Ok(recipe) => list.push((line, recipe)),
            Err(why) => wrong.push((line, why.trim().to_owned())),
        }
    }
    Ok((list, wrong))
}

fn versions(data: &DataDir) -> Result<BTreeMap<String, String>> {
    let chosen: Option<BTreeMap<String, String>> = json_file::read(&data.root().join(VERSIONS))?;
    let mut chosen = chosen.unwrap_or_default();
    chosen.retain(|_, version| check::version(version).is_ok());
    Ok(chosen)
}

impl Engine {
    /// All agents, as they are now.
    pub fn recipes(&self) -> Recipes {
        Recipes::load(self.data())
    }

    /// Takes another version of an agent from now on; `None`: the one that was tried with this app. Sandboxes that
    /// are there get it when they are started the next time.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidRequest`] for what is no version.
    pub fn choose_version(&self, agent: &str, version: Option<&str>) -> Result<()> {
        let recipes = self.recipes();
        let found = recipes
            .find(agent)
            .filter(|recipe| recipe.install.is_some());
        if found.is_none() {
            return Err(Error::NotFound {
                what: "installed agent",
                name: agent.to_owned(),
            });
        }
        let mut chosen = versions(self.data())?;
        match version {
            Some(version) => {
                check::version(version)?;
                chosen.insert(agent.to_owned(), version.to_owned());
            }
            None => {
                chosen.remove(agent);
            }
        }
        json_file::write(&self.data().root().join(VERSIONS), &chosen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn our_own_recipes_read() {
        let (list, wrong) = read(BUILT_IN, false).unwrap();
        assert_eq!(wrong, Vec::new());
        assert!(list.len() >= 7);
        for (_, recipe) in &list {
            assert_eq!(
                list.iter()
                    .filter(|(_, other)| other.id == recipe.id)
                    .count(),
                1,
                "twice: {}",
                recipe.id
            );
            if let Some(install) = &recipe.install {
                assert!(recipe.start.starts_with(&recipe.program), "{}", recipe.id);
                assert!(recipe.memory >= 2 << 30, "{}", recipe.id);
                assert!(
                    layer::dockerfile("x", recipe)
                        .unwrap()
                        .contains(install.version())
                );
            }
        }
    }

    #[test]
    fn a_persons_own_is_taken_and_what_is_wrong_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let data = DataDir::open(temp.path()).unwrap();
        assert_eq!(Recipes::load(&data).problems, Vec::new());
        let good = "[[agent]]\nid = \"mine\"\nname = \"Mine\"\nnpm = \"mine\"\nversion = \"1.0\"\nprogram = \"mine\"\nstart = \"mine -y\"\n";
        for (bad, why) in [
            ("[[agent]]\nid = \"claude\"\nname = \"X\"\n", "already"),
            ("[[agent]]\nid = \"Up\"\nname = \"X\"\n", "small letters"),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nnpm = \"a; rm -rf /\"\nversion = \"1\"\n",
                "no package",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nnpm = \"a\"\nversion = \"1 && x\"\nprogram = \"a\"\n",
                "no version",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nnpm = \"a\"\n",
                "with a version",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nhosts = [\"*\"]\n",
                "no site",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nenv = { PATH = \"/x\" }\n",
                "cannot be set",
            ),
            ("[[agent]]\nid = \"a\"\nname = \"X\"\nmore = 1\n", "more"),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nkeys = { nobody = {} }\n",
                "no provider",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nlogin_files = [\"../x\"]\n",
                "home folder",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nhome = { \"../x\" = \"\" }\n",
                "home folder",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nconversations = \"x; id\"\n",
                "home folder",
            ),
            (
                "[[agent]]\nid = \"a\"\nname = \"X\"\nsigns = { waiting = [\"\"] }\n",
                "beginnings",
            ),
        ] {
            fs::write(temp.path().join(OWN_FILE), format!("{good}{bad}")).unwrap();
            let all = Recipes::load(&data);
            assert!(
                all.find("mine").is_some_and(|mine| mine.is_own),
                "one that is wrong spoils no other: {bad}"
            );
            assert!(
                matches!(all.problems.as_slice(), [one] if one.what.contains(why) && one.line == Some(8)),
                "{bad}: {:?}",
                all.problems
            );
            assert!(
                all.problems[0]
                    .to_string()
                    .contains("agents.toml, line 8: ")
            );
        }
        for (text, line) in [
            ("id = 1\n[[agent", 2),
            ("[[agent]]\nid = \"a\"\n\nnot toml\n", 4),
        ] {
            fs::write(temp.path().join(OWN_FILE), text).unwrap();
            let all = Recipes::load(&data);
            assert!(all.find("claude").is_some() && all.problems.len() == 1);
            assert_eq!(all.problems[0].line, Some(line), "{:?}", all.problems);
            assert_eq!(all.problems[0].fix, MEND_ALL);
        }
        fs::write(temp.path().join(OWN_FILE), "x".repeat(300_000)).unwrap();
        assert_eq!(Recipes::load(&data).problems[0].line, None);
    }
}
