//! What a restore is about to do, on the disk before it begins.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Place, RestoreError, RestoreOptions, Trashed};
use crate::confined::{Dir, FsError};
use crate::path::WorkspacePath;
use crate::store::TreeId;
use crate::tree::BlobId;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    pub wanted: TreeId,
    pub only: Option<Vec<WorkspacePath>>,
    pub owner: Option<(u32, u32)>,
    pub trashed: Vec<Trashed>,
    pub bring_back: Vec<Trashed>,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    check: BlobId,
    journal: String,
}

impl Journal {
    pub fn new(wanted: &TreeId, options: &RestoreOptions<'_>) -> Result<Self, RestoreError> {
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(|e| RestoreError::Journal {
            path: "the source of random numbers".into(),
            source: io::Error::other(e),
        })?;
        let tag = random
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>();
        let selected = options
            .skipped
            .iter()
            .filter(|path| selects(options.only, path));
        Ok(Self {
            wanted: *wanted,
            only: options.only.map(<[_]>::to_vec),
            owner: options.owner,
            trashed: selected
                .enumerate()
                .map(|(n, path)| Trashed {
                    path: path.clone(),
                    name: format!("{tag}-{n}"),
                })
                .collect(),
            bring_back: options.bring_back.to_vec(),
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), RestoreError> {
        let journal = serde_json::to_string(self).map_err(io::Error::from);
        let written = journal.and_then(|journal| {
            let check = BlobId::of(journal.as_bytes());
            let file = serde_json::to_vec(&File {
                format: 1,
                check,
                journal,
            })?;
            crate::durable::write(path, &file)
        });
        written.map_err(|source| failed(path, source))
    }

    /// `None` where nothing was interrupted.
    pub fn read(path: &Path) -> Result<Option<Self>, RestoreError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(path, e)),
        };
        // Written whole or not at all: anything else is damage, and guessing is worse than stopping.
        let damaged = || failed(path, io::Error::from(io::ErrorKind::InvalidData));
        let file: File = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if file.format != 1 || BlobId::of(file.journal.as_bytes()) != file.check {
            return Err(damaged());
        }
        serde_json::from_str(&file.journal)
            .map(Some)
            .map_err(|_| damaged())
    }

    /// For good: a journal that a power cut brought back would undo what was done since.
    pub fn done(&self, path: &Path) -> Result<(), RestoreError> {
        crate::durable::remove(path).map_err(|e| failed(path, e))
    }

    /// Moves what the snapshot does not hold out of the way; what was moved already is passed over.
    pub fn move_to_trash(&self, place: &Place<'_>) -> Result<(), RestoreError> {
        for trashed in &self.trashed {
            let (parent, name) = match place.workspace.open_parent(&trashed.path) {
                Err(e) if e.is_not_found() => continue,
                opened => opened?,
            };
            match move_folder(&parent, name, place.trash, trashed.name.as_bytes()) {
                Err(e) if e.is_not_found() || e.is_exists() => {}
                moved => moved.map_err(|e| e.at(trashed.path.as_bytes()))?,
            }
        }
        Ok(())
    }

    /// Moves back what an earlier restore moved away. Where it cannot, it stays in the trash.
    pub fn bring_back(&self, place: &Place<'_>) -> Vec<(WorkspacePath, String)> {
        let bring = |trashed: &Trashed| -> Result<(), FsError> {
            let (parent, name) = place.workspace.open_parent(&trashed.path)?;
            move_folder(place.trash, trashed.name.as_bytes(), &parent, name)
        };
        let back_already = |trashed: &Trashed| {
            place
                .trash
                .stat(trashed.name.as_bytes())
                .is_err_and(|e| e.is_not_found())
                && place.workspace.stat_path(&trashed.path).is_ok()
        };
        let failed = self
            .bring_back
            .iter()
            .filter(|t| selects(self.only.as_deref(), &t.path));
        failed
            .filter_map(|trashed| match bring(trashed) {
                Err(e) if !back_already(trashed) => Some((trashed.path.clone(), e.to_string())),
                _ => None,
            })
            .collect()
    }
}

/// Whether a partial restore is about this path.
pub(super) fn selects(only: Option<&[WorkspacePath]>, path: &WorkspacePath) -> bool {
    only.is_none_or(|only| only.iter().any(|o| path.starts_with(o)))
}

/// A folder without the right to write cannot be moved: its `..` changes.
fn move_folder(from: &Dir, name: &[u8], into: &Dir, to: &[u8]) -> Result<(), FsError> {
    match from.rename_noreplace(name, into, to) {
        Err(e) if e.is_denied() => {
            let mode = from.stat(name)?.mode;
            from.set_mode(name, mode | 0o700)?;
            from.rename_noreplace(name, into, to)
        }
        moved => moved,
    }
}

fn failed(path: &Path, source: io::Error) -> RestoreError {
    RestoreError::Journal {
        path: path.to_owned(),
        source,
    }
}
