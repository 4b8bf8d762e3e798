//! Errors on the wire: a closed code, and words for a person.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What kind of thing went wrong. The window has one table from code to severity, words and action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request itself is wrong: an unknown id, a bad value.
    InvalidRequest,
    /// The project cannot be handed over: missing, not a folder, unreadable, home or `/`, inside the data folder.
    ProjectUnusable,
    /// No sandbox, snapshot or capture with that id.
    NotFound,
    /// A sandbox with that name is there already.
    NameTaken,
    /// Another operation holds the sandbox.
    Busy,
    /// The operation was cancelled; the state before it is back.
    Cancelled,
    /// Project files changed meanwhile; nothing was written.
    Conflict,
    /// Not enough room on the disk.
    DiskFull,
    /// No container engine is installed.
    EngineNotInstalled,
    /// A container engine is installed and does not run.
    EngineNotRunning,
    /// The container engine refuses this user.
    EngineNoPermission,
    /// The container engine is too old, remote, or set up in a way that is refused.
    EngineUnsupported,
    /// The container engine did not answer in time.
    EngineTimeout,
    /// The container engine refused or failed.
    EngineFailed,
    /// The sandbox must run for this, and does not.
    NotRunning,
    /// The environment image is not there or could not be built.
    ImageUnavailable,
    /// Asked for and not built yet (for instance a network policy); refused, never silently wider.
    NotSupported,
    /// The fence self-test found a hole; nothing was started.
    FenceOpen,
    /// Stored data is damaged, or of a newer version.
    DataDamaged,
    /// A file could not be read or written.
    Io,
    /// A mistake of ours.
    Internal,
}

/// The error every command answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WireError {
    pub code: ErrorCode,
    /// What happened, in one or two plain sentences.
    pub message: String,
    /// What is safe ("Your folder was not touched."), where it matters.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe: Option<String>,
    /// What to do next.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// For *Copy details*: the chain of causes.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

impl WireError {
    /// An error in our own words.
    pub fn said(code: ErrorCode, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            safe: None,
            fix: None,
            details: None,
        }
    }

    /// An error in its own words, with the chain of its causes as details.
    pub fn new(code: ErrorCode, error: &dyn std::error::Error) -> Self {
        let causes: Vec<String> = std::iter::successors(error.source(), |cause| cause.source())
            .map(ToString::to_string)
            .collect();
        Self {
            details: (!causes.is_empty()).then(|| causes.join("\n")),
            ..Self::said(code, &error.to_string())
        }
    }
}
