//! Review and copy-out: what an agent changed, what of it would act on the user's machine, and the
//! transaction that writes the accepted part into the user's own folder.
//!
//! Synchronous, without Docker and without git. Everything here is made from trees and stored contents
//! (SECURITY R2), never from the live workspace; what is shown is what is written.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod branch;
pub mod changes;
pub mod copyout;
pub mod decisions;
pub mod diff;
pub mod merge;
pub mod risk;
pub mod text;
pub mod unified;

mod sha1;

pub use changes::{Change, ChangeKind, Changes, Status, compare};
pub use decisions::{Decision, Decisions};
pub use diff::{Diff, FileDiff, Hunk, HunkId, Line, LineKind, TextDiff};
pub use risk::{Class, Refusal, Risk};

use sandbox_workspace::{BlobId, WorkspacePath};

/// A content that could not be read while changes or a diff were made.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The store does not have it, or it is damaged.
    #[error("cannot read the content of \"{path}\" ({blob:?}): {source}")]
    Content {
        /// The file.
        path: WorkspacePath,
        /// Its content.
        blob: BlobId,
        /// Why.
        source: std::io::Error,
    },
    /// A decision names a hunk or line that this capture does not have.
    #[error("\"{path}\" changed since this was decided: look at it again")]
    Stale {
        /// The file.
        path: WorkspacePath,
    },
    /// Hunks of something that is not text.
    #[error("\"{path}\" can only be taken or left as a whole")]
    WholeOnly {
        /// The file.
        path: WorkspacePath,
    },
    /// Stopped on request.
    #[error("cancelled")]
    Cancelled,
}
