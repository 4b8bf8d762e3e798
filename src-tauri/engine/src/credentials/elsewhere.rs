//! Keys in the memory of other programs of ours that run: which there are, so that nobody takes one for missing. What
//! is written down is never a key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Kept;
use crate::Result;
use crate::state::data_dir::make_private;
use crate::state::{json_file, lock};

/// The folder, in the data folder: of each program that keeps one a list, and a lock that ends with it.
const FOLDER: &str = "keys-in-memory";

/// This program's own list, once there is something in it.
#[derive(Debug, Default)]
pub(crate) struct Announced(Mutex<Option<(PathBuf, lock::Held)>>);

impl Announced {
    /// Writes down what this program keeps in its memory from now on.
    pub(super) fn write(&self, root: &Path, own: &[Kept]) -> Result<()> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_empty() && place.is_none() {
            return Ok(());
        }
        if place.is_none() {
            *place = take_place(&root.join(FOLDER))?;
        }
        match &*place {
            Some((list, _)) => json_file::write(list, &own),
            None => Ok(()),
        }
    }

    fn is(&self, list: &Path) -> bool {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.as_ref().is_some_and(|(own, _)| own == list)
    }
}

/// A list that no program that runs has.
fn take_place(folder: &Path) -> Result<Option<(PathBuf, lock::Held)>> {
    make_private(folder)?;
    for number in 1..=64 {
        let list = folder.join(format!("{number}.json"));
        if let Some(held) = lock::try_exclusive(&lock_of(&list))? {
            // Of one that ended.
            let _ = fs::remove_file(&list);
            return Ok(Some((list, held)));
        }
    }
    Ok(None)
}

fn lock_of(list: &Path) -> PathBuf {
    list.with_extension("lock")
}

/// What other programs that run keep in their memory.
pub(super) fn held(root: &Path, own: &Announced) -> Vec<Kept> {
    let entries = fs::read_dir(root.join(FOLDER)).into_iter().flatten();
    let lists = entries.flatten().map(|entry| entry.path());
    let mut all = Vec::new();
    for list in lists.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        // A lock that can be had: whoever had it ended, and its memory with it.
        let ended = || lock::try_exclusive(&lock_of(&list)).is_ok_and(|held| held.is_some());
        if own.is(&list) || ended() {
            continue;
        }
        match json_file::read::<Vec<Kept>>(&list) {
            Ok(kept) => all.extend(kept.unwrap_or_default()),
            Err(error) => tracing::warn!(%error, "a list of keys in memory cannot be read"),
        }
    }
    all
}
