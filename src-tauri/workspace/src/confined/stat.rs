//! What the system says about one name, never through a link.

use std::fmt;
use std::fs::File;
use std::io;

use super::sys;
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

impl Stat {
    /// Of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        sys::stat_file(file)
    }

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
