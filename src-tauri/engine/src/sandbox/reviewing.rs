//! A review: one capture, its changes, and what the user decided. Decisions are on disk, so that they outlive
//! the window, and are carried to the next capture where a change is the same.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use sandbox_review::copyout::{self, Pick, Plan, Reason, Resolution, Take};
use sandbox_review::decisions::Outcome;
use sandbox_review::diff::{Diff, Side as Content, Sides};
use sandbox_review::merge::Merge;
use sandbox_review::{Change, Decision, Decisions};
use sandbox_workspace::{FileTime, WorkspacePath};
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::capture::Capture;
use super::copy_out::{CopyOut, Wanted};
use super::filters::Filters;
use super::review::{Compared, Side};
use super::{Engine, Working};
use crate::event::Event;
use crate::operation::Operation;
use crate::state::data_dir::SandboxDir;
use crate::state::json_file;
use crate::{Error, Result, SandboxId};

/// What is on disk between two looks at a review.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    capture: String,
    #[serde(default)]
    decisions: Decisions,
    #[serde(default)]
    resolutions: Vec<Resolution>,
    #[serde(default)]
    filters: Filters,
}

/// The comparison behind the review of each sandbox: the same for all decisions on it.
pub(super) type Cache = Mutex<HashMap<SandboxId, Arc<Compared>>>;

/// A capture with its changes and the decisions so far.
#[derive(Debug, Clone)]
pub struct Review {
    /// The capture.
    pub capture: Capture,
    /// The user's folder.
    pub project: String,
    /// The changes of the capture.
    pub compared: Arc<Compared>,
    /// What was decided.
    pub decisions: Decisions,
    /// Paths where the project is neither as before nor as it would become.
    pub conflicts: HashSet<WorkspacePath>,
    /// Paths that the project's file system has no place for, and why.
    pub unfit: HashMap<WorkspacePath, Reason>,
    /// Paths that the user changed too, and that merge cleanly.
    pub merges: HashSet<WorkspacePath>,
    /// Changes of the workspace since the capture.
    pub changed_since: usize,
    /// Which changes the user wants to see.
    pub filters: Filters,
}

/// The three sides of a conflict; `None` where there is no file, or none that is small enough to show.
#[derive(Debug)]
pub struct ConflictSides {
    /// In the project now.
    pub yours: Option<Vec<u8>>,
    /// When the user's was last changed, as its file system says.
    pub yours_changed: Option<FileTime>,
    /// In the capture.
    pub agents: Option<Vec<u8>>,
    /// What both had in common.
    pub base: Option<Vec<u8>>,
    /// The merge, where all sides are text.
    pub merge: Option<Merge>,
}

/// An accepted change and what it comes to.
pub type Accepted = (Change, Outcome);

impl Engine {
    /// The review of the newest capture; `fresh` takes a new one, and so does a base that moved since for
    /// another reason than a copy-out. `None` where nothing was ever captured.
    pub async fn review(
        &self,
        id: &SandboxId,
        fresh: bool,
        op: &Operation,
    ) -> Result<Option<Review>> {
        let working = self.work_on(id).await?;
        let mut kept = Kept::load(&working.dir)?;
        let outdated = !kept.capture.is_empty() && !working.is_good(&kept.capture);
        if fresh || outdated {
            let compared = working.compare(Side::Base, Side::Frozen, op).await?;
            let capture = compared.capture.clone().map(|c| c.id).unwrap_or_default();
            if capture != kept.capture {
                let store = self.store();
                kept.decisions =
                    block_in_place(|| kept.decisions.carry(&compared.changes.list, store))?;
                kept.capture = capture;
                kept.save(&working.dir)?;
            }
            self.reviews().insert(id.clone(), Arc::new(compared));
        }
        if kept.capture.is_empty() {
            return Ok(None);
        }
        working.reviewed(&kept, op).await.map(Some)
    }

    /// Changes decisions of a review. `decide` gets the decisions, the changes and the store.
    ///
    /// # Errors
    /// [`Error::NotFound`] where another capture is under review by now.
    pub async fn decide(
        &self,
        id: &SandboxId,
        capture: &str,
        decide: impl FnOnce(&mut Decisions, &Review) -> Result<()>,
    ) -> Result<Review> {
        let op = Operation::silent();
        let working = self.work_on(id).await?;
        let mut kept = Kept::of(&working.dir, capture)?;
        let mut review = working.reviewed(&kept, &op).await?;
        block_in_place(|| decide(&mut kept.decisions, &review))?;
        kept.save(&working.dir)?;
        review.decisions = kept.decisions;
        Ok(review)
    }

    /// Keeps which changes the user wants to see, for every window and capture to come.
    pub async fn remember_filters(&self, id: &SandboxId, filters: Filters) -> Result<()> {
        let working = self.work_on(id).await?;
        let mut kept = Kept::load(&working.dir)?;
        kept.filters = filters;
        kept.save(&working.dir)
    }

    /// Files that changed again since a capture, by the live list; `None` where its review is not at hand.
    /// Takes no lock and stops nobody.
    pub fn changed_since(&self, id: &SandboxId, capture: &str) -> Result<Option<usize>> {
        let (_, record) = self.load(id)?;
        let known = self.reviews().get(id).cloned();
        let known = known.filter(|known| {
            known.from == record.base && known.capture.as_ref().is_some_and(|c| c.id == capture)
        });
        let Some(known) = known else { return Ok(None) };
        let live = self.live(id)?;
        Ok(Some(differ(&known.changes.list, &live.changes.list)))
    }

    /// A change of a capture with its diff, and the decisions.
    pub async fn diff_of(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
    ) -> Result<(Change, Diff, Decisions)> {
        let working = self.work_on(id).await?;
        let kept = Kept::of(&working.dir, capture)?;
        let compared = working.compared(capture, &Operation::silent()).await?;
        let change = find(&compared, path)?.clone();
        let diff = block_in_place(|| change.diff(self.store()))?;
        Ok((change, diff, kept.decisions))
    }

    /// A change of a capture, and what of it is accepted.
    pub(super) async fn outcome_of(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
    ) -> Result<(Change, Option<Outcome>)> {
        let working = self.work_on(id).await?;
        let kept = Kept::of(&working.dir, capture)?;
        let compared = working.compared(capture, &Operation::silent()).await?;
        let change = find(&compared, path)?.clone();
        let outcome = block_in_place(|| kept.decisions.outcome(&change, self.store()))?;
        Ok((change, outcome))
    }

    /// Both contents of a change of a capture.
    pub async fn sides_of(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
    ) -> Result<Sides> {
        let working = self.work_on(id).await?;
        let compared = working.compared(capture, &Operation::silent()).await?;
        block_in_place(|| Sides::read(find(&compared, path)?, self.store()).map_err(Error::from))
    }

    /// The sides of a conflict.
    pub async fn conflict(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
    ) -> Result<ConflictSides> {
        let working = self.work_on(id).await?;
        let compared = working.compared(capture, &Operation::silent()).await?;
        let change = find(&compared, path)?;
        let project = working.project()?;
        block_in_place(|| {
            let found = copyout::yours(&project, path)?;
            let yours_changed = found.as_ref().map(|yours| yours.entry.mtime);
            let yours = found.and_then(|yours| yours.content);
            let sides = Sides::read(change, self.store())?;
            let (base, agents) = (content(sides.old), content(sides.new));
            let merge = match (&base, &yours, &agents) {
                (Some(base), Some(yours), Some(agents)) => Merge::of(base, yours, agents),
                _ => None,
            };
            Ok(ConflictSides {
                yours,
                yours_changed,
                agents,
                base,
                merge,
            })
        })
    }

    /// Settles a conflict. The change counts as accepted: the next copy-out goes by it.
    pub async fn resolve_conflict(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
        take: Take,
    ) -> Result<Review> {
        let op = Operation::silent();
        let working = self.work_on(id).await?;
        let mut kept = Kept::of(&working.dir, capture)?;
        let compared = working.compared(capture, &op).await?;
        let change = find(&compared, path)?;
        let project = working.project()?;
        let yours = copyout::yours(&project, path)?.map(|yours| yours.entry);
        kept.resolutions.retain(|other| &other.path != path);
        kept.resolutions.push(Resolution {
            path: path.clone(),
            yours,
            take,
        });
        kept.decisions.file(change, true);
        kept.save(&working.dir)?;
        let review = working.reviewed(&kept, &op).await?;
        self.events().send(Event::Review(id.clone()));
        Ok(review)
    }

    /// Copies out what is accepted in the review of this capture.
    pub async fn copy_out_review(
        &self,
        id: &SandboxId,
        capture: &str,
        op: &Operation,
    ) -> Result<copyout::Report> {
        let (accepted, resolutions) = self.accepted_in(id, capture).await?;
        if accepted.is_empty() {
            return Err(Error::InvalidRequest {
                message: "nothing is accepted yet, so there is nothing to copy out".to_owned(),
            });
        }
        let picks = accepted
            .into_iter()
            .map(|(change, outcome)| (change.path, outcome));
        let request = CopyOut {
            wanted: Wanted::Picks(picks.collect()),
            include_risky: true,
            capture: Some(capture.to_owned()),
            merge: true,
            resolutions,
            leave_conflicts: false,
        };
        self.copy_out(id, request, op).await
    }

    /// What is accepted in the review of this capture.
    pub async fn accepted(&self, id: &SandboxId, capture: &str) -> Result<Vec<Accepted>> {
        self.accepted_in(id, capture).await.map(|(list, _)| list)
    }

    async fn accepted_in(
        &self,
        id: &SandboxId,
        capture: &str,
    ) -> Result<(Vec<Accepted>, Vec<Resolution>)> {
        let working = self.work_on(id).await?;
        let kept = Kept::of(&working.dir, capture)?;
        let compared = working.compared(capture, &Operation::silent()).await?;
        let list = block_in_place(|| -> Result<Vec<Accepted>> {
            let mut list = Vec::new();
            for change in &compared.changes.list {
                if let Some(outcome) = kept.decisions.outcome(change, self.store())? {
                    list.push((change.clone(), outcome));
                }
            }
            Ok(list)
        })?;
        Ok((list, kept.resolutions))
    }

    fn reviews(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Arc<Compared>>> {
        self.0
            .reviews
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working {
    /// The comparison of a capture with the base as it is now.
    async fn compared(&self, capture: &str, op: &Operation) -> Result<Arc<Compared>> {
        let known = self.engine.reviews().get(self.id()).cloned();
        if let Some(known) = known
            && known.from == self.record.base
            && known.capture.as_ref().is_some_and(|c| c.id == capture)
        {
            return Ok(known);
        }
        let side = Side::Capture(capture.to_owned());
        let compared = Arc::new(self.compare(Side::Base, side, op).await?);
        self.engine
            .reviews()
            .insert(self.id().clone(), compared.clone());
        Ok(compared)
    }

    async fn reviewed(&self, kept: &Kept, op: &Operation) -> Result<Review> {
        let compared = self.compared(&kept.capture, op).await?;
        let capture = self.find_capture(&kept.capture)?;
        let plan = block_in_place(|| self.plan_of_everything(&compared, kept))?;
        let (unfit, conflicts): (Vec<_>, Vec<_>) = plan
            .iter()
            .flat_map(|plan| &plan.conflicts)
            .partition(|conflict| conflict.reason.is_of_the_disk());
        let live = block_in_place(|| self.engine.live(self.id()))?;
        Ok(Review {
            capture,
            project: self.record.project.to_lossy(),
            decisions: kept.decisions.clone(),
            conflicts: conflicts.into_iter().map(|c| c.path.clone()).collect(),
            unfit: unfit
                .into_iter()
                .map(|c| (c.path.clone(), c.reason))
                .collect(),
            merges: plan.map_or_else(HashSet::new, |p| p.merged.into_iter().collect()),
            changed_since: differ(&compared.changes.list, &live.changes.list),
            filters: kept.filters.clone(),
            compared,
        })
    }

    /// What a copy-out of everything would run into. A project that is gone conflicts with nothing: the
    /// copy-out says so.
    fn plan_of_everything(&self, compared: &Compared, kept: &Kept) -> Result<Option<Plan>> {
        let Ok(project) = self.project() else {
            return Ok(None);
        };
        let picks: Vec<Pick> = compared
            .changes
            .list
            .iter()
            .filter(|change| change.refused.is_none() && !change.unsupported)
            .map(|change| Pick {
                change: change.clone(),
                outcome: Outcome::Whole,
            })
            .collect();
        let request = CopyOut {
            wanted: Wanted::All,
            include_risky: true,
            capture: None,
            merge: true,
            resolutions: kept.resolutions.clone(),
            leave_conflicts: true,
        };
        self.plan(&project, compared, &picks, &request).map(Some)
    }
}

impl Review {
    /// The changes.
    pub fn changes(&self) -> &[Change] {
        &self.compared.changes.list
    }

    /// A change by its path.
    pub fn change(&self, path: &WorkspacePath) -> Result<&Change> {
        find(&self.compared, path)
    }

    /// Whether "accept all" takes it.
    pub fn takes_part_in_all(&self, change: &Change) -> bool {
        change.is_ordinary()
            && !self.conflicts.contains(&change.path)
            && !self.unfit.contains_key(&change.path)
    }

    /// What was decided about a change.
    pub fn decision(&self, change: &Change) -> Decision {
        self.decisions.of(change)
    }
}

/// The capture that a review is made of; empty where there is none.
pub(super) fn capture_under_review(dir: &SandboxDir) -> Result<String> {
    Ok(Kept::load(dir)?.capture)
}

impl Kept {
    fn load(dir: &SandboxDir) -> Result<Self> {
        Ok(json_file::read(&file(dir))?.unwrap_or_default())
    }

    fn of(dir: &SandboxDir, capture: &str) -> Result<Self> {
        let kept = Self::load(dir)?;
        if kept.capture == capture {
            Ok(kept)
        } else {
            Err(Error::NotFound {
                what: "capture under review",
                name: capture.to_owned(),
            })
        }
    }

    fn save(&self, dir: &SandboxDir) -> Result<()> {
        json_file::write(&file(dir), self)
    }
}

fn file(dir: &SandboxDir) -> std::path::PathBuf {
    dir.root().join("review.json")
}

fn find<'a>(compared: &'a Compared, path: &WorkspacePath) -> Result<&'a Change> {
    let found = compared.changes.list.iter().find(|c| &c.path == path);
    found.ok_or_else(|| Error::NotFound {
        what: "change",
        name: path.to_lossy(),
    })
}

fn content(side: Content) -> Option<Vec<u8>> {
    match side {
        Content::Bytes(bytes) => Some(bytes),
        Content::None | Content::TooLarge => None,
    }
}

/// Paths that the two lists do not have alike.
fn differ(then: &[Change], now: &[Change]) -> usize {
    let known: HashMap<&WorkspacePath, &Change> = then.iter().map(|c| (&c.path, c)).collect();
    let same = |change: &&Change| {
        known.get(&change.path).is_some_and(|old| {
            let kind = |c: &Change| c.to.as_ref().map(|entry| (entry.kind.clone(), entry.mode));
            kind(old) == kind(change)
        })
    };
    let alike = now.iter().filter(same).count();
    (now.len() - alike)
        + then
            .len()
            .saturating_sub(alike)
            .saturating_sub(now.len() - alike)
}
