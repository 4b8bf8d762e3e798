//! The user's own folder: whether it can be handed over, what of it goes in, and the copy itself.

mod check;
mod copy;
mod gitignore;
mod hand_over;
mod preflight;
mod read;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::confined::FsError;
use crate::path::WorkspacePath;
use crate::rules::{Reason, RulesError};
use crate::store::StoreError;

pub use check::{ProjectError, check_project};
pub use hand_over::{HandOver, HandOverOptions, hand_over};
pub use preflight::{Preflight, TopLevel, preflight};
pub use read::{ProjectNow, ReadOptions, read_project};

/// One thing that stays out, or a folder with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where.
    pub path: WorkspacePath,
    /// Why.
    pub reason: Reason,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Files it holds.
    pub files: u64,
    /// Bytes they have together.
    pub bytes: u64,
    /// Whether counting stopped early: there is more than `files` and `bytes`.
    pub at_least: bool,
    /// More, where the system said why.
    pub detail: Option<String>,
}

/// Something the user should know about what goes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A `.git` file that points elsewhere: a linked worktree or a submodule. git will not work inside.
    LinkedRepository(WorkspacePath),
    /// Credentials are taken out of this git configuration.
    CredentialsRemoved(WorkspacePath),
    /// The values of this file are replaced.
    ValuesReplaced(WorkspacePath),
    /// A file of secrets goes in as it is, as the user chose.
    SecretKept(WorkspacePath),
    /// The file kept changing while it was copied: what was handed over may be half of each.
    Torn(WorkspacePath),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkedRepository(path) => write!(
                f,
                "{path} points to a repository elsewhere; git will not work inside the sandbox."
            ),
            Self::CredentialsRemoved(path) => {
                write!(f, "Passwords in {path} are taken out of the copy.")
            }
            Self::ValuesReplaced(path) => write!(f, "{path} goes in with placeholder values."),
            Self::SecretKept(path) => write!(f, "{path} goes in with its secrets."),
            Self::Torn(path) => write!(f, "{path} is being written to right now."),
        }
    }
}

/// Why nothing was handed over. What was made on the way is gone again.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The project cannot be read at all.
    #[error("the project cannot be read: {0}")]
    Project(#[source] FsError),
    /// The workspace cannot be written.
    #[error("the workspace cannot be written: {0}")]
    Workspace(#[source] FsError),
    /// The folder to copy into is not empty.
    #[error("the workspace is not empty")]
    NotEmpty,
    /// Content cannot be copied.
    #[error("cannot copy \"{path}\": {source}")]
    Copy {
        /// Which file.
        path: WorkspacePath,
        /// Why.
        source: std::io::Error,
    },
    /// The baseline cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pattern is none.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

impl HandOverError {
    /// The disk or a quota is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Workspace(e) => e.is_full(),
            Self::Store(e) => e.is_full(),
            Self::Copy { source, .. } => crate::scan::is_full(source),
            _ => false,
        }
    }
}
