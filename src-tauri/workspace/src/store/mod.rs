//! The content-addressed store that all sandboxes share.
//!
//! ```text
//! format          {"format":2}
//! lock            writers hold it shared, prune exclusively
//! reserve         room that is given back when the disk is full, so that deleting still works
//! packs/N.pack    contents below 4 MiB, one after the other, compressed where it pays
//! packs/N.index   where they lie (see `pack`)
//! large/ab/HASH   contents of 4 MiB and more, as files, sharing blocks where the file system can; where it
//!                 cannot and compressing pays, HASH.zst instead (since format 2)
//! trees/HASH      manifests (see `manifest`)
//! ```
//!
//! Metadata are plain checksummed files rather than a database: the only queries are "where is this
//! hash" and "give me this tree", every file is written once and never changed in place, and each can
//! be verified alone. A tree is written last, after everything it names is on the disk: it exists
//! whole or not at all. Every content is checked against its hash whenever it is read.

mod append;
mod compress;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod index;
mod large;
mod manifest;
mod pack;
mod shares;
mod upkeep;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use error::StoreError;
pub(crate) use large::read_full;
pub(crate) use pack::{u32_at, u64_at};
pub use upkeep::{Damage, Pruned, Stats, Verified};
pub use writer::Writer;

use crate::blobs::BlobSource;
use crate::system::{self, DirBuilderExt, FileExt, OpenOptionsExt};
use crate::tree::{BlobId, Entry, Tree};
use compress::decompress;
use index::{Found, Index};
use manifest::Manifest;
use pack::{Codec, Place};

/// The format that this version writes, and the newest that it reads. A store of an older one is read as it is
/// and gets this one with the first writer.
pub const FORMAT: u32 = 2;

/// Contents of this length and more are files of their own.
pub const LARGE: u64 = 4 << 20;

/// Bytes kept back for the moment when the disk is full.
const RESERVE: u64 = 4 << 20;

/// The name of a stored tree: the hash of its manifest. Equal trees have equal names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeId(pub BlobId);

impl std::fmt::Display for TreeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl std::fmt::Debug for TreeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An open store. Cheap to clone; may be open in several threads and processes at once.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    index: Index,
}

#[derive(Serialize, Deserialize)]
struct FormatFile {
    format: u32,
}

/// How many entries a stored tree has, and what its files weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeSummary {
    /// Everything: files, folders, links, specials.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Bytes of the regular files together.
    pub bytes: u64,
    /// Whether everything could be read when it was made.
    pub complete: bool,
}

impl Store {
    /// Opens the store in this folder of the app's own, making it where it is missing.
    /// A store of a newer format is refused.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        for folder in ["", "packs", "large", "trees"] {
            let path = root.join(folder);
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path);
            made.map_err(|e| StoreError::io("make", path, e))?;
        }
        check_format(root)?;
        let store = Self {
            inner: Arc::new(Inner {
                root: root.to_owned(),
                index: Index::new(root.join("packs")),
            }),
        };
        store.inner.index.refresh()?;
        store.keep_reserve();
        Ok(store)
    }

    /// Starts to add contents and trees. Several may be at work at once, in any process.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Writer::new(self.clone())
    }

    /// Whether the store has this content.
    pub fn has(&self, id: &BlobId) -> bool {
        self.inner.index.find(id).is_some() || large::exists(&self.inner.root, id)
    }

    /// A stored tree, each part checked against its hash.
    pub fn tree(&self, id: &TreeId) -> Result<Tree, StoreError> {
        let manifest = self.manifest(id)?;
        let read = |chunk: &BlobId| -> Result<(Vec<Entry>, bool), StoreError> {
            let entries = self.entries_of(chunk, id)?;
            let sorted = entries.is_sorted_by(|a, b| a.path < b.path);
            Ok((entries, sorted))
        };
        let chunks: Vec<(Vec<Entry>, bool)> = manifest
            .chunks
            .par_iter()
            .map(read)
            .collect::<Result<_, _>>()?;
        let mut sorted = true;
        let mut entries: Vec<Entry> = Vec::with_capacity(chunks.iter().map(|c| c.0.len()).sum());
        for (chunk, is_sorted) in chunks {
            let follows = match (entries.last(), chunk.first()) {
                (Some(last), Some(first)) => last.path < first.path,
                _ => true,
            };
            sorted &= is_sorted && follows;
            entries.extend(chunk);
        }
        if entries.len() as u64 != manifest.entries {
            return Err(self.damaged_tree("the number of entries", id));
        }
        let mut tree = if sorted {
            Tree::from_sorted(entries)
        } else {
            Tree::new(entries)
        };
        tree.unreadable = manifest.notes.unreadable;
        tree.torn = manifest.notes.torn;
        Ok(tree)
    }

    /// The entries of one chunk of a tree.
    fn entries_of(&self, chunk: &BlobId, tree: &TreeId) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        manifest::read_chunk(&self.small(chunk)?, &mut entries)
            .ok_or_else(|| self.damaged_tree("an entry of a tree", tree))?;
        Ok(entries)
    }

    /// What a stored tree holds, without reading its entries.
    pub fn summary(&self, id: &TreeId) -> Result<TreeSummary, StoreError> {
        let manifest = self.manifest(id)?;
        Ok(TreeSummary {
            entries: manifest.entries,
            files: manifest.totals.0,
            bytes: manifest.totals.1,
            complete: manifest.notes.unreadable.is_empty(),
        })
    }

    /// Every tree of the store, in no order.
    pub fn trees(&self) -> Result<Vec<TreeId>, StoreError> {
        let folder = self.inner.root.join("trees");
        let failed = |e| StoreError::io("list", &folder, e);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            found.extend(name.to_str().and_then(BlobId::from_hex).map(TreeId));
        }
        Ok(found)
    }

    /// The file that holds a large content as it is, for sharing its blocks; not checked.
    pub fn large_file(&self, id: &BlobId) -> Option<File> {
        File::open(large::path(&self.inner.root, id, Codec::Raw)).ok()
    }

    fn manifest(&self, id: &TreeId) -> Result<Manifest, StoreError> {
        let path = self.tree_path(id);
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StoreError::NoTree(*id)),
            read => read.map_err(|e| StoreError::io("read", &path, e))?,
        };
        if BlobId::of(&bytes) != id.0 {
            return Err(self.damaged_tree("the manifest", id));
        }
        Manifest::read(&bytes).ok_or_else(|| self.damaged_tree("the manifest", id))
    }

    fn tree_path(&self, id: &TreeId) -> PathBuf {
        self.inner.root.join("trees").join(id.to_string())
    }

    fn damaged_tree(&self, what: &'static str, id: &TreeId) -> StoreError {
        StoreError::Damaged {
            what,
            path: self.tree_path(id),
        }
    }

    /// A content from a pack, whole and checked.
    fn small(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        let found = self.find(id)?.ok_or(StoreError::NoBlob(*id))?;
        self.found(&found, id)
    }

    /// What lies there, whole and checked.
    fn found(&self, found: &Found, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        let mut content = read_record(found, id);
        if matches!(&content, Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound)
        {
            // Another process repacked meanwhile.
            self.inner.index.reload()?;
            let found = self.find(id)?.ok_or(StoreError::NoBlob(*id))?;
            content = read_record(&found, id);
        }
        content
    }

    fn find(&self, id: &BlobId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.inner.index.find(id) {
            return Ok(Some(found));
        }
        self.inner.index.refresh()?;
        Ok(self.inner.index.find(id))
    }

    /// Puts the reserve back where there is room for it and more.
    fn keep_reserve(&self) {
        let path = self.inner.root.join("reserve");
        let there = fs::metadata(&path).is_ok_and(|m| m.len() >= RESERVE);
        let roomy = system::free_bytes(&self.inner.root).is_ok_and(|free| free > 16 * RESERVE);
        if there || !roomy {
            return;
        }
        let made = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let kept = made.and_then(|file| system::allocate(&file, RESERVE));
        if let Err(error) = kept {
            tracing::debug!(%error, "no reserve is kept: the file system cannot");
        }
    }

    /// Gives the reserve back to a full disk.
    fn release_reserve(&self) {
        let _ = fs::remove_file(self.inner.root.join("reserve"));
    }
}

impl BlobSource for Store {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.small(id) {
            Ok(content) => Ok(Box::new(io::Cursor::new(content))),
            Err(StoreError::NoBlob(_)) => large::open(&self.inner.root, id),
            Err(e) => Err(e.into()),
        }
    }

    fn read(&self, id: &BlobId, limit: u64) -> io::Result<Vec<u8>> {
        if let Some(found) = self.find(id)? {
            if u64::from(found.place.raw) > limit {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            return Ok(self.found(&found, id)?);
        }
        let mut content = Vec::new();
        self.open(id)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(content)
    }
}

fn read_record(found: &Found, id: &BlobId) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::Damaged {
        what: "a content",
        path: found.path().to_owned(),
    };
    let file = found.open()?;
    let mut stored = vec![0; found.place.stored as usize];
    file.read_exact_at(&mut stored, found.place.offset)
        .map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => damaged(),
            _ => StoreError::io("read", found.path(), e),
        })?;
    content_of(stored, found.place, id).ok_or_else(damaged)
}

/// What a record's bytes are the content of; `None` if not of what is wanted.
fn content_of(stored: Vec<u8>, place: Place, id: &BlobId) -> Option<Vec<u8>> {
    let content = match place.codec {
        Codec::Raw => stored,
        Codec::Zstd => decompress(&stored, place.raw as usize)?,
    };
    (BlobId::of(&content) == *id).then_some(content)
}

/// Makes sure that the store can be read; a new one gets its format.
fn check_format(root: &Path) -> Result<(), StoreError> {
    match read_format(root)? {
        Some(format) if format > FORMAT => Err(StoreError::Newer {
            path: root.to_owned(),
            found: format,
            known: FORMAT,
        }),
        Some(_) => Ok(()),
        None => write_format(root),
    }
}

/// Before anything is written that only this version reads. Reading and pruning do not need it, so that they
/// work on a full disk.
fn raise_format(root: &Path) -> Result<(), StoreError> {
    match read_format(root)? {
        Some(format) if format >= FORMAT => Ok(()),
        _ => write_format(root),
    }
}

fn read_format(root: &Path) -> Result<Option<u32>, StoreError> {
    let path = root.join("format");
    let bytes = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| StoreError::io("read", &path, e))?,
    };
    let what = "the format";
    let known: FormatFile =
        serde_json::from_slice(&bytes).map_err(|_| StoreError::Damaged { what, path })?;
    Ok(Some(known.format))
}

fn write_format(root: &Path) -> Result<(), StoreError> {
    let path = root.join("format");
    let text = format!("{{\"format\":{FORMAT}}}\n");
    crate::durable::write(&path, text.as_bytes()).map_err(|e| StoreError::io("write", path, e))
}
