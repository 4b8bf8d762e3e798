//! After an interruption: back to exactly before, or on to the end. Works from the journal and from what
//! is found on the disk, can itself be interrupted, and never guesses: where the user's files changed in
//! between, it stops there, keeps both versions, and says so.

use sandbox_workspace::{Dir, EntryKind, FsError, WorkspacePath};

use super::journal::{Journal, Place, Record, State, state};
use super::look::{look_at, same};
use super::run::{absent, sync_folders};
use super::stage::{Stages, remove_beside};
use super::step::{Action, Inode, Step, slot};
use super::{BaseMove, CopyOutError, CopyOutId, history, point};

/// What became of one interrupted copy-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Which.
    pub id: CopyOutId,
    /// What it was made from.
    pub capture: Option<String>,
    /// What was done about it.
    pub outcome: Outcome,
}

/// How an interrupted copy-out ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The project is exactly as before it.
    RolledBack,
    /// The project is exactly as accepted. The caller stores these base moves, then calls [`settle`].
    Finished(Vec<BaseMove>),
    /// As before, but for these files, which the user changed meanwhile. Nothing of theirs was touched; the
    /// versions from before are kept with the copy-out.
    Unresolved(Vec<WorkspacePath>),
}

/// Brings every interrupted copy-out of a sandbox to an end. To be called before anything else is done
/// with the project, under the sandbox's lock. Without a project only what needs none is finished.
pub fn recover(copyouts: &Dir, project: &Dir) -> Result<Vec<Recovered>, CopyOutError> {
    let mut recovered = Vec::new();
    for id in history::ids(copyouts)? {
        let failed = CopyOutError::file("opening a copy-out");
        let tx = copyouts.child_dir(id.0.as_bytes()).map_err(failed)?;
        let state = state(&tx, &id)?;
        let capture = state.begin.as_ref().and_then(|begin| begin.capture.clone());
        if let Some(outcome) = one(&id, &tx, copyouts, project, state)? {
            recovered.push(Recovered {
                id,
                capture,
                outcome,
            });
        }
    }
    Ok(recovered)
}

fn one(
    id: &CopyOutId,
    tx: &Dir,
    copyouts: &Dir,
    project: &Dir,
    state: State,
) -> Result<Option<Outcome>, CopyOutError> {
    if state.settled || state.unresolved.is_some() {
        return Ok(None);
    }
    let places = state.begin.map(|begin| begin.stages).unwrap_or_default();
    let Some(apply) = state.apply.filter(|_| !state.rolled_back) else {
        // Nothing was renamed, or all of it was put back.
        point("recover::drop")?;
        remove_beside(project, &places)?;
        remove(copyouts, id)?;
        return Ok(Some(Outcome::RolledBack));
    };
    if state.committed {
        finish(tx, project, &places, &apply.steps)?;
        return Ok(Some(Outcome::Finished(apply.bases)));
    }
    let stages = Stages::reopen(tx, Some(project), &places)?;
    let mut journal = Journal::reopen(tx, id)?;
    let rollback = Rollback {
        id,
        project,
        copyouts,
        places: &places,
    };
    match roll_back(&rollback, &apply.steps, &stages, &mut journal) {
        Ok(()) => Ok(Some(Outcome::RolledBack)),
        Err(CopyOutError::Unresolved { paths, .. }) => Ok(Some(Outcome::Unresolved(paths))),
        Err(e) => Err(e),
    }
}

/// Says that the base moves of a finished copy-out are stored.
pub fn settle(copyouts: &Dir, id: &CopyOutId) -> Result<(), CopyOutError> {
    let failed = CopyOutError::file("opening a copy-out");
    let tx = copyouts.child_dir(id.0.as_bytes()).map_err(failed)?;
    if state(&tx, id)?.settled {
        return Ok(());
    }
    Journal::reopen(&tx, id)?.write(&Record::Settled)
}

/// Moves backups that lie beside the project's files into the copy-out's own folder, and cleans up there.
pub(super) fn finish(
    tx: &Dir,
    project: &Dir,
    places: &[Place],
    steps: &[Step],
) -> Result<(), CopyOutError> {
    point("copyout::finish")?;
    let failed = CopyOutError::file("keeping the backups");
    let stages = Stages::reopen(tx, Some(project), places)?;
    let Some(own) = stages.first().and_then(Option::as_ref) else {
        return Ok(());
    };
    for (number, step) in steps.iter().enumerate() {
        let Some(stage) = stages.get(step.stage).and_then(Option::as_ref) else {
            continue;
        };
        if step.stage != 0 && step.displaces() {
            keep(stage, own, &slot(number)).map_err(&failed)?;
        }
    }
    own.sync().map_err(&failed)?;
    point("copyout::kept")?;
    remove_beside(project, places)
}

/// Copies a backup to another mount. A second time it finds it there.
fn keep(from: &Dir, own: &Dir, slot: &[u8]) -> Result<(), FsError> {
    let (Some(stat), None) = (from.stat_opt(slot)?, own.stat_opt(slot)?) else {
        return Ok(());
    };
    let io = |source| FsError::Io {
        op: "keep",
        path: slot.to_vec(),
        source,
    };
    match stat.kind {
        sandbox_workspace::Kind::Dir => own.mkdir(slot, stat.mode)?,
        sandbox_workspace::Kind::Symlink => own.symlink(&from.read_link(slot)?, slot)?,
        sandbox_workspace::Kind::Special(_) => return Ok(()),
        sandbox_workspace::Kind::File => {
            // Under another name until it is whole.
            let part = [slot, b".part"].concat();
            match own.unlink(&part) {
                Err(e) if !e.is_not_found() => return Err(e),
                _ => {}
            }
            let (mut source, _) = from.open_file_at(slot)?;
            let mut copy = own.create_new(&part, stat.mode)?;
            std::io::copy(&mut source, &mut copy).map_err(io)?;
            copy.sync_all().map_err(io)?;
            own.rename_noreplace(&part, own, slot)?;
        }
    }
    own.set_mtime(slot, stat.mtime)
}

/// What a rollback needs to know beside the steps.
pub(super) struct Rollback<'a> {
    pub(super) id: &'a CopyOutId,
    pub(super) project: &'a Dir,
    pub(super) copyouts: &'a Dir,
    pub(super) places: &'a [Place],
}

/// Puts everything back, last step first, and forgets the copy-out. Where the user's files changed
/// meanwhile it leaves them, keeps the backups, and fails with `Unresolved`.
pub(super) fn roll_back(
    rollback: &Rollback<'_>,
    steps: &[Step],
    stages: &[Option<Dir>],
    journal: &mut Journal,
) -> Result<(), CopyOutError> {
    let mut unresolved = Vec::new();
    for (number, step) in steps.iter().enumerate().rev() {
        point("recover::step")?;
        let Some(Some(stage)) = stages.get(step.stage) else {
            unresolved.push(step.path.clone());
            continue;
        };
        let back = back(rollback.project, stage, number, step)
            .map_err(CopyOutError::file("putting back"))?;
        if let Back::Stuck = back {
            unresolved.push(step.path.clone());
        }
    }
    point("recover::stepped")?;
    sync_folders(rollback.project, steps, stages.iter().flatten())?;
    if !unresolved.is_empty() {
        unresolved.sort();
        unresolved.dedup();
        journal.write(&Record::Unresolved(unresolved.clone()))?;
        return Err(CopyOutError::Unresolved {
            id: rollback.id.clone(),
            paths: unresolved,
        });
    }
    journal.write(&Record::RolledBack)?;
    point("recover::rolled_back")?;
    remove_beside(rollback.project, rollback.places)?;
    remove(rollback.copyouts, rollback.id)
}

fn remove(copyouts: &Dir, id: &CopyOutId) -> Result<(), CopyOutError> {
    match copyouts.remove_tree(id.0.as_bytes()) {
        Err(e) if !e.is_not_found() => Err(CopyOutError::file("removing the stage")(e)),
        _ => Ok(()),
    }
}

enum Back {
    Done,
    /// The user changed what lies there: it stays, and so does the backup.
    Stuck,
}

fn back(project: &Dir, stage: &Dir, number: usize, step: &Step) -> Result<Back, FsError> {
    let slot = slot(number);
    let in_slot = stage.stat_opt(&slot)?;
    let ours_in_slot = in_slot.as_ref().map(Inode::from) == step.staged;
    let done = match &step.action {
        Action::Take { .. } => in_slot.is_some(),
        Action::Put { .. } => in_slot.is_none(),
        Action::Swap { .. } => in_slot.is_some() && !ours_in_slot,
        Action::Mode { .. } => true,
    };
    if !done {
        return Ok(Back::Done);
    }
    let (parent, name) = match project.open_parent(&step.path) {
        Ok(found) => found,
        Err(e) if absent(&e) => {
            // The folder is gone, and with it what we put there; only a backup would be missing now.
            let missing = step.displaces() && in_slot.is_some();
            return Ok(if missing { Back::Stuck } else { Back::Done });
        }
        Err(e) => return Err(e),
    };
    match &step.action {
        Action::Mode { old, new } => {
            let stat = parent.stat_opt(name)?;
            if stat.is_some_and(|stat| stat.mode & 0o777 == *new) {
                parent.set_mode(name, *old)?;
            }
            Ok(Back::Done)
        }
        Action::Take { .. } => match stage.rename_noreplace(&slot, &parent, name) {
            Err(e) if e.is_exists() => Ok(Back::Stuck),
            done => done.map(|()| Back::Done),
        },
        Action::Put { .. } => put_back(&parent, name, stage, &slot, step),
        Action::Swap { .. } => swap_back(&parent, name, stage, &slot, step),
    }
}

/// Takes out what was put there, if it is still what was put there.
fn put_back(
    parent: &Dir,
    name: &[u8],
    stage: &Dir,
    slot: &[u8],
    step: &Step,
) -> Result<Back, FsError> {
    let Some((stat, untouched)) = still_ours(parent, name, step)? else {
        // Gone: as before.
        return Ok(Back::Done);
    };
    if Some(stat) != step.staged || !untouched {
        return Ok(Back::Stuck);
    }
    parent.rename_noreplace(name, stage, slot)?;
    // The user may have been quicker.
    let moved = stage.stat(slot)?;
    let full = step
        .entry()
        .is_some_and(|entry| entry.kind == EntryKind::Dir)
        && !stage.child_dir(slot)?.list()?.is_empty();
    if step.staged == Some(Inode::from(&moved)) && !full {
        return Ok(Back::Done);
    }
    stage.rename_noreplace(slot, parent, name)?;
    Ok(Back::Stuck)
}

/// Exchanges back, if what lies there is still what was put there.
fn swap_back(
    parent: &Dir,
    name: &[u8],
    stage: &Dir,
    slot: &[u8],
    step: &Step,
) -> Result<Back, FsError> {
    match still_ours(parent, name, step)? {
        Some((inode, true)) if Some(inode) == step.staged => {}
        _ => return Ok(Back::Stuck),
    }
    match stage.rename_exchange(slot, parent, name) {
        Err(e) if e.is_not_found() => return Ok(Back::Stuck),
        done => done?,
    }
    if step.staged == Some(Inode::from(&stage.stat(slot)?)) {
        return Ok(Back::Done);
    }
    // A newer version of the user's came in between: it belongs there.
    stage.rename_exchange(slot, parent, name)?;
    Ok(Back::Stuck)
}

/// What lies at a name: its inode, and whether it is as it was staged. `None` if nothing does.
fn still_ours(parent: &Dir, name: &[u8], step: &Step) -> Result<Option<(Inode, bool)>, FsError> {
    let Some((found, stat)) = look_at(parent, name, &step.path)? else {
        return Ok(None);
    };
    let untouched = step.entry().is_some_and(|entry| {
        // A folder's mode is a step of its own.
        let folders = entry.kind == EntryKind::Dir && found.kind == EntryKind::Dir;
        let empty = || {
            parent
                .child_dir(name)
                .and_then(|dir| dir.list())
                .is_ok_and(|l| l.is_empty())
        };
        if folders {
            empty()
        } else {
            same(entry, &found)
        }
    });
    Ok(Some((Inode::from(&stat), untouched)))
}
