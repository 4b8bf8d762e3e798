//! Copying accepted changes of one capture into the user's own folder, and taking that back.

use std::io::ErrorKind;

use sandbox_review::copyout::{
    self, BaseMove, CopyOutId, Pick, Report, Request, Resolution, Skip, Skipped, choose,
};
use sandbox_review::decisions::Outcome;
use sandbox_review::{Change, Changes};
use sandbox_workspace::{BlobSink, Dir, Entry, EntryKind, WorkspacePath};
use tokio::task::block_in_place;

use super::review::{Compared, Side};
use super::{Engine, Working};
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

/// Which changes are wanted.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// All that may go without being asked about one by one.
    All,
    /// These paths, and what lies below them. A path that may not go is an error.
    Paths(Vec<WorkspacePath>),
    /// What a review accepted: whole changes or parts of them.
    Picks(Vec<(WorkspacePath, Outcome)>),
}

/// A copy-out to be made.
#[derive(Debug, Clone)]
pub struct CopyOut {
    /// Which changes.
    pub wanted: Wanted,
    /// Whether those that run on the user's machine go too.
    pub include_risky: bool,
    /// The capture that was reviewed; `None` takes a new one.
    pub capture: Option<String>,
    /// Whether files that the user changed too are merged where that is clean.
    pub merge: bool,
    /// How the user settled conflicts.
    pub resolutions: Vec<Resolution>,
    /// Whether the rest is written where there are conflicts.
    pub leave_conflicts: bool,
}

impl Engine {
    /// Writes changes of exactly one capture into the project: all of them, or none.
    ///
    /// With conflicts nothing is written, and the report lists them.
    ///
    /// # Errors
    /// [`Error::ProjectUnusable`] where the project is gone; [`Error::InvalidRequest`] for a named path that
    /// may not go. On every error but [`copyout::CopyOutError::Unfinished`] the project is as before.
    pub async fn copy_out(
        &self,
        id: &SandboxId,
        request: CopyOut,
        op: &Operation,
    ) -> Result<Report> {
        let mut working = self.work_on(id).await?;
        let project = working.project()?;
        let side = request.capture.clone().map_or(Side::Frozen, Side::Capture);
        let compared = working.compare(Side::Base, side, op).await?;
        let (picks, mut skipped) = picks(&compared.changes, &request)?;
        if matches!(request.wanted, Wanted::All) {
            skipped.extend(compared.left_out.iter().cloned().map(|path| Skipped {
                path,
                reason: Skip::LeftOut,
            }));
        }
        if !picks.is_empty() {
            block_in_place(|| working.keep_automatically(compared.to))?;
        }
        op.enter(Phase::Staging)?;
        let mut report =
            block_in_place(|| working.write(&project, &compared, &picks, &request, op))?;
        report.skipped.extend(skipped);
        report.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        working.keep_base(&report)?;
        if report.id.is_some() {
            working.tell(ActivityKind::CopiedOut, "Copied out", &report);
        }
        Ok(report)
    }

    /// What [`Self::copy_out`] would do, without doing it.
    pub async fn plan_copy_out(
        &self,
        id: &SandboxId,
        request: &CopyOut,
        op: &Operation,
    ) -> Result<copyout::Plan> {
        let working = self.work_on(id).await?;
        let project = working.project()?;
        let side = request.capture.clone().map_or(Side::Live, Side::Capture);
        let compared = working.compare(Side::Base, side, op).await?;
        let (picks, skipped) = picks(&compared.changes, request)?;
        let mut plan = block_in_place(|| working.plan(&project, &compared, &picks, request))?;
        plan.skipped.extend(skipped);
        Ok(plan)
    }

    /// Takes back a copy-out, or the newest that is not taken back yet. Files that the user changed since
    /// are conflicts, and then nothing is written.
    pub async fn undo(
        &self,
        id: &SandboxId,
        copy_out: Option<&CopyOutId>,
        op: &Operation,
    ) -> Result<Report> {
        let mut working = self.work_on(id).await?;
        let project = working.project()?;
        let copy_outs = working.copy_outs()?;
        op.enter(Phase::Writing)?;
        let progress = op.phase(Phase::Writing);
        let report = block_in_place(|| {
            copyout::undo(&copy_outs, copy_out, &project, &progress, op.cancel())
        })?;
        working.keep_base_of_before(report.clone(), &project)?;
        if report.id.is_some() {
            working.tell(ActivityKind::CopyOutUndone, "Copy-out undone", &report);
        }
        Ok(report)
    }

    /// Takes the newest undo back, while nothing else was copied out since. By the same rules: files that the
    /// user changed since are conflicts, and then nothing is written.
    pub async fn redo(&self, id: &SandboxId, op: &Operation) -> Result<Report> {
        let mut working = self.work_on(id).await?;
        let project = working.project()?;
        let copy_outs = working.copy_outs()?;
        op.enter(Phase::Writing)?;
        let progress = op.phase(Phase::Writing);
        let report =
            block_in_place(|| copyout::redo(&copy_outs, &project, &progress, op.cancel()))?;
        working.keep_base_of_before(report.clone(), &project)?;
        if report.id.is_some() {
            working.tell(ActivityKind::CopiedOut, "Copied out again", &report);
        }
        Ok(report)
    }

    /// The copy-outs of a sandbox.
    pub fn copy_outs(&self, id: &SandboxId) -> Result<Vec<copyout::Past>> {
        let (dir, _) = self.load(id)?;
        Ok(copyout::history(&Dir::open_root(&dir.copy_outs())?)?)
    }
}

impl Working {
    pub(super) fn project(&self) -> Result<Dir> {
        let path = self.record.project.as_path();
        Dir::open_root(path).map_err(|error| Error::ProjectUnusable {
            message: match error.kind() {
                ErrorKind::NotFound => format!(
                    "your folder {} is not there any more; nothing was written, and the workspace is as it was",
                    path.display()
                ),
                ErrorKind::NotADirectory => {
                    format!("{} is not a folder any more; nothing was written", path.display())
                }
                _ => format!("your folder {} cannot be opened: {error}", path.display()),
            },
        })
    }

    pub(super) fn copy_outs(&self) -> Result<Dir> {
        Ok(Dir::open_root(&self.dir.copy_outs())?)
    }

    pub(super) fn plan(
        &self,
        project: &Dir,
        compared: &Compared,
        picks: &[Pick],
        request: &CopyOut,
    ) -> Result<copyout::Plan> {
        let store = self.engine.store();
        let base = store.tree(&compared.from)?;
        let capture = store.tree(&compared.to)?;
        Ok(copyout::plan(&Request {
            project,
            base: &base,
            capture: &capture,
            capture_id: compared.capture.as_ref().map(|c| c.id.clone()),
            picks,
            blobs: store,
            merge: request.merge,
            leave_conflicts: request.leave_conflicts,
            resolutions: &request.resolutions,
        })?)
    }

    fn write(
        &self,
        project: &Dir,
        compared: &Compared,
        picks: &[Pick],
        request: &CopyOut,
        op: &Operation,
    ) -> Result<Report> {
        let store = self.engine.store();
        let plan = self.plan(project, compared, picks, request)?;
        self.store_parts(picks, request)?;
        let copy_outs = self.copy_outs()?;
        let progress = op.phase(Phase::Writing);
        Ok(copyout::execute(
            &plan,
            project,
            &copy_outs,
            store,
            &progress,
            op.cancel(),
        )?)
    }

    /// Contents that no capture has become part of the base: the store must hold them first.
    fn store_parts(&self, picks: &[Pick], request: &CopyOut) -> Result<()> {
        let merged = request.resolutions.iter().filter_map(|r| match &r.take {
            copyout::Take::Merged(content) => Some(content),
            _ => None,
        });
        let parts = picks.iter().filter_map(|pick| match &pick.outcome {
            Outcome::Part { content, .. } => Some(content),
            Outcome::Whole => None,
        });
        let contents: Vec<&Vec<u8>> = merged.chain(parts).collect();
        if contents.is_empty() {
            return Ok(());
        }
        let writer = self.engine.store().writer()?;
        for content in contents {
            writer
                .put_bytes(content)
                .map_err(|e| Error::io("write to the store", self.engine.data().store(), e))?;
        }
        Ok(writer.commit()?)
    }

    /// The base follows what project and workspace now have in common.
    fn keep_base(&mut self, report: &Report) -> Result<()> {
        self.move_base(&report.base_moves)?;
        if let Some(id) = &report.id {
            copyout::settle(&self.copy_outs()?, id)?;
        }
        Ok(())
    }

    /// Likewise for an undo or redo.
    fn keep_base_of_before(&mut self, mut report: Report, project: &Dir) -> Result<()> {
        report.base_moves = self.with_contents(report.base_moves, project)?;
        self.keep_base(&report)
    }

    /// Moves to a base of before, whose contents may be gone from the store by now: then they are taken from
    /// where they were just written.
    pub(super) fn with_contents(
        &self,
        mut moves: Vec<BaseMove>,
        written: &Dir,
    ) -> Result<Vec<BaseMove>> {
        block_in_place(|| {
            let writer = self.engine.store().writer()?;
            moves.retain(|change| match &change.after {
                Some(Entry {
                    kind: EntryKind::File { blob, size },
                    ..
                }) => {
                    writer.has(blob, *size)
                        || written.open_file(&change.path).is_ok_and(|(file, _)| {
                            writer
                                .put_file(&file)
                                .is_ok_and(|(found, _)| found == *blob)
                        })
                }
                _ => true,
            });
            writer.commit()?;
            Ok(moves)
        })
    }

    pub(super) fn move_base(&mut self, moves: &[BaseMove]) -> Result<()> {
        if moves.is_empty() {
            return Ok(());
        }
        let base = block_in_place(|| {
            let store = self.engine.store();
            let moved = copyout::move_base(store.tree(&self.record.base)?, moves);
            let writer = store.writer()?;
            let id = writer.put_tree(&moved)?;
            writer.commit()?;
            Ok::<_, Error>(id)
        })?;
        self.set_base(base)
    }

    fn tell(&self, kind: ActivityKind, what: &str, report: &Report) {
        let files = report.applied.len();
        let detail = match files {
            1 => "1 file".to_owned(),
            n => format!("{n} files"),
        };
        let subject = report.id.as_ref().map(|id| id.0.clone());
        self.engine.note(self.id(), kind, what, detail, subject);
        let events = self.engine.events();
        events.send(Event::Review(self.id().clone()));
        events.send(Event::Sandbox(self.id().clone()));
    }
}

pub(super) fn picks(changes: &Changes, request: &CopyOut) -> Result<(Vec<Pick>, Vec<Skipped>)> {
    match &request.wanted {
        Wanted::All => Ok(choose(&changes.list, request.include_risky)),
        Wanted::Paths(paths) => named(changes, paths, request.include_risky),
        Wanted::Picks(wanted) => accepted(changes, wanted).map(|picks| (picks, Vec::new())),
    }
}

/// Named paths. Naming a file is the user's yes to it, also where it runs on their machine; naming a
/// folder is not a yes to the risky files in it.
fn named(
    changes: &Changes,
    paths: &[WorkspacePath],
    include_risky: bool,
) -> Result<(Vec<Pick>, Vec<Skipped>)> {
    let mut picks: Vec<Pick> = Vec::new();
    let mut skipped = Vec::new();
    for path in paths {
        let mut met = false;
        for change in &changes.list {
            let is_exact = &change.path == path || change.old_path.as_ref() == Some(path);
            if !is_exact && !change.is_named_by(path) && !change.path.starts_with(path) {
                continue;
            }
            met = true;
            if picks.iter().any(|p| p.change.path == change.path) {
                continue;
            }
            match barred(change, is_exact || include_risky) {
                Some(reason) if is_exact => return Err(may_not_go(change, reason)),
                Some(reason) => skipped.push(Skipped {
                    path: change.path.clone(),
                    reason,
                }),
                None => picks.push(Pick {
                    change: change.clone(),
                    outcome: Outcome::Whole,
                }),
            }
        }
        if !met {
            return Err(Error::InvalidRequest {
                message: format!(
                    "\u{201c}{path}\u{201d} is not among the changes; nothing was written"
                ),
            });
        }
    }
    skipped.retain(|s| !picks.iter().any(|p| p.change.path == s.path));
    Ok((picks, skipped))
}

fn accepted(changes: &Changes, wanted: &[(WorkspacePath, Outcome)]) -> Result<Vec<Pick>> {
    wanted
        .iter()
        .map(|(path, outcome)| {
            let change = changes.list.iter().find(|c| &c.path == path);
            let change = change.ok_or_else(|| Error::NotFound {
                what: "change",
                name: path.to_lossy(),
            })?;
            match barred(change, true) {
                Some(reason) => Err(may_not_go(change, reason)),
                None => Ok(Pick {
                    change: change.clone(),
                    outcome: outcome.clone(),
                }),
            }
        })
        .collect()
}

fn barred(change: &Change, risky_too: bool) -> Option<Skip> {
    if change.refused.is_some() {
        Some(Skip::Refused)
    } else if change.unsupported {
        Some(Skip::Unsupported)
    } else {
        (change.is_risky() && !risky_too).then_some(Skip::Risky)
    }
}

fn may_not_go(change: &Change, reason: Skip) -> Error {
    let why = match (reason, &change.refused) {
        (Skip::Refused, Some(refusal)) => refusal.reason().to_owned(),
        (Skip::Unsupported, _) => "it is neither a file, a folder nor a link".to_owned(),
        (Skip::Risky, _) => "it can run on your machine".to_owned(),
        _ => "it is refused".to_owned(),
    };
    Error::InvalidRequest {
        message: format!(
            "\u{201c}{}\u{201d} may not be copied out, so nothing was written: {}",
            change.path,
            why.trim_end_matches('.')
        ),
    }
}
