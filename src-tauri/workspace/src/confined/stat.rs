//! What the system says about one name, never through a link.

use std::fmt;

use rustix::fs::FileType;

use crate::tree::{FileTime, Special};

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link, not followed.
    Symlink,
    /// A FIFO, socket or device: never opened.
    Special(Special),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::Dir => "a folder",
            Self::Symlink => "a symbolic link",
            Self::Special(Special::Fifo) => "a FIFO",
            Self::Special(Special::Socket) => "a socket",
            Self::Special(Special::CharDevice | Special::BlockDevice) => "a device",
            Self::Special(Special::Unknown) => "of an unknown kind",
        })
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Special(Special::Fifo),
            FileType::Socket => Self::Special(Special::Socket),
            FileType::CharacterDevice => Self::Special(Special::CharDevice),
            FileType::BlockDevice => Self::Special(Special::BlockDevice),
            FileType::Unknown => Self::Special(Special::Unknown),
        }
    }
}

/// The attributes of one name or open file, by `lstat` or `fstat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Length in bytes.
    pub size: u64,
    /// Bytes that take room on the disk; less than `size` where there are holes.
    pub allocated: u64,
    /// When the content last changed; anyone who owns the file can set it.
    pub mtime: FileTime,
    /// When the inode last changed; only the kernel sets it.
    pub ctime: FileTime,
    /// The file system.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
    /// Names that the inode has.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

// The widths of these fields differ by platform.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
impl From<rustix::fs::Stat> for Stat {
    fn from(raw: rustix::fs::Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(raw.st_mode).into(),
            mode: raw.st_mode as u32 & 0o7777,
            size: u64::try_from(raw.st_size).unwrap_or(0),
            allocated: u64::try_from(raw.st_blocks).unwrap_or(0) * 512,
            mtime: FileTime {
                seconds: raw.st_mtime as i64,
                nanos: raw.st_mtime_nsec as u32,
            },
            ctime: FileTime {
                seconds: raw.st_ctime as i64,
                nanos: raw.st_ctime_nsec as u32,
            },
            dev: raw.st_dev as u64,
            ino: raw.st_ino as u64,
            nlink: raw.st_nlink as u64,
            uid: raw.st_uid,
            gid: raw.st_gid,
        }
    }
}

impl Stat {
    /// Whether both are the same file with nothing written in between, as far as the kernel knows.
    pub fn same_version(&self, other: &Self) -> bool {
        (self.kind, self.dev, self.ino, self.size) == (other.kind, other.dev, other.ino, other.size)
            && self.mtime == other.mtime
            && self.ctime == other.ctime
    }
}

/// Room on a file system, for an ordinary user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Files that can still be made; `u64::MAX` where the file system has no limit.
    pub free_files: u64,
}
