//! The pack that contents are appended to.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::pack::{self, Codec, HEADER, INDEX_MAGIC, PACK_MAGIC, Place};
use crate::system::{self, FileExt, OpenOptionsExt, sync_folder};
use crate::tree::BlobId;

/// A pack is left alone from this length on.
const PACK_FULL: u64 = 128 << 20;
/// Bytes gathered before they are written.
const GATHER: usize = 1 << 20;

/// A pack that one writer alone appends to.
#[derive(Debug)]
pub(super) struct Appender {
    pub path: PathBuf,
    pack: File,
    index: File,
    /// Bytes of the index that are committed.
    index_end: u64,
    /// Bytes of the pack that are committed, and that are written.
    committed: u64,
    written: u64,
    gathered: Vec<u8>,
    entries: Vec<(BlobId, Place)>,
    is_new: bool,
}

impl Appender {
    /// Takes a pack that is not full and that nobody else appends to, or makes one.
    pub fn claim(folder: &Path) -> io::Result<Self> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let open = path.extension().is_some_and(|e| e == "pack")
                && entry.metadata().is_ok_and(|m| m.len() < PACK_FULL / 2);
            if open && let Some(appender) = Self::reopen(path)? {
                return Ok(appender);
            }
        }
        loop {
            if let Some(appender) = Self::make(folder)? {
                return Ok(appender);
            }
        }
    }

    /// A new pack; `None` if another found it before it was locked, and appends to it now.
    fn make(folder: &Path) -> io::Result<Option<Self>> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{:016x}.pack", u64::from_le_bytes(random));
        let path = folder.join(name);
        let mut make = File::options();
        make.read(true).write(true).create_new(true).mode(0o600);
        let pack = make.open(&path)?;
        fail::fail_point!("store-pack-made");
        match pack.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        pack.write_all_at(PACK_MAGIC, 0)?;
        // Another may have looked at the empty pack, and begun its index, before it was locked.
        let index = make
            .create_new(false)
            .create(true)
            .truncate(true)
            .open(path.with_extension("index"))?;
        index.write_all_at(INDEX_MAGIC, 0)?;
        Ok(Some(Self::new(
            path,
            pack,
            index,
            INDEX_MAGIC.len() as u64,
            PACK_MAGIC.len() as u64,
            true,
        )))
    }

    /// A pack that is there, cut back to what was committed; `None` if another appends to it, or took it away.
    fn reopen(path: PathBuf) -> io::Result<Option<Self>> {
        let pack = match File::options().read(true).write(true).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            pack => pack?,
        };
        fail::fail_point!("store-pack-found");
        match pack.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        // Who gives a new pack up takes it away while it has it locked.
        let own = system::identity(&pack.metadata()?);
        if !std::fs::metadata(&path).is_ok_and(|there| system::identity(&there) == own) {
            return Ok(None);
        }
        let mut index = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.with_extension("index"))?;
        let mut bytes = Vec::new();
        index.read_to_end(&mut bytes)?;
        let (used, pack_end) = match bytes.strip_prefix(INDEX_MAGIC) {
            Some(rest) => {
                let found = pack::read_batches(rest);
                (found.used as u64, found.pack_end)
            }
            None if bytes.len() < INDEX_MAGIC.len() => {
                index.write_all_at(INDEX_MAGIC, 0)?;
                (0, None)
            }
            // Damaged at its first bytes: left for verify to name.
            None => return Ok(None),
        };
        let index_end = used + INDEX_MAGIC.len() as u64;
        let committed = pack_end.unwrap_or(PACK_MAGIC.len() as u64);
        if bytes.len() as u64 > index_end && pack_end.is_some() && index_has_more(&bytes, index_end)
        {
            // A damaged batch with whole ones after it is rot, not a torn end: keep it all.
            return Ok(None);
        }
        if pack.metadata()?.len() < committed {
            return Ok(None);
        }
        index.set_len(index_end)?;
        pack.set_len(committed)?;
        pack.write_all_at(PACK_MAGIC, 0)?;
        Ok(Some(Self::new(
            path,
            pack,
            index,
            index_end,
            committed,
            used == 0,
        )))
    }

    fn new(
        path: PathBuf,
        pack: File,
        index: File,
        index_end: u64,
        committed: u64,
        is_new: bool,
    ) -> Self {
        Self {
            path,
            pack,
            index,
            index_end,
            committed,
            written: committed,
            gathered: Vec::new(),
            entries: Vec::new(),
            is_new,
        }
    }

    fn end(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    /// Whether the next content belongs into another pack.
    pub fn is_full(&self) -> bool {
        self.end() >= PACK_FULL
    }

    pub fn append(&mut self, id: &BlobId, stored: &[u8], raw: u32, codec: Codec) -> io::Result<()> {
        let length = stored.len() as u32;
        let place = Place {
            offset: self.end() + HEADER as u64,
            stored: length,
            raw,
            codec,
        };
        self.gathered
            .extend_from_slice(&pack::header(id, length, raw, codec));
        self.gathered.extend_from_slice(stored);
        self.entries.push((*id, place));
        if self.gathered.len() >= GATHER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        fail::fail_point!("store-pack");
        self.pack.write_all_at(&self.gathered, self.written)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    pub fn commit(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.flush()?;
        self.pack.sync_data()?;
        fail::fail_point!("store-pack-synced");
        let batch = pack::batch(self.written, &self.entries);
        self.index.write_all_at(&batch, self.index_end)?;
        fail::fail_point!("store-index");
        self.index.sync_data()?;
        if self.is_new {
            if let Some(folder) = self.path.parent() {
                sync_folder(folder)?;
            }
            self.is_new = false;
        }
        self.index_end += batch.len() as u64;
        self.committed = self.written;
        self.entries.clear();
        Ok(())
    }
}

/// What was not committed gives its room back at once, which matters most on a full disk.
impl Drop for Appender {
    fn drop(&mut self) {
        let _ = self.index.set_len(self.index_end);
        let _ = self.pack.set_len(self.committed);
        if self.committed <= PACK_MAGIC.len() as u64 && self.is_new {
            let _ = std::fs::remove_file(self.path.with_extension("index"));
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether a whole batch begins anywhere after the place where reading stopped.
fn index_has_more(bytes: &[u8], from: u64) -> bool {
    let rest = &bytes[usize::try_from(from)
        .unwrap_or(bytes.len())
        .min(bytes.len())..];
    // A torn append is one batch at most; only then is looking at every byte worth it.
    (1..rest.len().min(1 << 16)).any(|at| pack::read_batches(&rest[at..]).used > 0)
}
