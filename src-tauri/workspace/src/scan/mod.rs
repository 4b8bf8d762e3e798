//! From a folder to a [`Tree`]: a parallel walk by handles that lists and reads only what changed.
//!
//! Every file's content goes into a [`BlobSink`]. Nothing is followed, nothing blocks, specials are
//! recorded and never opened. What cannot be read, or goes beyond the budget, is recorded as unknown:
//! the tree then is incomplete and drives no deletion there.

mod assemble;
mod enter;
mod file;
mod index;
mod known;
mod narrow;
mod walk;

#[cfg(test)]
mod led_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use assemble::assemble;
pub(crate) use file::is_full;
pub use index::Index;

use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError};
use crate::path::WorkspacePath;
use crate::progress::{Cancel, Progress, Silent};
use crate::tree::Tree;

/// Decides what a scan passes over; told the path and whether a folder lies there.
pub type Skip<'a> = dyn Fn(&WorkspacePath, bool) -> bool + Sync + 'a;

/// How a scan is done.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// What the last scan knew; without it every folder is listed and every file read.
    pub index: Option<&'a Index>,
    /// What to pass over: it is in the result's `skipped`, not in the tree.
    pub skip: Option<&'a Skip<'a>>,
    /// Where to stop.
    pub budget: Budget,
    /// Whether folders and files of ours that deny us are opened up by their mode and put back
    /// afterwards. Changes the folder for a moment: only while nobody else works on it.
    pub open_closed: bool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Asked to stop.
    pub cancel: &'a Cancel,
}

impl<'a> ScanOptions<'a> {
    /// A whole, silent scan with the default budget.
    pub fn new(cancel: &'a Cancel) -> Self {
        Self {
            index: None,
            skip: None,
            budget: Budget::default(),
            open_closed: false,
            progress: &Silent,
            cancel,
        }
    }
}

/// Where a scan stops with a truthful partial result: a hostile tree can be without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Entries.
    pub entries: u64,
    /// Bytes of content that are read.
    pub bytes: u64,
    /// Bytes of all paths together.
    pub path_bytes: u64,
    /// Length of one file.
    pub file: u64,
    /// Time.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            entries: 5_000_000,
            bytes: 1 << 40,
            path_bytes: 1 << 30,
            file: 256 << 30,
            time: Duration::from_secs(3600),
        }
    }
}

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Scan {
    /// What the folder held.
    pub tree: Tree,
    /// What to hand to the next scan.
    pub index: Index,
    /// What was passed over, sorted; a folder stands for all that is in it.
    pub skipped: Vec<WorkspacePath>,
    /// Files whose content was read.
    pub read_files: u64,
    /// Bytes read for that.
    pub read_bytes: u64,
}

/// Why there is no result at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The folder itself cannot be read: nothing is known, nothing is deleted.
    #[error("the folder cannot be read: {0}")]
    Root(#[source] FsError),
    /// Contents could not be taken: most often the disk is full.
    #[error("the content of \"{path}\" cannot be kept: {source}")]
    Sink {
        /// Whose content.
        path: WorkspacePath,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads everything below `root`.
pub fn scan(root: &Dir, sink: &dyn BlobSink, options: &ScanOptions<'_>) -> Result<Scan, ScanError> {
    walk::Walk::new(root, sink, options).whole()
}

/// As [`scan`], but looks only at `hints` and what lies below them; the rest is taken from `previous`,
/// as is the index where the options have none.
///
/// The hints come from a watcher: a path that something happened to. A parent that is gone, or that is
/// passed over, is found out here. What was never hinted at is not looked at: only a whole scan is the truth.
pub fn rescan(
    root: &Dir,
    previous: Scan,
    hints: &[WorkspacePath],
    sink: &dyn BlobSink,
    options: &ScanOptions<'_>,
) -> Result<Scan, ScanError> {
    narrow::rescan(root, previous, hints, sink, options)
}
