//! What a copy-out would do, made before anything is touched: steps, conflicts, merges, skips.

use std::collections::{BTreeMap, HashSet};

use sandbox_workspace::{
    BlobId, BlobSource, Dir, Entry, EntryKind, FileTime, MemoryBlobs, Tree, WorkspacePath,
};
use serde::{Deserialize, Serialize};

use super::look::{Found, look};
use super::planner::{Planner, read_file};
use super::step::{Like, Step};
use super::{BaseMove, CopyOutError, CopyOutId};
use crate::decisions::Outcome;
use crate::{Change, Status};

/// Contents beyond this many bytes are not merged.
pub(super) const MERGE_MOST: u64 = 16 << 20;

/// One accepted change.
#[derive(Debug, Clone)]
pub struct Pick {
    /// The change.
    pub change: Change,
    /// All of it, or the content that some of its lines make. Such a content becomes part of the base: the
    /// caller adds it to the store before [`super::execute`].
    pub outcome: Outcome,
}

/// What to plan.
pub struct Request<'a> {
    /// The user's folder.
    pub project: &'a Dir,
    /// What workspace and project last had in common.
    pub base: &'a Tree,
    /// The frozen workspace that was reviewed.
    pub capture: &'a Tree,
    /// The name of the capture, for the record.
    pub capture_id: Option<String>,
    /// The accepted changes between the two.
    pub picks: &'a [Pick],
    /// The contents of both trees.
    pub blobs: &'a dyn BlobSource,
    /// Whether a file that the user changed too is merged where the changes lie apart. Else it is a conflict.
    pub merge: bool,
    /// Whether the rest is written where there are conflicts. Else nothing is.
    pub leave_conflicts: bool,
    /// How the user settled conflicts.
    pub resolutions: &'a [Resolution],
}

/// How the user settled one conflict, and what they saw when they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The path.
    pub path: WorkspacePath,
    /// The project's entry that was shown; if it changed since, it is a conflict again.
    pub yours: Option<Entry>,
    /// What is to be there.
    pub take: Take,
}

/// Which side of a conflict is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// The project's: nothing is written, and the change is not proposed again.
    Yours,
    /// The agent's.
    Agents,
    /// A text made of both.
    Merged(Vec<u8>),
}

/// The user's side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yours {
    /// What lies there now; to be given back in the [`Resolution`].
    pub entry: Entry,
    /// The content, of a file of at most 16 MiB.
    pub content: Option<Vec<u8>>,
}

/// What lies at a path of the project now.
pub fn yours(project: &Dir, path: &WorkspacePath) -> Result<Option<Yours>, CopyOutError> {
    let found = look(project, path).map_err(CopyOutError::file("looking at the project"))?;
    let Found::Entry(entry) = found else {
        return Ok(None);
    };
    let content = match entry.kind {
        EntryKind::File { size, .. } if size <= MERGE_MOST => Some(read_file(project, path)?),
        _ => None,
    };
    Ok(Some(Yours { entry, content }))
}

/// Why a path cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The user changed it too, and the changes do not go together.
    Changed,
    /// The user deleted it.
    Deleted,
    /// The user made something there.
    Appeared,
    /// Only its mode differs from what was expected.
    Mode,
    /// It is of another kind now.
    Kind,
    /// A folder that would have to go holds something else.
    NotEmpty,
    /// A part of the way there is not a folder.
    Blocked,
    /// The project's file system takes its name for that of another file.
    SameName,
    /// The project's file system cannot hold it: a symbolic link, or such a name.
    CannotHold,
}

impl Reason {
    /// In plain words, after "because".
    pub fn words(self) -> &'static str {
        match self {
            Self::Changed => "you changed it too",
            Self::Deleted => "you deleted it",
            Self::Appeared => "you made something there too",
            Self::Mode => "you changed its permissions",
            Self::Kind => "it is of another kind now",
            Self::NotEmpty => "something else lies in the folder",
            Self::Blocked => "a part of the way there is not a folder",
            Self::SameName => "your folder takes its name for that of another file",
            Self::CannotHold => "the disk of your folder cannot hold such a name or link",
        }
    }

    /// Whether it is of the disk, so that no choice between versions settles it.
    pub fn is_of_the_disk(self) -> bool {
        matches!(self, Self::SameName | Self::CannotHold)
    }
}

/// A path that is neither as it was nor as it would become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The path.
    pub path: WorkspacePath,
    /// Why.
    pub reason: Reason,
}

/// Why a change was left out without being asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// Acts on the user's machine: needs its own yes.
    Risky,
    /// Never copied out.
    Refused,
    /// A FIFO, socket or device.
    Unsupported,
    /// Left out by the hand-over rules.
    LeftOut,
    /// The project has it already.
    Same,
}

/// A change that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The path.
    pub path: WorkspacePath,
    /// Why.
    pub reason: Skip,
}

/// What will be done, or why not.
pub struct Plan {
    /// Paths that are neither base nor capture. With any, nothing is written (unless asked for).
    pub conflicts: Vec<Conflict>,
    /// Changes that will be written.
    pub applied: Vec<WorkspacePath>,
    /// Those of them that were merged with the user's own.
    pub merged: Vec<WorkspacePath>,
    /// What is left out.
    pub skipped: Vec<Skipped>,
    pub(super) capture: Option<String>,
    pub(super) undoes: Option<CopyOutId>,
    pub(super) leave_conflicts: bool,
    pub(super) steps: Vec<Step>,
    pub(super) bases: Vec<BaseMove>,
    /// Contents that are in no capture: merged and partly accepted ones.
    pub(super) made: MemoryBlobs,
    /// Of an undo: the stages that hold the backups.
    pub(super) backups: Option<super::undo::Backups>,
}

impl Plan {
    /// Bytes that would be written.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(Step::bytes).sum()
    }
}

/// Sorts changes into those that "accept all" takes and those that need their own yes.
pub fn choose(changes: &[Change], include_risky: bool) -> (Vec<Pick>, Vec<Skipped>) {
    let mut picks = Vec::new();
    let mut skipped = Vec::new();
    for change in changes {
        let reason = if change.refused.is_some() {
            Some(Skip::Refused)
        } else if change.unsupported {
            Some(Skip::Unsupported)
        } else {
            (change.is_risky() && !include_risky).then_some(Skip::Risky)
        };
        match reason {
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
    (picks, skipped)
}

/// One path that is to become something.
pub(super) struct Wish {
    pub(super) path: WorkspacePath,
    /// What must be there.
    pub(super) base: Option<Entry>,
    /// What is to be there.
    pub(super) wanted: Option<Entry>,
    pub(super) like: Like,
    pub(super) mtime: Option<FileTime>,
    /// A folder that stays if something else lies in it.
    pub(super) optional: bool,
    /// Wishes of one group are granted together.
    pub(super) group: usize,
}

/// Plans a copy-out. Reads the project and changes nothing; on a file system that is not known to hold every
/// name, link and mode it tries that in a folder of its own (`.agent-sandbox-tx-…`), which is gone afterwards.
pub fn plan(request: &Request<'_>) -> Result<Plan, CopyOutError> {
    let mut made = MemoryBlobs::default();
    let mut skipped = Vec::new();
    let mut wishes = Vec::new();
    for (group, pick) in request.picks.iter().enumerate() {
        let barred = if pick.change.refused.is_some() {
            Some(Skip::Refused)
        } else {
            pick.change.unsupported.then_some(Skip::Unsupported)
        };
        if let Some(reason) = barred {
            skipped.push(Skipped {
                path: pick.change.path.clone(),
                reason,
            });
            continue;
        }
        wishes.extend(wishes_of(pick, group, &mut made));
    }
    wishes.extend(emptied_folders(&wishes, request.base, request.capture));
    let names: Vec<&WorkspacePath> = request.picks.iter().map(|p| &p.change.path).collect();
    let both = Both(&made, request.blobs);
    let mut planner = Planner::new(request.project, &both, request.merge);
    planner.folder_mode = Some(Box::new(|path| {
        let entry = request
            .capture
            .get(path)
            .filter(|e| e.kind == EntryKind::Dir);
        entry.map(|e| e.mode & 0o777)
    }));
    planner.resolutions = request.resolutions;
    planner.known = Some(Box::new(|path| {
        request.base.get(path).is_some() || request.capture.get(path).is_some()
    }));
    planner.grant(wishes)?;
    let mut plan = planner.finish(&names)?;
    plan.skipped.extend(skipped);
    plan.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    plan.capture = request.capture_id.clone();
    plan.leave_conflicts = request.leave_conflicts;
    for pick in request.picks {
        if let Outcome::Part { content, .. } = &pick.outcome {
            plan.made.add(content.clone());
        }
    }
    Ok(plan)
}

fn wishes_of(pick: &Pick, group: usize, made: &mut MemoryBlobs) -> Vec<Wish> {
    let change = &pick.change;
    let wanted = match &pick.outcome {
        Outcome::Whole => change.to.clone(),
        Outcome::Part { entry, content } => {
            made.add(content.clone());
            Some(entry.clone())
        }
    };
    let wish = |path: &WorkspacePath, base, wanted, like| Wish {
        path: path.clone(),
        base,
        wanted,
        like,
        mtime: None,
        optional: false,
        group,
    };
    match &change.old_path {
        Some(old) => vec![
            wish(old, change.from.clone(), None, Like::Folder),
            wish(&change.path, None, wanted, Like::Path(old.clone())),
        ],
        None => vec![wish(
            &change.path,
            change.from.clone(),
            wanted,
            Like::Folder,
        )],
    }
}

/// Folders that the capture no longer has, above what goes: removed where nothing else is in them.
fn emptied_folders(wishes: &[Wish], base: &Tree, capture: &Tree) -> Vec<Wish> {
    let named: HashSet<&WorkspacePath> = wishes.iter().map(|wish| &wish.path).collect();
    let mut folders = BTreeMap::new();
    for wish in wishes.iter().filter(|wish| wish.wanted.is_none()) {
        let mut above = wish.path.parent();
        while let Some(folder) = above {
            let was = base.get(&folder).filter(|e| e.kind == EntryKind::Dir);
            let gone = capture.get(&folder).is_none() && capture.knows(&folder);
            if let (Some(entry), true, false) = (was, gone, named.contains(&folder)) {
                folders
                    .entry(folder.clone())
                    .or_insert_with(|| (entry.clone(), wish.group));
            }
            above = folder.parent();
        }
    }
    folders
        .into_iter()
        .map(|(path, (entry, group))| Wish {
            path,
            base: Some(entry),
            wanted: None,
            like: Like::Folder,
            mtime: None,
            optional: true,
            group,
        })
        .collect()
}

/// Contents made here over those of the store.
pub(super) struct Both<'a>(pub(super) &'a MemoryBlobs, pub(super) &'a dyn BlobSource);

impl BlobSource for Both<'_> {
    fn open(&self, id: &BlobId) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
        match self.0.open(id) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => self.1.open(id),
            found => found,
        }
    }
}

impl Change {
    /// Whether a copy-out of it writes a file's content.
    pub fn writes(&self) -> bool {
        self.status != Status::Deleted
    }
}
