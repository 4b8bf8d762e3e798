//! The snapshots of one sandbox: which tree, when, why, what it is called.
//!
//! One checksummed JSON file each, written whole or not at all, after the tree it names. A record that
//! is damaged is listed as such and never deleted by us; its tree may be found by `Store::trees`.

mod thin;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use thin::thin;

use crate::restore::Trashed;
use crate::store::TreeId;
use crate::tree::BlobId;

const FORMAT: u32 = 1;

/// The name of a snapshot: 16 hexadecimal digits that sort by time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

/// A text that is no snapshot's name.
#[derive(Debug, thiserror::Error)]
#[error("not the id of a snapshot")]
pub struct NotAnId;

impl SnapshotId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(time_ms: u64) -> io::Result<Self> {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        // 48 bits of milliseconds last for 8,900 years.
        let time = time_ms & 0xffff_ffff_ffff;
        Ok(Self(format!(
            "{time:012x}{:04x}",
            u16::from_le_bytes(random)
        )))
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 16 && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(NotAnId)
        }
    }
}

impl std::str::FromStr for SnapshotId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::try_from(text.to_owned())
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// The workspace as handed over.
    Baseline,
    /// By the app itself.
    Auto,
    /// Before a reset, so that it can be undone.
    Safety,
    /// By the user.
    Named,
}

/// What is known of a snapshot besides its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name in the sandbox.
    pub id: SnapshotId,
    /// Why it was taken.
    pub kind: SnapshotKind,
    /// What the user called it.
    pub name: Option<String>,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The workspace.
    pub tree: TreeId,
    /// The base at that time: a reset restores both together.
    pub base: TreeId,
    /// Files that differ from the base.
    pub changed: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The home folder, where the snapshot includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// Rebuildable folders that the reset after it moved to the trash; its undo brings them back.
    #[serde(default)]
    pub trashed: Vec<Trashed>,
}

/// The home folder in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// What it held.
    pub tree: TreeId,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What is known when a snapshot is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSnapshot {
    /// Why it is taken.
    pub kind: SnapshotKind,
    /// What the user calls it.
    pub name: Option<String>,
    /// Now, in milliseconds since 1970.
    pub time_ms: u64,
    /// The workspace.
    pub tree: TreeId,
    /// The base.
    pub base: TreeId,
    /// Files that differ from the base.
    pub changed: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The home folder, where the snapshot includes it.
    pub home: Option<Home>,
}

/// The records of one sandbox, in one folder.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
}

/// What [`Snapshots::list`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Files that are damaged or of a newer version: while there are any, nothing may be pruned.
    pub unreadable: Vec<PathBuf>,
}

/// A failed operation on the records.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotsError {
    /// The system refused.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        op: &'static str,
        /// The record or the folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot {0}")]
    Unknown(SnapshotId),
    /// The record is damaged or of a newer version.
    #[error("the record {} is damaged, or of a newer version", .0.display())]
    Damaged(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    check: BlobId,
    snapshot: String,
}

impl Snapshot {
    /// The trees that it needs.
    pub fn trees(&self) -> impl Iterator<Item = TreeId> {
        [self.tree, self.base]
            .into_iter()
            .chain(self.home.map(|home| home.tree))
    }
}

impl Snapshots {
    /// The records in this folder, which is made at the first of them.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Records a snapshot whose tree is stored.
    pub fn add(&self, new: NewSnapshot) -> Result<Snapshot, SnapshotsError> {
        fs::create_dir_all(&self.folder).map_err(|e| failed("make", &self.folder, e))?;
        let NewSnapshot {
            kind,
            name,
            time_ms,
            tree,
            base,
            changed,
            bytes,
            home,
        } = new;
        // Ids sort by time also where the clock was set back.
        let last = self.list()?.snapshots.last().map_or(0, |s| id_time(&s.id));
        let id =
            SnapshotId::new(time_ms.max(last + 1)).map_err(|e| failed("name", &self.folder, e))?;
        let snapshot = Snapshot {
            id,
            kind,
            name,
            time_ms,
            tree,
            base,
            changed,
            bytes,
            home,
            trashed: Vec::new(),
        };
        self.write(&snapshot)?;
        Ok(snapshot)
    }

    /// Writes a record anew: after its name or what is in the trash changed.
    pub fn write(&self, snapshot: &Snapshot) -> Result<(), SnapshotsError> {
        let path = self.path(&snapshot.id);
        let text = serde_json::to_string(snapshot).map_err(io::Error::from);
        let written = text.and_then(|snapshot| {
            let check = BlobId::of(snapshot.as_bytes());
            let file = serde_json::to_vec(&File {
                format: FORMAT,
                check,
                snapshot,
            })?;
            crate::durable::write(&path, &file)
        });
        written.map_err(|e| failed("write", &path, e))
    }

    /// All records, oldest first.
    pub fn list(&self) -> Result<Listed, SnapshotsError> {
        let mut listed = Listed::default();
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(listed),
            entries => entries.map_err(|e| failed("list", &self.folder, e))?,
        };
        for entry in entries {
            let path = entry.map_err(|e| failed("list", &self.folder, e))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            match read(&path) {
                Ok(snapshot) => listed.snapshots.push(snapshot),
                // Deleted meanwhile by another process.
                Err(SnapshotsError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(_) => listed.unreadable.push(path),
            }
        }
        listed.snapshots.sort_by(|a, b| a.id.cmp(&b.id));
        listed.unreadable.sort();
        Ok(listed)
    }

    /// One record.
    pub fn get(&self, id: &SnapshotId) -> Result<Snapshot, SnapshotsError> {
        match read(&self.path(id)) {
            Err(SnapshotsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(SnapshotsError::Unknown(id.clone()))
            }
            read => read,
        }
    }

    /// Removes a record. Its contents go with the next prune of the store.
    pub fn delete(&self, id: &SnapshotId) -> Result<(), SnapshotsError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(SnapshotsError::Unknown(id.clone()))
            }
            done => done.map_err(|e| failed("remove", &path, e)),
        }
    }

    fn path(&self, id: &SnapshotId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn id_time(id: &SnapshotId) -> u64 {
    u64::from_str_radix(&id.0[..12], 16).unwrap_or(0)
}

fn read(path: &Path) -> Result<Snapshot, SnapshotsError> {
    let damaged = || SnapshotsError::Damaged(path.to_owned());
    let bytes = fs::read(path).map_err(|e| failed("read", path, e))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    if file.format != FORMAT || BlobId::of(file.snapshot.as_bytes()) != file.check {
        return Err(damaged());
    }
    serde_json::from_str(&file.snapshot).map_err(|_| damaged())
}

fn failed(op: &'static str, path: &Path, source: io::Error) -> SnapshotsError {
    SnapshotsError::Io {
        op,
        path: path.to_owned(),
        source,
    }
}
