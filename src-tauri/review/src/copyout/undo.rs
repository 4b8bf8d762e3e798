//! Undo and redo: a copy-out the other way round, from the journal and the backups, by the same rules.

use std::collections::BTreeMap;
use std::io::Read;

use sandbox_workspace::{
    BlobId, BlobSource, Cancel, Dir, Entry, EntryKind, FsError, MemoryBlobs, Progress,
    WorkspacePath,
};

use super::attributes::Attributes;
use super::history::{self, read};
use super::look::look_at;
use super::plan::{Both, Wish};
use super::planner::{Planner, is_dir};
use super::run::{Report, execute};
use super::step::{Action, Like, Step, slot};
use super::{BaseMove, CopyOutError, CopyOutId};

/// Undoes one copy-out, or the newest that is not yet undone. Files that the user changed since are
/// conflicts, and then nothing is written. Needs neither the capture nor a container.
pub fn undo(
    copyouts: &Dir,
    id: Option<&CopyOutId>,
    project: &Dir,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, CopyOutError> {
    let id = match id {
        Some(id) => id.clone(),
        None => history::last_to_undo(copyouts)?.ok_or(CopyOutError::Nothing("undo"))?,
    };
    reverse(copyouts, &id, project, progress, cancel)
}

/// Takes back the newest undo.
pub fn redo(
    copyouts: &Dir,
    project: &Dir,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, CopyOutError> {
    let id = history::last_to_redo(copyouts)?.ok_or(CopyOutError::Nothing("redo"))?;
    reverse(copyouts, &id, project, progress, cancel)
}

fn reverse(
    copyouts: &Dir,
    id: &CopyOutId,
    project: &Dir,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, CopyOutError> {
    let state = read(copyouts, id)?;
    let (Some(begin), Some(apply), true) = (state.begin, state.apply, state.committed) else {
        return Err(CopyOutError::Interrupted { id: id.clone() });
    };
    let failed = CopyOutError::file("opening the backups");
    let stage = copyouts
        .child_dir(id.0.as_bytes())
        .and_then(|tx| tx.child_dir(b"stage"))
        .map_err(failed)?;
    let backups = Backups::of(stage, &apply.steps)?;
    let wishes = wishes(&apply.steps, &backups);
    let names: Vec<WorkspacePath> = wishes.iter().map(|wish| wish.path.clone()).collect();
    let nothing = MemoryBlobs::default();
    let blobs = Both(&nothing, &backups);
    let mut planner = Planner::new(project, &blobs, false);
    planner.known = Some(Box::new(|path| names.contains(path)));
    planner.grant(wishes)?;
    let mut plan = planner.finish(&names.iter().collect::<Vec<_>>())?;
    // The user knows the changes by their own names.
    plan.applied = known(&plan.applied, &apply.applied);
    plan.capture = begin.capture;
    plan.undoes = Some(id.clone());
    plan.bases = apply.bases.into_iter().map(BaseMove::reversed).collect();
    plan.backups = Some(backups.try_clone()?);
    execute(&plan, project, copyouts, &backups, progress, cancel)
}

fn known(written: &[WorkspacePath], applied: &[WorkspacePath]) -> Vec<WorkspacePath> {
    if written.is_empty() {
        Vec::new()
    } else {
        applied.to_vec()
    }
}

impl BaseMove {
    fn reversed(self) -> Self {
        Self {
            path: self.path,
            before: self.after,
            after: self.before,
        }
    }
}

/// What a copy-out displaced, as it lies in its stage now. An editor that still had the file open may have
/// written to it since: then that is what comes back.
pub(super) struct Backups {
    stage: Dir,
    entries: BTreeMap<usize, Entry>,
}

impl Backups {
    fn of(stage: Dir, steps: &[Step]) -> Result<Self, CopyOutError> {
        let failed = CopyOutError::file("reading the backups");
        let mut entries = BTreeMap::new();
        for (number, step) in steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.displaces())
        {
            if let Some((entry, _)) = look_at(&stage, &slot(number), &step.path).map_err(&failed)? {
                entries.insert(number, entry);
            }
        }
        Ok(Self { stage, entries })
    }

    fn try_clone(&self) -> Result<Self, CopyOutError> {
        let failed = CopyOutError::file("opening the backups");
        Ok(Self {
            stage: self.stage.try_clone().map_err(failed)?,
            entries: self.entries.clone(),
        })
    }

    pub(super) fn attributes(&self, number: usize) -> Result<Attributes, FsError> {
        Attributes::of(&self.stage, &slot(number))
    }
}

impl BlobSource for Backups {
    fn open(&self, id: &BlobId) -> std::io::Result<Box<dyn Read + Send + '_>> {
        let number = self
            .entries
            .iter()
            .find_map(|(number, entry)| match entry.kind {
                EntryKind::File { blob, .. } if blob == *id => Some(*number),
                _ => None,
            });
        let number = number.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
        match self.stage.open_file_at(&slot(number)) {
            Ok((file, _)) => Ok(Box::new(file)),
            Err(e) => Err(std::io::Error::other(e)),
        }
    }
}

/// Per path: what the copy-out left there, and what was there before.
fn wishes(steps: &[Step], backups: &Backups) -> Vec<Wish> {
    let mut by_path: BTreeMap<&WorkspacePath, Wish> = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        let backup = backups.entries.get(&number).cloned();
        let (before, after) = match &step.action {
            // An optional folder that was left where it is.
            Action::Take { .. } if backup.is_none() => continue,
            Action::Take { .. } => (backup, None),
            Action::Put { entry, .. } => (None, Some(entry.clone())),
            Action::Swap { entry, .. } => (backup, Some(entry.clone())),
            Action::Mode { old, new } => {
                // The mode of a folder made by the same copy-out is that folder's.
                if by_path
                    .get(&step.path)
                    .is_some_and(|wish| is_dir(wish.base.as_ref()))
                {
                    continue;
                }
                (Some(folder(step, *old)), Some(folder(step, *new)))
            }
        };
        let group = by_path.len();
        let wish = by_path.entry(&step.path).or_insert_with(|| Wish {
            path: step.path.clone(),
            base: None,
            wanted: before.clone(),
            like: if step.displaces() {
                Like::Backup(number)
            } else {
                Like::Folder
            },
            mtime: before
                .as_ref()
                .filter(|b| b.kind != EntryKind::Dir)
                .map(|entry| entry.mtime),
            optional: false,
            group,
        });
        wish.base = after;
        // A folder made for the changes stays if the user put something into it.
        wish.optional = is_dir(wish.base.as_ref()) && wish.wanted.is_none();
    }
    let mut wishes: Vec<Wish> = by_path.into_values().collect();
    for (group, wish) in wishes.iter_mut().enumerate() {
        wish.group = group;
    }
    wishes
}

fn folder(step: &Step, mode: u32) -> Entry {
    Entry {
        path: step.path.clone(),
        kind: EntryKind::Dir,
        mode,
        mtime: sandbox_workspace::FileTime {
            seconds: 0,
            nanos: 0,
        },
    }
}
