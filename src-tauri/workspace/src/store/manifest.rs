//! A tree as bytes: a manifest that lists chunks, and chunks that list entries.
//!
//! The entries, in order, are cut into chunks after paths whose hash happens to end in zeros. So a
//! change of one file changes one chunk of some dozen entries; the others are found again in the
//! store, and a snapshot of a large tree with small changes costs a few kilobytes.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pack::{u32_at, u64_at};
use crate::path::{Paths, WorkspacePath, shared_length};
use crate::tree::{BlobId, Entry, EntryKind, FileTime, Special, Tree, Unreadable};

const MAGIC: &[u8; 8] = b"ASTREE\x00\x01";
const CHUNK_MAGIC: u8 = 1;
/// Entries of a chunk at most.
const CHUNK_MAX: usize = 512;
/// And on average, about: a chunk is written anew for one changed entry, and each costs a line of the manifest.
const CHUNK_USUAL: u64 = 64;

/// What a manifest says, with the chunks still to be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub chunks: Vec<BlobId>,
    pub entries: u64,
    /// Files and their bytes.
    pub totals: (u64, u64),
    pub notes: Notes,
}

/// The rare parts.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notes {
    pub unreadable: Vec<Unreadable>,
    pub torn: Vec<WorkspacePath>,
}

/// The chunks of a tree.
pub(super) fn cut(entries: &[Entry]) -> Vec<&[Entry]> {
    let ends: Vec<bool> = entries
        .par_iter()
        .with_min_len(CHUNK_MAX)
        .map(|entry| path_hash(entry.path.as_bytes()).is_multiple_of(CHUNK_USUAL))
        .collect();
    let mut chunks = Vec::new();
    let mut from = 0;
    for (at, is_end) in ends.into_iter().enumerate() {
        if is_end || at + 1 - from >= CHUNK_MAX {
            chunks.push(&entries[from..=at]);
            from = at + 1;
        }
    }
    if from < entries.len() {
        chunks.push(&entries[from..]);
    }
    chunks
}

/// Eight bytes at a time, each folded into the product of all before: fixed for ever, as it decides where chunks
/// end.
fn path_hash(path: &[u8]) -> u64 {
    let fold = |hash: u64, word: [u8; 8]| {
        let wide = u128::from(hash ^ u64::from_le_bytes(word)) * 0x9e37_79b9_7f4a_7c15_u128;
        (wide as u64) ^ (wide >> 64) as u64
    };
    let (words, rest) = path.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(path.len() as u64, |hash, word| fold(hash, *word));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(hash, last)
}

/// One chunk as bytes.
pub(super) fn write_chunk(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 80);
    out.push(CHUNK_MAGIC);
    let mut before: &[u8] = b"";
    for entry in entries {
        let path = entry.path.as_bytes();
        let shared = shared_length(before, path);
        put_number(&mut out, shared as u64);
        put_bytes(&mut out, &path[shared..]);
        put_number(&mut out, u64::from(entry.mode));
        put_number(&mut out, zigzag(entry.mtime.seconds));
        put_number(&mut out, u64::from(entry.mtime.nanos));
        put_kind(&mut out, &entry.kind);
        before = path;
    }
    out
}

fn put_kind(out: &mut Vec<u8>, kind: &EntryKind) {
    match kind {
        EntryKind::File { blob, size } => {
            out.push(0);
            out.extend_from_slice(&blob.0);
            put_number(out, *size);
        }
        EntryKind::Dir => out.push(1),
        EntryKind::Symlink { target } => {
            out.push(2);
            put_bytes(out, target);
        }
        EntryKind::Unsupported(special) => out.push(match special {
            Special::Fifo => 3,
            Special::Socket => 4,
            Special::CharDevice => 5,
            Special::BlockDevice => 6,
            Special::Unknown => 7,
        }),
    }
}

/// Reads what [`write_chunk`] wrote; `None` for anything else.
pub(super) fn read_chunk(bytes: &[u8], into: &mut Vec<Entry>) -> Option<()> {
    let mut rest = bytes.strip_prefix(&[CHUNK_MAGIC])?;
    let mut paths = Paths::default();
    let mut others = Vec::with_capacity(CHUNK_MAX);
    while !rest.is_empty() {
        let shared = usize::try_from(take_number(&mut rest)?).ok()?;
        let changed = take_bytes(&mut rest)?;
        paths.add_like_the_last(shared, changed).ok()?;
        let mode = u32::try_from(take_number(&mut rest)?).ok()? & 0o7777;
        let mtime = FileTime {
            seconds: unzigzag(take_number(&mut rest)?),
            nanos: u32::try_from(take_number(&mut rest)?).ok()?,
        };
        others.push((mode, mtime, take_kind(&mut rest)?));
    }
    into.extend(
        paths
            .take()
            .zip(others)
            .map(|(path, (mode, mtime, kind))| Entry {
                path,
                kind,
                mode,
                mtime,
            }),
    );
    Some(())
}

fn take_kind(rest: &mut &[u8]) -> Option<EntryKind> {
    Some(match take(rest, 1)?[0] {
        0 => EntryKind::File {
            blob: BlobId(take(rest, 32)?.try_into().ok()?),
            size: take_number(rest)?,
        },
        1 => EntryKind::Dir,
        2 => EntryKind::Symlink {
            target: take_bytes(rest)?.to_vec(),
        },
        3 => EntryKind::Unsupported(Special::Fifo),
        4 => EntryKind::Unsupported(Special::Socket),
        5 => EntryKind::Unsupported(Special::CharDevice),
        6 => EntryKind::Unsupported(Special::BlockDevice),
        7 => EntryKind::Unsupported(Special::Unknown),
        _ => return None,
    })
}

impl Manifest {
    /// As bytes, checksum last.
    pub fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.entries.to_le_bytes());
        out.extend_from_slice(&self.totals.0.to_le_bytes());
        out.extend_from_slice(&self.totals.1.to_le_bytes());
        out.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
        for chunk in &self.chunks {
            out.extend_from_slice(&chunk.0);
        }
        // Plain data without maps: cannot fail.
        out.extend(serde_json::to_vec(&self.notes).unwrap_or_default());
        let check = blake3::hash(&out);
        out.extend_from_slice(check.as_bytes());
        out
    }

    /// Reads what [`Self::write`] wrote; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if blake3::hash(body).as_bytes() != check || !body.starts_with(MAGIC) {
            return None;
        }
        let count = u32_at(body, 32)? as usize;
        let chunks_end = count.checked_mul(32)?.checked_add(36)?;
        let chunks = body.get(36..chunks_end)?.chunks_exact(32);
        Some(Self {
            entries: u64_at(body, 8)?,
            totals: (u64_at(body, 16)?, u64_at(body, 24)?),
            chunks: chunks
                .map(|c| c.try_into().map(BlobId).ok())
                .collect::<Option<_>>()?,
            notes: serde_json::from_slice(&body[chunks_end..]).ok()?,
        })
    }

    /// Of this tree, once its chunks are stored.
    pub fn of(tree: &Tree, chunks: Vec<BlobId>) -> Self {
        Self {
            chunks,
            entries: tree.entries().len() as u64,
            totals: tree.totals(),
            notes: Notes {
                unreadable: tree.unreadable.clone(),
                torn: tree.torn.clone(),
            },
        }
    }
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    ((n >> 1) as i64) ^ -((n & 1) as i64)
}

fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        n |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

fn take_bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    take(rest, length)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &[u8], kind: EntryKind, seconds: i64) -> Entry {
        Entry {
            path: WorkspacePath::new(path).unwrap(),
            kind,
            mode: 0o640,
            mtime: FileTime {
                seconds,
                nanos: 999_999_999,
            },
        }
    }

    #[test]
    fn every_kind_survives() {
        let entries = vec![
            entry(b"a", EntryKind::Dir, -1),
            entry(
                b"a/\xff\n",
                EntryKind::File {
                    blob: BlobId([7; 32]),
                    size: u64::MAX,
                },
                i64::MIN,
            ),
            entry(
                b"a/l",
                EntryKind::Symlink {
                    target: b"../\xfe".to_vec(),
                },
                i64::MAX,
            ),
            entry(b"f", EntryKind::Unsupported(Special::Fifo), 0),
        ];
        let mut back = Vec::new();
        read_chunk(&write_chunk(&entries), &mut back).unwrap();
        assert_eq!(back, entries);
    }

    #[test]
    fn a_change_of_one_file_changes_one_chunk() {
        let make = |changed: usize| {
            let entries = (0..10_000).map(|n| {
                let blob = BlobId([u8::from(n == changed); 32]);
                entry(
                    format!("d/{n:05}").as_bytes(),
                    EntryKind::File { blob, size: 1 },
                    0,
                )
            });
            let tree = Tree::new(entries.collect());
            let chunks = cut(tree.entries())
                .into_iter()
                .map(|c| BlobId::of(&write_chunk(c)));
            chunks.collect::<Vec<_>>()
        };
        let (a, b) = (make(usize::MAX), make(9_000));
        assert!(a.len() > 19, "{}", a.len());
        assert_eq!(a.iter().filter(|c| !b.contains(c)).count(), 1);
    }

    #[test]
    fn a_damaged_manifest_is_no_manifest() {
        let tree = Tree::new(vec![entry(b"a", EntryKind::Dir, 1)]);
        let whole = Manifest::of(&tree, vec![BlobId([1; 32])]);
        let bytes = whole.write();
        assert_eq!(Manifest::read(&bytes), Some(whole));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert_eq!(Manifest::read(&bad), None, "flipped at {at}");
            assert_eq!(Manifest::read(&bytes[..at]), None, "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut chunk = vec![CHUNK_MAGIC];
            chunk.extend(&bytes);
            let _ = read_chunk(&chunk, &mut Vec::new());
            let _ = super::super::pack::read_batches(&bytes);
            let mut manifest = MAGIC.to_vec();
            manifest.extend(&bytes);
            let check = blake3::hash(&manifest);
            manifest.extend(check.as_bytes());
            let _ = Manifest::read(&manifest);
        }
    }
}
