//! How names are moved on one mount: by what its file system can, found out in the stage before anything of
//! the project is touched.
//!
//! | | into the project, never replacing | two names exchanged |
//! |---|---|---|
//! | both flags of `renameat2` | one rename | one rename |
//! | `RENAME_NOREPLACE` alone (exFAT, SMB) | one rename | in turn |
//! | no flags, hard links (NFS, NTFS by FUSE) | files: a second name, then the first goes | in turn |
//! | no flags, no links (exFAT by FUSE, shares of a virtual machine) | looked, then renamed | in turn |
//!
//! *Out* of the project is one rename on all of them: the stage is ours alone, and the name in it is free.
//! *In turn*: out under a second name of the stage, compared, and only then the new one in
//! ([`super::doing`]); for that moment nothing is at the place, and both versions are in the stage.
//!
//! **What remains open without flags.** In the last row a *file* or *link* that somebody makes at the very
//! place between our look and our rename, two system calls one after the other, is replaced and lost. A
//! *folder*, in the last two rows, can replace an empty folder that was made in that moment, never one with
//! something in it: `rename` refuses that. Everything else is as with the flags.

use sandbox_workspace::{Dir, FsError, Kind, Stat};
use serde::{Deserialize, Serialize};

use super::step::Inode;
use super::{CopyOutError, point};
use crate::risk::folded;

/// What the file system of one stage can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Means {
    /// Exchange two names at once.
    pub(super) exchange: bool,
    /// Move and never replace.
    pub(super) noreplace: bool,
    /// Give a file a second name.
    pub(super) file_links: bool,
    /// Give a symbolic link a second name.
    pub(super) link_links: bool,
    /// Keep permission bits.
    pub(super) modes: bool,
    /// The stage itself, where the numbers of files are known to stay: another one after a crash means that they
    /// were given anew, and say nothing. By FUSE they may change whenever the kernel forgets a name.
    pub(super) numbers: Option<Inode>,
}

impl Default for Means {
    /// What every journal of before was made with.
    fn default() -> Self {
        Self {
            exchange: true,
            noreplace: true,
            file_links: true,
            link_links: true,
            modes: true,
            numbers: None,
        }
    }
}

/// Names of the probe in a stage; the stage's others are numbers.
const A: &[u8] = b"probe-a";
const B: &[u8] = b"probe-b";

impl Means {
    /// Tries all of it in a stage, with files of its own.
    pub(super) fn of(stage: &Dir) -> Result<Self, CopyOutError> {
        point("copyout::probe")?;
        let found = probe(stage);
        let cleaned = clear(stage);
        let means = found.map_err(CopyOutError::file("trying what the file system can"))?;
        cleaned.map_err(CopyOutError::file("trying what the file system can"))?;
        Ok(means)
    }

    /// Out of the project, whatever is there, to a free name of the stage.
    pub(super) fn take(
        &self,
        parent: &Dir,
        name: &[u8],
        stage: &Dir,
        slot: &[u8],
    ) -> Result<(), FsError> {
        if self.noreplace {
            return parent.rename_noreplace(name, stage, slot);
        }
        if stage.stat_opt(slot)?.is_some() {
            return Err(exists(slot));
        }
        parent.rename_replace(name, stage, slot)
    }

    /// From the stage into the project, where nothing is: else `AlreadyExists`. One that was cut off in between
    /// is finished by doing it again.
    pub(super) fn put(
        &self,
        stage: &Dir,
        slot: &[u8],
        parent: &Dir,
        name: &[u8],
    ) -> Result<(), FsError> {
        if self.noreplace {
            return stage.rename_noreplace(slot, parent, name);
        }
        let stat = stage.stat(slot)?;
        if self.links(stat.kind) {
            match stage.hard_link(slot, parent, name) {
                Err(e) if e.is_exists() && self.is_half_put(stage, slot, parent, name)? => {}
                done => done?,
            }
            fail_between()?;
            return stage.unlink(slot);
        }
        if is_there(parent, name)? {
            return Err(exists(name));
        }
        match stage.rename_replace(slot, parent, name) {
            // Somebody was quicker, with something that a rename does not replace.
            Err(e) if in_the_way(&e) => return Err(exists(name)),
            done => done?,
        }
        match parent.stat(name)? {
            there if there.kind == stat.kind && self.alike(&there, &stat) => Ok(()),
            _ => Err(exists(name)),
        }
    }

    /// Whether a put was cut off when the entry had both names.
    pub(super) fn is_half_put(
        &self,
        stage: &Dir,
        slot: &[u8],
        parent: &Dir,
        name: &[u8],
    ) -> Result<bool, FsError> {
        if self.noreplace {
            return Ok(false);
        }
        let (Some(here), Some(there)) = (stage.stat_opt(slot)?, parent.stat_opt(name)?) else {
            return Ok(false);
        };
        Ok(self.links(here.kind) && Inode::from(&here) == Inode::from(&there))
    }

    fn links(&self, kind: Kind) -> bool {
        match kind {
            Kind::File => self.file_links,
            Kind::Symlink => self.link_links,
            Kind::Dir | Kind::Special(_) => false,
        }
    }

    fn alike(&self, a: &Stat, b: &Stat) -> bool {
        self.numbers.is_none() || Inode::from(a) == Inode::from(b)
    }

    /// Whether the numbers of files still mean what they meant when the stage was tried.
    pub(super) fn numbers_hold(&self, stage: &Dir) -> Result<bool, FsError> {
        let now = Inode::from(&stage.stat_self()?);
        Ok(self.numbers == Some(now))
    }
}

fn probe(stage: &Dir) -> Result<Means, FsError> {
    clear(stage)?;
    drop(stage.create_new(A, 0o600)?);
    drop(stage.create_new(B, 0o600)?);
    let exchange = works(stage.rename_exchange(A, stage, B))?;
    stage.unlink(A)?;
    let noreplace = works(stage.rename_noreplace(B, stage, A))?;
    if !noreplace {
        stage.rename_replace(B, stage, A)?;
    }
    let file_links = noreplace || is_linked(stage)?;
    let modes = [0o640, 0o711]
        .iter()
        .map(|mode| keeps(stage, *mode))
        .collect::<Result<Vec<_>, _>>()?;
    remove(stage, A)?;
    remove(stage, B)?;
    // A file system without symbolic links gets none to move either.
    let link_links = noreplace || works(stage.symlink(b"nowhere", A))? && is_linked(stage)?;
    Ok(Means {
        exchange: exchange && noreplace,
        noreplace,
        file_links,
        link_links,
        modes: modes.iter().all(|kept| *kept),
        numbers: if stage.keeps_entries() {
            Some(Inode::from(&stage.stat_self()?))
        } else {
            None
        },
    })
}

/// Whether a second name can be given, and is seen to be one.
fn is_linked(stage: &Dir) -> Result<bool, FsError> {
    let done = works(stage.hard_link(A, stage, B))?;
    Ok(done && Inode::from(&stage.stat(A)?) == Inode::from(&stage.stat(B)?))
}

fn keeps(stage: &Dir, mode: u32) -> Result<bool, FsError> {
    Ok(works(stage.set_mode(A, mode))? && stage.stat(A)?.mode & 0o777 == mode)
}

/// What the file system refuses, it cannot; what the disk fails at is an error.
fn works(tried: Result<(), FsError>) -> Result<bool, FsError> {
    use std::io::ErrorKind;
    let Err(error) = tried else {
        return Ok(true);
    };
    let refused = matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
    );
    if refused { Ok(false) } else { Err(error) }
}

fn clear(stage: &Dir) -> Result<(), FsError> {
    remove(stage, A)?;
    remove(stage, B)
}

fn remove(stage: &Dir, name: &[u8]) -> Result<(), FsError> {
    match stage.unlink(name) {
        Err(e) if !e.is_not_found() => Err(e),
        _ => Ok(()),
    }
}

/// Whether something has a name. By FUSE a name may be found for a while after its file was moved away by
/// another spelling: then the folder lists neither a name like it nor that file.
fn is_there(parent: &Dir, name: &[u8]) -> Result<bool, FsError> {
    let Some(found) = parent.stat_opt(name)? else {
        return Ok(false);
    };
    let wanted = folded(name);
    for (listed, _) in parent.list()? {
        let number = |stat: Stat| Inode::from(&stat) == Inode::from(&found);
        if folded(&listed) == wanted || parent.stat_opt(&listed)?.is_some_and(number) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_the_way(e: &FsError) -> bool {
    use std::io::ErrorKind;
    matches!(
        e.kind(),
        ErrorKind::AlreadyExists
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
    )
}

fn exists(name: &[u8]) -> FsError {
    FsError::io("move", name, std::io::ErrorKind::AlreadyExists)
}

/// Where a test can make the process die while an entry has two names.
#[cfg(feature = "failpoints")]
fn fail_between() -> Result<(), FsError> {
    point("copyout::linked").map_err(|e| match e {
        CopyOutError::Journal { source, .. } => FsError::io("move", b"", source),
        _ => exists(b""),
    })
}

#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unnecessary_wraps)]
fn fail_between() -> Result<(), FsError> {
    Ok(())
}
