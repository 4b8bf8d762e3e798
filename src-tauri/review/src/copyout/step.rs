//! One rename of a transaction, as the journal keeps it.

use sandbox_workspace::{Entry, FileTime, Stat, WorkspacePath};
use serde::{Deserialize, Serialize};

/// What one step does to one path. The step's number is its slot: its name in the stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    /// Where in the project.
    pub(super) path: WorkspacePath,
    /// What.
    pub(super) action: Action,
    /// Which stage, by its place in the journal's list.
    pub(super) stage: usize,
    /// The inode of what was staged, by which "done" is told from "not done" after a crash.
    pub(super) staged: Option<Inode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// Out of the project into the stage. A folder must be empty.
    Take {
        /// What must lie there.
        expected: Entry,
        /// A folder that is left where it is if something else lies in it.
        optional: bool,
    },
    /// From the stage into the project, where nothing is.
    Put {
        /// What is staged.
        entry: Entry,
        /// Whose attributes it gets.
        like: Like,
        /// A modification time to restore.
        mtime: Option<FileTime>,
    },
    /// From the stage in exchange for what lies there.
    Swap {
        /// What must lie there.
        expected: Entry,
        /// What is staged.
        entry: Entry,
        /// A modification time to restore.
        mtime: Option<FileTime>,
    },
    /// The permission bits of a folder.
    Mode {
        /// Before.
        old: u32,
        /// After.
        new: u32,
    },
}

/// Whose owner and extended attributes a new file gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Like {
    /// Its folder's owner.
    Folder,
    /// Those of a file of the project that goes away.
    Path(WorkspacePath),
    /// Those of a backup of the copy-out that is undone.
    Backup(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inode {
    dev: u64,
    ino: u64,
}

impl From<&Stat> for Inode {
    fn from(stat: &Stat) -> Self {
        Self {
            dev: stat.dev,
            ino: stat.ino,
        }
    }
}

impl Step {
    pub(super) fn new(path: WorkspacePath, action: Action) -> Self {
        Self {
            path,
            action,
            stage: 0,
            staged: None,
        }
    }

    /// What is staged for it.
    pub(super) fn entry(&self) -> Option<&Entry> {
        match &self.action {
            Action::Put { entry, .. } | Action::Swap { entry, .. } => Some(entry),
            Action::Take { .. } | Action::Mode { .. } => None,
        }
    }

    /// What must lie at its place.
    pub(super) fn expected(&self) -> Option<&Entry> {
        match &self.action {
            Action::Take { expected, .. } | Action::Swap { expected, .. } => Some(expected),
            Action::Put { .. } | Action::Mode { .. } => None,
        }
    }

    /// Whether a backup of it is kept.
    pub(super) fn displaces(&self) -> bool {
        matches!(self.action, Action::Take { .. } | Action::Swap { .. })
    }

    /// Bytes that must be written for it.
    pub(super) fn bytes(&self) -> u64 {
        match self.entry().map(|entry| &entry.kind) {
            Some(sandbox_workspace::EntryKind::File { size, .. }) => *size,
            _ => 0,
        }
    }
}

/// A step's name in the stage.
pub(super) fn slot(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// The name in the stage of what a step displaced, until the new one is in its place: where names cannot be
/// exchanged at once.
pub(super) fn aside(number: usize) -> Vec<u8> {
    format!("{number}.old").into_bytes()
}

/// The name in the stage of what is taken out again on the way back, likewise.
pub(super) fn away(number: usize) -> Vec<u8> {
    format!("{number}.new").into_bytes()
}
