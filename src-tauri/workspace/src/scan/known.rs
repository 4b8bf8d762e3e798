//! What a scan keeps of a folder and of the files in it.

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
        None => FileTime {
            seconds: i64::MIN,
            nanos: 0,
        },
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
    /// All names, one after the other.
    names: Vec<u8>,
    children: Vec<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Child {
    /// Where its name ends; it begins where the one before ends.
    end: usize,
    kind: Kind,
    /// Of a file: its inode and what that holds.
    content: Option<(u64, Known)>,
}

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
        let mut folder = Self {
            dev: stat.dev,
            ino: stat.ino,
            mtime: stat.mtime,
            ctime: stat.ctime,
            settled: settled.has(stat),
            names: Vec::with_capacity(listing.iter().map(|(name, _)| name.len()).sum()),
            children: Vec::with_capacity(listing.len()),
        };
        let mut old = 0;
        for (name, kind) in listing {
            let mut content = None;
            if let Some(before) = before {
                while old < before.len() && before.name(old) < &name[..] {
                    old += 1;
                }
                if old < before.len() && before.name(old) == name {
                    content = before.children[old].content;
                }
            }
            folder.push(&name, kind, content);
        }
        folder
    }

    fn push(&mut self, name: &[u8], kind: Kind, content: Option<(u64, Known)>) {
        self.names.extend_from_slice(name);
        self.children.push(Child {
            end: self.names.len(),
            kind,
            content,
        });
    }

    /// Device and inode.
    pub fn inode(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }

    /// Its ctime when it was listed.
    pub fn ctime(&self) -> FileTime {
        self.ctime
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
        self.children.len()
    }

    /// The name at a place below [`Self::len`].
    pub fn name(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |at| self.children[at].end);
        &self.names[from..self.children[at].end]
    }

    /// What the listing said of the name there.
    pub fn kind(&self, at: usize) -> Kind {
        self.children[at].kind
    }

    /// What the file there holds, if that is certain.
    pub fn content(&self, at: usize, stat: &Stat) -> Option<BlobId> {
        let (ino, known) = self.children[at].content.as_ref()?;
        let holds = *ino == stat.ino && self.dev == stat.dev && known.holds_for(stat);
        holds.then_some(known.blob)
    }

    /// Notes what the file there holds.
    pub fn note(&mut self, at: usize, stat: &Stat, known: Option<Known>) {
        // What is mounted in a folder is not of it.
        let known = known.filter(|_| stat.dev == self.dev);
        self.children[at].content = known.map(|known| (stat.ino, known));
    }

    /// Files whose content is known, by inode.
    pub fn files(&self) -> impl Iterator<Item = ((u64, u64), Known)> {
        let contents = self.children.iter().filter_map(|child| child.content);
        contents.map(|(ino, known)| ((self.dev, ino), known))
    }

    /// As bytes; nothing where a length is beyond what is written.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let wrote = self.try_write(out);
        let length = u32::try_from(out.len() - start).ok();
        match (wrote, length) {
            (Some(()), Some(length)) => {
                out[start..start + 4].copy_from_slice(&length.to_le_bytes());
            }
            _ => out.truncate(start),
        }
    }

    fn try_write(&self, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.dev.to_le_bytes());
        out.extend_from_slice(&self.ino.to_le_bytes());
        put_time(out, self.mtime);
        put_time(out, self.ctime);
        out.push(u8::from(self.settled));
        out.extend_from_slice(&u32::try_from(self.len()).ok()?.to_le_bytes());
        for (at, child) in self.children.iter().enumerate() {
            out.extend_from_slice(&u16::try_from(self.name(at).len()).ok()?.to_le_bytes());
            out.push(kind_byte(child.kind));
            out.push(u8::from(child.content.is_some()));
            if let Some((ino, known)) = &child.content {
                out.extend_from_slice(&ino.to_le_bytes());
                put_known(out, known);
            }
        }
        out.extend_from_slice(&self.names);
        Some(())
    }

    /// The length of the folder that these bytes begin with.
    pub fn written_length(bytes: &[u8]) -> Option<usize> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        (length >= HEAD).then_some(length)
    }

    /// Reads what [`Self::write`] wrote; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let count = usize::try_from(u32_at(bytes, 45)?).ok()?;
        let mut folder = Self {
            dev: u64_at(bytes, 4)?,
            ino: u64_at(bytes, 12)?,
            mtime: time_at(bytes, 20)?,
            ctime: time_at(bytes, 32)?,
            settled: flag(*bytes.get(44)?)?,
            names: Vec::new(),
            children: Vec::with_capacity(count.min(bytes.len() / 4)),
        };
        let (mut at, mut end) = (HEAD, 0);
        for _ in 0..count {
            let &[low, high, kind, has_content] = bytes.get(at..at + 4)? else {
                return None;
            };
            at += 4;
            end += usize::from(u16::from_le_bytes([low, high]));
            let content = if flag(has_content)? {
                let content = (u64_at(bytes, at)?, known_at(bytes, at + 8)?);
                at += 8 + KNOWN;
                Some(content)
            } else {
                None
            };
            folder.children.push(Child {
                end,
                kind: kind_of(kind)?,
                content,
            });
        }
        folder.names = bytes.get(at..)?.to_vec();
        let whole = folder.names.len() == end;
        let in_order = || (1..folder.len()).all(|at| folder.name(at - 1) < folder.name(at));
        (whole && in_order()).then_some(folder)
    }
}

/// Bytes of a [`Folder`] before its children.
const HEAD: usize = 4 + 8 + 8 + 12 + 12 + 1 + 4;
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
