//! What the last scan knew about each inode, so that unchanged files are not read again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::confined::Stat;
use crate::store::{u32_at, u64_at};
use crate::tree::{BlobId, FileTime};

const MAGIC: &[u8; 8] = b"ASSCAN\x00\x01";
const RECORD: usize = 8 * 4 + 4 + 8 + 4 + 32;

/// Two writes within this time can carry the same timestamp: the kernel's tick is 10 ms at most.
const TICK: Duration = Duration::from_millis(20);

/// Contents by inode. An inode is trusted while device, inode, size, mtime *and* ctime are the same:
/// mtime can be forged, ctime is the kernel's own. Files that were written within a clock tick of
/// being read are not remembered, so they are read again next time.
///
/// Not seen: a store into a shared memory mapping whose page was already dirty when the file was
/// read changes no timestamp before the page is written back. Scan without an index where that matters.
#[derive(Debug, Clone, Default)]
pub struct Index {
    files: HashMap<Inode, Known, ByInode>,
}

/// Device and inode.
type Inode = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    size: u64,
    mtime: FileTime,
    ctime: FileTime,
    blob: BlobId,
}

impl Index {
    /// The index kept in this file of the app's own; empty where it is missing or damaged.
    pub fn load(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| Self::read(&bytes))
            .unwrap_or_default()
    }

    /// Keeps the index. Losing it costs time and nothing else, so it is not synced.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let temp = path.with_extension("new");
        std::fs::write(&temp, self.write())?;
        std::fs::rename(temp, path)
    }

    /// With room for this many files.
    pub(crate) fn with_room(files: usize) -> Self {
        Self {
            files: HashMap::with_capacity_and_hasher(files, ByInode::default()),
        }
    }

    /// Files known.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The content of this file, if it is certainly the same as when it was read.
    pub fn find(&self, stat: &Stat) -> Option<BlobId> {
        let known = self.files.get(&(stat.dev, stat.ino))?;
        let same =
            known.size == stat.size && known.mtime == stat.mtime && known.ctime == stat.ctime;
        same.then_some(known.blob)
    }

    /// Remembers a file that had `blob` at `read`, unless it was written too shortly before.
    pub fn remember(&mut self, stat: &Stat, blob: BlobId, read: SystemTime) {
        self.files.extend(Settled::before(read).record(stat, blob));
    }

    /// Adds records that were made elsewhere.
    pub(super) fn add(&mut self, records: Vec<Record>) {
        self.files.extend(records);
    }

    /// Adds what another index knows; of the same inode the younger knowledge stays.
    pub fn extend(&mut self, other: Self) {
        self.files
            .reserve(other.files.len().saturating_sub(self.files.len()));
        for (inode, known) in other.files {
            let mine = self.files.entry(inode).or_insert(known);
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
        if let Some(read) = Self::read(&whole) {
            let again = Self::read(&read.write()).map(|index| index.files);
            assert_eq!(again.as_ref(), Some(&read.files));
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40 + self.files.len() * RECORD);
        out.extend_from_slice(MAGIC);
        for ((dev, ino), known) in &self.files {
            for number in [*dev, *ino, known.size, known.mtime.seconds as u64] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&known.mtime.nanos.to_le_bytes());
            out.extend_from_slice(&known.ctime.seconds.to_le_bytes());
            out.extend_from_slice(&known.ctime.nanos.to_le_bytes());
            out.extend_from_slice(&known.blob.0);
        }
        let check = blake3::hash(&out);
        out.extend_from_slice(check.as_bytes());
        out
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let records = body.strip_prefix(MAGIC)?;
        if blake3::hash(body).as_bytes() != check || records.len() % RECORD != 0 {
            return None;
        }
        let mut files = Self::with_room(records.len() / RECORD).files;
        for record in records.chunks_exact(RECORD) {
            let time = |at| {
                Some(FileTime {
                    seconds: u64_at(record, at)? as i64,
                    nanos: u32_at(record, at + 8)?,
                })
            };
            let known = Known {
                size: u64_at(record, 16)?,
                mtime: time(24)?,
                ctime: time(36)?,
                blob: BlobId(record.get(48..80)?.try_into().ok()?),
            };
            files.insert((u64_at(record, 0)?, u64_at(record, 8)?), known);
        }
        Some(Self { files })
    }
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

/// What is known of one inode.
pub(super) type Record = (Inode, Known);

/// The time before which a file must have been changed last, so that any write after it was read carries
/// a later timestamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled(FileTime);

impl Settled {
    /// For files read at this time or later.
    pub fn before(read: SystemTime) -> Self {
        let limit = read
            .checked_sub(TICK)
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Self(limit.map_or(
            FileTime {
                seconds: i64::MIN,
                nanos: 0,
            },
            |limit| FileTime {
                seconds: limit.as_secs() as i64,
                nanos: limit.subsec_nanos(),
            },
        ))
    }

    /// What may be remembered of a file that had `blob` then; `None` where it was written too shortly before.
    pub fn record(self, stat: &Stat, blob: BlobId) -> Option<Record> {
        let known = Known {
            size: stat.size,
            mtime: stat.mtime,
            ctime: stat.ctime,
            blob,
        };
        (stat.ctime < self.0).then_some(((stat.dev, stat.ino), known))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::confined::Kind;

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
