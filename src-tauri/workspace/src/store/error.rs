//! What can go wrong in the store.

use std::io;
use std::path::PathBuf;

use crate::tree::BlobId;

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        op: &'static str,
        /// The store's own file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Written by a newer version of this software.
    #[error(
        "the store {} has format {found}, this version knows {known}: use the newer version that wrote it",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// A record of the store is damaged.
    #[error("{what} in {} is damaged", path.display())]
    Damaged {
        /// Which part.
        what: &'static str,
        /// The store's file.
        path: PathBuf,
    },
    /// No such tree.
    #[error("the store has no tree {0}")]
    NoTree(super::TreeId),
    /// A tree names a content that is not there.
    #[error("the store lost the content {0:?}")]
    NoBlob(BlobId),
    /// Another process is writing or reading; prune waits for nobody.
    #[error("the store is in use by another operation")]
    Busy,
}

impl StoreError {
    pub(super) fn io(op: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            op,
            path: path.into(),
            source,
        }
    }

    /// The disk or a quota is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// The kind survives, so that a full disk is still told from a damaged record behind a `Read`.
impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Io { source, .. } => source.kind(),
            StoreError::Damaged { .. } => io::ErrorKind::InvalidData,
            StoreError::NoTree(_) | StoreError::NoBlob(_) => io::ErrorKind::NotFound,
            StoreError::Newer { .. } => io::ErrorKind::Unsupported,
            StoreError::Busy => io::ErrorKind::ResourceBusy,
        };
        Self::new(kind, error)
    }
}
