//! Doing what was planned: stage, journal, rename, verify, commit; or back to exactly before.

use std::collections::BTreeSet;

use sandbox_workspace::{
    BlobSource, Cancel, Dir, FsError, Kind, Progress, Step as Done, WorkspacePath,
};

use super::attributes::Attributes;
use super::doing::{Went, one};
use super::journal::{Apply, Begin, Journal, Record};
use super::plan::{Both, Conflict, Plan, Skipped};
use super::planner::above;
use super::recover::{Rollback, roll_back};
use super::stage::{Stages, remove_beside, write};
use super::step::{Action, Like, Step};
use super::{BaseMove, CopyOutError, CopyOutId, history, point};

/// Kept free on the disk beside what is written.
const MARGIN: u64 = 4 << 20;

/// What a copy-out or undo did. With conflicts nothing was written (unless asked for).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Its name; `None` where there was nothing to do.
    pub id: Option<CopyOutId>,
    /// The capture it was made from.
    pub capture: Option<String>,
    /// What was written.
    pub applied: Vec<WorkspacePath>,
    /// What of it was merged with the user's own changes.
    pub merged: Vec<WorkspacePath>,
    /// What stands in the way.
    pub conflicts: Vec<Conflict>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// How the base moves. The caller stores it, then calls [`super::settle`].
    pub base_moves: Vec<BaseMove>,
}

/// Carries out a plan as one transaction, recorded in a new folder of `copyouts`.
///
/// With conflicts in the plan nothing is touched (unless they are to be left out). On an error (but for
/// [`CopyOutError::Unfinished`]), on a cancel, and when the user changes a file at the very moment, everything
/// is put back.
pub fn execute(
    plan: &Plan,
    project: &Dir,
    copyouts: &Dir,
    blobs: &dyn BlobSource,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, CopyOutError> {
    let mut report = Report {
        id: None,
        capture: plan.capture.clone(),
        applied: Vec::new(),
        merged: Vec::new(),
        conflicts: plan.conflicts.clone(),
        skipped: plan.skipped.clone(),
        base_moves: Vec::new(),
    };
    if !plan.conflicts.is_empty() && !plan.leave_conflicts {
        if let Some(unfit) = plan.conflicts.iter().find(|c| c.reason.is_of_the_disk()) {
            return Err(CopyOutError::Unfit(unfit.clone()));
        }
        return Ok(report);
    }
    if plan.steps.is_empty() {
        report.base_moves.clone_from(&plan.bases);
        return Ok(report);
    }
    let id = history::begin(copyouts)?;
    let both = Both(&plan.made, blobs);
    let run = Run {
        plan,
        project,
        copyouts,
        blobs: &both,
        progress,
        cancel,
        id: &id,
    };
    let met = run.all()?;
    if met.is_empty() {
        report.id = Some(id);
        report.applied.clone_from(&plan.applied);
        report.merged.clone_from(&plan.merged);
        report.base_moves.clone_from(&plan.bases);
    } else {
        report.conflicts.extend(met);
    }
    Ok(report)
}

struct Run<'a> {
    plan: &'a Plan,
    project: &'a Dir,
    copyouts: &'a Dir,
    blobs: &'a dyn BlobSource,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
    id: &'a CopyOutId,
}

impl Run<'_> {
    /// Everything, or nothing. Gives the conflicts met on the way.
    fn all(&self) -> Result<Vec<Conflict>, CopyOutError> {
        let failed = CopyOutError::file("beginning the copy-out");
        let tx = self
            .copyouts
            .child_dir(self.id.0.as_bytes())
            .map_err(failed)?;
        let mut journal = Journal::create(&tx, self.id)?;
        let mut stages = Stages::choose(&tx)?;
        let prepared = self.prepare(&mut journal, &mut stages);
        let steps = match prepared {
            Ok(steps) => steps,
            Err(e) => {
                // Nothing was renamed yet: only the stages go.
                remove_beside(self.project, stages.places())?;
                self.copyouts
                    .remove_tree(self.id.0.as_bytes())
                    .map_err(CopyOutError::file("removing the stage"))?;
                return Err(e);
            }
        };
        let outcome = self.apply(&steps, &stages);
        let (conflicts, error) = match outcome {
            Ok(None) => match self.commit(&steps, &stages, &mut journal) {
                Ok(()) => {
                    self.finish(&tx, &steps, &stages)
                        .map_err(|e| self.unfinished(e))?;
                    return Ok(Vec::new());
                }
                // A kill while it is put back would else meet a record that says "done".
                Err(e) if !journal.is_certain() => return Err(self.unfinished(e)),
                Err(e) => (Vec::new(), Some(e)),
            },
            Ok(Some(conflict)) => (vec![conflict], None),
            Err(e) => (Vec::new(), Some(e)),
        };
        let places = stages.places().to_vec();
        let means = stages.all_means().to_vec();
        let open: Vec<Option<Dir>> = stages.into_open().into_iter().map(Some).collect();
        let rollback = Rollback {
            id: self.id,
            project: self.project,
            copyouts: self.copyouts,
            places: &places,
            means: &means,
        };
        roll_back(&rollback, &steps, &open, &mut journal).map_err(|e| match e {
            CopyOutError::Unresolved { .. } => e,
            e => self.unfinished(e),
        })?;
        match error {
            Some(e) => Err(e),
            None => Ok(conflicts),
        }
    }

    /// Stages everything and says so in the journal.
    fn prepare(
        &self,
        journal: &mut Journal,
        stages: &mut Stages,
    ) -> Result<Vec<Step>, CopyOutError> {
        let mut steps = self.plan.steps.clone();
        let mut written = BTreeSet::new();
        for step in &mut steps {
            let folder = self.nearest_folder(&step.path)?;
            step.stage = stages.for_folder(self.project, folder.as_ref())?;
            written.insert(folder);
        }
        self.check_rights(written)?;
        self.check_room(&steps, stages)?;
        let begin = Begin::new(
            self.plan.capture.clone(),
            self.plan.undoes.clone(),
            stages.places().to_vec(),
        );
        point("copyout::begin")?;
        journal.write(&Record::Begin(begin))?;
        point("copyout::begun")?;
        stages.make()?;
        stages.probe()?;
        // A folder without permission bits of its own has none to change.
        steps.retain(|step| {
            !matches!(step.action, Action::Mode { .. }) || stages.means(step.stage).modes
        });
        let total = steps.len() as u64;
        for (number, step) in steps.iter_mut().enumerate() {
            if self.cancel.is_cancelled() {
                return Err(CopyOutError::Cancelled);
            }
            point("copyout::stage")?;
            if let Some((entry, mtime)) = staged(step) {
                let attributes = self.attributes(step)?;
                let inode = write(
                    stages.dir(step.stage),
                    stages.means(step.stage),
                    number,
                    &entry,
                    &attributes,
                    mtime,
                    self.blobs,
                )?;
                step.staged = Some(inode);
            }
            self.report(number as u64 + 1, total * 2);
        }
        point("copyout::staged")?;
        for stage in stages.iter() {
            stage.sync_fs().map_err(CopyOutError::file("staging"))?;
        }
        // Whatever a journal may still have to say must fit on a full disk.
        point("copyout::synced")?;
        journal.write(&Record::Apply(Apply {
            steps: steps.clone(),
            means: stages.all_means().to_vec(),
            bases: self.plan.bases.clone(),
            applied: self.plan.applied.clone(),
        }))?;
        Ok(steps)
    }

    /// The folder of the project that a path lies in, or the nearest one that is there.
    fn nearest_folder(&self, path: &WorkspacePath) -> Result<Option<WorkspacePath>, CopyOutError> {
        for folder in above(path) {
            match self.project.stat_path(&folder) {
                Ok(stat) if stat.kind == Kind::Dir => return Ok(Some(folder)),
                Ok(_) => {}
                Err(e) if absent(&e) => {}
                Err(e) => return Err(CopyOutError::file("looking at the project")(e)),
            }
        }
        Ok(None)
    }

    /// Whether all of these folders can be written to, but for those whose mode the copy-out itself changes.
    fn check_rights(
        &self,
        mut folders: BTreeSet<Option<WorkspacePath>>,
    ) -> Result<(), CopyOutError> {
        for step in &self.plan.steps {
            if let Action::Mode { .. } = step.action {
                folders.remove(&Some(step.path.clone()));
            }
        }
        for folder in folders {
            let checked = self.project.open_dir_or_self(folder.as_ref());
            let checked = checked.and_then(|dir| dir.check_writable());
            checked.map_err(|e| CopyOutError::File {
                doing: "writing to the project",
                source: match &folder {
                    Some(folder) => e.at(folder.as_bytes()),
                    None => e,
                },
            })?;
        }
        Ok(())
    }

    fn check_room(&self, steps: &[Step], stages: &Stages) -> Result<(), CopyOutError> {
        for (number, stage) in stages.iter().enumerate() {
            let here = steps.iter().filter(|step| step.stage == number);
            let need = here.map(Step::bytes).sum::<u64>().saturating_add(MARGIN);
            let space = stage
                .free_space()
                .map_err(CopyOutError::file("measuring the disk"))?;
            if space.free < need || space.free_files < steps.len() as u64 {
                return Err(CopyOutError::NoSpace {
                    need,
                    free: space.free,
                });
            }
        }
        Ok(())
    }

    fn attributes(&self, step: &Step) -> Result<Attributes, CopyOutError> {
        let failed = CopyOutError::file("reading the attributes of");
        let at = |path: &WorkspacePath| match self.project.open_parent(path) {
            Ok((parent, name)) => Attributes::of(&parent, name),
            Err(e) if absent(&e) => Ok(Attributes::default()),
            Err(e) => Err(e),
        };
        match &step.action {
            Action::Swap { .. } => at(&step.path).map_err(failed),
            Action::Put {
                like: Like::Path(path),
                ..
            } => at(path).map_err(failed),
            Action::Put {
                like: Like::Backup(number),
                ..
            } => match &self.plan.backups {
                Some(backups) => backups.attributes(*number).map_err(failed),
                None => Ok(Attributes::default()),
            },
            Action::Put {
                like: Like::Folder, ..
            } => {
                let folder = self.nearest_folder(&step.path)?;
                let dir = self.project.open_dir_or_self(folder.as_ref());
                let stat = dir.and_then(|dir| dir.stat_self()).map_err(failed)?;
                Ok(Attributes::in_folder(&stat))
            }
            Action::Take { .. } | Action::Mode { .. } => Ok(Attributes::default()),
        }
    }

    fn apply(&self, steps: &[Step], stages: &Stages) -> Result<Option<Conflict>, CopyOutError> {
        let total = steps.len() as u64;
        for (number, step) in steps.iter().enumerate() {
            if self.cancel.is_cancelled() {
                return Err(CopyOutError::Cancelled);
            }
            point("copyout::step")?;
            let (stage, means) = (stages.dir(step.stage), stages.means(step.stage));
            let went = one(self.project, stage, means, number, step)?;
            if let Went::Conflict(reason) = went {
                return Ok(Some(Conflict {
                    path: step.path.clone(),
                    reason,
                }));
            }
            point("copyout::stepped")?;
            self.report(total + number as u64 + 1, total * 2);
        }
        Ok(None)
    }

    fn commit(
        &self,
        steps: &[Step],
        stages: &Stages,
        journal: &mut Journal,
    ) -> Result<(), CopyOutError> {
        point("copyout::applied")?;
        sync_folders(self.project, steps, stages.iter())?;
        point("copyout::commit")?;
        journal.write(&Record::Committed)
    }

    /// The project is as accepted; only what lies beside it is put away.
    fn finish(&self, tx: &Dir, steps: &[Step], stages: &Stages) -> Result<(), CopyOutError> {
        point("copyout::committed")?;
        super::recover::finish(tx, self.project, stages.places(), steps)
    }

    fn unfinished(&self, source: CopyOutError) -> CopyOutError {
        CopyOutError::Unfinished {
            id: self.id.clone(),
            source: Box::new(source),
        }
    }

    fn report(&self, entries: u64, entries_total: u64) {
        self.progress.report(Done {
            entries,
            entries_total,
            bytes: 0,
            bytes_total: 0,
        });
    }
}

fn staged(
    step: &Step,
) -> Option<(
    sandbox_workspace::Entry,
    Option<sandbox_workspace::FileTime>,
)> {
    match &step.action {
        Action::Put { entry, mtime, .. } | Action::Swap { entry, mtime, .. } => {
            Some((entry.clone(), *mtime))
        }
        Action::Take { .. } | Action::Mode { .. } => None,
    }
}

/// Makes the names durable: in the stages, and in every folder of the project that was written to.
pub(super) fn sync_folders<'a>(
    project: &Dir,
    steps: &[Step],
    stages: impl Iterator<Item = &'a Dir>,
) -> Result<(), CopyOutError> {
    let failed = CopyOutError::file("syncing");
    for stage in stages {
        stage.sync().map_err(&failed)?;
    }
    let folders: BTreeSet<Option<WorkspacePath>> = steps
        .iter()
        .flat_map(|step| [step.path.parent(), Some(step.path.clone())])
        .collect();
    for folder in folders {
        match project.open_dir_or_self(folder.as_ref()) {
            Ok(dir) => dir.sync().map_err(&failed)?,
            // A file, or gone.
            Err(e) if absent(&e) => {}
            Err(e) if e.is_denied() => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(())
}

/// Nothing can be there, or not as a folder.
pub(super) fn absent(e: &FsError) -> bool {
    e.is_not_found()
        || e.kind() == std::io::ErrorKind::NotADirectory
        || matches!(e, FsError::Escapes { .. })
}
