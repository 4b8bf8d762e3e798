//! The store: checking, freeing, sizes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use sandbox_workspace::Cancel;
use sandbox_workspace::snapshots::{Snapshot, Snapshots};
use sandbox_workspace::store::{Pruned, Stats, TreeId, Verified};
use tokio::task::block_in_place;

use super::{Engine, capture};
use crate::state::data_dir::SandboxDir;
use crate::state::record::Record;
use crate::{Error, Result};

/// What is younger is kept: another process may be about to name it.
const GRACE: Duration = Duration::from_secs(3600);

/// What was freed.
pub type Pruning = Pruned;

impl Engine {
    /// Reads every content and compares it with its hash.
    pub fn verify(&self, cancel: &Cancel) -> Result<Verified> {
        Ok(block_in_place(|| self.store().verify(cancel))?)
    }

    /// What the store holds.
    pub fn store_stats(&self) -> Result<Stats> {
        Ok(block_in_place(|| self.store().stats())?)
    }

    /// Frees what no snapshot, base or capture needs.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a record cannot be read: what it needs is not known, so nothing is freed.
    pub fn prune(&self) -> Result<Pruning> {
        let mut live: HashSet<TreeId> = HashSet::new();
        for id in self.data().ids()? {
            let dir = self.data().sandbox(&id);
            if dir.creating().exists() {
                return Err(Error::Busy {
                    sandbox: id.to_string(),
                });
            }
            let (_, record) = self.load(&id)?;
            let (trees, unreadable) = needed(&dir, &record)?;
            if let Some(path) = unreadable.first() {
                return Err(Error::Damaged {
                    path: path.clone(),
                    reason: "what this snapshot needs is not known, so nothing was freed"
                        .to_owned(),
                });
            }
            live.extend(trees);
        }
        Ok(block_in_place(|| self.store().prune(&live, GRACE))?)
    }
}

/// The trees that a sandbox needs, and its records of snapshots that cannot be read, which may need others.
pub(super) fn needed(dir: &SandboxDir, record: &Record) -> Result<(Vec<TreeId>, Vec<PathBuf>)> {
    let listed = Snapshots::new(dir.snapshots()).list()?;
    let mut trees = vec![record.base];
    trees.extend(listed.snapshots.iter().flat_map(Snapshot::trees));
    trees.extend(capture::all(dir)?.iter().map(|c| c.tree));
    Ok((trees, listed.unreadable))
}
