//! Which content lies where, in memory, read from the indexes of all packs.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::StoreError;
use super::pack::{self, INDEX_MAGIC, Place};
use crate::tree::BlobId;

/// The index of a store. Shared between threads.
#[derive(Debug)]
pub(super) struct Index {
    folder: PathBuf,
    table: RwLock<Arc<Table>>,
    read: Mutex<Read>,
}

type Blobs = HashMap<BlobId, (Arc<Pack>, Place), ByHash>;

/// Where contents lie, in parts that never change, the longest first and each more than twice as long as the next.
/// So there are few, what is added makes few anew, and who looks into many holds on to the parts as they are and
/// needs no lock for each look.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Arc<Blobs>>);

impl Table {
    /// Whether a content is known.
    pub fn has(&self, id: &BlobId) -> bool {
        self.0.iter().any(|part| part.contains_key(id))
    }

    fn get(&self, id: &BlobId) -> Option<&(Arc<Pack>, Place)> {
        self.0.iter().find_map(|part| part.get(id))
    }

    fn with(&self, mut new: Blobs) -> Self {
        let mut parts = self.0.clone();
        while let Some(short) = parts.pop_if(|part| part.len() <= 2 * new.len()) {
            new.reserve(short.len());
            for (id, place) in &*short {
                new.entry(*id).or_insert_with(|| place.clone());
            }
        }
        parts.push(Arc::new(new));
        Self(parts)
    }
}

/// Of each index, its pack and how many bytes are read.
type Read = HashMap<OsString, (Arc<Pack>, u64)>;

/// One pack, opened at first use.
#[derive(Debug)]
pub(super) struct Pack {
    path: PathBuf,
    file: std::sync::OnceLock<File>,
}

/// Where a content is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub place: Place,
    pack: Arc<Pack>,
}

impl Found {
    /// The pack, for reading.
    pub fn open(&self) -> Result<&File, StoreError> {
        if let Some(file) = self.pack.file.get() {
            return Ok(file);
        }
        let file = File::open(self.path()).map_err(|e| StoreError::io("open", self.path(), e))?;
        Ok(self.pack.file.get_or_init(|| file))
    }

    /// The pack's own path.
    pub fn path(&self) -> &Path {
        &self.pack.path
    }
}

impl Index {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            table: RwLock::default(),
            read: Mutex::default(),
        }
    }

    pub fn find(&self, id: &BlobId) -> Option<Found> {
        let (pack, place) = self.now().get(id)?.clone();
        Some(Found { place, pack })
    }

    pub fn has(&self, id: &BlobId) -> bool {
        self.now().has(id)
    }

    /// What is known now, to look into many times.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.now())
    }

    fn now(&self) -> RwLockReadGuard<'_, Arc<Table>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything and reads again: after packs were removed.
    pub fn reload(&self) -> Result<(), StoreError> {
        self.read_again(true)
    }

    /// Reads what was appended since, by whomever.
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.read_again(false)
    }

    fn read_again(&self, forget: bool) -> Result<(), StoreError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // After the lock: a list from before another thread's would forget what that one found.
        let names = self.names()?;
        let there: HashSet<&OsString> = names.iter().collect();
        let forget = forget || read.keys().any(|name| !there.contains(name));
        let mut now = if forget {
            Read::default()
        } else {
            read.clone()
        };
        let mut new = Vec::new();
        for name in names {
            new.extend(self.read_one(&mut now, name)?);
        }
        if forget || new.iter().any(|(_, entries)| !entries.is_empty()) {
            self.take_in(forget, new);
        }
        *read = now;
        Ok(())
    }

    /// At once: nobody finds less meanwhile than before or after.
    fn take_in(&self, forget: bool, new: Vec<(Arc<Pack>, Entries)>) {
        let count = new.iter().map(|(_, entries)| entries.len()).sum();
        let mut blobs = Blobs::with_capacity_and_hasher(count, ByHash::default());
        for (pack, entries) in new {
            blobs.extend(
                entries
                    .into_iter()
                    .map(|(id, place)| (id, (Arc::clone(&pack), place))),
            );
        }
        let before = if forget { Arc::default() } else { self.table() };
        let table = Arc::new(before.with(blobs));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    fn read_one(
        &self,
        read: &mut Read,
        name: OsString,
    ) -> Result<Option<(Arc<Pack>, Entries)>, StoreError> {
        let path = self.folder.join(&name).with_extension("index");
        let known = read.get(&name).cloned();
        let from = known.as_ref().map_or(0, |(_, from)| *from);
        let bytes = match read_from(&path, from) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|e| StoreError::io("read", &path, e))?,
        };
        let (bytes, magic) = if from > 0 {
            (&bytes[..], 0)
        } else {
            match bytes.strip_prefix(INDEX_MAGIC) {
                Some(rest) => (rest, INDEX_MAGIC.len() as u64),
                // Not yet written, or damaged from its first byte: verify says so.
                None => return Ok(None),
            }
        };
        let found = pack::read_batches(bytes);
        let pack = match known {
            Some((pack, _)) => pack,
            None => Arc::new(Pack {
                path: self.folder.join(&name),
                file: std::sync::OnceLock::new(),
            }),
        };
        let end = from + magic + found.used as u64;
        read.insert(name, (Arc::clone(&pack), end));
        Ok(Some((pack, found.entries)))
    }

    /// Puts on the disk what other writers are committing at this moment: it can be read, and named by a tree, before
    /// they have done so themselves. A pack that nobody has locked has no such writer; `own` was seen to.
    pub fn sync_others(&self, own: Option<&Path>) -> Result<(), StoreError> {
        for name in self.names()? {
            let pack = self.folder.join(name);
            if own == Some(&pack) {
                continue;
            }
            let index = pack.with_extension("index");
            match sync_if_locked(&pack, &index) {
                // Given up meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                done => done.map_err(|e| StoreError::io("write", index, e))?,
            }
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

fn sync_if_locked(pack: &Path, index: &Path) -> io::Result<()> {
    match File::open(pack)?.try_lock_shared() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            fail::fail_point!("store-others");
            File::open(index)?.sync_data()
        }
        Err(TryLockError::Error(e)) => Err(e),
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

/// Contents with their places.
type Entries = Vec<(BlobId, Place)>;

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
