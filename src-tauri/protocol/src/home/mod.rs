//! The home folder of a sandbox as a stream of records: how a snapshot takes it, and how it is put back.
//!
//! Both ends are ours, so this is no archive format: it has nothing that would not be wanted here (devices,
//! owners, hard links, sparse maps, extensions of extensions), every length is bounded by the frame, and a
//! path that could leave the folder does not read. What stands in the files is the agent's all the same: the
//! reader takes nothing of a stream for granted.
//!
//! Taken: `Folder`, `File` (then `Data`…, `FileEnd`), `Link`, `Special`, `Unreadable`, at last `End`.
//! Put back: `OpenUp`, `Remove`, `Folder`, `File`…, `Link`, `Touch`, at last `End`; answered by `Failed`… and
//! one `Done`.

#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::frame::{self, FrameError};

/// Where the folder is seen, in a sandbox as in the container that copies it.
pub const HOME_FOLDER: &str = "/home/agent";
/// Longest path, in bytes; what lies deeper is told as unreadable.
pub const MAX_PATH: usize = 32 * 1024;
/// Longest target of a link, in bytes, as the kernel has it.
pub const MAX_TARGET: usize = 4096;
/// Longest reason, in bytes.
pub const MAX_REASON: usize = 256;
/// Most names in all. 400,000 are a large `node_modules` ten times.
pub const MAX_ENTRIES: u64 = 2_000_000;

const FOLDER: u8 = 1;
const FILE: u8 = 2;
const DATA: u8 = 3;
const FILE_END: u8 = 4;
const LINK: u8 = 5;
const SPECIAL: u8 = 6;
const UNREADABLE: u8 = 7;
const END: u8 = 8;
const OPEN_UP: u8 = 9;
const REMOVE: u8 = 10;
const TOUCH: u8 = 11;
const FAILED: u8 = 12;
const DONE: u8 = 13;

/// Permission bits and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// `0o7777` at most.
    pub mode: u32,
    /// Seconds since 1970, before it negative.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

/// What is told of and otherwise left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Odd {
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
    Unknown,
}

const ODDS: [Odd; 5] = [
    Odd::Fifo,
    Odd::Socket,
    Odd::CharDevice,
    Odd::BlockDevice,
    Odd::Unknown,
];

/// One step of a stream. Paths are relative, plain and never empty; see [`is_plain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Record<'a> {
    /// A folder; when put back, it is made and its mode and time come later, by `Touch`.
    Folder { meta: Meta, path: &'a [u8] },
    /// A file begins; its `Data` and one `FileEnd` follow.
    File { meta: Meta, path: &'a [u8] },
    /// Bytes of the file that began; never none.
    Data(&'a [u8]),
    /// The file ends. Taken: it changed while it was read. Put back: its content is lost, what is there stays.
    FileEnd { torn: bool },
    /// A symbolic link, its target verbatim.
    Link {
        meta: Meta,
        target: &'a [u8],
        path: &'a [u8],
    },
    /// A FIFO, socket or device.
    Special {
        odd: Odd,
        meta: Meta,
        path: &'a [u8],
    },
    /// What could not be read, or is below it; an empty path is the folder itself.
    Unreadable { path: &'a [u8], reason: &'a str },
    /// All was told: how many records of names, and how many bytes are free where the folder lies.
    End { entries: u64, free: u64 },
    /// A folder that lets its owner in from now on.
    OpenUp { path: &'a [u8] },
    /// A name that goes; a folder is empty by then.
    Remove { folder: bool, path: &'a [u8] },
    /// Mode and time of what is there.
    Touch { meta: Meta, path: &'a [u8] },
    /// A step that could not be done.
    Failed { path: &'a [u8], reason: &'a str },
    /// Everything was tried and is on the disk.
    Done,
}

/// Why a stream cannot be read on.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// The frame itself.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A path that is absolute, empty, too long, or could leave the folder.
    #[error("a record of the kind {0} has a path that no file of a home folder has")]
    Path(u8),
    /// A number that cannot be: a mode of more than permissions, a time with a whole second of nanoseconds.
    #[error("a record of the kind {0} has a value that cannot be")]
    Value(u8),
}

/// Whether this is a relative path that cannot leave its folder: no empty, `.` or `..` component, no NUL.
pub fn is_plain(path: &[u8]) -> bool {
    path.len() <= MAX_PATH
        && !path.contains(&0)
        && path
            .split(|byte| *byte == b'/')
            .all(|part| !matches!(part, b"" | b"." | b".."))
}

impl<'a> Record<'a> {
    /// Appends it as one frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        let free;
        match self {
            Self::Folder { meta, path } => frame::put(out, FOLDER, &[&meta.bytes(), path]),
            Self::File { meta, path } => frame::put(out, FILE, &[&meta.bytes(), path]),
            Self::Data(bytes) => frame::put(out, DATA, &[bytes]),
            Self::FileEnd { torn } => frame::put(out, FILE_END, &[&[u8::from(*torn)]]),
            Self::Link { meta, target, path } => {
                let length = u16::try_from(target.len())
                    .unwrap_or(u16::MAX)
                    .to_le_bytes();
                frame::put(out, LINK, &[&meta.bytes(), &length, target, path]);
            }
            Self::Special { odd, meta, path } => {
                let odd = ODDS
                    .iter()
                    .position(|one| one == odd)
                    .unwrap_or(ODDS.len() - 1);
                frame::put(out, SPECIAL, &[&[odd as u8], &meta.bytes(), path]);
            }
            Self::Unreadable { path, reason } => put_reason(out, UNREADABLE, path, reason),
            Self::End {
                entries,
                free: left,
            } => {
                free = left.to_le_bytes();
                frame::put(out, END, &[&entries.to_le_bytes(), &free]);
            }
            Self::OpenUp { path } => frame::put(out, OPEN_UP, &[path]),
            Self::Remove { folder, path } => {
                frame::put(out, REMOVE, &[&[u8::from(*folder)], path]);
            }
            Self::Touch { meta, path } => frame::put(out, TOUCH, &[&meta.bytes(), path]),
            Self::Failed { path, reason } => put_reason(out, FAILED, path, reason),
            Self::Done => frame::put(out, DONE, &[]),
        }
    }

    /// Reads the payload of a frame.
    ///
    /// # Errors
    /// Anything that [`Self::put`] does not write.
    pub fn read(kind: u8, payload: &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = Rest {
            kind,
            bytes: payload,
        };
        let record = match kind {
            FOLDER => Self::Folder {
                meta: rest.meta()?,
                path: rest.path()?,
            },
            FILE => Self::File {
                meta: rest.meta()?,
                path: rest.path()?,
            },
            DATA if payload.is_empty() => return Err(RecordError::Value(kind)),
            DATA => Self::Data(rest.all()),
            FILE_END => Self::FileEnd { torn: rest.flag()? },
            LINK => {
                let meta = rest.meta()?;
                let length = u16::from_le_bytes(rest.take()?);
                if length == 0 || usize::from(length) > MAX_TARGET {
                    return Err(RecordError::Value(kind));
                }
                let target = rest.first(usize::from(length))?;
                if target.contains(&0) {
                    return Err(RecordError::Value(kind));
                }
                Self::Link {
                    meta,
                    target,
                    path: rest.path()?,
                }
            }
            SPECIAL => {
                let [odd] = rest.take()?;
                let odd = ODDS.get(usize::from(odd));
                Self::Special {
                    odd: *odd.ok_or(RecordError::Value(kind))?,
                    meta: rest.meta()?,
                    path: rest.path()?,
                }
            }
            UNREADABLE => {
                let (path, reason) = rest.reason()?;
                if !path.is_empty() && !is_plain(path) {
                    return Err(RecordError::Path(kind));
                }
                Self::Unreadable { path, reason }
            }
            END => Self::End {
                entries: u64::from_le_bytes(rest.take()?),
                free: u64::from_le_bytes(rest.take()?),
            },
            OPEN_UP => Self::OpenUp { path: rest.path()? },
            REMOVE => Self::Remove {
                folder: rest.flag()?,
                path: rest.path()?,
            },
            TOUCH => Self::Touch {
                meta: rest.meta()?,
                path: rest.path()?,
            },
            FAILED => {
                let (path, reason) = rest.reason()?;
                if !is_plain(path) {
                    return Err(RecordError::Path(kind));
                }
                Self::Failed { path, reason }
            }
            DONE => Self::Done,
            _ => return Err(FrameError::Kind(kind).into()),
        };
        if rest.bytes.is_empty() {
            Ok(record)
        } else {
            Err(RecordError::Value(kind))
        }
    }
}

fn put_reason(out: &mut Vec<u8>, kind: u8, path: &[u8], reason: &str) {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let length = u16::try_from(end).unwrap_or(0).to_le_bytes();
    frame::put(out, kind, &[&length, &reason.as_bytes()[..end], path]);
}

impl Meta {
    const LENGTH: usize = 16;

    fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&self.mode.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.seconds.to_le_bytes());
        bytes[12..].copy_from_slice(&self.nanos.to_le_bytes());
        bytes
    }
}

/// What of a payload is not read yet.
struct Rest<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or(FrameError::Short(self.kind))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn first(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .ok_or(FrameError::Short(self.kind))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    fn path(&mut self) -> Result<&'a [u8], RecordError> {
        let path = self.all();
        if is_plain(path) {
            Ok(path)
        } else {
            Err(RecordError::Path(self.kind))
        }
    }

    fn flag(&mut self) -> Result<bool, RecordError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(RecordError::Value(self.kind)),
        }
    }

    fn meta(&mut self) -> Result<Meta, RecordError> {
        let meta = Meta {
            mode: u32::from_le_bytes(self.take()?),
            seconds: i64::from_le_bytes(self.take()?),
            nanos: u32::from_le_bytes(self.take()?),
        };
        if meta.mode & !0o7777 != 0 || meta.nanos >= 1_000_000_000 {
            return Err(RecordError::Value(self.kind));
        }
        Ok(meta)
    }

    /// A path, which may be none, and a reason before it.
    fn reason(&mut self) -> Result<(&'a [u8], &'a str), RecordError> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        if length > MAX_REASON {
            return Err(RecordError::Value(self.kind));
        }
        let reason = std::str::from_utf8(self.first(length)?);
        let reason = reason.map_err(|_| RecordError::Value(self.kind))?;
        Ok((self.all(), reason))
    }
}
