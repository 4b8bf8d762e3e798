//! "Bring in my latest edits": what the user changed in the project since, into the workspace, three-way.
//!
//! The same transaction as a copy-out, the other way round: base, the project as it is now, and the
//! workspace. What only the user changed is written; what both changed is merged where the changes lie
//! apart, else the workspace's side stays and the path is listed. The base moves to the bytes brought.

use sandbox_review::changes::{Options, Status, compare};
use sandbox_review::copyout::{self, CopyOutId, Pick, Report, Request};
use sandbox_review::decisions::Outcome;
use sandbox_review::{Change, risk};
use sandbox_workspace::project::{ProjectNow, ReadOptions, read_project};
use sandbox_workspace::snapshots::{SnapshotId, SnapshotKind};
use sandbox_workspace::{Dir, EntryKind, Index, MemoryBlobs, Tree, TreeId, WorkspacePath};
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::pause::Frozen;
use super::{Engine, Working};
use crate::event::Event;
use crate::operation::{Operation, Phase};
use crate::state::activity::ActivityKind;
use crate::state::data_dir::make_private;
use crate::state::json_file;
use crate::{Error, Result, SandboxId};

/// Finished ones whose displaced files are kept. Older ones are in the safety snapshots all the same.
const KEPT: usize = 3;

/// What was brought in.
#[derive(Debug, Clone, Default)]
pub struct BroughtIn {
    /// What was written, merged and left alone. Conflicts are paths that both changed: there the workspace
    /// is as before, and the next copy-out asks.
    pub report: Report,
    /// The workspace as it was; `None` where nothing was written.
    pub safety: Option<SnapshotId>,
    /// Changed paths of git's own records, which are never brought in: the agent's repository stays its own.
    pub of_git: u64,
}

/// The newest one, for its undo.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    id: CopyOutId,
    /// The base that it made. Another one since: it cannot be taken back on its own any more.
    base: TreeId,
}

impl Engine {
    /// Brings the project's newer changes into the workspace, after a safety snapshot. Nothing of the
    /// workspace is overwritten.
    ///
    /// # Errors
    /// [`Error::ProjectUnusable`] where the project is gone or was emptied: that is never taken for deletions;
    /// [`Error::Incomplete`] where the workspace cannot be read. On every error the workspace is as before.
    pub async fn bring_in(&self, id: &SandboxId, op: &Operation) -> Result<BroughtIn> {
        let mut working = self.work_on(id).await?;
        op.enter(Phase::Counting)?;
        let (now, tree) = block_in_place(|| working.read_project(op))?;
        let (picks, of_git) = block_in_place(|| working.newer_in_project(&now, op))?;
        if picks.is_empty() {
            return Ok(BroughtIn {
                of_git,
                ..BroughtIn::default()
            });
        }
        point("bringin::read");
        op.enter(Phase::Capturing)?;
        let frozen = Frozen::begin(&working).await?;
        let still = frozen.is_some() || !working.record.container_made;
        let written = block_in_place(|| working.write_brought(&now, tree, &picks, still, op));
        if let Some(frozen) = frozen {
            frozen.end().await;
        }
        let (report, safety) = written?;
        working.keep_brought(report.id.as_ref(), report.base_moves.clone())?;
        if report.id.is_some() {
            working.tell_brought("Your latest edits were brought in", &report, Some(&safety));
        }
        Ok(BroughtIn {
            safety: report.id.is_some().then_some(safety),
            report,
            of_git,
        })
    }

    /// Takes the newest bringing-in back. Files that were changed since are conflicts, and then nothing is
    /// written.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where there is none, or the base moved since: then the safety snapshot is the
    /// way back.
    pub async fn undo_bring_in(&self, id: &SandboxId, op: &Operation) -> Result<Report> {
        let mut working = self.work_on(id).await?;
        let last: Option<Last> = json_file::read(&working.dir.brought_in())?;
        let last = last
            .filter(|last| last.base == working.record.base)
            .ok_or_else(|| Error::InvalidRequest {
                message: "nothing was brought in that could be taken back by itself; the snapshot from before \
                          it is in the list"
                    .to_owned(),
            })?;
        op.enter(Phase::Writing)?;
        let frozen = Frozen::begin(&working).await?;
        let undone = block_in_place(|| {
            let folder = working.bring_ins()?;
            let workspace = working.workspace()?;
            let progress = op.phase(Phase::Writing);
            Ok::<_, Error>(copyout::undo(
                &folder,
                Some(&last.id),
                &workspace,
                &progress,
                op.cancel(),
            )?)
        });
        if let Some(frozen) = frozen {
            frozen.end().await;
        }
        let report = undone?;
        if report.id.is_some() {
            working.keep_brought(report.id.as_ref(), report.base_moves.clone())?;
            working.tell_brought("Bringing in your edits was undone", &report, None);
        }
        Ok(report)
    }
}

impl Working {
    /// The project as a hand-over would take it in now, stored.
    pub(super) fn read_project(&self, op: &Operation) -> Result<(ProjectNow, TreeId)> {
        let project = self.project()?;
        let writer = self.engine.store().writer()?;
        let index = Index::load(&self.dir.project_index());
        let options = ReadOptions {
            rules: &self.record.rules,
            index: Some(&index),
            progress: &op.phase(Phase::Counting),
            cancel: op.cancel(),
        };
        let now = read_project(&project, &writer, &options)?;
        let tree = writer.put_tree(&now.tree)?;
        writer.commit()?;
        if let Err(error) = now.index.save(&self.dir.project_index()) {
            tracing::warn!(%error, "the next look at the project will be slower");
        }
        Ok((now, tree))
    }

    /// What the user changed since workspace and project last had it in common, and how much of it is git's.
    fn newer_in_project(&self, now: &ProjectNow, op: &Operation) -> Result<(Vec<Pick>, u64)> {
        let base = self.engine.store().tree(&self.record.base)?;
        let left_out = |path: &WorkspacePath| now.leaves_out(path);
        let options = Options {
            left_out: &left_out,
            ours: &[],
            renames: false,
            contents: false,
            known: &[],
            cancel: op.cancel().clone(),
        };
        let found = compare(&base, &now.tree, &MemoryBlobs::default(), &options)?;
        if found.emptied {
            return Err(Error::ProjectUnusable {
                message: "your folder is empty now, which is never taken for \u{201c}delete everything\u{201d}"
                    .to_owned(),
            });
        }
        let is_gits = |path: &WorkspacePath| path.components().any(risk::is_git);
        let of_git = count_of_git(&base, &now.tree, &is_gits);
        // What a disk shows that keeps no modes is no edit.
        let modes = !found.list.iter().any(modes_differ) || copyout::keeps_modes(&self.project()?);
        let picks = found
            .list
            .into_iter()
            .filter(|change| modes || change.status != Status::Mode)
            .map(|change| if modes { change } else { with_old_mode(change) })
            .filter(|change| !change.unsupported && !is_gits(&change.path))
            .map(|change| Pick {
                change,
                outcome: Outcome::Whole,
            });
        Ok((picks.collect(), of_git))
    }

    fn write_brought(
        &mut self,
        now: &ProjectNow,
        tree: TreeId,
        picks: &[Pick],
        still: bool,
        op: &Operation,
    ) -> Result<(Report, SnapshotId)> {
        let (before, found) = self.read_into_store(still, &[], op)?;
        if let Some(unread) = found.tree.unreadable.first() {
            return Err(Error::Incomplete {
                message: format!("{}, so nothing was brought in", unread.reason),
            });
        }
        // Known before it is there: a kill in between must not make stand-ins look like the agent's work.
        self.remember_rewritten(now)?;
        let store = self.engine.store();
        let base = store.tree(&self.record.base)?;
        let workspace = self.workspace()?;
        let plan = copyout::plan(&Request {
            project: &workspace,
            base: &base,
            capture: &now.tree,
            capture_id: Some(tree.to_string()),
            picks,
            blobs: store,
            merge: true,
            leave_conflicts: true,
            resolutions: &[],
        })?;
        let safety = self.record_snapshot(SnapshotKind::Safety, None, before, None)?;
        point("bringin::snapshot");
        op.enter(Phase::Writing)?;
        let progress = op.phase(Phase::Writing);
        let report = copyout::execute(
            &plan,
            &workspace,
            &self.bring_ins()?,
            store,
            &progress,
            op.cancel(),
        )?;
        point("bringin::written");
        Ok((report, safety.id))
    }

    /// What follows from a finished one, also where a crash came in between: the base moves, captures of
    /// before are of another base, and old backups go.
    pub(super) fn keep_brought(
        &mut self,
        id: Option<&CopyOutId>,
        moves: Vec<copyout::BaseMove>,
    ) -> Result<()> {
        let moves = self.with_contents(moves, &self.workspace()?)?;
        self.advance_base(&moves)?;
        point("bringin::base");
        let Some(id) = id else {
            return Ok(());
        };
        let folder = self.bring_ins()?;
        let past = copyout::history(&folder)?;
        let undoes = past.iter().any(|p| p.id == *id && p.undoes.is_some());
        self.name_newest((!undoes).then_some(id))?;
        point("bringin::named");
        copyout::settle(&folder, id)?;
        point("bringin::settled");
        for old in &past[..past.len().saturating_sub(KEPT)] {
            if !old.unresolved {
                copyout::remove(&folder, &old.id)?;
            }
        }
        Ok(())
    }

    /// Which one can be taken back; none after an undo.
    fn name_newest(&self, id: Option<&CopyOutId>) -> Result<()> {
        let path = self.dir.brought_in();
        let Some(id) = id else {
            return match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &path, e))
                }
                _ => Ok(()),
            };
        };
        let base = self.record.base;
        json_file::write(
            &path,
            &Last {
                id: id.clone(),
                base,
            },
        )
    }

    /// Moves the base from outside of a review: captures of before would propose to take it back, so they
    /// are no longer good.
    pub(super) fn advance_base(&mut self, moves: &[copyout::BaseMove]) -> Result<()> {
        if !moves.is_empty() {
            self.record.epoch += 1;
            self.move_base(moves)?;
        }
        Ok(())
    }

    /// What stands in the workspace with stand-ins instead of secrets is ours, also where it is new.
    pub(super) fn remember_rewritten(&mut self, now: &ProjectNow) -> Result<()> {
        let known = self.record.rewritten.len();
        self.record.rewritten.extend(now.rewritten.iter().cloned());
        self.record.rewritten.sort();
        self.record.rewritten.dedup();
        if self.record.rewritten.len() == known && self.record.rules == now.rules {
            return Ok(());
        }
        self.record.rules = now.rules.clone();
        self.record.save(&self.dir)
    }

    pub(super) fn bring_ins(&self) -> Result<Dir> {
        let folder = self.dir.bring_ins();
        make_private(&folder)?;
        Ok(Dir::open_root(&folder)?)
    }

    fn tell_brought(&self, what: &str, report: &Report, safety: Option<&SnapshotId>) {
        let detail = match (report.applied.len(), report.conflicts.len()) {
            (1, 0) => "1 file".to_owned(),
            (n, 0) => format!("{n} files"),
            (n, left) => format!("{n} files, {left} left as the agent has them"),
        };
        let subject = safety.map(|id| id.as_str().to_owned());
        let kind = ActivityKind::HandedOver;
        self.engine.note(self.id(), kind, what, detail, subject);
        for event in [
            Event::Snapshots(self.id().clone()),
            Event::Workspace(self.id().clone()),
            Event::Review(self.id().clone()),
            Event::Sandbox(self.id().clone()),
        ] {
            self.engine.events().send(event);
        }
    }
}

fn modes_differ(change: &Change) -> bool {
    matches!((&change.from, &change.to), (Some(from), Some(to)) if from.mode != to.mode)
}

fn with_old_mode(mut change: Change) -> Change {
    if let (Some(from), Some(to)) = (&change.from, &mut change.to) {
        to.mode = from.mode;
    }
    change
}

/// A place where a test can make the process die.
#[cfg(feature = "failpoints")]
fn point(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

#[cfg(not(feature = "failpoints"))]
fn point(_: &str) {}

/// Paths of git's that differ between the two; what git moves with every command is counted as one.
fn count_of_git(base: &Tree, now: &Tree, is_gits: &dyn Fn(&WorkspacePath) -> bool) -> u64 {
    let content =
        |tree: &Tree, path: &WorkspacePath| tree.get(path).map(|entry| entry.kind.clone());
    let differs = |entry: &&sandbox_workspace::Entry| {
        entry.kind != EntryKind::Dir
            && is_gits(&entry.path)
            && content(base, &entry.path) != content(now, &entry.path)
    };
    let newer = now.entries().iter().filter(differs).count();
    let gone = base.entries().iter().filter(differs);
    (newer + gone.filter(|entry| now.get(&entry.path).is_none()).count()) as u64
}
