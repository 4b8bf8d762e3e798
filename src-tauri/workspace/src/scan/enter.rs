//! How the walk gets into a folder, and how long it stays open.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::walk::Walk;
use crate::confined::{Dir, FsError};
use crate::path::WorkspacePath;

/// Folders that are kept open for those in them at most; the others are opened by their path.
const HELD: usize = 128;

/// A folder that is kept open, and counted.
pub(super) struct Held<'a> {
    pub dir: Dir,
    count: &'a AtomicUsize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a folder was opened as.
#[derive(Clone, Copy)]
pub(super) enum Handle {
    /// Only to reach what lies in it.
    Place,
    /// To be listed too.
    Own,
    /// As the root, which others may list by the same handle.
    Shared,
}

impl Walk<'_> {
    /// Opens a folder: from the one it lies in where that is still open, and where its names are likely to be
    /// known, as a place only.
    pub(super) fn enter(
        &self,
        path: Option<&WorkspacePath>,
        above: Option<&Held<'_>>,
    ) -> Result<(Dir, Handle), FsError> {
        let Some(path) = path else {
            return Ok((self.root.try_clone()?, Handle::Shared));
        };
        match above {
            Some(above) if self.may_know => {
                Ok((above.dir.child_place(path.file_name())?, Handle::Place))
            }
            Some(above) => Ok((above.dir.child_dir(path.file_name())?, Handle::Own)),
            None => Ok((self.open_folder(path)?, Handle::Own)),
        }
    }

    /// Keeps a folder open for those in it; `None` where enough are, or where folders are opened up by their
    /// mode, which goes by the path.
    pub(super) fn hold(&self, dir: Dir) -> Option<Held<'_>> {
        let by_path = self.options.open_closed && self.user != 0;
        let room = self.held.fetch_add(1, Ordering::Relaxed) < HELD;
        let held = Held {
            dir,
            count: &self.held,
        };
        (room && !by_path).then_some(held)
    }

    fn open_folder(&self, path: &WorkspacePath) -> Result<Dir, FsError> {
        let opened = self.root.open_dir(path);
        if !self.options.open_closed || self.user == 0 {
            return opened;
        }
        match opened {
            // Readable but not to be entered: its names have no attributes.
            Ok(dir) if dir.stat_self()?.mode & 0o100 == 0 => self.open_up(path),
            Err(e) if e.is_denied() => self.open_up(path),
            opened => opened,
        }
    }

    fn open_up(&self, path: &WorkspacePath) -> Result<Dir, FsError> {
        let (parent, name) = self.root.open_parent(path)?;
        let stat = parent.stat(name)?;
        parent.set_mode(name, stat.mode | 0o700)?;
        self.found().opened.push((path.clone(), stat.mode));
        parent.child_dir(name)
    }
}
