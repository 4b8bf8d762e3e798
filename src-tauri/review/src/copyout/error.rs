//! Why a copy-out did not happen. Unless it says otherwise, the project is as it was before.

use std::io::ErrorKind;

use sandbox_workspace::{FsError, Size, WorkspacePath};

use super::CopyOutId;
use super::plan::Conflict;

/// A copy-out, undo or recovery that failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyOutError {
    /// The system refused something in the project, the stage or the journal.
    #[error("{doing}: {source}")]
    File {
        /// What the transaction was doing.
        doing: &'static str,
        /// What failed.
        source: FsError,
    },
    /// A content could not be read from the store or written to the stage.
    #[error("cannot write the content of \"{path}\": {source}")]
    Content {
        /// The file.
        path: WorkspacePath,
        /// Why.
        source: std::io::Error,
    },
    /// The journal could not be written or read.
    #[error("cannot {doing} the record of copy-out {}: {source}", id.0)]
    Journal {
        /// `write` or `read`.
        doing: &'static str,
        /// Which copy-out.
        id: CopyOutId,
        /// Why.
        source: std::io::Error,
    },
    /// The record of a copy-out is damaged or from a newer version.
    #[error("the record of copy-out {} cannot be understood: {why}", id.0)]
    Damaged {
        /// Which copy-out.
        id: CopyOutId,
        /// What is wrong.
        why: &'static str,
    },
    /// The project's file system has no place for something that was accepted. Nothing was written.
    #[error("\u{201c}{}\u{201d} cannot be copied out, so nothing was written: {}", _0.path, _0.reason.words())]
    Unfit(Conflict),
    /// Not enough room for the new contents.
    #[error("not enough room: {} are needed and {} are free", Size(*need), Size(*free))]
    NoSpace {
        /// Bytes needed.
        need: u64,
        /// Bytes free.
        free: u64,
    },
    /// The project's own files changed in a way that neither finishing nor going back would respect.
    /// Nothing was overwritten; the earlier content is kept with the copy-out.
    #[error("stopped at {} file(s) that changed meanwhile; the earlier versions are kept with copy-out {}", paths.len(), id.0)]
    Unresolved {
        /// Which copy-out.
        id: CopyOutId,
        /// The files.
        paths: Vec<WorkspacePath>,
    },
    /// An earlier copy-out was interrupted and must be recovered first.
    #[error("copy-out {} was interrupted; it is recovered when your folder is there again with its files", id.0)]
    Interrupted {
        /// Which copy-out.
        id: CopyOutId,
    },
    /// The disk failed while it was ended, or while it was put back. The recovery goes by what it reads.
    #[error(
        "it could not be brought to its end: {source}. Nothing of yours is lost: the next start finishes it or \
         puts everything back, and says which"
    )]
    Unfinished {
        /// Which copy-out.
        id: CopyOutId,
        /// What failed.
        source: Box<Self>,
    },
    /// There is no copy-out left to undo or redo.
    #[error("there is nothing to {0}")]
    Nothing(&'static str),
    /// Stopped on request; the project is as before.
    #[error("cancelled")]
    Cancelled,
    /// The plan has conflicts.
    #[error("{0} conflict(s): nothing was written")]
    Conflicts(usize),
}

impl CopyOutError {
    pub(super) fn file(doing: &'static str) -> impl Fn(FsError) -> Self {
        move |source| Self::File { doing, source }
    }

    /// The disk or a quota is full.
    pub fn is_full(&self) -> bool {
        let full = |kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        match self {
            Self::NoSpace { .. } => true,
            Self::Unfinished { source, .. } => source.is_full(),
            Self::File { source, .. } => source.is_full(),
            Self::Content { source, .. } | Self::Journal { source, .. } => full(source.kind()),
            _ => false,
        }
    }

    #[cfg(feature = "failpoints")]
    pub(super) fn injected(kind: ErrorKind) -> Self {
        Self::Journal {
            doing: "write",
            id: CopyOutId("injected".to_owned()),
            source: std::io::Error::from(kind),
        }
    }
}
