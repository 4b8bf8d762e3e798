//! The app itself: checks of the computer, the environment image, disk use.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::error::WireError;
use super::sandbox::Limits;

/// Said once at start.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct AppInfo {
    pub version: String,
    /// `linux`, `macos` or `windows`.
    pub platform: String,
    pub home: String,
    pub data_dir: String,
    /// Whether the first-start check was finished once.
    pub checked_before: bool,
    /// Of a new sandbox where nothing was chosen.
    pub usual_limits: Limits,
    pub engine: EngineState,
}

/// The container engine as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "state",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum EngineState {
    Connecting,
    /// For instance product `Docker`, version `27.3.1`.
    Running {
        product: String,
        version: String,
        cpus: u32,
        #[ts(type = "number")]
        memory: u64,
        /// Runtimes that can be chosen instead of its own; mostly none.
        runtimes: Vec<String>,
    },
    Unavailable {
        error: WireError,
        /// The app of this computer that can be opened to start it, by name.
        #[ts(optional)]
        #[serde(skip_serializing_if = "Option::is_none")]
        opens: Option<String>,
    },
}

/// Where the data lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DataFolder {
    pub path: String,
    #[ts(type = "number")]
    pub free: u64,
    /// Whether the user chose it; else it is the usual one.
    pub chosen: bool,
    /// Why another cannot be chosen, in words.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
}

/// A folder that the data could lie in from the next start on; it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OtherDataFolder {
    pub path: String,
    #[ts(type = "number")]
    pub free: u64,
    /// Whether data of ours lies there from before.
    pub known: bool,
}

/// Whether the app starts when the user logs in to the computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AtLogin {
    pub on: bool,
    /// Why it cannot be switched on, in words.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckId {
    Engine,
    Disk,
    Fence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Ok,
    Warning,
    Failed,
}

/// One row of the first-start check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Check {
    pub id: CheckId,
    pub state: CheckState,
    /// At the right: `Docker 27.3.1`, `1.2 GB free`, `9 of 9 passed`.
    pub figure: String,
    /// One or two sentences; on failure with the exact next step.
    pub summary: String,
    /// A command the user can copy, if one mends it.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The app of this computer that can be opened to mend it, by name.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// What was tried and what happened, behind a disclosure.
    pub tried: Vec<Tried>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Tried {
    pub what: String,
    pub happened: String,
    pub ok: bool,
}

/// The environment image that sandboxes start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(
    tag = "state",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum ImageState {
    Missing,
    Preparing {
        phase: String,
        /// 0 to 1; absent while it cannot be told.
        fraction: Option<f64>,
    },
    Ready {
        reference: String,
        #[ts(type = "number")]
        bytes: u64,
    },
    Failed {
        error: WireError,
    },
}

/// What the app holds on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DiskUse {
    #[ts(type = "number")]
    pub free: u64,
    #[ts(type = "number")]
    pub store: u64,
    #[ts(type = "number")]
    pub images: u64,
    pub sandboxes: Vec<SandboxDiskUse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SandboxDiskUse {
    pub sandbox: String,
    pub name: String,
    #[ts(type = "number")]
    pub workspace: u64,
    /// Absent where the container engine cannot tell.
    #[ts(type = "number | null")]
    pub home: Option<u64>,
    /// What no other sandbox needs of the snapshots' contents, which are kept once for all.
    #[ts(type = "number")]
    pub snapshots: u64,
    #[ts(type = "number")]
    pub trash: u64,
    #[ts(type = "number")]
    pub backups: u64,
}
