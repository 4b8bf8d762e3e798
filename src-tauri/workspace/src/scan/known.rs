//! What a scan keeps of a folder and of the files in it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::confined::{Kind, Stat};
use crate::store::{u32_at, u64_at};
use crate::tree::{BlobId, FileTime, Special};

/// Two writes within this time can carry the same timestamp: the kernel's tick is 10 ms at most.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// The same where the file system keeps whole seconds only, or every other one.
const WHOLE_SECONDS: Duration = Duration::from_secs(2);

/// The content that a file certainly has while its attributes are the same: mtime can be forged, ctime is
/// the kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub size: u64,
    pub mtime: FileTime,
    pub ctime: FileTime,
    pub blob: BlobId,
}

impl Known {
    /// Whether a file of the same inode, with these attributes, has the content still.
    pub fn holds_for(&self, stat: &Stat) -> bool {
        self.size == stat.size && self.mtime == stat.mtime && self.ctime == stat.ctime
    }
}

/// The time before which something must have been changed last, so that any change after it was looked at
/// carries a later timestamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    limit: FileTime,
    whole_seconds: FileTime,
}

impl Settled {
    /// For what is looked at at this time or later.
    pub fn before(look: SystemTime) -> Self {
        Self {
            limit: time_before(look, TICK),
            whole_seconds: time_before(look, WHOLE_SECONDS),
        }
    }

    /// Whether what has these attributes can no longer change unseen.
    pub fn has(self, stat: &Stat) -> bool {
        stat.ctime
            < match stat.ctime.nanos {
                0 => self.whole_seconds,
                _ => self.limit,
            }
    }

    /// What may be remembered of a file that had `blob` then; `None` where it was written too shortly before.
    pub fn known(self, stat: &Stat, blob: BlobId) -> Option<Known> {
        self.has(stat).then_some(Known {
            size: stat.size,
            mtime: stat.mtime,
            ctime: stat.ctime,
            blob,
        })
    }
}

fn time_before(look: SystemTime, by: Duration) -> FileTime {
    let limit = look
        .checked_sub(by)
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    match limit {
        Some(limit) => FileTime {
            seconds: limit.as_secs() as i64,
            nanos: limit.subsec_nanos(),
        },
        None => NEVER,
    }
}

/// A folder as it was listed: its names in order, and of the files the contents.
///
/// While the folder is [as it was](Self::is_as_it_was), its names are these and it need not be listed. What
/// a name leads to is never taken from here without a look at the name itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Taken before the listing began.
    dev: u64,
    ino: u64,
    mtime: FileTime,
    ctime: FileTime,
    /// Whether every change since then shows in the times.
    settled: bool,
    /// No file whose content is known was changed later.
    newest: FileTime,
    /// Names in it.
    count: usize,
    /// As on the disk: a record of each name, then all names, one after the other.
    body: Body,
}

/// Bytes of a record: where its name ends (it begins where the one before ends), its kind, and of a file whose content
/// is known 1, its inode and a [`Known`].
const RECORD: usize = 8 + 1 + CONTENT;
const CONTENT: usize = 1 + 8 + KNOWN;

/// A part of what was read from the disk at once, or bytes of its own.
#[derive(Debug, Clone)]
struct Body {
    shared: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Body {
    fn own(bytes: Vec<u8>) -> Self {
        Self {
            range: 0..bytes.len(),
            shared: Arc::new(bytes),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.shared[self.range.clone()]
    }

    /// To be changed: a copy first, where others have it too.
    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.range.len() < self.shared.len() {
            *self = Self::own(self.bytes().to_vec());
        }
        let own: &mut Vec<u8> = Arc::make_mut(&mut self.shared);
        own
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Body {}

impl Folder {
    /// A folder that had these attributes, then these names. What `before` knows of names that are there
    /// still is taken over.
    pub fn listed(
        stat: &Stat,
        settled: Settled,
        mut listing: Vec<(Vec<u8>, Kind)>,
        before: Option<&Self>,
    ) -> Self {
        // By bytes, as a tree wants it.
        listing.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let names: usize = listing.iter().map(|(name, _)| name.len()).sum();
        let mut body = Vec::with_capacity(listing.len() * RECORD + names);
        let (mut old, mut end) = (0, 0);
        for (name, kind) in &listing {
            end += name.len();
            body.extend_from_slice(&(end as u64).to_le_bytes());
            body.push(kind_byte(*kind));
            let known = before.and_then(|before| {
                while old < before.len() && before.name(old) < &name[..] {
                    old += 1;
                }
                (old < before.len() && before.name(old) == name).then(|| before.record(old))
            });
            match known {
                Some(record) => body.extend_from_slice(&record[RECORD - CONTENT..]),
                None => body.resize(body.len() + CONTENT, 0),
            }
        }
        for (name, _) in &listing {
            body.extend_from_slice(name);
        }
        Self {
            dev: stat.dev,
            ino: stat.ino,
            mtime: stat.mtime,
            ctime: stat.ctime,
            settled: settled.has(stat),
            newest: before.map_or(NEVER, |before| before.newest),
            count: listing.len(),
            body: Body::own(body),
        }
    }

    fn record(&self, at: usize) -> &[u8] {
        &self.body.bytes()[at * RECORD..(at + 1) * RECORD]
    }

    /// Device and inode.
    pub fn inode(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }

    /// Its ctime when it was listed.
    pub fn ctime(&self) -> FileTime {
        self.ctime
    }

    /// No file in it whose content is known has a later ctime.
    pub fn newest(&self) -> FileTime {
        self.newest
    }

    /// Whether a folder with these attributes has the same names: making, removing and renaming in a folder
    /// sets its times, and only the kernel sets ctime.
    pub fn is_as_it_was(&self, stat: &Stat) -> bool {
        self.settled
            && stat.kind == Kind::Dir
            && (self.dev, self.ino) == (stat.dev, stat.ino)
            && (self.mtime, self.ctime) == (stat.mtime, stat.ctime)
    }

    /// Names in it.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The name at a place below [`Self::len`].
    pub fn name(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.end(before));
        let names = &self.body.bytes()[self.count * RECORD..];
        &names[from..self.end(at)]
    }

    fn end(&self, at: usize) -> usize {
        u64_at(self.record(at), 0).map_or(0, |end| end as usize)
    }

    /// What the listing said of the name there.
    pub fn kind(&self, at: usize) -> Kind {
        kind_of(self.record(at)[8]).unwrap_or(Kind::Special(Special::Unknown))
    }

    /// Of the file there, its inode and what that holds.
    fn file(&self, at: usize) -> Option<(u64, Known)> {
        content_of(self.record(at))
    }

    /// The content that the file there had, and its length.
    pub fn known(&self, at: usize) -> Option<(BlobId, u64)> {
        self.file(at).map(|(_, known)| (known.blob, known.size))
    }

    /// What the file there holds, if that is certain.
    pub fn content(&self, at: usize, stat: &Stat) -> Option<BlobId> {
        let (ino, known) = self.file(at)?;
        let holds = ino == stat.ino && self.dev == stat.dev && known.holds_for(stat);
        holds.then_some(known.blob)
    }

    /// Notes what the file there holds.
    pub fn note(&mut self, at: usize, stat: &Stat, known: Option<Known>) {
        // What is mounted in a folder is not of it.
        let known = known.filter(|_| stat.dev == self.dev);
        let mut content = Vec::with_capacity(CONTENT);
        if let Some(known) = known {
            self.newest = self.newest.max(known.ctime);
            content.push(1);
            content.extend_from_slice(&stat.ino.to_le_bytes());
            put_known(&mut content, &known);
        }
        content.resize(CONTENT, 0);
        let end = (at + 1) * RECORD;
        self.body.bytes_mut()[end - CONTENT..end].copy_from_slice(&content);
    }

    /// Files whose content is known, by inode.
    pub fn files(&self) -> impl Iterator<Item = ((u64, u64), Known)> {
        let contents = (0..self.count).filter_map(|at| self.file(at));
        contents.map(|(ino, known)| ((self.dev, ino), known))
    }

    /// Bytes that [`Self::write`] writes.
    pub fn length(&self) -> usize {
        HEAD + self.body.range.len()
    }

    /// As bytes; nothing where a length is beyond what is written.
    pub fn write(&self, out: &mut Vec<u8>) {
        let body = self.body.bytes();
        let (Ok(length), Ok(count)) = (u32::try_from(self.length()), u32::try_from(self.count))
        else {
            return;
        };
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.dev.to_le_bytes());
        out.extend_from_slice(&self.ino.to_le_bytes());
        put_time(out, self.mtime);
        put_time(out, self.ctime);
        out.push(u8::from(self.settled));
        put_time(out, self.newest);
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(body);
    }

    /// The length of the folder that these bytes begin with.
    pub fn written_length(bytes: &[u8]) -> Option<usize> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        (length >= HEAD).then_some(length)
    }

    /// Reads what [`Self::write`] wrote, from this part of what is shared; `None` for anything else.
    pub fn read(shared: &Arc<Vec<u8>>, range: Range<usize>) -> Option<Self> {
        let Range { start, end } = range;
        let bytes = shared.get(start..end)?;
        let folder = Self {
            dev: u64_at(bytes, 4)?,
            ino: u64_at(bytes, 12)?,
            mtime: time_at(bytes, 20)?,
            ctime: time_at(bytes, 32)?,
            settled: flag(*bytes.get(44)?)?,
            newest: time_at(bytes, 45)?,
            count: usize::try_from(u32_at(bytes, 57)?).ok()?,
            body: Body {
                shared: Arc::clone(shared),
                range: start + HEAD..end,
            },
        };
        let records = folder.count.checked_mul(RECORD)?;
        let (records, names) = bytes.get(HEAD..)?.split_at_checked(records)?;
        let (mut end, mut before) = (0, None);
        for record in records.chunks_exact(RECORD) {
            kind_of(record[8])?;
            flag(record[9])?;
            let next = usize::try_from(u64_at(record, 0)?).ok()?;
            let name = names.get(end..next)?;
            if before.is_some_and(|before| before >= name) {
                return None;
            }
            (end, before) = (next, Some(name));
        }
        (end == names.len()).then_some(folder)
    }
}

fn content_of(record: &[u8]) -> Option<(u64, Known)> {
    let known = || Some((u64_at(record, 10)?, known_at(record, 18)?));
    (record[9] == 1).then(known)?
}

/// Bytes of a [`Folder`] before its records.
const HEAD: usize = 4 + 8 + 8 + 12 + 12 + 1 + 12 + 4;

/// Before any change.
const NEVER: FileTime = FileTime {
    seconds: i64::MIN,
    nanos: 0,
};
/// Bytes of a [`Known`].
pub(super) const KNOWN: usize = 8 + 12 + 12 + 32;

pub(super) fn put_known(out: &mut Vec<u8>, known: &Known) {
    out.extend_from_slice(&known.size.to_le_bytes());
    put_time(out, known.mtime);
    put_time(out, known.ctime);
    out.extend_from_slice(&known.blob.0);
}

pub(super) fn known_at(bytes: &[u8], at: usize) -> Option<Known> {
    Some(Known {
        size: u64_at(bytes, at)?,
        mtime: time_at(bytes, at + 8)?,
        ctime: time_at(bytes, at + 20)?,
        blob: BlobId(bytes.get(at + 32..at + KNOWN)?.try_into().ok()?),
    })
}

fn put_time(out: &mut Vec<u8>, time: FileTime) {
    out.extend_from_slice(&time.seconds.to_le_bytes());
    out.extend_from_slice(&time.nanos.to_le_bytes());
}

fn time_at(bytes: &[u8], at: usize) -> Option<FileTime> {
    Some(FileTime {
        seconds: u64_at(bytes, at)? as i64,
        nanos: u32_at(bytes, at + 8)?,
    })
}

fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

const KINDS: [Kind; 8] = [
    Kind::File,
    Kind::Dir,
    Kind::Symlink,
    Kind::Special(Special::Fifo),
    Kind::Special(Special::Socket),
    Kind::Special(Special::CharDevice),
    Kind::Special(Special::BlockDevice),
    Kind::Special(Special::Unknown),
];

fn kind_byte(kind: Kind) -> u8 {
    KINDS.iter().position(|k| *k == kind).unwrap_or(7) as u8
}

fn kind_of(byte: u8) -> Option<Kind> {
    KINDS.get(usize::from(byte)).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stat(kind: Kind, ino: u64) -> Stat {
        let time = FileTime {
            seconds: -5,
            nanos: 7,
        };
        Stat {
            kind,
            mode: 0o755,
            size: 3,
            allocated: 0,
            mtime: time,
            ctime: time,
            dev: 1,
            ino,
            nlink: 1,
            uid: 0,
            gid: 0,
        }
    }

    fn some() -> Folder {
        let listing = KINDS.iter().enumerate();
        let listing = listing.map(|(n, kind)| (format!("name {n}").into_bytes(), *kind));
        let settled = Settled::before(SystemTime::now());
        let own = stat(Kind::Dir, 9);
        let mut folder = Folder::listed(&own, settled, listing.rev().collect(), None);
        let file = stat(Kind::File, 10);
        folder.note(0, &file, settled.known(&file, BlobId([4; 32])));
        folder
    }

    fn written(folder: &Folder) -> Vec<u8> {
        let mut out = b"before".to_vec();
        folder.write(&mut out);
        out
    }

    fn read(bytes: Vec<u8>) -> Option<Folder> {
        let range = 6..bytes.len();
        Folder::read(&Arc::new(bytes), range)
    }

    #[test]
    fn a_folder_comes_back_as_it_was_noted() {
        let folder = some();
        let mut back = read(written(&folder)).unwrap();
        assert_eq!(back, folder);
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(back.name(at), format!("name {at}").as_bytes());
            assert_eq!(back.kind(at), *kind);
        }
        assert!(back.is_as_it_was(&stat(Kind::Dir, 9)));
        let file = stat(Kind::File, 10);
        assert_eq!(back.content(0, &file), Some(BlobId([4; 32])));
        assert_eq!(
            back.content(0, &stat(Kind::File, 11)),
            None,
            "another inode"
        );
        assert_eq!(back.files().count(), 1);
        // What is changed in one is not in those that share its bytes.
        let same = back.clone();
        back.note(0, &file, None);
        assert_eq!(
            (back.known(0), same.known(0)),
            (None, Some((BlobId([4; 32]), 3)))
        );
        let listing = vec![
            (b"name 0".to_vec(), Kind::File),
            (b"new".to_vec(), Kind::Dir),
        ];
        let own = stat(Kind::Dir, 9);
        let anew = Folder::listed(
            &own,
            Settled::before(SystemTime::now()),
            listing,
            Some(&same),
        );
        assert_eq!(
            anew.content(0, &file),
            Some(BlobId([4; 32])),
            "taken over by name"
        );
        assert_eq!((anew.len(), anew.known(1)), (2, None));
    }

    #[test]
    fn damaged_bytes_are_no_folder_or_one_that_can_be_looked_at() {
        let whole = written(&some());
        for at in 6..whole.len() {
            assert_eq!(read(whole[..at].to_vec()), None, "cut at {at}");
            for flip in [0x01, 0x80] {
                let mut bad = whole.clone();
                bad[at] ^= flip;
                let Some(folder) = read(bad) else { continue };
                for n in 0..folder.len() {
                    let _ = (folder.name(n), folder.kind(n), folder.known(n));
                }
            }
        }
    }
}
