//! Whose what is added to a repository becomes: as the repository's folder, not as this process. Where the app
//! runs as root, git of an ordinary user could otherwise not tidy up, nor move the branch.

use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use sandbox_workspace::{Dir, FsError, system};

/// The owner of a repository's folder.
pub(super) struct Owner {
    common: PathBuf,
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Of the folder that objects and branches lie in.
    pub(super) fn of(common: &Path) -> Result<Self, FsError> {
        let stat = Dir::open_root(common)?.stat_self()?;
        Ok(Self {
            common: common.to_owned(),
            uid: stat.uid,
            gid: stat.gid,
        })
    }

    /// Hands over an object that was just written, and its folder.
    pub(super) fn take_object(&self, id: &ObjectId) -> Result<(), FsError> {
        let name = id.to_string();
        let (folder, file) = name.split_at(2);
        self.take("objects", &[folder, file])
    }

    /// Hands over a branch that was just named, its record, and the folders of both.
    pub(super) fn take_branch(&self, name: &str) -> Result<(), FsError> {
        let parts: Vec<&str> = ["refs", "heads"]
            .into_iter()
            .chain(name.split('/'))
            .collect();
        self.take("refs", &parts[1..])?;
        match self.take("logs", &parts) {
            Err(e) if e.is_not_found() => Ok(()),
            done => done,
        }
    }

    /// A folder of the repository and what lies below it, part by part. The first may be a link, as old
    /// shared working trees have it; below it none is followed.
    fn take(&self, first: &str, below: &[&str]) -> Result<(), FsError> {
        if self.has_all() {
            return Ok(());
        }
        self.own(&Dir::open_root(&self.common)?, first)?;
        let mut folder = Dir::open_root(&self.common.join(first))?;
        let Some((last, folders)) = below.split_last() else {
            return Ok(());
        };
        for name in folders {
            self.own(&folder, name)?;
            folder = folder.child_dir(name.as_bytes())?;
        }
        self.own(&folder, last)
    }

    /// Whether what this process makes is the owner's anyway.
    fn has_all(&self) -> bool {
        (self.uid, self.gid) == (system::user(), system::group())
    }

    /// Only what this process made: others may share the repository.
    fn own(&self, folder: &Dir, name: &str) -> Result<(), FsError> {
        let stat = folder.stat(name.as_bytes())?;
        if stat.uid != system::user() || (stat.uid, stat.gid) == (self.uid, self.gid) {
            return Ok(());
        }
        match folder.chown(name.as_bytes(), self.uid, self.gid) {
            // An ordinary user cannot give files away, and then owns what they write, as ever.
            Err(e) if e.is_denied() => Ok(()),
            done => done,
        }
    }
}
