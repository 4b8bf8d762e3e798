//! All file access below a root: by handles, one verified name at a time, following no link.
//!
//! The other side of a workspace is hostile and quick: between any two calls it may swap a folder for
//! a link or a file for a FIFO. So nothing here takes an absolute path but [`Dir::open_root`]; paths
//! resolve beneath the handle without links (`openat2`, or component by component where the kernel
//! lacks it, as macOS does); a file is opened without blocking and checked to be a regular file on the handle that
//! is then read; a change is an `*at` call on an opened parent and a single component.
//!
//! Handles stay on the folder they were opened on, wherever it is moved. What stays open: an entry
//! that is replaced between two calls is acted on as it is then, inside the same folder; callers that
//! care compare [`Stat`]s of the opened handle, or exchange and look at what they got.

mod change;
mod error;
mod remove;
mod stat;
mod sys;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;

pub(crate) use change::{finish, finish_folders};
pub use error::FsError;
pub use stat::{Kind, Space, Stat};

use crate::path::WorkspacePath;
use crate::system;

/// An open folder; everything below it is reached through it.
#[derive(Debug)]
pub struct Dir {
    handle: sys::Handle,
}

impl Dir {
    /// Opens a root by its absolute path. The path is the user's or the app's own, never the agent's;
    /// links on the way are followed, the last component must be a folder itself.
    pub fn open_root(path: &Path) -> Result<Self, FsError> {
        sys::open_root(path)
            .map(|handle| Self { handle })
            .map_err(|e| FsError::io("open", system::bytes(path.as_os_str()), e))
    }

    /// A second handle on the same folder.
    pub fn try_clone(&self) -> Result<Self, FsError> {
        self.handle
            .try_clone()
            .map(|handle| Self { handle })
            .map_err(|e| FsError::io("open", b".", e))
    }

    /// The folder at `path`.
    pub fn open_dir(&self, path: &WorkspacePath) -> Result<Self, FsError> {
        sys::open_folder(&self.handle, path.as_bytes())
            .map(|handle| Self { handle })
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
        sys::open_child(&self.handle, name)
            .map(|handle| Self { handle })
            .map_err(|e| FsError::resolve("open", name, e))
    }

    /// The folder at one name as a place only: what lies in it can be reached, but it is listed by
    /// [`Self::opened`].
    pub(crate) fn child_place(&self, name: &[u8]) -> Result<Self, FsError> {
        check("open", name)?;
        sys::open_place(&self.handle, name)
            .map(|handle| Self { handle })
            .map_err(|e| FsError::resolve("open", name, e))
    }

    /// As [`Self::child_place`], of the folder at a path below; `None` is this folder itself.
    pub(crate) fn place(&self, path: Option<&WorkspacePath>) -> Result<Self, FsError> {
        let Some(path) = path else {
            return self.try_clone();
        };
        sys::open_place_below(&self.handle, path.as_bytes())
            .map(|handle| Self { handle })
            .map_err(|e| FsError::resolve("open", path.as_bytes(), e))
    }

    /// The folder of a place, to be listed once.
    pub(crate) fn opened(&self) -> Result<Self, FsError> {
        sys::open_itself(&self.handle)
            .map(|handle| Self { handle })
            .map_err(|e| FsError::resolve("open", b".", e))
    }

    /// What lies at one name; a link is described, not followed.
    pub fn stat(&self, name: &[u8]) -> Result<Stat, FsError> {
        check("examine", name)?;
        sys::stat(&self.handle, name).map_err(|e| FsError::io("examine", name, e))
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
        sys::stat_self(&self.handle).map_err(|e| FsError::io("examine", b".", e))
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
        let file = match sys::open_file(&self.handle, name) {
            Ok(file) => file,
            Err(e) if sys::is_no_file(&e) => {
                return Err(match self.stat(name)?.kind {
                    Kind::File => FsError::io(op, name, e),
                    kind => not_regular(op, name, kind),
                });
            }
            Err(e) => return Err(FsError::io(op, name, e)),
        };
        regular(op, name, file)
    }

    /// The regular file at one name, for writing at its end.
    pub fn open_append(&self, name: &[u8]) -> Result<File, FsError> {
        let op = "write";
        check(op, name)?;
        let opened = sys::open_append(&self.handle, name);
        let file = opened.map_err(|e| FsError::io(op, name, e))?;
        regular(op, name, file).map(|(file, _)| file)
    }

    /// Where the link at one name points, verbatim.
    pub fn read_link(&self, name: &[u8]) -> Result<Vec<u8>, FsError> {
        check("read the link", name)?;
        sys::read_link(&self.handle, name).map_err(|e| FsError::io("read the link", name, e))
    }

    /// Names and kinds of everything directly in this folder, in no order.
    pub fn list(&self) -> Result<Vec<(Vec<u8>, Kind)>, FsError> {
        self.with_kinds(sys::list(&self.handle))
    }

    /// As [`Self::list`], with fewer calls to the system: for a handle that was opened just now, once.
    pub(crate) fn list_once(&self) -> Result<Vec<(Vec<u8>, Kind)>, FsError> {
        self.with_kinds(sys::list_once(&self.handle))
    }

    fn with_kinds(
        &self,
        listed: std::io::Result<Vec<(Vec<u8>, Option<Kind>)>>,
    ) -> Result<Vec<(Vec<u8>, Kind)>, FsError> {
        let listed = listed.map_err(|e| FsError::io("list", b".", e))?;
        let mut found = Vec::with_capacity(listed.len());
        for (name, kind) in listed {
            let kind = match kind {
                Some(kind) => kind,
                // Some file systems do not say; a name that is gone meanwhile is left out.
                None => match self.stat_opt(&name)? {
                    Some(stat) => stat.kind,
                    None => continue,
                },
            };
            found.push((name, kind));
        }
        Ok(found)
    }

    /// Whether it lies where the system shows its own state as files, as in `/proc`.
    pub(crate) fn shows_system_state(&self) -> bool {
        sys::shows_system_state(&self.handle)
    }

    /// Whether this folder's file system sets a folder's mtime and ctime whenever a name in it is made,
    /// removed or moved, and hands out no stale ones: false where that is not certain.
    pub(crate) fn has_true_folder_times(&self) -> bool {
        sys::has_true_folder_times(&self.handle)
    }

    /// Whether this folder's file system is known to keep permission bits, symbolic links and any name as it
    /// is given: false where that is not certain. (Two names that differ in case only may be one all the same.)
    pub fn keeps_entries(&self) -> bool {
        sys::keeps_entries(&self.handle)
    }

    /// Fails where this process may not make or remove names in this folder: its rights, or a file system that is
    /// mounted read-only.
    pub fn check_writable(&self) -> Result<(), FsError> {
        sys::check_writable(&self.handle).map_err(|e| FsError::io("write to", b".", e))
    }

    /// Room on this folder's file system.
    pub fn free_space(&self) -> Result<Space, FsError> {
        sys::space(&self.handle).map_err(|e| FsError::io("measure", b".", e))
    }
}

/// An opened file with its attributes, if it is a regular one.
fn regular(op: &'static str, name: &[u8], file: File) -> Result<(File, Stat), FsError> {
    match Stat::of(&file).map_err(|e| FsError::io(op, name, e))? {
        stat if stat.kind == Kind::File => Ok((file, stat)),
        stat => Err(not_regular(op, name, stat.kind)),
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
