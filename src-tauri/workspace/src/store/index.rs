//! Which content lies where, in memory, read from the indexes of all packs.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::StoreError;
use super::pack::{self, INDEX_MAGIC, Place};
use crate::tree::BlobId;

/// The index of a store. Shared between threads.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    blobs: HashMap<BlobId, (u32, Place), ByHash>,
    packs: Vec<Arc<Pack>>,
    /// Bytes of each index that are read.
    read: HashMap<OsString, (u32, u64)>,
}

/// One pack, opened at first use.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    file: std::sync::OnceLock<File>,
}

/// Where a content is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub path: PathBuf,
    pub place: Place,
    pack: Arc<Pack>,
}

impl Found {
    /// The pack, for reading.
    pub fn open(&self) -> Result<&File, StoreError> {
        if let Some(file) = self.pack.file.get() {
            return Ok(file);
        }
        let file = File::open(&self.path).map_err(|e| StoreError::io("open", &self.path, e))?;
        Ok(self.pack.file.get_or_init(|| file))
    }
}

impl Index {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            known: RwLock::default(),
        }
    }

    pub fn find(&self, id: &BlobId) -> Option<Found> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (number, place) = known.blobs.get(id)?;
        let pack = Arc::clone(known.packs.get(*number as usize)?);
        Some(Found {
            path: pack.path.clone(),
            place: *place,
            pack,
        })
    }

    pub fn has(&self, id: &BlobId) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.blobs.contains_key(id)
    }

    /// Forgets everything and reads again: after packs were removed.
    pub fn reload(&self) -> Result<(), StoreError> {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::default();
        self.refresh()
    }

    /// Reads what was appended since, by whomever.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let names = self.names()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let there: HashSet<&OsString> = names.iter().collect();
        if known.read.keys().any(|name| !there.contains(name)) {
            *known = Known::default();
        }
        for name in names {
            self.read_one(&mut known, &name)?;
        }
        Ok(())
    }

    fn read_one(&self, known: &mut Known, name: &OsString) -> Result<(), StoreError> {
        let path = self.folder.join(name).with_extension("index");
        let (number, from) = known.read.get(name).copied().unwrap_or((u32::MAX, 0));
        let bytes = match read_from(&path, from) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(|e| StoreError::io("read", &path, e))?,
        };
        let (bytes, magic) = if from > 0 {
            (&bytes[..], 0)
        } else {
            match bytes.strip_prefix(INDEX_MAGIC) {
                Some(rest) => (rest, INDEX_MAGIC.len() as u64),
                // Not yet written, or damaged from its first byte: verify says so.
                None => return Ok(()),
            }
        };
        let found = pack::read_batches(bytes);
        let number = if number == u32::MAX {
            known.packs.push(Arc::new(Pack {
                path: self.folder.join(name),
                file: std::sync::OnceLock::new(),
            }));
            (known.packs.len() - 1) as u32
        } else {
            number
        };
        let read = from + magic + found.used as u64;
        known.read.insert(name.clone(), (number, read));
        known.blobs.reserve(found.entries.len());
        for (id, place) in found.entries {
            known.blobs.insert(id, (number, place));
        }
        Ok(())
    }

    /// Names of all packs, in order.
    pub fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let failed = |e| StoreError::io("list", &self.folder, e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if Path::new(&name).extension().is_some_and(|e| e == "pack") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Everything the index of one pack names.
    pub fn of_pack(&self, name: &OsString) -> Result<pack::Batches, StoreError> {
        let path = self.folder.join(name).with_extension("index");
        match fs::read(&path) {
            Ok(bytes) => Ok(bytes
                .strip_prefix(INDEX_MAGIC)
                .map(pack::read_batches)
                .unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(pack::Batches::default()),
            Err(e) => Err(StoreError::io("read", path, e)),
        }
    }
}

fn read_from(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() <= from {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The keys are hashes already.
pub(super) type ByHash = BuildHasherDefault<HashBytes>;

#[derive(Debug, Default)]
pub(super) struct HashBytes(u64);

impl Hasher for HashBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(Ok(first)) = bytes.get(..8).map(TryInto::try_into) {
            self.0 = u64::from_le_bytes(first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}
