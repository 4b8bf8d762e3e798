//! Adding contents and trees.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::append::Appender;
use super::compress::packed;
use super::index::{ByHash, Table};
use super::manifest::{self, Manifest};
use super::pack::Codec;
use super::{LARGE, Store, StoreError, TreeId, large};
use crate::blobs::BlobSink;
use crate::system::{OpenOptionsExt, share_blocks};
use crate::tree::{BlobId, Tree};

/// Large files that wait for their name at most, with their handles.
const WAITING: usize = 16;

/// Adds to a store: contents from any thread, then a tree. What is added is found by others after
/// [`Writer::commit`] or [`Writer::put_tree`]; dropped before, it is as if it had never been.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    /// What the store had when this writer began, which nobody removes meanwhile.
    known: Arc<Table>,
    open: Mutex<Open>,
    /// Put by this writer and not yet committed.
    pending: Mutex<HashSet<BlobId, ByHash>>,
    large: Mutex<Vec<(File, BlobId, Codec)>>,
    /// Held shared: nothing is pruned meanwhile. Last, so that it is given back last.
    _lock: File,
}

#[derive(Debug, Default)]
struct Open {
    current: Option<Appender>,
    full: Vec<Appender>,
}

impl Writer {
    pub(super) fn new(store: Store) -> Result<Self, StoreError> {
        let lock = lock_file(&store)?;
        let path = store.inner.root.join("lock");
        lock.lock_shared()
            .map_err(|e| StoreError::io("lock", path, e))?;
        super::raise_format(&store.inner.root)?;
        Self::with_lock(store, lock)
    }

    /// For prune, which holds the lock exclusively.
    pub(super) fn with_lock(store: Store, lock: File) -> Result<Self, StoreError> {
        store.inner.index.refresh()?;
        Ok(Self {
            known: store.inner.index.table(),
            store,
            open: Mutex::default(),
            pending: Mutex::default(),
            large: Mutex::default(),
            _lock: lock,
        })
    }

    /// Stores a tree, whose contents were put before, and everything put so far, durably.
    pub fn put_tree(&self, tree: &Tree) -> Result<TreeId, StoreError> {
        let chunks = manifest::cut(tree.entries())
            .into_par_iter()
            .map(|chunk| self.put_small(&manifest::write_chunk(chunk)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|e| StoreError::io("write", self.packs(), e))?;
        self.commit()?;
        let bytes = Manifest::of(tree, chunks).write();
        let id = TreeId(BlobId::of(&bytes));
        let path = self.store.tree_path(&id);
        if path.exists() {
            return Ok(id);
        }
        let own = locked(&self.open).current.as_ref().map(|a| a.path.clone());
        self.store.inner.index.sync_others(own.as_deref())?;
        fail::fail_point!("store-before-manifest");
        crate::durable::write(&path, &bytes).map_err(|e| StoreError::io("write", path, e))?;
        fail::fail_point!("store-after-manifest");
        Ok(id)
    }

    /// Makes everything put so far durable and known to others.
    pub fn commit(&self) -> Result<(), StoreError> {
        self.publish_large(0)
            .map_err(|e| StoreError::io("write", self.larges(), e))?;
        let mut open = locked(&self.open);
        let Open { current, full } = &mut *open;
        for appender in full.iter_mut().chain(current) {
            appender
                .commit()
                .map_err(|e| StoreError::io("write", &appender.path, e))?;
        }
        full.clear();
        drop(open);
        self.store.inner.index.refresh()?;
        locked(&self.pending).clear();
        Ok(())
    }

    fn packs(&self) -> PathBuf {
        self.store.inner.root.join("packs")
    }

    fn larges(&self) -> PathBuf {
        self.store.inner.root.join("large")
    }

    /// Copies a record as it is; for prune.
    pub(super) fn adopt(
        &self,
        id: &BlobId,
        stored: &[u8],
        raw: u32,
        codec: Codec,
    ) -> io::Result<()> {
        if locked(&self.pending).insert(*id) {
            self.append(id, stored, raw, codec)?;
        }
        Ok(())
    }

    fn has_small(&self, id: &BlobId) -> bool {
        self.known.has(id) || self.store.inner.index.has(id)
    }

    fn put_small(&self, content: &[u8]) -> io::Result<BlobId> {
        let id = BlobId::of(content);
        if self.has_small(&id) || !locked(&self.pending).insert(id) {
            return Ok(id);
        }
        let done = packed(content, |stored, codec| {
            self.append(&id, stored, content.len() as u32, codec)
        });
        if done.is_err() {
            locked(&self.pending).remove(&id);
        }
        done.map(|()| id)
    }

    fn append(&self, id: &BlobId, stored: &[u8], raw: u32, codec: Codec) -> io::Result<()> {
        let mut open = locked(&self.open);
        if open.current.as_ref().is_some_and(Appender::is_full) {
            let full = open.current.take();
            open.full.extend(full);
        }
        let appender = match &mut open.current {
            Some(appender) => appender,
            none => none.insert(Appender::claim(&self.packs())?),
        };
        appender.append(id, stored, raw, codec)
    }

    fn put_large(
        &self,
        first: &[u8],
        reader: &mut dyn Read,
        worth_compressing: Worth,
    ) -> io::Result<(BlobId, u64)> {
        let mut file = large::nameless(&self.store.inner.root)?;
        let now = worth_compressing == Worth::Yes;
        let large::Written {
            id,
            length,
            mut codec,
        } = large::write(&file, reader, first, now)?;
        // Where that cannot be done it stays as it is.
        if worth_compressing == Worth::Unknown
            && large::is_file_worth_compressing(&file)
            && let Ok(compressed) = self.compressed(&file)
        {
            (file, codec) = (compressed, Codec::Zstd);
        }
        self.keep_large(file, id, codec)?;
        Ok((id, length))
    }

    fn compressed(&self, file: &File) -> io::Result<File> {
        let compressed = large::nameless(&self.store.inner.root)?;
        let mut content = crate::sparse::SparseReader::new(file)?;
        large::write(&compressed, &mut content, &[], true)?;
        Ok(compressed)
    }

    /// `worth` is asked of a large content, with its first bytes, whether it is to be compressed.
    fn put_stream(
        &self,
        reader: &mut dyn Read,
        worth: impl FnOnce(&[u8]) -> Worth,
    ) -> io::Result<(BlobId, u64)> {
        let mut first = Vec::with_capacity(64 * 1024);
        reader.take(LARGE).read_to_end(&mut first)?;
        if (first.len() as u64) < LARGE {
            return Ok((self.put_small(&first)?, first.len() as u64));
        }
        let worth = worth(&first);
        self.put_large(&first, reader, worth)
    }

    fn keep_large(&self, file: File, id: BlobId, codec: Codec) -> io::Result<()> {
        if !large::exists(&self.store.inner.root, &id) && locked(&self.pending).insert(id) {
            locked(&self.large).push((file, id, codec));
            self.publish_large(WAITING)?;
        }
        Ok(())
    }

    /// Names the waiting large files, if there are more than `above`.
    fn publish_large(&self, above: usize) -> io::Result<()> {
        let waiting = {
            let mut large = locked(&self.large);
            if large.len() <= above {
                return Ok(());
            }
            std::mem::take(&mut *large)
        };
        for (file, id, codec) in waiting {
            fail::fail_point!("store-large");
            file.sync_data()?;
            large::publish(&self.store.inner.root, &file, &id, codec)?;
        }
        Ok(())
    }
}

impl BlobSink for Writer {
    fn has(&self, id: &BlobId, size: u64) -> bool {
        let kept = if size < LARGE {
            self.has_small(id)
        } else {
            large::exists(&self.store.inner.root, id)
        };
        kept || locked(&self.pending).contains(id)
    }

    fn has_each(&self, wanted: &[(BlobId, u64)], found: &mut Vec<bool>) {
        found.clear();
        // First all of them where most are: the processor waits for several parts of the table at once.
        found.extend(wanted.iter().map(|(id, _)| self.known.has(id)));
        for (found, (id, size)) in found.iter_mut().zip(wanted) {
            *found = *found && *size < LARGE || self.has(id, *size);
        }
    }

    fn put_bytes(&self, content: &[u8]) -> io::Result<BlobId> {
        if content.len() as u64 >= LARGE {
            let worth = Worth::of(large::is_worth_compressing(content));
            let put = self.put_large(content, &mut io::empty(), worth);
            return put.map(|(id, _)| id);
        }
        self.put_small(content)
    }

    fn put_reader(&self, reader: &mut dyn Read) -> io::Result<(BlobId, u64)> {
        self.put_stream(reader, |first| {
            if large::is_worth_compressing(first) {
                Worth::Yes
            } else {
                // A packed part at its beginning says nothing of the rest.
                Worth::Unknown
            }
        })
    }

    fn put_read_of(&self, file: &File, reader: &mut dyn Read) -> io::Result<(BlobId, u64)> {
        self.put_stream(reader, |_| {
            Worth::of(large::is_file_worth_compressing(file))
        })
    }

    fn put_file(&self, file: &File) -> io::Result<(BlobId, u64)> {
        if file.metadata()?.len() < LARGE {
            return self.put_reader(&mut &*file);
        }
        let shared = large::nameless(&self.store.inner.root)?;
        if share_blocks(&shared, file).is_err() {
            return self.put_read_of(file, &mut crate::sparse::SparseReader::new(file)?);
        }
        // Of the shared blocks, which nobody else writes: what is hashed is what is kept.
        let (id, length) =
            crate::HashOnly.put_reader(&mut crate::sparse::SparseReader::new(&shared)?)?;
        if length < LARGE {
            return Ok((self.put_reader(&mut &shared)?.0, length));
        }
        self.keep_large(shared, id, Codec::Raw)?;
        Ok((id, length))
    }
}

/// Whether a large content is to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Yes,
    No,
    /// It is known when all of it was written.
    Unknown,
}

impl Worth {
    fn of(pays: bool) -> Self {
        if pays { Self::Yes } else { Self::No }
    }
}

pub(super) fn lock_file(store: &Store) -> Result<File, StoreError> {
    let path = store.inner.root.join("lock");
    File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.flush().map(|()| file))
        .map_err(|e| StoreError::io("open", path, e))
}

/// A panic elsewhere leaves these sets and lists whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
