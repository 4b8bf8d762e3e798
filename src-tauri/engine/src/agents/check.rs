//! What a recipe may say. Some of it stands in lines that are run as root while an image is made.

use sandbox_protocol::login::{LOGIN_FILES, is_login_path};
use sandbox_protocol::policy::{HostError, HostPattern};

use super::recipe::{Install, Recipe};
use crate::credentials::providers::PROVIDERS;

/// What is wrong with a recipe, in words for whoever wrote it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// Two sources, or one without a version.
    #[error("state npm or pip, with a version")]
    Install,
    /// See the text; at most 32 of them.
    #[error("its id is small letters, digits and hyphens")]
    Id,
    /// Empty, too long, or with control characters.
    #[error("its name has 1 to 40 characters")]
    Name,
    /// Not a name that a registry could have.
    #[error("{0:?} is no package")]
    Package(String),
    /// Not one version.
    #[error("{0:?} is no version, for instance 1.2.3")]
    Version(String),
    /// Not a requirement of pip's.
    #[error("{0:?} is no requirement")]
    Requirement(String),
    /// Empty, or more than a name.
    #[error("its program is a name in the package")]
    Program,
    /// Not a host or a pattern of hosts.
    #[error("{host:?} is no site: {source}")]
    Site {
        /// As written.
        host: String,
        /// Why not.
        source: HostError,
    },
    /// No name of a variable, or one that a sandbox rests on.
    #[error("{0:?} cannot be set")]
    Variable(String),
    /// A name with folders in it, or a text that cannot be quoted.
    #[error("{0:?} is no file that can be put beside it")]
    File(String),
    /// Absolute, or stepping out, or too many.
    #[error("its log-in files lie below the home folder; there are four at most")]
    LoginFile,
    /// Absolute, or stepping out, or too many, or too long.
    #[error("the files that it puts lie below the home folder; there are four at most, of 4 KB")]
    HomeFile,
    /// Absolute, or stepping out, or not of ordinary names and `*`.
    #[error("its conversations lie below the home folder")]
    Conversations,
    /// Empty, or too many.
    #[error("its signs are beginnings of a title, 32 at most")]
    Sign,
    /// No provider that keys can be kept for.
    #[error("{0:?} is no provider; there are {known}", known = PROVIDERS.map(|provider| provider.id).join(", "))]
    Provider(String),
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
/// Longest text of a file beside a program, in bytes.
const FILE_MOST: usize = 4096;

/// Whether a recipe can be taken.
pub fn recipe(recipe: &Recipe) -> Result<(), RecipeError> {
    names(recipe)?;
    if let Some(wanted) = &recipe.install {
        install(wanted)?;
        if !plain(&recipe.program, "._-", 64) || recipe.program.starts_with(['-', '.']) {
            return Err(RecipeError::Program);
        }
    }
    for host in &recipe.hosts {
        host.parse::<HostPattern>()
            .map_err(|source| RecipeError::Site {
                host: host.clone(),
                source,
            })?;
    }
    variables(recipe)?;
    files(recipe)?;
    home(recipe)?;
    signs(recipe)?;
    let known = |id: &String| PROVIDERS.iter().any(|provider| provider.id == id);
    match recipe.keys.keys().find(|id| !known(id)) {
        Some(id) => Err(RecipeError::Provider(id.clone())),
        None => Ok(()),
    }
}

/// Whether this names one version.
pub fn version(text: &str) -> Result<(), RecipeError> {
    match plain(text, ".-+", 40) && text.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(()),
        false => Err(RecipeError::Version(text.to_owned())),
    }
}

fn plain(text: &str, more: &str, most: usize) -> bool {
    let one = |byte: u8| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte);
    !text.is_empty() && text.len() <= most && text.bytes().all(one)
}

fn names(recipe: &Recipe) -> Result<(), RecipeError> {
    let (id, name) = (&recipe.id, &recipe.name);
    let great = id.bytes().any(|byte| byte.is_ascii_uppercase());
    if !plain(id, "-", 32) || id.starts_with('-') || great {
        return Err(RecipeError::Id);
    }
    let length = name.chars().count();
    if name.trim().is_empty() || length > 40 || name.chars().any(char::is_control) {
        return Err(RecipeError::Name);
    }
    Ok(())
}

fn install(install: &Install) -> Result<(), RecipeError> {
    let package = install.package();
    if !plain(package, "@/._-", 120) || package.starts_with('-') {
        return Err(RecipeError::Package(package.to_owned()));
    }
    version(install.version())?;
    if let Install::Pip { instead, .. } = install
        && let Some(wrong) = instead.iter().find(|one| !plain(one, "<>=.,_-", 80))
    {
        return Err(RecipeError::Requirement(wrong.clone()));
    }
    Ok(())
}

fn variables(recipe: &Recipe) -> Result<(), RecipeError> {
    let keys = recipe.keys.values().flat_map(|key| key.env.keys());
    for name in recipe.env.keys().chain(keys) {
        let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
        if !plain(name, "_", 100) || !begins_well || NOT_TO_SET.contains(&name.as_str()) {
            return Err(RecipeError::Variable(name.clone()));
        }
    }
    Ok(())
}

fn home(recipe: &Recipe) -> Result<(), RecipeError> {
    let fits = |(path, text): (&String, &String)| is_login_path(path) && text.len() <= FILE_MOST;
    if recipe.home.len() > LOGIN_FILES || !recipe.home.iter().all(fits) {
        return Err(RecipeError::HomeFile);
    }
    let conversations = &recipe.conversations;
    match conversations.is_empty() || is_login_path(&conversations.replace('*', "x")) {
        true => Ok(()),
        false => Err(RecipeError::Conversations),
    }
}

fn signs(recipe: &Recipe) -> Result<(), RecipeError> {
    let mut signs = recipe.signs.working.iter().chain(&recipe.signs.waiting);
    match signs.clone().count() <= 32 && signs.all(|sign| !sign.is_empty()) {
        true => Ok(()),
        false => Err(RecipeError::Sign),
    }
}

fn files(recipe: &Recipe) -> Result<(), RecipeError> {
    for (name, text) in &recipe.files {
        let quiet = text.len() <= FILE_MOST
            && !text.contains(['\'', '\\', '%'])
            && !text.chars().any(char::is_control);
        if !plain(name, "._-", 64) || name.starts_with(['-', '.']) || !quiet {
            return Err(RecipeError::File(name.clone()));
        }
    }
    let files = &recipe.login_files;
    match files.len() <= LOGIN_FILES && files.iter().all(|path| is_login_path(path)) {
        true => Ok(()),
        false => Err(RecipeError::LoginFile),
    }
}
