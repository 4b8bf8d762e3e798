//! Sandboxes as the window lists and watches them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::error::WireError;
use super::path::WirePath;
use super::review::ChangeStatus;

/// What the status dot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SandboxStatus {
    Working,
    Waiting,
    Idle,
    Paused,
    Stopped,
    Attention,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    Offline,
    Approved,
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Limits {
    /// Cores, in thousandths: 1500 is one and a half.
    pub cpu_millis: u32,
    #[ts(type = "number")]
    pub memory: u64,
    pub processes: u32,
    /// Largest file in bytes.
    #[ts(type = "number")]
    pub file_size: u64,
    /// Bytes that the workspace may take on the disk, and files, folders and links that may lie in it.
    #[ts(type = "number")]
    pub workspace_size: u64,
    #[ts(type = "number")]
    pub workspace_files: u64,
}

/// One row of the sandbox list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SandboxRow {
    pub id: String,
    pub name: String,
    pub project: String,
    /// The recipe's id, for instance `shell`, and the name that is shown for it.
    pub agent: String,
    pub agent_name: String,
    pub status: SandboxStatus,
    /// Changed files, live; absent while the first count runs.
    pub changed: Option<u32>,
    pub snapshots: u32,
    pub network: NetworkMode,
    pub limits: Limits,
    /// The engine's runtime that was chosen; absent: its own.
    pub runtime: Option<String>,
    /// Providers whose keys it uses beside those of its agent.
    pub keys: Vec<String>,
    pub image: Option<String>,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub created: i64,
    /// Said under the name when status is attention: `Ran out of memory (4 GB)`.
    pub attention: Option<Attention>,
    /// Said where the live list is less than live: `Too many folders to watch; checked every 10 s`.
    pub watch_note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum Attention {
    /// The agent was ended because memory ran out. Offer twice as much, in place.
    OutOfMemory {
        #[ts(type = "number")]
        limit: u64,
    },
    DiskLow {
        #[ts(type = "number")]
        free: u64,
    },
    /// Paused: the workspace is larger than its limits, which these are.
    WorkspaceLarge {
        #[ts(type = "number")]
        limit: u64,
        #[ts(type = "number")]
        files: u64,
    },
    Interrupted,
    Failed {
        error: WireError,
    },
}

/// One entry of a folder in the file panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TreeEntry {
    pub path: WirePath,
    pub name: String,
    pub kind: TreeKind,
    #[ts(type = "number")]
    pub size: u64,
    /// Set when it differs from the base; for a folder when something below does.
    pub status: Option<ChangeStatus>,
    /// Left out of hand-over (rebuildable or secret): shown quiet.
    pub left_out: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TreeKind {
    File,
    Dir,
    Symlink,
    Special,
}

/// A folder's entries, folders first; cut off at 5,000 with the count of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Listing {
    pub entries: Vec<TreeEntry>,
    pub more: u32,
}

/// A row of the *Changed* list beside the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LiveChange {
    pub path: WirePath,
    pub status: ChangeStatus,
    pub additions: Option<u32>,
    pub deletions: Option<u32>,
    #[ts(type = "number")]
    pub size: u64,
    pub risky: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LiveChanges {
    pub changes: Vec<LiveChange>,
    /// Paths that hand-over left out and that exist in the workspace.
    pub left_out: u32,
    /// Some of the workspace could not be read; the list may lack changes there.
    pub incomplete: bool,
}

/// A file for the read-only viewer or the images of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum FileView {
    Text {
        text: String,
        #[ts(type = "number")]
        size: u64,
        /// `UTF-8`, `UTF-16 LE`, `Latin-1`.
        encoding: String,
        /// Only the beginning is in `text`.
        cut: bool,
    },
    /// PNG, JPEG, GIF or WebP, checked by its bytes. SVG is text.
    Image {
        mime: String,
        base64: String,
        #[ts(type = "number")]
        size: u64,
        width: Option<u32>,
        height: Option<u32>,
    },
    Binary {
        #[ts(type = "number")]
        size: u64,
        description: String,
    },
    TooLarge {
        #[ts(type = "number")]
        size: u64,
    },
    Symlink {
        target: String,
        leaves: bool,
    },
    Special {
        what: String,
    },
}

/// Read once a second while somebody looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Stats {
    /// Cores in use now, 1.0 is one core.
    pub cpu: f64,
    #[ts(type = "number")]
    pub memory: u64,
    pub processes: u32,
    /// Bytes per second.
    pub received: f64,
    pub sent: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProcessRow {
    pub pid: u32,
    pub command: String,
    /// As the engine's process list says it, for instance `0:04`.
    pub cpu_time: String,
    #[ts(type = "number")]
    pub memory: u64,
}
