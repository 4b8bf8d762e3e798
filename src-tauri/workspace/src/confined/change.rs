//! Changes to one name of an open folder.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::{Dir, FsError, Kind, check, resolve};
use crate::path::WorkspacePath;
use crate::tree::FileTime;

impl Dir {
    /// Makes a new file with exactly this mode (setuid, setgid and sticky bits dropped); fails where
    /// anything is, also a dangling link.
    pub fn create_new(&self, name: &[u8], mode: u32) -> Result<File, FsError> {
        check("create", name)?;
        let failed = |e: Errno| FsError::io("create", name, e);
        let flags = OFlags::RDWR
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NOCTTY;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o600))
            .map_err(failed)?;
        if mode & 0o777 != 0o600 {
            rustix::fs::fchmod(&fd, permissions(mode)).map_err(failed)?;
        }
        Ok(File::from(fd))
    }

    /// Makes a folder with exactly this mode; fails where anything is.
    pub fn mkdir(&self, name: &[u8], mode: u32) -> Result<(), FsError> {
        check("make the folder", name)?;
        let failed = |e: Errno| FsError::io("make the folder", name, e);
        rustix::fs::mkdirat(&self.fd, name, permissions(mode)).map_err(failed)?;
        // The umask took bits away, or, as with 0700, could not.
        if mode & 0o077 != 0 {
            self.set_mode(name, mode)?;
        }
        Ok(())
    }

    /// Makes the folder at `path` and those above it where they are missing, and opens it.
    /// Fails where a component is a link or a file.
    pub fn mkdir_all(&self, path: &WorkspacePath) -> Result<Self, FsError> {
        let mut reached = self.try_clone()?;
        for name in path.components() {
            reached = match reached.child_dir(name) {
                Err(e) if e.is_not_found() => match reached.mkdir(name, 0o755) {
                    Err(e) if !e.is_exists() => Err(e),
                    _ => reached.child_dir(name),
                },
                found => found,
            }
            .map_err(|e| e.at(path.as_bytes()))?;
        }
        Ok(reached)
    }

    /// Makes a symbolic link; the target is not looked at.
    pub fn symlink(&self, target: &[u8], name: &[u8]) -> Result<(), FsError> {
        check("make the link", name)?;
        rustix::fs::symlinkat(target, &self.fd, name)
            .map_err(|e| FsError::io("make the link", name, e))
    }

    /// Moves a name to a folder where nothing of that name is; never replaces.
    pub fn rename_noreplace(&self, name: &[u8], into: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, into, to, RenameFlags::NOREPLACE)
    }

    /// Swaps two names at once.
    pub fn rename_exchange(&self, name: &[u8], with: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, with, to, RenameFlags::EXCHANGE)
    }

    /// Moves a name over another, which is gone then.
    pub fn rename_replace(&self, name: &[u8], into: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, into, to, RenameFlags::empty())
    }

    fn rename_with(
        &self,
        name: &[u8],
        into: &Self,
        to: &[u8],
        flags: RenameFlags,
    ) -> Result<(), FsError> {
        check("move", name)?;
        check("move", to)?;
        rustix::fs::renameat_with(&self.fd, name, &into.fd, to, flags)
            .map_err(|e| FsError::io("move", name, e))
    }

    /// Removes one name that is not a folder.
    pub fn unlink(&self, name: &[u8]) -> Result<(), FsError> {
        check("remove", name)?;
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())
            .map_err(|e| FsError::io("remove", name, e))
    }

    /// Removes one empty folder.
    pub fn rmdir(&self, name: &[u8]) -> Result<(), FsError> {
        check("remove", name)?;
        rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)
            .map_err(|e| FsError::io("remove", name, e))
    }

    /// Sets the permission bits of a file or folder (setuid, setgid and sticky bits dropped). Works
    /// without read permission; a link is an error.
    pub fn set_mode(&self, name: &[u8], mode: u32) -> Result<(), FsError> {
        let op = "set the mode of";
        check(op, name)?;
        let failed = |e: Errno| FsError::io(op, name, e);
        let handle = resolve::open_one(self.fd.as_fd(), name, OFlags::PATH).map_err(failed)?;
        let stat = rustix::fs::fstat(&handle).map_err(failed)?;
        if super::Stat::from(stat).kind == Kind::Symlink {
            return Err(FsError::io(op, name, Errno::LOOP));
        }
        // A path handle takes no fchmod before Linux 6.6; this name of it is our own and cannot be
        // made to point elsewhere.
        let own = format!("/proc/self/fd/{}", handle.as_raw_fd());
        rustix::fs::chmod(own.as_str(), permissions(mode)).map_err(failed)
    }

    /// Sets the modification time, of a link itself; the access time stays.
    pub fn set_mtime(&self, name: &[u8], time: FileTime) -> Result<(), FsError> {
        check("set the time of", name)?;
        rustix::fs::utimensat(&self.fd, name, &times(time), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| FsError::io("set the time of", name, e))
    }

    /// Sets owner and group, of a link itself.
    pub fn chown(&self, name: &[u8], uid: u32, gid: u32) -> Result<(), FsError> {
        check("set the owner of", name)?;
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(&self.fd, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| FsError::io("set the owner of", name, e))
    }

    /// Sets the permission bits of this folder itself.
    pub fn set_mode_self(&self, mode: u32) -> Result<(), FsError> {
        rustix::fs::fchmod(&self.fd, permissions(mode))
            .map_err(|e| FsError::io("set the mode of", b".", e))
    }

    /// Sets the modification time of this folder itself.
    pub fn set_mtime_self(&self, time: FileTime) -> Result<(), FsError> {
        rustix::fs::futimens(&self.fd, &times(time))
            .map_err(|e| FsError::io("set the time of", b".", e))
    }

    /// Sets owner and group of this folder itself.
    pub fn chown_self(&self, uid: u32, gid: u32) -> Result<(), FsError> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::fchown(&self.fd, uid, gid).map_err(|e| FsError::io("set the owner of", b".", e))
    }

    /// Makes the names in this folder survive a power cut.
    pub fn sync(&self) -> Result<(), FsError> {
        rustix::fs::fsync(&self.fd).map_err(|e| FsError::io("sync", b".", e))
    }

    /// Makes everything written to this file system survive a power cut.
    pub fn sync_fs(&self) -> Result<(), FsError> {
        #[cfg(target_os = "linux")]
        let done = rustix::fs::syncfs(&self.fd);
        #[cfg(not(target_os = "linux"))]
        let done = {
            rustix::fs::sync();
            Ok::<(), Errno>(())
        };
        done.map_err(|e| FsError::io("sync", b".", e))
    }
}

/// A file left by the sandbox must not run as its owner on the host.
fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}

pub(crate) fn times(mtime: FileTime) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: mtime.seconds,
            tv_nsec: mtime.nanos.into(),
        },
    }
}
