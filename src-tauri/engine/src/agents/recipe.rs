//! One agent's recipe, as it is written down.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::{self, RecipeError};
use super::doing::Signs;

/// How an agent gets into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    /// A package of the npm registry.
    Npm {
        /// Its name.
        package: String,
        /// Exactly this one.
        version: String,
    },
    /// A package of the Python package index.
    Pip {
        /// Its name.
        package: String,
        /// Exactly this one.
        version: String,
        /// Requirements that are taken instead of the package's own of the same names, and beside them: what it
        /// pins can be too old for the environment's Python. Empty: it is taken as it is.
        instead: Vec<String>,
    },
}

impl Install {
    /// Its package.
    pub fn package(&self) -> &str {
        match self {
            Self::Npm { package, .. } | Self::Pip { package, .. } => package,
        }
    }

    /// Its version.
    pub fn version(&self) -> &str {
        match self {
            Self::Npm { version, .. } | Self::Pip { version, .. } => version,
        }
    }

    /// The same of another version.
    #[must_use]
    pub fn of_version(&self, version: &str) -> Self {
        let (package, version) = (self.package().to_owned(), version.to_owned());
        match self {
            Self::Npm { .. } => Self::Npm { package, version },
            Self::Pip { instead, .. } => Self::Pip {
                package,
                version,
                instead: instead.clone(),
            },
        }
    }
}

/// What is set where a provider's key is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WithKey {
    /// Environment; see `recipes.toml` for what stands in braces.
    pub env: BTreeMap<String, String>,
    /// Put behind the program's name in the lines that start and resume it.
    pub flags: String,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// As it is written down and typed.
    pub id: String,
    /// For people.
    pub name: String,
    /// What the user must have, in words.
    pub needs: String,
    /// How it gets into the image; absent: it is there already.
    pub install: Option<Install>,
    /// Its program, asked for its version when the image is made.
    pub program: String,
    /// The line that starts it in a terminal; empty: a shell, or the user's own command.
    pub start: String,
    /// The line that goes on with its last conversation, and begins a new one where there is none; empty: none goes on.
    pub resume: String,
    /// The files below the home folder that its conversations lie in, with `*` for parts of names: `resume` is run
    /// only where there is one. Empty: it finds out by itself.
    pub conversations: String,
    /// Set where it runs.
    pub env: BTreeMap<String, String>,
    /// Its own service and its log-in: approved with *Approved sites*.
    pub hosts: Vec<String>,
    /// Keys that it can use, by provider.
    pub keys: BTreeMap<String, WithKey>,
    /// The least memory that it works in, in bytes; 0: no wish.
    pub memory: u64,
    /// The files below the home folder that a log-in by browser leaves, the token first; none: not known.
    pub login_files: Vec<String>,
    /// Files beside its program, in `/opt/agents`, by name: what can be said to it in no other way.
    pub files: BTreeMap<String, String>,
    /// Files below the home folder, by path, that are put there where they are absent once it has a key or a
    /// log-in: answers to what it asks at its first start.
    pub home: BTreeMap<String, String>,
    /// How its terminal tells what it does.
    pub signs: Signs,
    /// The user's own, from `agents.toml`.
    pub is_own: bool,
}

impl Recipe {
    /// Whether it is of no use without a network.
    pub fn needs_network(&self) -> bool {
        !self.hosts.is_empty() || !self.keys.is_empty()
    }
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub id: String,
    name: String,
    #[serde(default)]
    needs: String,
    npm: Option<String>,
    pip: Option<String>,
    #[serde(default)]
    pip_instead: Vec<String>,
    version: Option<String>,
    #[serde(default)]
    program: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    resume: String,
    #[serde(default)]
    conversations: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    keys: BTreeMap<String, WithKey>,
    #[serde(default)]
    memory_mb: u64,
    #[serde(default)]
    login_files: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    home: BTreeMap<String, String>,
    #[serde(default)]
    signs: Signs,
}

impl Written {
    /// The recipe, or what is wrong with it.
    ///
    /// # Errors
    /// The first thing that cannot be taken.
    pub(super) fn checked(self, is_own: bool) -> Result<Recipe, RecipeError> {
        let install = match (self.npm, self.pip, self.version) {
            (None, None, None) => None,
            (Some(package), None, Some(version)) => Some(Install::Npm { package, version }),
            (None, Some(package), Some(version)) => Some(Install::Pip {
                package,
                version,
                instead: self.pip_instead,
            }),
            _ => return Err(RecipeError::Install),
        };
        let recipe = Recipe {
            id: self.id,
            name: self.name,
            needs: self.needs,
            install,
            program: self.program,
            start: self.start,
            resume: self.resume,
            conversations: self.conversations,
            env: self.env,
            hosts: self.hosts,
            keys: self.keys,
            memory: self.memory_mb << 20,
            login_files: self.login_files,
            files: self.files,
            home: self.home,
            signs: self.signs,
            is_own,
        };
        check::recipe(&recipe).map(|()| recipe)
    }
}
