//! All file access below a root: by handles, one verified name at a time, following no link.
//!
//! The other side of a workspace is hostile and quick: between any two calls it may swap a folder for
//! a link or a file for a FIFO. So nothing here takes an absolute path but [`Dir::open_root`]; paths
//! resolve beneath the handle without links (`openat2`, or component by component where the kernel
//! lacks it); a file is opened without blocking and checked to be a regular file on the handle that
//! is then read; a change is an `*at` call on an opened parent and a single component.
//!
//! Handles stay on the folder they were opened on, wherever it is moved. What stays open: an entry
//! that is replaced between two calls is acted on as it is then, inside the same folder; callers that
//! care compare [`Stat`]s of the opened handle, or exchange and look at what they got.

mod change;
mod error;
mod remove;
mod resolve;
mod stat;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

pub(crate) use change::times;
pub use error::FsError;
pub use stat::{Kind, Space, Stat};

use crate::path::WorkspacePath;

/// An open folder; everything below it is reached through it.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Dir {
    /// Opens a root by its absolute path. The path is the user's or the app's own, never the agent's;
    /// links on the way are followed, the last component must be a folder itself.
    pub fn open_root(path: &Path) -> Result<Self, FsError> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = path.as_os_str().as_bytes();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty())
            .map(|fd| Self { fd })
            .map_err(|e| FsError::io("open", bytes, e))
    }

    /// A second handle on the same folder.
    pub fn try_clone(&self) -> Result<Self, FsError> {
        let fd = self
            .fd
            .try_clone()
            .map_err(|e| FsError::io("open", b".", e))?;
        Ok(Self { fd })
    }

    /// The folder at `path`.
    pub fn open_dir(&self, path: &WorkspacePath) -> Result<Self, FsError> {
        resolve::open_folder(self.fd.as_fd(), path.as_bytes())
            .map(|fd| Self { fd })
            .map_err(|e| FsError::resolve("open", path.as_bytes(), e))
    }

    /// As [`Self::open_dir`], with `None` for this folder itself.
    pub fn open_dir_or_self(&self, path: Option<&WorkspacePath>) -> Result<Self, FsError> {
        match path {
            Some(path) => self.open_dir(path),
            None => self.try_clone(),
        }
    }

    /// The folder that `path` lies in, and its name there: what a change needs.
    pub fn open_parent<'p>(&self, path: &'p WorkspacePath) -> Result<(Self, &'p [u8]), FsError> {
        let parent = self.open_dir_or_self(path.parent().as_ref())?;
        Ok((parent, path.file_name()))
    }

    /// The folder at one name.
    pub fn child_dir(&self, name: &[u8]) -> Result<Self, FsError> {
        check("open", name)?;
        resolve::open_one(self.fd.as_fd(), name, OFlags::RDONLY | OFlags::DIRECTORY)
            .map(|fd| Self { fd })
            .map_err(|e| FsError::resolve("open", name, e))
    }

    /// What lies at one name; a link is described, not followed.
    pub fn stat(&self, name: &[u8]) -> Result<Stat, FsError> {
        check("examine", name)?;
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .map(Stat::from)
            .map_err(|e| FsError::io("examine", name, e))
    }

    /// As [`Self::stat`], with `None` where nothing is.
    pub fn stat_opt(&self, name: &[u8]) -> Result<Option<Stat>, FsError> {
        match self.stat(name) {
            Ok(stat) => Ok(Some(stat)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What lies at a path below.
    pub fn stat_path(&self, path: &WorkspacePath) -> Result<Stat, FsError> {
        let (parent, name) = self.open_parent(path)?;
        parent.stat(name).map_err(|e| e.at(path.as_bytes()))
    }

    /// This folder itself.
    pub fn stat_self(&self) -> Result<Stat, FsError> {
        rustix::fs::fstat(&self.fd)
            .map(Stat::from)
            .map_err(|e| FsError::io("examine", b".", e))
    }

    /// The regular file at a path below, for reading, with its attributes by the same handle.
    pub fn open_file(&self, path: &WorkspacePath) -> Result<(File, Stat), FsError> {
        let (parent, name) = self.open_parent(path)?;
        parent.open_file_at(name).map_err(|e| e.at(path.as_bytes()))
    }

    /// The regular file at one name, for reading. Never blocks: a FIFO or device is an error.
    pub fn open_file_at(&self, name: &[u8]) -> Result<(File, Stat), FsError> {
        let op = "read";
        check(op, name)?;
        let fd = match resolve::open_one(self.fd.as_fd(), name, OFlags::RDONLY) {
            Ok(fd) => fd,
            // A link (ELOOP), a socket (ENXIO), a device without a driver (ENODEV).
            Err(e @ (Errno::LOOP | Errno::NXIO | Errno::NODEV)) => {
                return Err(match self.stat(name)?.kind {
                    Kind::File => FsError::io(op, name, e),
                    kind => not_regular(op, name, kind),
                });
            }
            Err(e) => return Err(FsError::io(op, name, e)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| FsError::io(op, name, e))?;
        match Stat::from(stat) {
            stat if stat.kind == Kind::File => Ok((File::from(fd), stat)),
            stat => Err(not_regular(op, name, stat.kind)),
        }
    }

    /// Where the link at one name points, verbatim.
    pub fn read_link(&self, name: &[u8]) -> Result<Vec<u8>, FsError> {
        check("read the link", name)?;
        rustix::fs::readlinkat(&self.fd, name, Vec::new())
            .map(std::ffi::CString::into_bytes)
            .map_err(|e| FsError::io("read the link", name, e))
    }

    /// Names and kinds of everything directly in this folder, in no order.
    pub fn list(&self) -> Result<Vec<(Vec<u8>, Kind)>, FsError> {
        let failed = |e: Errno| FsError::io("list", b".", e);
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say; a name that is gone meanwhile is left out.
                rustix::fs::FileType::Unknown => match self.stat_opt(name)? {
                    Some(stat) => stat.kind,
                    None => continue,
                },
                kind => Kind::from(kind),
            };
            found.push((name.to_vec(), kind));
        }
        Ok(found)
    }

    /// Room on this folder's file system.
    pub fn free_space(&self) -> Result<Space, FsError> {
        let raw = rustix::fs::fstatvfs(&self.fd).map_err(|e| FsError::io("measure", b".", e))?;
        Ok(Space {
            free: raw.f_bavail.saturating_mul(raw.f_frsize),
            total: raw.f_blocks.saturating_mul(raw.f_frsize),
            // btrfs and others say 0 of 0.
            free_files: if raw.f_files == 0 {
                u64::MAX
            } else {
                raw.f_favail
            },
        })
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn not_regular(op: &'static str, name: &[u8], kind: Kind) -> FsError {
    FsError::NotRegular {
        op,
        path: name.to_vec(),
        kind,
    }
}

/// Refuses what is not exactly one component: the kernel would resolve it.
fn check(op: &'static str, name: &[u8]) -> Result<(), FsError> {
    let single = !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.iter().any(|b| matches!(b, b'/' | 0));
    if single {
        return Ok(());
    }
    Err(FsError::BadName {
        op,
        path: name.to_vec(),
    })
}
