//! Putting a workspace back to a stored tree, touching only what differs.
//!
//! Intent is written down first, with the name of the wanted tree: killed at any instant, the next
//! start looks at what is there and does the rest ([`recover`]). So nothing is synced file by file.
//! Files that are there are replaced by a rename, at no instant half written; the root keeps its
//! inode, so a mount of it stays valid. What the scan could not read halts the restore before anything
//! is touched. Rebuildable folders, which snapshots do not hold, are moved to a trash folder and can
//! be brought back from it.

mod apply;
mod journal;
mod plan;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::confined::{Dir, FsError};
use crate::path::WorkspacePath;
use crate::progress::{Cancel, Progress};
use crate::scan::{Index, ScanError, ScanOptions, scan};
use crate::store::{Store, StoreError, TreeId};
use crate::tree::Tree;
use journal::Journal;
pub use plan::{How, Plan, Write};

/// How a restore is done.
#[derive(Clone, Copy)]
pub struct RestoreOptions<'a> {
    /// Who owns what is made, where that is not this process.
    pub owner: Option<(u32, u32)>,
    /// Folders that the scan passed over: moved to the trash first.
    pub skipped: &'a [WorkspacePath],
    /// What an earlier restore moved to the trash and that comes back with this one.
    pub bring_back: &'a [Trashed],
    /// Only these paths and what lies below them; all where `None`.
    pub only: Option<&'a [WorkspacePath]>,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Asked to stop; heard until the first change is made.
    pub cancel: &'a Cancel,
}

/// Where a restore works.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The folder to be put back.
    pub workspace: &'a Dir,
    /// On the same file system: takes what is moved away.
    pub trash: &'a Dir,
    /// The file that says what is being done, below the app's own data.
    pub journal: &'a Path,
    /// Has the contents.
    pub store: &'a Store,
}

/// A folder moved to the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trashed {
    /// Where it was.
    pub path: WorkspacePath,
    /// What it is called in the trash.
    pub name: String,
}

/// What a restore did.
#[derive(Debug, Default)]
pub struct Restored {
    /// Files, links and folders made or replaced.
    pub written: u64,
    /// Names removed.
    pub removed: u64,
    /// Entries of which only mode or time was put right.
    pub touched: u64,
    /// Moved to the trash.
    pub trashed: Vec<Trashed>,
    /// What could not be brought back from the trash, and why.
    pub not_brought_back: Vec<(WorkspacePath, String)>,
    /// Files whose content is damaged or missing in the store; they are as they were before.
    pub failed: Vec<(WorkspacePath, String)>,
    /// What is known of the files written, for the next scan.
    pub index: Index,
}

/// Why a restore did not happen, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was asked to stop before anything was changed.
    #[error("cancelled")]
    Cancelled,
    /// Parts of the workspace could not be read: nothing was touched.
    #[error("\"{path}\" could not be read ({reason}), so nothing was put back")]
    Unknown {
        /// The first of them.
        path: String,
        /// Why.
        reason: String,
    },
    /// The workspace cannot be changed. What is missing is done at the next start.
    #[error(transparent)]
    Workspace(#[from] FsError),
    /// A content cannot be written: most often the disk is full. The rest is done at the next start.
    #[error("cannot write \"{path}\": {source}")]
    Write {
        /// Which file.
        path: WorkspacePath,
        /// Why.
        source: std::io::Error,
    },
    /// The wanted tree cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The workspace cannot be looked at.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// What is being done cannot be written down.
    #[error("cannot use {}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RestoreError {
    /// The disk or a quota is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Workspace(e) => e.is_full(),
            Self::Store(e) => e.is_full(),
            Self::Write { source, .. } | Self::Journal { source, .. } => {
                crate::scan::is_full(source)
            }
            _ => false,
        }
    }
}

/// Makes the workspace hold `wanted` instead of `current`, which a scan just found there.
///
/// Nobody else may write to the workspace meanwhile.
pub fn restore(
    place: &Place<'_>,
    current: &Tree,
    wanted: &TreeId,
    options: &RestoreOptions<'_>,
) -> Result<Restored, RestoreError> {
    if options.cancel.is_cancelled() {
        return Err(RestoreError::Cancelled);
    }
    let tree = place.store.tree(wanted)?;
    plan::check_known(current, options.only)?;
    let journal = Journal::new(wanted, options)?;
    journal.write(place.journal)?;
    fail::fail_point!("restore-journaled");
    run(place, current, &tree, &journal, options.progress)
}

/// Whether a restore was interrupted here.
pub fn is_interrupted(journal: &Path) -> bool {
    journal.exists()
}

/// Finishes a restore that was interrupted; `None` where there was none. May itself be interrupted.
pub fn recover(
    place: &Place<'_>,
    progress: &dyn Progress,
) -> Result<Option<Restored>, RestoreError> {
    let Some(journal) = Journal::read(place.journal)? else {
        return Ok(None);
    };
    let tree = place.store.tree(&journal.wanted)?;
    // First what could be in the way of the scan.
    journal.move_to_trash(place)?;
    let cancel = Cancel::default();
    let options = ScanOptions {
        open_closed: true,
        ..ScanOptions::new(&cancel)
    };
    let mut found = scan(place.workspace, &crate::HashOnly, &options)?.tree;
    // What is back from the trash already is no part of the tree.
    let back: Vec<WorkspacePath> = journal.bring_back.iter().map(|t| t.path.clone()).collect();
    let is_back =
        |path: &WorkspacePath| tree.get(path).is_none() && back.iter().any(|b| path.starts_with(b));
    let notes = (
        std::mem::take(&mut found.unreadable),
        std::mem::take(&mut found.torn),
    );
    let entries = found
        .into_entries()
        .into_iter()
        .filter(|e| !is_back(&e.path));
    let mut current = Tree::from_sorted(entries.collect());
    (current.unreadable, current.torn) = notes;
    plan::check_known(&current, journal.only.as_deref())?;
    run(place, &current, &tree, &journal, progress).map(Some)
}

fn run(
    place: &Place<'_>,
    current: &Tree,
    wanted: &Tree,
    journal: &Journal,
    progress: &dyn Progress,
) -> Result<Restored, RestoreError> {
    journal.move_to_trash(place)?;
    fail::fail_point!("restore-trashed");
    let plan = Plan::new(current, wanted, journal.only.as_deref());
    let mut restored = apply::apply(place, &plan, journal.owner, progress)?;
    fail::fail_point!("restore-applied");
    restored.not_brought_back = journal.bring_back(place);
    apply::finish_folders(place.workspace, &plan, journal.owner)?;
    restored.trashed.clone_from(&journal.trashed);
    journal.done(place.journal)?;
    Ok(restored)
}
