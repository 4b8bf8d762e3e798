//! Owner, extended attributes and access lists of what is written: those of what was there before, or of
//! the folder it comes into. Never a way to run with other rights: setuid bits and file capabilities are
//! dropped.

use std::fs::File;

use sandbox_workspace::{Dir, FsError, Stat, system};

/// Attributes of one existing file or folder.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    owner: Option<(u32, u32)>,
    extended: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Attributes {
    /// Those of the file at one name; of a link only the owner.
    pub(super) fn of(dir: &Dir, name: &[u8]) -> Result<Self, FsError> {
        let Some(stat) = dir.stat_opt(name)? else {
            return Ok(Self::default());
        };
        let extended = match dir.open_file_at(name) {
            Ok((file, _)) => system::attributes(&file),
            // Links and folders have none that we carry over.
            Err(_) => Vec::new(),
        };
        Ok(Self {
            owner: Some((stat.uid, stat.gid)),
            extended,
        })
    }

    /// What a new file in a folder gets: its owner.
    pub(super) fn in_folder(folder: &Stat) -> Self {
        Self {
            owner: Some((folder.uid, folder.gid)),
            extended: Vec::new(),
        }
    }

    /// Gives the owner to a staged name.
    pub(super) fn own(&self, stage: &Dir, name: &[u8], now: &Stat) -> Result<(), FsError> {
        let Some((uid, gid)) = self.owner.filter(|owner| *owner != (now.uid, now.gid)) else {
            return Ok(());
        };
        match stage.chown(name, uid, gid) {
            // An ordinary user cannot give files away, and then owns what they write, as ever.
            Err(e) if e.is_denied() => Ok(()),
            done => done,
        }
    }

    /// Gives the extended attributes to a staged file.
    pub(super) fn extend(&self, file: &File) -> std::io::Result<()> {
        for (name, value) in &self.extended {
            system::set_attribute(file, name, value)?;
        }
        Ok(())
    }
}
