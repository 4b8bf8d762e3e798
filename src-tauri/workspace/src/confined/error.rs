//! What can go wrong at one name below a handle.

use std::io;

use super::{Kind, sys};
use crate::escape::escaped;

/// A failed file operation, with what was tried and where. Paths print escaped.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The system refused.
    #[error("cannot {op} \"{}\": {source}", escaped(path))]
    Io {
        /// What was tried, as a verb.
        op: &'static str,
        /// Where, relative to the handle (absolute for a root).
        path: Vec<u8>,
        /// Why.
        source: io::Error,
    },
    /// Something else lies where a regular file was expected.
    #[error("cannot {op} \"{}\": it is {kind}, not a regular file", escaped(path))]
    NotRegular {
        /// What was tried, as a verb.
        op: &'static str,
        /// Where.
        path: Vec<u8>,
        /// What lies there.
        kind: Kind,
    },
    /// A component is a symbolic link, or the path would leave the root.
    #[error(
        "cannot {op} \"{}\": a part of the path is a link or leaves the folder",
        escaped(path)
    )]
    Escapes {
        /// What was tried, as a verb.
        op: &'static str,
        /// Where.
        path: Vec<u8>,
    },
    /// Not a single component (empty, `.`, `..`, with `/` or NUL).
    #[error("cannot {op} \"{}\": not a name of one component", escaped(path))]
    BadName {
        /// What was tried, as a verb.
        op: &'static str,
        /// The bytes given.
        path: Vec<u8>,
    },
}

impl FsError {
    /// A failed operation on `path`.
    pub fn io(op: &'static str, path: &[u8], source: impl Into<io::Error>) -> Self {
        Self::Io {
            op,
            path: path.to_vec(),
            source: source.into(),
        }
    }

    /// As [`Self::io`], with the answers of a refused resolution told apart.
    pub(super) fn resolve(op: &'static str, path: &[u8], source: io::Error) -> Self {
        if sys::is_refused(&source) {
            return Self::Escapes {
                op,
                path: path.to_vec(),
            };
        }
        Self::io(op, path, source)
    }

    /// The system's kind of error; `InvalidInput` and `Other` for what the system was not asked.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            Self::NotRegular { .. } | Self::Escapes { .. } => io::ErrorKind::Other,
            Self::BadName { .. } => io::ErrorKind::InvalidInput,
        }
    }

    /// Nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// Something is there already.
    pub fn is_exists(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// No right to it.
    pub fn is_denied(&self) -> bool {
        self.kind() == io::ErrorKind::PermissionDenied
    }

    /// The disk or a quota is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    /// The system's error number, where there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// The same error at `path`: an operation on one name says the whole path.
    pub fn at(mut self, whole: &[u8]) -> Self {
        let (Self::Io { path, .. }
        | Self::NotRegular { path, .. }
        | Self::Escapes { path, .. }
        | Self::BadName { path, .. }) = &mut self;
        *path = whole.to_vec();
        self
    }
}
