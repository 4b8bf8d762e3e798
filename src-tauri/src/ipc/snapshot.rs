//! Snapshots, comparing and going back.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    Baseline,
    Auto,
    Safety,
    Named,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SnapshotRow {
    pub id: String,
    pub kind: SnapshotKind,
    /// The user's name, or for the app's own what it came before: `Before the reset`.
    pub name: Option<String>,
    #[ts(type = "number")]
    pub time: i64,
    /// Changed files against its base; of a baseline the number of files.
    pub changed: u32,
    /// Bytes it added to the store; of a baseline the size of the project.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Bytes of the home folder; absent where the snapshot was taken without.
    #[ts(type = "number | null")]
    pub home: Option<u64>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "side",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum CompareSide {
    /// The workspace as it is.
    Now,
    /// The user's folder as it is, without what stays out.
    Project,
    Snapshot {
        id: String,
    },
}

/// What a reset did; `undo` is the snapshot that a reset goes to in order to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetReport {
    pub snapshot: String,
    pub safety: String,
    pub files: u32,
    #[ts(type = "number")]
    pub millis: u64,
}
