//! Where new content waits and displaced content is kept: on the mount it will be renamed on.

use std::io::{Read, Write};

use sandbox_workspace::system::is_other_mount;
use sandbox_workspace::{BlobId, BlobSource, Dir, Entry, EntryKind, FileTime, WorkspacePath};

use super::CopyOutError;
use super::attributes::Attributes;
use super::journal::Place;
use super::means::Means;
use super::step::{Inode, slot};

/// The stage in a copy-out's own folder.
const OWN: &[u8] = b"stage";
/// How the name of a stage in the project begins; scans and copies leave such names out.
pub const BESIDE: &str = ".agent-sandbox-tx-";

/// The stages of one copy-out.
pub(super) struct Stages {
    places: Vec<Place>,
    open: Vec<Dir>,
    means: Vec<Means>,
}

impl Stages {
    /// Chooses, for each of these folders of the project, a stage that can be renamed from. Makes only
    /// the copy-out's own.
    pub(super) fn choose(tx: &Dir) -> Result<Self, CopyOutError> {
        let failed = CopyOutError::file("making the stage");
        match tx.mkdir(OWN, 0o700) {
            Err(e) if !e.is_exists() => return Err(failed(e)),
            _ => {}
        }
        let own = tx.child_dir(OWN).map_err(failed)?;
        Ok(Self {
            places: vec![Place::Own],
            open: vec![own],
            means: Vec::new(),
        })
    }

    /// The stage for a folder of the project, by its place in the list. One beside the project's files is
    /// only planned; [`Self::make`] makes it.
    pub(super) fn for_folder(
        &mut self,
        project: &Dir,
        folder: Option<&WorkspacePath>,
    ) -> Result<usize, CopyOutError> {
        let failed = CopyOutError::file("choosing the stage");
        let here = project.open_dir_or_self(folder).map_err(&failed)?;
        if let Some(found) = self.open.iter().position(|stage| renames(stage, &here)) {
            return Ok(found);
        }
        // The highest folder of the project on the same mount.
        let mut top = folder.cloned();
        while let Some(at) = &top {
            let above = project
                .open_dir_or_self(at.parent().as_ref())
                .map_err(&failed)?;
            if !renames(&above, &here) {
                break;
            }
            top = at.parent();
        }
        let at = project.open_dir_or_self(top.as_ref()).map_err(&failed)?;
        self.places.push(Place::Beside {
            folder: top,
            name: random_name(),
        });
        // Until it is made, its folder stands for it in the question above.
        self.open.push(at);
        Ok(self.open.len() - 1)
    }

    /// Where they lie, for the journal.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Makes the planned ones.
    pub(super) fn make(&mut self) -> Result<(), CopyOutError> {
        let failed = CopyOutError::file("making the stage");
        for (place, dir) in self.places.iter().zip(&mut self.open) {
            if let Place::Beside { name, .. } = place {
                dir.mkdir(name.as_bytes(), 0o700).map_err(&failed)?;
                *dir = dir.child_dir(name.as_bytes()).map_err(&failed)?;
            }
        }
        Ok(())
    }

    /// Finds out what can be done in each of them.
    pub(super) fn probe(&mut self) -> Result<(), CopyOutError> {
        self.means = self.open.iter().map(Means::of).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// What can be done in one that was probed.
    pub(super) fn means(&self, stage: usize) -> &Means {
        &self.means[stage]
    }

    pub(super) fn all_means(&self) -> &[Means] {
        &self.means
    }

    /// Opens those of an existing copy-out; `None` for each that is not there.
    pub(super) fn reopen(
        tx: &Dir,
        project: Option<&Dir>,
        places: &[Place],
    ) -> Result<Vec<Option<Dir>>, CopyOutError> {
        let failed = CopyOutError::file("opening the stage");
        places
            .iter()
            .map(|place| {
                let found = match (place, project) {
                    (Place::Own, _) => tx.child_dir(OWN),
                    (Place::Beside { .. }, None) => return Ok(None),
                    (Place::Beside { folder, name }, Some(project)) => project
                        .open_dir_or_self(folder.as_ref())
                        .and_then(|at| at.child_dir(name.as_bytes())),
                };
                match found {
                    Ok(dir) => Ok(Some(dir)),
                    Err(e) if e.is_not_found() => Ok(None),
                    Err(e) => Err(failed(e)),
                }
            })
            .collect()
    }

    pub(super) fn dir(&self, stage: usize) -> &Dir {
        &self.open[stage]
    }

    pub(super) fn into_open(self) -> Vec<Dir> {
        self.open
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Dir> {
        self.open.iter()
    }
}

/// Whether a rename from one folder into the other is on one mount, and on one device: subvolumes of btrfs
/// are several on one mount. The kernel compares mounts before it looks for the name, which does not exist:
/// nothing is made, and the project sees nothing.
fn renames(from: &Dir, into: &Dir) -> bool {
    let device = |dir: &Dir| dir.stat_self().map(|stat| stat.dev).ok();
    if device(from) != device(into) {
        return false;
    }
    let name = b".agent-sandbox-no-such-name";
    match from.rename_replace(name, into, name) {
        Err(e) => !is_other_mount(&e),
        Ok(()) => true,
    }
}

pub(super) fn random_name() -> String {
    let mut bytes = [0; 8];
    // Without random bytes the name is a fixed one, and making it fails if it is taken.
    let _ = getrandom::fill(&mut bytes);
    bytes
        .iter()
        .fold(BESIDE.to_owned(), |name, b| format!("{name}{b:02x}"))
}

/// Writes one entry into a stage, with its attributes. Gives its inode.
pub(super) fn write(
    stage: &Dir,
    means: &Means,
    number: usize,
    entry: &Entry,
    attributes: &Attributes,
    mtime: Option<FileTime>,
    blobs: &dyn BlobSource,
) -> Result<Inode, CopyOutError> {
    let failed = CopyOutError::file("staging");
    let name = slot(number);
    match &entry.kind {
        // Its own mode comes last, when everything lies in it.
        EntryKind::Dir => stage.mkdir(&name, 0o700).map_err(&failed)?,
        EntryKind::Symlink { target } => stage.symlink(target, &name).map_err(&failed)?,
        EntryKind::File { blob, .. } => {
            let content = |source| CopyOutError::Content {
                path: entry.path.clone(),
                source,
            };
            let mut file = stage.create_new(&name, 0o600).map_err(&failed)?;
            let written = copy(blobs, blob, &mut file).map_err(content)?;
            if written != *blob {
                let damaged = std::io::Error::from(std::io::ErrorKind::InvalidData);
                return Err(content(damaged));
            }
            let stat = stage.stat(&name).map_err(&failed)?;
            attributes.own(stage, &name, &stat).map_err(&failed)?;
            attributes.extend(&file).map_err(content)?;
            if means.modes {
                stage.set_mode(&name, entry.mode & 0o777).map_err(&failed)?;
            }
        }
        EntryKind::Unsupported(_) => {}
    }
    let stat = stage.stat(&name).map_err(&failed)?;
    if !matches!(entry.kind, EntryKind::File { .. }) {
        attributes.own(stage, &name, &stat).map_err(&failed)?;
    }
    if let Some(mtime) = mtime {
        stage.set_mtime(&name, mtime).map_err(&failed)?;
    }
    Ok(Inode::from(&stat))
}

fn copy(blobs: &dyn BlobSource, blob: &BlobId, to: &mut impl Write) -> std::io::Result<BlobId> {
    let mut from = blobs.open(blob)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(BlobId(*hasher.finalize().as_bytes())),
            n => {
                hasher.update(&buffer[..n]);
                to.write_all(&buffer[..n])?;
            }
        }
    }
}

/// Removes what was planned or made beside the project's files. Whatever is still in it is removed too:
/// callers have moved out what must be kept.
pub(super) fn remove_beside(project: &Dir, places: &[Place]) -> Result<(), CopyOutError> {
    let failed = CopyOutError::file("removing the stage");
    for place in places {
        let Place::Beside { folder, name } = place else {
            continue;
        };
        let removed = project
            .open_dir_or_self(folder.as_ref())
            .and_then(|at| at.remove_tree(name.as_bytes()));
        match removed {
            Err(e) if !e.is_not_found() => return Err(failed(e)),
            _ => {}
        }
    }
    Ok(())
}
