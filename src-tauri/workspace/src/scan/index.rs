//! What the last scan knew about each inode, so that unchanged files are not read again.

use std::collections::HashMap;
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
    files: HashMap<(u64, u64), Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
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
        if is_settled(stat.ctime, read) {
            let known = Known {
                size: stat.size,
                mtime: stat.mtime,
                ctime: stat.ctime,
                blob,
            };
            self.files.insert((stat.dev, stat.ino), known);
        }
    }

    /// Adds what another index knows.
    pub fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
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
        let mut files = HashMap::with_capacity(records.len() / RECORD);
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

/// Whether any write after `read` must carry a later timestamp than `ctime`.
fn is_settled(ctime: FileTime, read: SystemTime) -> bool {
    let Some(limit) = read
        .checked_sub(TICK)
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
    else {
        return false;
    };
    (ctime.seconds, ctime.nanos) < (limit.as_secs() as i64, limit.subsec_nanos())
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
