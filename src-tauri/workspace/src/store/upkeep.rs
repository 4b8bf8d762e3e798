//! Measuring, checking and thinning the store.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::index::ByHash;
use super::pack::{HEADER, PACK_MAGIC};
use super::writer::{Writer, lock_file};
use super::{Store, StoreError, TreeId, large};
use crate::blobs::{BlobSink, BlobSource, HashOnly};
use crate::path::WorkspacePath;
use crate::progress::Cancel;
use crate::system::{FileExt, allocated};
use crate::tree::{BlobId, EntryKind};

/// A pack is rewritten when less than this share of it, in percent, is still used.
const WORTH_KEEPING: u64 = 70;

/// What the store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Trees stored.
    pub trees: u64,
    /// Bytes of all files of all trees, as if each were a copy.
    pub logical: u64,
    /// Bytes taken on the disk, all together.
    pub on_disk: u64,
    /// Different contents.
    pub blobs: u64,
    /// Pack files.
    pub packs: u64,
}

/// One content that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The content; `None` where a manifest itself is damaged.
    pub blob: Option<BlobId>,
    /// The trees and files that need it.
    pub files: Vec<(TreeId, Option<WorkspacePath>)>,
    /// What is wrong.
    pub reason: String,
}

/// What [`Store::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Contents read.
    pub blobs: u64,
    /// Trees read.
    pub trees: u64,
    /// What is not as it was; empty is good.
    pub damaged: Vec<Damage>,
}

/// What [`Store::prune`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Trees removed.
    pub trees: u64,
    /// Contents removed.
    pub blobs: u64,
    /// Bytes given back to the disk.
    pub freed: u64,
}

pub(super) type Ids = HashSet<BlobId, ByHash>;

impl Store {
    /// Counts and sizes. Reads the manifests, not the contents.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats::default();
        for tree in self.trees()? {
            stats.trees += 1;
            stats.logical += self.summary(&tree).map_or(0, |s| s.bytes);
        }
        let root = &self.inner.root;
        for name in self.inner.index.names()? {
            stats.packs += 1;
            stats.blobs += self.inner.index.of_pack(&name)?.entries.len() as u64;
        }
        stats.blobs += larges(root)?.len() as u64;
        stats.on_disk = disk_use(root)?;
        Ok(stats)
    }

    /// Reads every tree and every content they need, and names what is damaged. Everything else
    /// stays usable.
    pub fn verify(&self, cancel: &Cancel) -> Result<Verified, StoreError> {
        self.inner.index.refresh()?;
        let mut found = Verified::default();
        let mut checked: std::collections::HashMap<BlobId, Option<usize>> = Default::default();
        for id in self.trees()? {
            found.trees += 1;
            let tree = match self.tree(&id) {
                Ok(tree) => tree,
                Err(e) => {
                    found.damaged.push(Damage {
                        blob: None,
                        files: vec![(id, None)],
                        reason: e.to_string(),
                    });
                    continue;
                }
            };
            for entry in tree.entries() {
                if cancel.is_cancelled() {
                    return Ok(found);
                }
                let EntryKind::File { blob, .. } = entry.kind else {
                    continue;
                };
                let bad = *checked.entry(blob).or_insert_with(|| {
                    found.blobs += 1;
                    let reason = self.check(&blob).err()?.to_string();
                    found.damaged.push(Damage {
                        blob: Some(blob),
                        files: Vec::new(),
                        reason,
                    });
                    Some(found.damaged.len() - 1)
                });
                if let Some(damage) = bad {
                    found.damaged[damage]
                        .files
                        .push((id, Some(entry.path.clone())));
                }
            }
        }
        Ok(found)
    }

    fn check(&self, id: &BlobId) -> io::Result<()> {
        HashOnly.put_reader(&mut *self.open(id)?).map(|_| ())
    }

    /// Removes every tree that is not in `live` and every content that no remaining tree needs.
    ///
    /// Trees and large contents younger than `grace` stay: their snapshot may not be recorded yet.
    /// Fails with [`StoreError::Busy`] while anyone writes. May be killed at any instant.
    pub fn prune(&self, live: &HashSet<TreeId>, grace: Duration) -> Result<Pruned, StoreError> {
        let lock = lock_file(self)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(fs::TryLockError::Error(e)) => {
                return Err(StoreError::io("lock", self.inner.root.join("lock"), e));
            }
        }
        self.release_reserve();
        let before = disk_use(&self.inner.root)?;
        let mut pruned = Pruned::default();
        let needed = self.mark(live, grace, &mut pruned)?;
        self.inner.index.reload()?;
        self.sweep_packs(&needed, lock, &mut pruned)?;
        self.sweep_large(&needed, grace, &mut pruned)?;
        let trees = self.inner.root.join("trees");
        crate::durable::clear(&trees).map_err(|e| StoreError::io("clear", trees, e))?;
        self.inner.index.reload()?;
        pruned.freed = before.saturating_sub(disk_use(&self.inner.root)?);
        self.keep_reserve();
        Ok(pruned)
    }

    /// Removes dead manifests; gives every content that the others need.
    fn mark(
        &self,
        live: &HashSet<TreeId>,
        grace: Duration,
        pruned: &mut Pruned,
    ) -> Result<Ids, StoreError> {
        let mut needed = Ids::default();
        for id in self.trees()? {
            let path = self.tree_path(&id);
            if live.contains(&id) || is_young(&path, grace) {
                self.mark_tree(&id, &mut needed)?;
            } else {
                remove(&path)?;
                fail::fail_point!("store-prune-tree");
                pruned.trees += 1;
            }
        }
        fail::fail_point!("store-prune-marked");
        Ok(needed)
    }

    fn mark_tree(&self, id: &TreeId, needed: &mut Ids) -> Result<(), StoreError> {
        // A damaged tree could need anything: rather free nothing than too much.
        needed.extend(self.manifest(id)?.chunks);
        for entry in self.tree(id)?.entries() {
            if let EntryKind::File { blob, .. } = entry.kind {
                needed.insert(blob);
            }
        }
        Ok(())
    }

    fn sweep_packs(&self, needed: &Ids, lock: File, pruned: &mut Pruned) -> Result<(), StoreError> {
        let folder = self.inner.root.join("packs");
        let names = self.inner.index.names()?;
        let many = names.len() > 64;
        let mut seen = Ids::default();
        let mut replaced = Vec::new();
        let mut moved = Vec::new();
        for name in names {
            let path = folder.join(&name);
            let entries = self.inner.index.of_pack(&name)?.entries;
            let length = fs::metadata(&path).map_or(0, |m| m.len());
            let kept: Vec<_> = entries
                .iter()
                .filter(|(id, _)| needed.contains(id) && !seen.contains(id))
                .copied()
                .collect();
            let used: u64 = kept
                .iter()
                .map(|(_, p)| u64::from(p.stored) + HEADER as u64)
                .sum();
            let dense =
                used * 100 >= length.saturating_sub(PACK_MAGIC.len() as u64) * WORTH_KEEPING;
            if !kept.is_empty() && dense && !(many && length < 1 << 20) {
                seen.extend(kept.iter().map(|(id, _)| *id));
                continue;
            }
            pruned.blobs += (entries.len() - kept.len()) as u64;
            seen.extend(kept.iter().map(|(id, _)| *id));
            moved.push((path.clone(), kept));
            replaced.push(path);
        }
        self.rewrite(moved, lock)?;
        fail::fail_point!("store-prune-rewritten");
        for path in replaced {
            // The pack first: an index without a pack is nothing, a pack without an index too.
            remove(&path)?;
            fail::fail_point!("store-prune-pack");
            remove(&path.with_extension("index"))?;
        }
        Ok(())
    }

    /// Copies the records that stay into packs of their own.
    fn rewrite(
        &self,
        moved: Vec<(PathBuf, Vec<(BlobId, super::pack::Place)>)>,
        lock: File,
    ) -> Result<(), StoreError> {
        // The packs to be removed must not be chosen for appending.
        let held: Vec<File> = moved
            .iter()
            .filter_map(|(path, _)| {
                let pack = File::open(path).ok()?;
                pack.try_lock().ok().map(|()| pack)
            })
            .collect();
        let writer = Writer::with_lock(self.clone(), lock)?;
        for (path, kept) in moved {
            let pack = File::open(&path).map_err(|e| StoreError::io("open", &path, e))?;
            for (id, place) in kept {
                let mut stored = vec![0; place.stored as usize];
                pack.read_exact_at(&mut stored, place.offset)
                    .and_then(|()| writer.adopt(&id, &stored, place.raw, place.codec))
                    .map_err(|e| StoreError::io("move a content of", &path, e))?;
            }
        }
        writer.commit()?;
        drop(held);
        Ok(())
    }

    fn sweep_large(
        &self,
        needed: &Ids,
        grace: Duration,
        pruned: &mut Pruned,
    ) -> Result<(), StoreError> {
        for (path, id) in larges(&self.inner.root)? {
            if !needed.contains(&id) && !is_young(&path, grace) {
                remove(&path)?;
                fail::fail_point!("store-prune-large");
                pruned.blobs += 1;
            }
        }
        Ok(())
    }
}

fn larges(root: &Path) -> Result<Vec<(PathBuf, BlobId)>, StoreError> {
    let mut found = Vec::new();
    let folder = root.join("large");
    let list = |folder: &Path| -> Result<Vec<PathBuf>, StoreError> {
        fs::read_dir(folder)
            .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
            .map_err(|e| StoreError::io("list", folder, e))
    };
    for sub in list(&folder)? {
        for path in list(&sub)? {
            let id = large::id_of(&path);
            found.extend(id.map(|id| (path, id)));
        }
    }
    Ok(found)
}

fn is_young(path: &Path, grace: Duration) -> bool {
    let Ok(changed) = fs::metadata(path).and_then(|m| m.modified()) else {
        return true;
    };
    // A clock that was set back makes it older than now: then it is young.
    SystemTime::now()
        .duration_since(changed)
        .map_or(true, |age| age < grace)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, e)),
        _ => Ok(()),
    }
}

fn disk_use(folder: &Path) -> Result<u64, StoreError> {
    let failed = |e| StoreError::io("measure", folder, e);
    let mut sum = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        sum += if metadata.is_dir() {
            disk_use(&entry.path())?
        } else {
            allocated(&metadata)
        };
    }
    Ok(sum)
}
