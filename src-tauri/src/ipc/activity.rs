//! What happened in a sandbox, newest first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    HandedOver,
    Started,
    Stopped,
    Paused,
    Resumed,
    Snapshot,
    Reset,
    CopiedOut,
    CopyOutUndone,
    Network,
    LimitHit,
    Recovered,
    Removed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ActivityEntry {
    #[ts(type = "number")]
    pub id: u64,
    #[ts(type = "number")]
    pub time: i64,
    pub kind: ActivityKind,
    /// `Workspace reset`, `Copied out 3 files`.
    pub what: String,
    /// `Allowed`, `Blocked`; for network rows.
    pub decision: Option<String>,
    pub detail: String,
    /// The snapshot or copy-out it is about, for *Show* and *Undo*.
    pub subject: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ActivityPage {
    pub entries: Vec<ActivityEntry>,
    /// Ask again with the last entry's id for older ones.
    pub more: bool,
    /// How many there are of each kind, on any page; none of a kind that is absent.
    pub counts: BTreeMap<ActivityKind, u32>,
}
