//! What differs between two trees, path by path, as a person or a script is told.

mod copies;
mod count;
mod list;
mod renames;
mod similarity;

pub(crate) use renames::percent;

use sandbox_workspace::{BlobSource, Cancel, Entry, EntryKind, Tree, WorkspacePath};
use serde::{Deserialize, Serialize};

use crate::risk::{self, Class, Refusal, Risk};
use crate::{Diff, ReviewError};

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Was not there.
    Added,
    /// Another content, or another target of a link; perhaps another mode too.
    Modified,
    /// Is no longer there.
    Deleted,
    /// Was elsewhere, with the same or a similar content.
    Renamed,
    /// Only the permission bits differ.
    Mode,
    /// Is of another kind: file, folder, link.
    Type,
}

/// What a changed path is now, or was if it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A FIFO, socket or device: shown, never written.
    Special,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where; of a rename the new place.
    pub path: WorkspacePath,
    /// Of a rename the old place.
    pub old_path: Option<WorkspacePath>,
    /// Of an added file the one that it began as a copy of, which is still there or was moved.
    #[serde(default)]
    pub copied_from: Option<WorkspacePath>,
    /// What happened.
    pub status: Status,
    /// What it is.
    pub kind: ChangeKind,
    /// The entry before, at `old_path` if it was renamed.
    pub from: Option<Entry>,
    /// The entry after.
    pub to: Option<Entry>,
    /// Whether a content of it is not text.
    pub binary: bool,
    /// Lines added; `None` where there are none to count: binary, or too large.
    pub additions: Option<u64>,
    /// Lines removed, likewise.
    pub deletions: Option<u64>,
    /// Why it wants a look of its own; empty for an ordinary file.
    pub risks: Vec<Risk>,
    /// Why it may never be copied out.
    pub refused: Option<Refusal>,
    /// Cannot be copied out for what it is (a FIFO, socket or device).
    pub unsupported: bool,
    /// Was written to while it was captured: capture again before copying out.
    pub torn: bool,
}

impl Change {
    /// Never part of "all": acts on the user's machine, or hides something.
    pub fn is_risky(&self) -> bool {
        !self.risks.is_empty()
    }

    /// Whether "accept all" takes it.
    pub fn is_ordinary(&self) -> bool {
        !self.is_risky() && self.refused.is_none() && !self.unsupported
    }

    /// Whether `path` names it: either end, or a folder that one of them lies in.
    pub fn is_named_by(&self, path: &WorkspacePath) -> bool {
        self.path.starts_with(path)
            || self
                .old_path
                .as_ref()
                .is_some_and(|old| old.starts_with(path))
    }

    /// The diff of its contents.
    pub fn diff(&self, blobs: &dyn BlobSource) -> Result<Diff, ReviewError> {
        crate::diff::of(self, blobs)
    }
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Sorted by path.
    pub list: Vec<Change>,
    /// Changed paths that the hand-over rules leave out, and internals of `.git`; counted, not listed.
    pub left_out: u64,
    /// A part of one of the trees could not be read: more may differ, and nothing there counts as deleted.
    pub unknown: bool,
    /// The whole workspace was emptied. The deletions are listed, and none may be copied out.
    pub emptied: bool,
}

/// How to compare.
pub struct Options<'a> {
    /// Whether the hand-over rules leave a path out.
    pub left_out: &'a (dyn Fn(&WorkspacePath) -> bool + Sync),
    /// Paths that the hand-over itself rewrote (placeholders, scrubbed credentials); sorted.
    pub ours: &'a [WorkspacePath],
    /// Whether renames are looked for.
    pub renames: bool,
    /// Whether lines are counted and contents examined for risks. Without it only names and attributes are.
    pub contents: bool,
    /// What an earlier comparison found, sorted by path: of a change that is the same at both ends nothing
    /// is read again.
    pub known: &'a [Change],
    /// Stops the comparison.
    pub cancel: Cancel,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            left_out: &|_| false,
            ours: &[],
            renames: true,
            contents: true,
            known: &[],
            cancel: Cancel::default(),
        }
    }
}

/// Compares two trees. Modification times are no change; a folder is one only if it is empty or of
/// another mode or kind; what could not be read is never taken for deleted.
pub fn compare(
    from: &Tree,
    to: &Tree,
    blobs: &dyn BlobSource,
    options: &Options<'_>,
) -> Result<Changes, ReviewError> {
    let mut found = list::differences(from, to, options.left_out);
    if options.renames {
        renames::find(&mut found.list, blobs, &options.cancel)?;
        copies::find(&mut found.list, from, blobs, &options.cancel)?;
    }
    let emptied = to.entries().is_empty() && to.is_complete() && from.entries().len() > 1;
    for change in &mut found.list {
        judge(change, from, to, options.ours, emptied);
    }
    if options.contents {
        count::fill(&mut found.list, blobs, options.known, &options.cancel)?;
    }
    Ok(Changes {
        list: found.list,
        left_out: found.left_out,
        unknown: !from.is_complete() || !to.is_complete(),
        emptied,
    })
}

/// What can be said by names and attributes alone.
fn judge(change: &mut Change, from: &Tree, to: &Tree, ours: &[WorkspacePath], emptied: bool) {
    let ends = [Some(&change.path), change.old_path.as_ref()];
    change.refused = ends.into_iter().flatten().find_map(|path| {
        if let Some(refusal) = risk::refusal(path) {
            return Some(refusal);
        }
        ours.binary_search(path).is_ok().then_some(Refusal::Ours)
    });
    if emptied && change.refused.is_none() {
        change.refused = Some(Refusal::Emptied);
    }
    change.risks = risk::by_name(change);
    if let Some(folder) = bare_repository(change, from, to) {
        change.risks.push(Risk::new(
            Class::RunsByItself,
            "The folder becomes a git repository that git uses without asking.",
            &folder,
        ));
    }
    let special = |entry: &Option<Entry>| {
        matches!(
            entry,
            Some(Entry {
                kind: EntryKind::Unsupported(_),
                ..
            })
        )
    };
    change.unsupported = special(&change.to) || special(&change.from);
    change.torn = to.torn.binary_search(&change.path).is_ok();
}

/// A folder with `HEAD`, `objects` and `refs` is taken by git for a repository, wherever it lies
/// (CVE-2026-45033): what is new in it can name programs to run.
fn bare_repository(change: &Change, _from: &Tree, to: &Tree) -> Option<String> {
    change.to.as_ref()?;
    let mut folder = change.path.parent();
    while let Some(at) = folder {
        let has = |name: &[u8]| {
            at.join(name)
                .ok()
                .is_some_and(|path| to.get(&path).is_some())
        };
        if has(b"HEAD") && has(b"objects") && has(b"refs") {
            return Some(at.to_lossy());
        }
        folder = at.parent();
    }
    None
}
