//! The app-owned copy of a project: confined file access, scan, hand-over, snapshots, restore, watch.
//!
//! Synchronous, without Docker. The agent owns every byte, name, mode and time below a workspace and
//! keeps writing while we read: nothing below a root is opened by name, no link is followed, and a
//! missing or unreadable part is never taken for a deletion (SECURITY R1, R2, R4, R7, R13).
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod blobs;
pub mod confined;
mod durable;
pub mod escape;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod path;
pub mod progress;
pub mod project;
pub mod restore;
pub mod rules;
pub mod scan;
mod size;
pub mod snapshots;
mod sparse;
pub mod store;
pub mod system;
pub mod tree;
pub mod watch;

pub use blobs::{BlobSink, BlobSource, HashOnly, MemoryBlobs};
pub use confined::{Dir, FsError, Kind, Space, Stat};
pub use path::{PathError, WorkspacePath};
pub use progress::{Cancel, Progress, Silent, Step};
pub use project::{
    HandOver, HandOverError, HandOverOptions, Preflight, ProjectError, check_project, hand_over,
    preflight,
};
pub use restore::{RestoreError, RestoreOptions, Restored, recover, restore};
pub use rules::{Matcher, Reason, Rules, RulesError, Secrets};
pub use scan::{Index, Scan, ScanError, ScanOptions, rescan, scan};
pub use size::Size;
pub use snapshots::{NewSnapshot, Snapshot, SnapshotId, SnapshotKind, Snapshots};
pub use store::{Store, StoreError, TreeId};
pub use tree::{BlobId, Entry, EntryKind, FileTime, Special, Tree, Unreadable};
pub use watch::{Hint, WatchState, WatchTimes, Watcher, Why};
