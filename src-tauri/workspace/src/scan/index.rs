//! What the last scan knew, so that unchanged files are not read and unchanged folders not listed again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use rayon::prelude::*;

use super::known::{self, Folder, KNOWN, Known, Settled};
use crate::confined::Stat;
use crate::store::u64_at;
use crate::tree::{BlobId, FileTime};

const MAGIC: &[u8; 8] = b"ASSCAN\x00\x03";
const CHECK: usize = 32;
const LOOSE: usize = 8 + 8 + KNOWN;

/// Folders with their names, and contents by inode. An inode is trusted while device, inode, size, mtime
/// *and* ctime are the same: mtime can be forged, ctime is the kernel's own. What was changed within a clock
/// tick of being looked at is not trusted, so it is looked at again next time.
///
/// Not seen: a store into a shared memory mapping whose page was already dirty when the file was
/// read changes no timestamp before the page is written back. Scan without an index where that matters.
#[derive(Debug, Clone, Default)]
pub struct Index {
    folders: HashMap<Inode, Arc<Folder>, ByInode>,
    /// Files that were met on their own: written or read, but not in a folder that was listed.
    loose: HashMap<Inode, Known, ByInode>,
    /// The files of all folders, once one is asked for by its inode alone.
    by_inode: OnceLock<HashMap<Inode, Known, ByInode>>,
    /// No ctime among them is later: what changed after it is not looked for.
    newest: OnceLock<Option<FileTime>>,
}

/// Device and inode.
type Inode = (u64, u64);

impl Index {
    /// The index kept in this file of the app's own; empty where it is missing, damaged or of another version.
    pub fn load(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(Self::read)
            .unwrap_or_default()
    }

    /// Keeps the index. Losing it costs time and nothing else, so it is not synced.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let temp = path.with_extension("new");
        std::fs::write(&temp, self.write())?;
        std::fs::rename(temp, path)
    }

    /// Files known.
    pub fn len(&self) -> usize {
        self.loose.len()
            + self
                .folders
                .values()
                .map(|f| f.files().count())
                .sum::<usize>()
    }

    /// Whether nothing is known of any file.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a scan that was given `other` learned nothing new: then it need not be saved.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(inode, folder): (&Inode, &Arc<Folder>)| {
            let known = other.folders.get(inode);
            known.is_some_and(|known| Arc::ptr_eq(known, folder))
        };
        self.folders.len() == other.folders.len()
            && self.loose == other.loose
            && self.folders.iter().all(same)
    }

    /// The content of this file, if it is certainly the same as when it was read.
    pub fn find(&self, stat: &Stat) -> Option<BlobId> {
        let inode = (stat.dev, stat.ino);
        let holds = |known: &&Known| known.holds_for(stat);
        let loose = self.loose.get(&inode).filter(holds);
        let known = loose.or_else(|| self.in_folders(stat).filter(holds))?;
        Some(known.blob)
    }

    /// A file of any of the folders: of one that was moved, for instance.
    fn in_folders(&self, stat: &Stat) -> Option<&Known> {
        if self.newest().is_none_or(|newest| newest < stat.ctime) {
            return None;
        }
        let by_inode = self.by_inode.get_or_init(|| self.files().collect());
        by_inode.get(&(stat.dev, stat.ino))
    }

    fn newest(&self) -> Option<FileTime> {
        let latest = || self.folders.values().map(|folder| folder.newest()).max();
        *self.newest.get_or_init(latest)
    }

    fn files(&self) -> impl Iterator<Item = (Inode, Known)> {
        self.folders.values().flat_map(|folder| folder.files())
    }

    pub(super) fn has_folders(&self) -> bool {
        !self.folders.is_empty()
    }

    /// What is known of the folder with this inode.
    pub(super) fn folder(&self, stat: &Stat) -> Option<&Arc<Folder>> {
        self.folders.get(&(stat.dev, stat.ino))
    }

    /// Remembers a file that had `blob` at `read`, unless it was written too shortly before.
    pub fn remember(&mut self, stat: &Stat, blob: BlobId, read: SystemTime) {
        if let Some(known) = Settled::before(read).known(stat, blob) {
            self.add_file(stat, known);
        }
    }

    pub(super) fn add_file(&mut self, stat: &Stat, known: Known) {
        self.loose.insert((stat.dev, stat.ino), known);
    }

    pub(super) fn add_folder(&mut self, folder: Arc<Folder>) {
        self.by_inode.take();
        self.newest.take();
        self.folders.insert(folder.inode(), folder);
    }

    /// Adds what another index knows; of the same inode the younger knowledge stays.
    pub fn extend(&mut self, other: Self) {
        self.newest = OnceLock::from(self.newest().max(other.newest()));
        self.by_inode.take();
        for (inode, folder) in other.folders {
            let mine = self.folders.entry(inode).or_insert_with(|| folder.clone());
            if mine.ctime() <= folder.ctime() {
                *mine = folder;
            }
        }
        for (inode, known) in other.loose {
            let mine = self.loose.entry(inode).or_insert(known);
            if mine.ctime <= known.ctime {
                *mine = known;
            }
        }
    }

    /// Reads any bytes; what was read is written and read again.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn any(bytes: &[u8]) {
        let mut whole = bytes.to_vec();
        whole.extend_from_slice(blake3::hash(bytes).as_bytes());
        if let Some(read) = Self::read(whole) {
            let again = Self::read(read.write()).map(|index| (index.folders, index.loose));
            assert_eq!(again, Some((read.folders, read.loose)));
        }
    }

    fn write(&self) -> Vec<u8> {
        let folders: usize = self.folders.values().map(|folder| folder.length()).sum();
        let length = MAGIC.len() + 8 + self.loose.len() * LOOSE + folders + CHECK;
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(self.loose.len() as u64).to_le_bytes());
        for ((dev, ino), file) in &self.loose {
            out.extend_from_slice(&dev.to_le_bytes());
            out.extend_from_slice(&ino.to_le_bytes());
            known::put_known(&mut out, file);
        }
        for folder in self.folders.values() {
            folder.write(&mut out);
        }
        let check = hash(&out);
        out.extend_from_slice(&check);
        out
    }

    fn read(bytes: Vec<u8>) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
        if hash(body) != check {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let files = usize::try_from(u64_at(rest, 0)?).ok()?.checked_mul(LOOSE)?;
        let (files, mut rest) = rest.get(8..)?.split_at_checked(files)?;
        let mut index = Self::default();
        for file in files.chunks_exact(LOOSE) {
            let inode = (u64_at(file, 0)?, u64_at(file, 8)?);
            index.loose.insert(inode, known::known_at(file, 16)?);
        }
        let mut folders = Vec::new();
        while !rest.is_empty() {
            let from = body.len() - rest.len();
            let length = Folder::written_length(rest)?;
            rest = rest.get(length..)?;
            folders.push(from..from + length);
        }
        // Shared by all folders: none is copied before something is learned of it.
        let shared = Arc::new(bytes);
        let read = |range: Range<usize>| Some(Arc::new(Folder::read(&shared, range)?));
        let folders: Vec<_> = folders
            .into_par_iter()
            .with_min_len(256)
            .map(read)
            .collect::<Option<_>>()?;
        index.folders.reserve(folders.len());
        index
            .folders
            .extend(folders.into_iter().map(|f| (f.inode(), f)));
        Some(index)
    }
}

/// Of megabytes, read before every scan: on all cores.
fn hash(bytes: &[u8]) -> [u8; CHECK] {
    *blake3::Hasher::new()
        .update_rayon(bytes)
        .finalize()
        .as_bytes()
}

/// Hashes inodes with a key of this process: a table of numbers that an agent can choose, looked into for
/// every file of every scan.
#[derive(Debug, Clone)]
struct ByInode(u64);

impl Default for ByInode {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }
}

impl BuildHasher for ByInode {
    type Hasher = InodeHasher;
    fn build_hasher(&self) -> InodeHasher {
        InodeHasher {
            key: self.0,
            hash: 0,
        }
    }
}

struct InodeHasher {
    key: u64,
    hash: u64,
}

impl Hasher for InodeHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let wide = u128::from(self.hash ^ n ^ self.key.rotate_left(32)) * u128::from(self.key);
        self.hash = (wide as u64) ^ (wide >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::known::TICK;
    use super::*;
    use crate::confined::Kind;
    use std::time::{Duration, UNIX_EPOCH};

    fn stat(ino: u64, ctime: i64) -> Stat {
        let time = |seconds| FileTime { seconds, nanos: 5 };
        Stat {
            kind: Kind::File,
            mode: 0o644,
            size: 3,
            allocated: 4096,
            mtime: time(-7),
            ctime: time(ctime),
            dev: 1,
            ino,
            nlink: 1,
            uid: 0,
            gid: 0,
        }
    }

    #[test]
    fn survives_the_disk_and_knows_damage() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("index");
        let mut index = Index::default();
        index.remember(&stat(1, 1000), BlobId([1; 32]), SystemTime::now());
        index.remember(&stat(2, 1000), BlobId([2; 32]), SystemTime::now());
        index.save(&path).unwrap();
        let back = Index::load(&path);
        assert_eq!(back.find(&stat(2, 1000)), Some(BlobId([2; 32])));
        assert_eq!(back.find(&stat(2, 1001)), None, "ctime counts");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(Index::load(&path).is_empty());
    }

    #[test]
    fn a_file_written_within_the_tick_is_not_trusted() {
        let mut index = Index::default();
        let read = UNIX_EPOCH + Duration::new(1000, 10_000_000);
        index.remember(&stat(1, 1000), BlobId([1; 32]), read);
        assert!(index.is_empty());
        index.remember(&stat(1, 1000), BlobId([1; 32]), read + TICK);
        assert_eq!(index.len(), 1);
    }
}
