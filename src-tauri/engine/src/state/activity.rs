//! What happened in a sandbox: one JSON line each, appended, newest last.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use sandbox_workspace::system::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Kinds that the list can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
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

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityEntry {
    /// Its place in the list, from 1; set when it is read or added.
    #[serde(default)]
    pub id: u64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// For the filter.
    pub kind: ActivityKind,
    /// One short phrase: `Workspace reset`.
    pub what: String,
    /// For network rows: what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The rest in words.
    #[serde(default)]
    pub detail: String,
    /// The snapshot or copy-out that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// Adds one entry. A failure is the caller's to log: history never stops the work.
pub fn append(path: &Path, entry: &ActivityEntry) -> Result<ActivityEntry> {
    let fail = |source| Error::io("write", path, source);
    let mut line = serde_json::to_vec(entry).map_err(|e| fail(io::Error::other(e)))?;
    line.push(b'\n');
    let id = match fs::read(path) {
        Ok(bytes) => bytes.iter().filter(|b| **b == b'\n').count() as u64 + 1,
        Err(_) => 1,
    };
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&line))
        .map_err(fail)?;
    Ok(ActivityEntry {
        id,
        ..entry.clone()
    })
}

/// All entries, oldest first. A line that a crash cut short is passed over.
pub fn read(path: &Path) -> Result<Vec<ActivityEntry>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::io("read", path, source)),
    };
    Ok(bytes
        .split(|b| *b == b'\n')
        .enumerate()
        .filter_map(|(at, line)| {
            let entry: ActivityEntry = serde_json::from_slice(line).ok()?;
            Some(ActivityEntry {
                id: at as u64 + 1,
                ..entry
            })
        })
        .collect())
}
