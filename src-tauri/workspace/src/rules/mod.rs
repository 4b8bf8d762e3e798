//! What of a project is not handed over, and what of a workspace is not stored or proposed.
//!
//! The rules stay with the sandbox. Precedence: an `exclude` beats an `include` beats what is built
//! in. Built in are files of secrets and folders that a build makes again; the second only where that
//! is certain from the name or from what lies beside it.

mod bulky;
mod secret;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

pub use bulky::decides;
pub(crate) use bulky::needs_gitignore;
pub(crate) use secret::{is_env_file, is_git_config, sniffed_as_secret, wants_sniffing};
pub use secret::{placeholders, scrub_git_config};

use crate::confined::Dir;
use crate::path::WorkspacePath;
use crate::system::os_str;
use crate::tree::Tree;

/// Why something is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An `exclude` of the user.
    Excluded,
    /// A file that likely holds a secret.
    Secret,
    /// A folder that a build or an installation makes again.
    Rebuildable,
    /// The project's own `.gitignore`, where the user switched that on.
    Ignored,
    /// A FIFO, socket or device; never goes in.
    Special,
    /// It could not be read.
    Unreadable,
}

impl Reason {
    /// Whether the user may have it put in all the same.
    pub fn is_switchable(self) -> bool {
        !matches!(self, Self::Special | Self::Unreadable)
    }
}

/// What happens to files of secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// They stay out.
    #[default]
    LeaveOut,
    /// `.env` files go in with every value replaced; others stay out.
    Placeholders,
    /// They go in as they are.
    AsIs,
}

/// The rules of one sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Globs of what stays out, whatever else says. A glob without `/` is matched with the name at
    /// any depth, one with `/` with the path from the root; a final `/` means folders only.
    pub exclude: Vec<String>,
    /// Globs of what goes in although it is built in. Of a folder: with all that is in it, but for
    /// secrets.
    pub include: Vec<String>,
    /// What happens to files of secrets.
    pub secrets: Secrets,
    /// Whether rebuildable folders go in as well.
    pub keep_rebuildable: bool,
    /// Whether the project's `.gitignore` files leave out too.
    pub gitignore: bool,
    /// What hand-over decided by looking into files or at `.gitignore`; not from the path alone.
    pub decided: BTreeMap<String, Reason>,
}

/// A glob that is none.
#[derive(Debug, thiserror::Error)]
#[error("\"{glob}\" is not a pattern: {source}")]
pub struct RulesError {
    /// As given.
    pub glob: String,
    /// Why.
    #[source]
    pub source: globset::Error,
}

/// Rules made ready. Immutable, shared between threads.
#[derive(Debug)]
pub struct Matcher {
    rules: Rules,
    exclude: Globs,
    include: Globs,
}

/// Says whether something lies at a path; asked only for the few names that depend on it.
pub type Beside<'a> = dyn Fn(&WorkspacePath) -> bool + Sync + 'a;

impl Rules {
    /// Makes the rules ready.
    pub fn matcher(&self) -> Result<Matcher, RulesError> {
        Ok(Matcher {
            exclude: Globs::new(&self.exclude)?,
            include: Globs::new(&self.include)?,
            rules: self.clone(),
        })
    }
}

impl Matcher {
    /// Whether this path by itself is left out; what lies in a left-out folder is not asked.
    pub fn left_out(
        &self,
        path: &WorkspacePath,
        is_dir: bool,
        beside: &Beside<'_>,
    ) -> Option<Reason> {
        if self.exclude.matches(path, is_dir) {
            return Some(Reason::Excluded);
        }
        if let Some(reason) = path.as_str().and_then(|p| self.rules.decided.get(p)) {
            return Some(*reason);
        }
        if !is_dir {
            let secret = self.rules.secrets != Secrets::AsIs && secret::by_name(path);
            let put_in =
                self.rules.secrets == Secrets::Placeholders && is_env_file(path.file_name());
            return (secret && !put_in && !self.include.matches(path, false))
                .then_some(Reason::Secret);
        }
        let rebuildable = !self.rules.keep_rebuildable && bulky::is_rebuildable(path, beside);
        (rebuildable && !self.is_included(path)).then_some(Reason::Rebuildable)
    }

    /// Whether this path or a folder that it lies in is left out.
    pub fn left_out_within(
        &self,
        path: &WorkspacePath,
        is_dir: bool,
        beside: &Beside<'_>,
    ) -> Option<Reason> {
        self.left_out(path, is_dir, beside).or_else(|| {
            std::iter::successors(path.parent(), WorkspacePath::parent)
                .find_map(|folder| self.left_out(&folder, true, beside))
        })
    }

    /// As [`Self::left_out_within`], beside what lies in `tree`.
    pub fn left_out_of(&self, tree: &Tree, path: &WorkspacePath, is_dir: bool) -> Option<Reason> {
        self.left_out_within(path, is_dir, &|p| tree.get(p).is_some())
    }

    /// What a scan of `root` passes over: rebuildable folders that `handed_over` did not have. What
    /// the project itself has stays under review whatever an agent puts beside it.
    pub fn skip<'a>(
        &'a self,
        root: &'a Dir,
        handed_over: Option<&'a Tree>,
    ) -> impl Fn(&WorkspacePath, bool) -> bool + Sync + 'a {
        move |path, is_dir| {
            let reason = self.left_out(path, is_dir, &|p| root.stat_path(p).is_ok());
            reason == Some(Reason::Rebuildable)
                && handed_over.is_none_or(|tree| tree.get(path).is_none())
        }
    }

    /// The rules as they were given.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn is_included(&self, path: &WorkspacePath) -> bool {
        self.include.matches(path, true)
            || std::iter::successors(path.parent(), WorkspacePath::parent)
                .any(|folder| self.include.matches(&folder, true))
    }

    pub(crate) fn includes_file(&self, path: &WorkspacePath) -> bool {
        self.include.matches(path, false)
    }
}

/// Globs over names and globs over paths, for everything and for folders.
#[derive(Debug)]
struct Globs {
    names: GlobSet,
    paths: GlobSet,
    folder_names: GlobSet,
    folder_paths: GlobSet,
}

impl Globs {
    fn new(globs: &[String]) -> Result<Self, RulesError> {
        let mut sets = [(); 4].map(|()| GlobSetBuilder::new());
        for given in globs {
            let folder = given.ends_with('/');
            let glob = given.trim_end_matches('/');
            let path = glob.contains('/');
            let built = GlobBuilder::new(glob.trim_start_matches('/'))
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|source| RulesError {
                    glob: given.clone(),
                    source,
                })?;
            sets[usize::from(folder) * 2 + usize::from(path)].add(built);
        }
        let [names, paths, folder_names, folder_paths] = sets.map(|set| {
            set.build().map_err(|source| RulesError {
                glob: globs.join(" "),
                source,
            })
        });
        Ok(Self {
            names: names?,
            paths: paths?,
            folder_names: folder_names?,
            folder_paths: folder_paths?,
        })
    }

    fn matches(&self, path: &WorkspacePath, is_dir: bool) -> bool {
        let name = os_str(path.file_name());
        let whole = os_str(path.as_bytes());
        self.names.is_match(&name)
            || self.paths.is_match(&whole)
            || is_dir && (self.folder_names.is_match(&name) || self.folder_paths.is_match(&whole))
    }
}
