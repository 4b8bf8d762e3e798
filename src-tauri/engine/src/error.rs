//! What can go wrong, with a closed code.

use std::io;
use std::path::{Path, PathBuf};

/// The engine's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure. Closed: the window and the command line decide by it, nobody matches on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Code {
    InvalidRequest,
    ProjectUnusable,
    NotFound,
    Ambiguous,
    NameTaken,
    Busy,
    Cancelled,
    Conflict,
    DiskFull,
    EngineNotInstalled,
    EngineNotRunning,
    EngineNoPermission,
    EngineUnsupported,
    EngineTimeout,
    EngineFailed,
    NotRunning,
    ImageUnavailable,
    NotSupported,
    FenceOpen,
    DataDamaged,
    Io,
    Internal,
}

/// A failure, in words for a person. Display says what happened; [`Error::safe`] and [`Error::fix`] the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that cannot be right.
    #[error("{message}")]
    InvalidRequest {
        /// Which, and why.
        message: String,
    },
    /// The folder cannot be handed over.
    #[error("{message}")]
    ProjectUnusable {
        /// Why.
        message: String,
    },
    /// No such sandbox, snapshot, capture or path.
    #[error("there is no {what} \u{201c}{name}\u{201d}")]
    NotFound {
        /// `sandbox`, `snapshot`…
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The beginning of several ids.
    #[error("\u{201c}{name}\u{201d} is the beginning of several sandbox ids: {candidates}")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What it could mean.
        candidates: String,
    },
    /// Two sandboxes cannot have one name.
    #[error("there is a sandbox named \u{201c}{name}\u{201d} already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Another operation holds the sandbox.
    #[error("another operation is at work on the sandbox {sandbox}")]
    Busy {
        /// Its name.
        sandbox: String,
    },
    /// Stopped by the user; the state before it is back.
    #[error("cancelled; everything is as it was before")]
    Cancelled,
    /// No room.
    #[error("the disk is full: {message}")]
    DiskFull {
        /// Where, and how much is wanted.
        message: String,
    },
    /// The sandbox must run for this.
    #[error("the sandbox \u{201c}{name}\u{201d} is not running")]
    NotRunning {
        /// Its name.
        name: String,
    },
    /// Asked for, and not there yet.
    #[error("{message}")]
    NotSupported {
        /// What, and what happens instead: nothing.
        message: String,
    },
    /// The fence is not proven closed.
    #[error("the fence self-test failed, so nothing was started: {message}")]
    FenceOpen {
        /// What could be reached.
        message: String,
    },
    /// A state file that cannot be used.
    #[error("the file {} cannot be used: {reason}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Part of the workspace could not be read: nothing that could delete is done.
    #[error("part of the workspace could not be read: {message}")]
    Incomplete {
        /// Which part.
        message: String,
    },
    /// A file operation failed.
    #[error("could not {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A mistake of ours.
    #[error("internal error: {message}")]
    Internal {
        /// For a report.
        message: String,
    },
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                message: format!("could not {operation} {}", path.display()),
            },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidRequest { .. } => Code::InvalidRequest,
            Self::ProjectUnusable { .. } => Code::ProjectUnusable,
            Self::NotFound { .. } => Code::NotFound,
            Self::Ambiguous { .. } => Code::Ambiguous,
            Self::NameTaken { .. } => Code::NameTaken,
            Self::Busy { .. } => Code::Busy,
            Self::Cancelled => Code::Cancelled,
            Self::DiskFull { .. } => Code::DiskFull,
            Self::NotRunning { .. } => Code::NotRunning,
            Self::NotSupported { .. } => Code::NotSupported,
            Self::FenceOpen { .. } => Code::FenceOpen,
            Self::Damaged { .. } => Code::DataDamaged,
            Self::Incomplete { .. } | Self::Io { .. } => Code::Io,
            Self::Internal { .. } => Code::Internal,
        }
    }

    /// What to do next, where there is something.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::NotRunning { name } => Some(format!("Start it: agent-sandbox start {name}")),
            Self::NameTaken { .. } => Some("Choose another name.".to_owned()),
            Self::DiskFull { .. } => Some("Free some space, then try again.".to_owned()),
            Self::Busy { .. } => Some("Wait for it to finish, then try again.".to_owned()),
            _ => None,
        }
    }

    /// What is safe, where one could fear for it.
    pub fn safe(&self) -> Option<&'static str> {
        match self {
            Self::DiskFull { .. }
            | Self::Damaged { .. }
            | Self::Incomplete { .. }
            | Self::Io { .. } => Some("Your own folder was not changed."),
            _ => None,
        }
    }
}
