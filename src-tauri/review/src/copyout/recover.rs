//! After an interruption: back to exactly before, or on to the end. Works from the journal and from what
//! is found on the disk, can itself be interrupted, and never guesses: where the user's files changed in
//! between, it stops there, keeps both versions, and says so.

use sandbox_workspace::{Dir, FsError, WorkspacePath};

use super::back::{Back, back};
use super::journal::{Journal, Place, Record, State, state};
use super::means::Means;
use super::run::sync_folders;
use super::stage::{Stages, remove_beside};
use super::step::{Action, Step, aside, slot};
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
/// with the project, under the sandbox's lock. One whose project is an empty folder now, where it cannot be
/// (its disk is not mounted), is left for the next time.
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
    let stages = Stages::reopen(tx, Some(project), &places)?;
    if !is_there(project, &apply.steps, &stages)? {
        return Ok(None);
    }
    if state.committed {
        finish(tx, project, &places, &apply.steps)?;
        return Ok(Some(Outcome::Finished(apply.bases)));
    }
    let mut journal = Journal::reopen(tx, id)?;
    let rollback = Rollback {
        id,
        project,
        copyouts,
        places: &places,
        means: &apply.means,
    };
    match roll_back(&rollback, &apply.steps, &stages, &mut journal) {
        Ok(()) => Ok(Some(Outcome::RolledBack)),
        Err(CopyOutError::Unresolved { paths, .. }) => Ok(Some(Outcome::Unresolved(paths))),
        Err(e) => Err(e),
    }
}

/// Whether the project can be what a copy-out was interrupted in. An empty folder stands for one whose disk is
/// not mounted, or that was moved away, if something must lie in it: then nothing is decided, and it waits.
fn is_there(project: &Dir, steps: &[Step], stages: &[Option<Dir>]) -> Result<bool, CopyOutError> {
    let failed = CopyOutError::file("looking at the project");
    if !project.list().map_err(&failed)?.is_empty() {
        return Ok(true);
    }
    for (number, step) in steps.iter().enumerate() {
        let stage = stages.get(step.stage).and_then(Option::as_ref);
        let must_lie_there = match (&step.action, stage) {
            // What is exchanged is never gone; in turn it is for a moment.
            (Action::Swap { .. }, Some(stage)) => {
                stage.stat_opt(&aside(number)).map_err(&failed)?.is_none()
            }
            (Action::Swap { .. } | Action::Put { .. }, None) => true,
            _ => false,
        };
        if must_lie_there {
            return Ok(false);
        }
    }
    Ok(true)
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
            own.rename_replace(&part, own, slot)?;
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
    /// How names are moved, by stage.
    pub(super) means: &'a [Means],
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
        let means = rollback.means.get(step.stage).copied().unwrap_or_default();
        let back = back(rollback.project, stage, &means, number, step).map_err(|e| {
            CopyOutError::File {
                doing: "putting back",
                source: e.at(step.path.as_bytes()),
            }
        })?;
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
