//! One agent's recipe, as it is written down.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// The line that goes on with its last conversation; empty: it has none.
    pub resume: String,
    /// Set where it runs.
    pub env: BTreeMap<String, String>,
    /// Its own service and its log-in: approved with *Approved sites*.
    pub hosts: Vec<String>,
    /// Keys that it can use, by provider.
    pub keys: BTreeMap<String, WithKey>,
    /// The least memory that it works in, in bytes; 0: no wish.
    pub memory: u64,
    /// The file below the home folder that a log-in by browser leaves; empty: not known.
    pub login_file: String,
    /// Files beside its program, in `/opt/agents`, by name: what can be said to it in no other way.
    pub files: BTreeMap<String, String>,
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
    env: BTreeMap<String, String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    keys: BTreeMap<String, WithKey>,
    #[serde(default)]
    memory_mb: u64,
    #[serde(default)]
    login_file: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

impl Written {
    /// The recipe, or what is wrong with it.
    pub(super) fn checked(self, is_own: bool) -> Result<Recipe, String> {
        let install = match (self.npm, self.pip, self.version) {
            (None, None, None) => None,
            (Some(package), None, Some(version)) => Some(Install::Npm { package, version }),
            (None, Some(package), Some(version)) => Some(Install::Pip {
                package,
                version,
                instead: self.pip_instead,
            }),
            _ => return Err("state npm or pip, with a version".to_owned()),
        };
        let recipe = Recipe {
            id: self.id,
            name: self.name,
            needs: self.needs,
            install,
            program: self.program,
            start: self.start,
            resume: self.resume,
            env: self.env,
            hosts: self.hosts,
            keys: self.keys,
            memory: self.memory_mb << 20,
            login_file: self.login_file,
            files: self.files,
            is_own,
        };
        check(&recipe).map(|()| recipe)
    }
}

fn check(recipe: &Recipe) -> Result<(), String> {
    use sandbox_protocol::policy::HostPattern;

    let plain = |text: &str, more: &str, most: usize| {
        !text.is_empty()
            && text.len() <= most
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
    };
    if !plain(&recipe.id, "-", 32)
        || recipe.id.starts_with('-')
        || recipe.id.bytes().any(|b| b.is_ascii_uppercase())
    {
        return Err("its id is small letters, digits and hyphens".to_owned());
    }
    if recipe.name.trim().is_empty()
        || recipe.name.chars().count() > 40
        || recipe.name.chars().any(char::is_control)
    {
        return Err("its name has 1 to 40 characters".to_owned());
    }
    if let Some(install) = &recipe.install {
        // Both stand in a line that is run as root while the image is made.
        if !plain(install.package(), "@/._-", 120) || install.package().starts_with('-') {
            return Err(format!("{:?} is no package", install.package()));
        }
        is_version(install.version())?;
        if let Install::Pip { instead, .. } = install
            && let Some(wrong) = instead.iter().find(|one| !plain(one, "<>=.,_-", 80))
        {
            return Err(format!("{wrong:?} is no requirement"));
        }
        if !plain(&recipe.program, "._-", 64) || recipe.program.starts_with(['-', '.']) {
            return Err("its program is a name in the package".to_owned());
        }
    }
    for host in &recipe.hosts {
        host.parse::<HostPattern>()
            .map_err(|error| format!("{host:?} is no site: {error}"))?;
    }
    let keys = recipe.keys.values().flat_map(|key| key.env.keys());
    for name in recipe.env.keys().chain(keys) {
        let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
        if !plain(name, "_", 100) || !begins_well || NOT_TO_SET.contains(&name.as_str()) {
            return Err(format!("{name:?} cannot be set"));
        }
    }
    for (name, text) in &recipe.files {
        // They are written in the same line.
        let quiet = text.len() <= 4096
            && !text.contains(['\'', '\\', '%'])
            && !text.chars().any(char::is_control);
        if !plain(name, "._-", 64) || name.starts_with(['-', '.']) || !quiet {
            return Err(format!("{name:?} is no file that can be put beside it"));
        }
    }
    let steps_out = recipe.login_file.split('/').any(|part| part == "..");
    if recipe.login_file.starts_with('/') || steps_out {
        return Err("its log-in file lies below the home folder".to_owned());
    }
    let known = crate::credentials::providers::PROVIDERS.map(|provider| provider.id);
    match recipe.keys.keys().find(|id| !known.contains(&id.as_str())) {
        Some(id) => Err(format!(
            "{id:?} is no provider; there are {}",
            known.join(", ")
        )),
        None => Ok(()),
    }
}

/// What a sandbox rests on.
const NOT_TO_SET: [&str; 6] = [
    "PATH",
    "HOME",
    "USER",
    "LD_PRELOAD",
    "http_proxy",
    "https_proxy",
];

/// Whether this names one version.
pub(super) fn is_version(text: &str) -> Result<(), String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
    match plain && text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 40 {
        true => Ok(()),
        false => Err(format!("{text:?} is no version, for instance 1.2.3")),
    }
}
