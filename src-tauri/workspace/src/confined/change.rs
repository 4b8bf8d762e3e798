//! Changes to one name of an open folder.

use std::fs::File;
use std::io;

use rayon::prelude::*;

use super::sys::{self, Rename};
use super::{Dir, FsError, Stat, check};
use crate::path::WorkspacePath;
use crate::tree::{Entry, FileTime};

impl Dir {
    /// Makes a new file with exactly this mode (setuid, setgid and sticky bits dropped); fails where
    /// anything is, also a dangling link.
    pub fn create_new(&self, name: &[u8], mode: u32) -> Result<File, FsError> {
        check("create", name)?;
        let failed = |e| FsError::io("create", name, e);
        let file = sys::create_new(&self.handle, name).map_err(failed)?;
        if mode & 0o777 != 0o600 {
            sys::set_mode_of(&file, mode).map_err(failed)?;
        }
        Ok(file)
    }

    /// Makes a folder with exactly this mode; fails where anything is.
    pub fn mkdir(&self, name: &[u8], mode: u32) -> Result<(), FsError> {
        check("make the folder", name)?;
        sys::mkdir(&self.handle, name, mode)
            .map_err(|e| FsError::io("make the folder", name, e))?;
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
        sys::symlink(&self.handle, target, name).map_err(|e| FsError::io("make the link", name, e))
    }

    /// Moves a name to a folder where nothing of that name is; never replaces.
    pub fn rename_noreplace(&self, name: &[u8], into: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, into, to, Rename::NoReplace)
    }

    /// Swaps two names at once.
    pub fn rename_exchange(&self, name: &[u8], with: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, with, to, Rename::Exchange)
    }

    /// Moves a name over another, which is gone then.
    pub fn rename_replace(&self, name: &[u8], into: &Self, to: &[u8]) -> Result<(), FsError> {
        self.rename_with(name, into, to, Rename::Replace)
    }

    fn rename_with(&self, name: &[u8], into: &Self, to: &[u8], how: Rename) -> Result<(), FsError> {
        check("move", name)?;
        check("move", to)?;
        refused(how)
            .and_then(|()| sys::rename(&self.handle, name, &into.handle, to, how))
            .map_err(|e| FsError::io("move", name, e))
    }

    /// Gives what is at one name (no folder) a second one, where nothing is; a link is not followed.
    pub fn hard_link(&self, name: &[u8], into: &Self, to: &[u8]) -> Result<(), FsError> {
        let op = "link";
        check(op, name)?;
        check(op, to)?;
        no_links()
            .and_then(|()| sys::hard_link(&self.handle, name, &into.handle, to))
            .map_err(|e| FsError::io(op, name, e))
    }

    /// Removes one name that is not a folder.
    pub fn unlink(&self, name: &[u8]) -> Result<(), FsError> {
        check("remove", name)?;
        sys::unlink(&self.handle, name).map_err(|e| FsError::io("remove", name, e))
    }

    /// Removes one empty folder.
    pub fn rmdir(&self, name: &[u8]) -> Result<(), FsError> {
        check("remove", name)?;
        sys::rmdir(&self.handle, name).map_err(|e| FsError::io("remove", name, e))
    }

    /// Sets the permission bits of a file or folder (setuid, setgid and sticky bits dropped). Works
    /// without read permission; a link is an error.
    pub fn set_mode(&self, name: &[u8], mode: u32) -> Result<(), FsError> {
        let op = "set the mode of";
        check(op, name)?;
        sys::set_mode(&self.handle, name, mode).map_err(|e| FsError::io(op, name, e))
    }

    /// Sets the modification time, of a link itself; the access time stays.
    pub fn set_mtime(&self, name: &[u8], time: FileTime) -> Result<(), FsError> {
        check("set the time of", name)?;
        sys::set_mtime(&self.handle, name, time)
            .map_err(|e| FsError::io("set the time of", name, e))
    }

    /// Sets owner and group, of a link itself.
    pub fn chown(&self, name: &[u8], uid: u32, gid: u32) -> Result<(), FsError> {
        check("set the owner of", name)?;
        sys::chown(&self.handle, name, uid, gid)
            .map_err(|e| FsError::io("set the owner of", name, e))
    }

    /// Sets the permission bits of this folder itself.
    pub fn set_mode_self(&self, mode: u32) -> Result<(), FsError> {
        sys::set_mode_self(&self.handle, mode).map_err(|e| FsError::io("set the mode of", b".", e))
    }

    /// Sets the modification time of this folder itself.
    pub fn set_mtime_self(&self, time: FileTime) -> Result<(), FsError> {
        sys::set_mtime_self(&self.handle, time).map_err(|e| FsError::io("set the time of", b".", e))
    }

    /// Sets owner and group of this folder itself.
    pub fn chown_self(&self, uid: u32, gid: u32) -> Result<(), FsError> {
        sys::chown_self(&self.handle, uid, gid)
            .map_err(|e| FsError::io("set the owner of", b".", e))
    }

    /// Makes the names in this folder survive a power cut.
    pub fn sync(&self) -> Result<(), FsError> {
        sys::sync(&self.handle).map_err(|e| FsError::io("sync", b".", e))
    }

    /// Makes everything written to this file system survive a power cut; on macOS only what lies directly
    /// in this folder.
    pub fn sync_fs(&self) -> Result<(), FsError> {
        sys::sync_fs(&self.handle).map_err(|e| FsError::io("sync", b".", e))
    }
}

/// Gives folders their owner, where one is named, their time and mode; given in the order of a tree, when
/// nothing more is made in them.
pub(crate) fn finish_folders(
    root: &Dir,
    folders: &[&Entry],
    owner: Option<(u32, u32)>,
) -> Result<(), FsError> {
    let finish = |entry: &&&Entry| -> Result<(), FsError> {
        let folder = root.open_dir(&entry.path)?;
        if let Some((uid, gid)) = owner {
            folder.chown_self(uid, gid)?;
        }
        folder.set_mtime_self(entry.mtime)?;
        folder.set_mode_self(entry.mode)
    };
    // One that will not let us in goes after all that lie in it.
    let lets_us_in = |entry: &&&Entry| entry.mode & 0o700 == 0o700;
    let (open, closed): (Vec<_>, Vec<_>) = folders.iter().partition(lets_us_in);
    open.par_iter().try_for_each(finish)?;
    closed.iter().rev().try_for_each(finish)
}

/// Gives an open file its owner, where one is named, and its time. What it is afterwards.
pub(crate) fn finish(file: &File, owner: Option<(u32, u32)>, mtime: FileTime) -> io::Result<Stat> {
    if let Some((uid, gid)) = owner {
        sys::chown_of(file, uid, gid)?;
    }
    sys::set_mtime_of(file, mtime)?;
    Stat::of(file)
}

/// Where a test can make the file system one without `renameat2`: `none` of its flags, or `noreplace` alone.
#[cfg(feature = "failpoints")]
fn refused(how: Rename) -> io::Result<()> {
    fail::fail_point!("fs::rename", |has| match (how, has.as_deref()) {
        (Rename::Replace, _) | (Rename::NoReplace, Some("noreplace")) => Ok(()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    });
    Ok(())
}

#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unnecessary_wraps)]
fn refused(_: Rename) -> io::Result<()> {
    Ok(())
}

/// Where a test can make it one without hard links too.
#[cfg(feature = "failpoints")]
fn no_links() -> io::Result<()> {
    fail::fail_point!("fs::link", |_| Err(io::ErrorKind::PermissionDenied.into()));
    Ok(())
}

#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unnecessary_wraps)]
fn no_links() -> io::Result<()> {
    Ok(())
}
