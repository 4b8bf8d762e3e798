//! Copy-out: one transaction that writes accepted changes into the user's own folder, or nothing.
//!
//! The promise (SECURITY R5, R6, §3.3): whatever happens, a kill, a full disk, a user who edits the same
//! files meanwhile, the project is afterwards exactly as before or exactly as accepted, and no byte of
//! the user's is unreachable at any instant. How:
//!
//! 1. [`plan`] compares base, capture and the project as it is now. A path that is neither is a conflict.
//! 2. All new content is staged where a rename into the project is possible, and synced.
//! 3. The journal says what will be done. From here on a kill is rolled back by [`recover`].
//! 4. Each step is one rename: exchange, into a free name, or out into the stage. What was displaced is
//!    then compared with what was expected, and is the backup. A difference rolls everything back. Where the
//!    file system has no such renames, other calls stand for them: `means.rs` says which, and what remains open.
//! 5. Folders are synced, the journal says committed.
//!
//! [`undo`] is another such transaction, made from the journal and the backups of the first.

mod attributes;
mod back;
mod doing;
mod error;
mod history;
mod journal;
mod look;
mod means;
mod plan;
mod planner;
mod recover;
mod run;
mod stage;
mod step;
mod undo;

pub use error::CopyOutError;
pub use history::{Past, history, kept_bytes, last_to_redo, last_to_undo, remove};
pub use plan::{
    Conflict, Pick, Plan, Reason, Request, Resolution, Skip, Skipped, Take, Yours, choose, plan,
    yours,
};
pub use planner::keeps_modes;
pub use recover::{Outcome as RecoveryOutcome, Recovered, recover, settle};
pub use run::{Report, execute};
pub use undo::{redo, undo};

use sandbox_workspace::{Entry, WorkspacePath};
use serde::{Deserialize, Serialize};

/// Names a copy-out within one sandbox: the name of its folder. Later ones sort later.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CopyOutId(pub String);

/// How the base of one path moves: to what workspace and project now have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseMove {
    /// The path.
    pub path: WorkspacePath,
    /// The base entry before, for the way back.
    pub before: Option<Entry>,
    /// The base entry from now on.
    pub after: Option<Entry>,
}

/// Applies base moves to a base tree.
pub fn move_base(base: sandbox_workspace::Tree, moves: &[BaseMove]) -> sandbox_workspace::Tree {
    let mut entries: std::collections::BTreeMap<WorkspacePath, Entry> = base
        .into_entries()
        .into_iter()
        .map(|entry| (entry.path.clone(), entry))
        .collect();
    for change in moves {
        match &change.after {
            Some(entry) => entries.insert(change.path.clone(), entry.clone()),
            None => entries.remove(&change.path),
        };
    }
    sandbox_workspace::Tree::new(entries.into_values().collect())
}

/// A place where a test can make the process fail or die.
#[cfg(feature = "failpoints")]
fn point(name: &str) -> Result<(), CopyOutError> {
    fail::fail_point!(name, |what| {
        match what.as_deref() {
            Some("abort") => std::process::abort(),
            Some("full") => Err(CopyOutError::injected(std::io::ErrorKind::StorageFull)),
            _ => Err(CopyOutError::injected(std::io::ErrorKind::Other)),
        }
    });
    Ok(())
}

#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unnecessary_wraps)]
fn point(_: &str) -> Result<(), CopyOutError> {
    Ok(())
}
