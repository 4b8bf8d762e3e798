//! Two sorted trees walked side by side.

use std::cmp::Ordering;

use sandbox_workspace::{Entry, EntryKind, Tree, WorkspacePath};

use super::{Change, ChangeKind, Status};
use crate::risk;

pub(super) struct Found {
    pub(super) list: Vec<Change>,
    pub(super) left_out: u64,
}

pub(super) fn differences(
    from: &Tree,
    to: &Tree,
    left_out: &(dyn Fn(&WorkspacePath) -> bool + Sync),
) -> Found {
    let mut found = Found {
        list: Vec::new(),
        left_out: 0,
    };
    let (mut a, mut b) = (0, 0);
    loop {
        let pair = match (from.entries().get(a), to.entries().get(b)) {
            (None, None) => return found,
            (Some(old), None) => (Some(old), None),
            (None, Some(new)) => (None, Some(new)),
            (Some(old), Some(new)) => match old.path.cmp(&new.path) {
                Ordering::Less => (Some(old), None),
                Ordering::Greater => (None, Some(new)),
                Ordering::Equal => (Some(old), Some(new)),
            },
        };
        a += usize::from(pair.0.is_some());
        b += usize::from(pair.1.is_some());
        let Some(change) = one(pair.0, pair.1, from, to) else {
            continue;
        };
        // The caller is asked first: it may note what is left out.
        if left_out(&change.path) || risk::is_git_internal(&change.path) {
            found.left_out += 1;
        } else {
            found.list.push(change);
        }
    }
}

fn one(old: Option<&Entry>, new: Option<&Entry>, from: &Tree, to: &Tree) -> Option<Change> {
    let status = match (old, new) {
        (Some(old), Some(new)) => both(old, new)?,
        (None, Some(new)) => {
            // Not read before is not the same as not there before.
            let listed = new.kind != EntryKind::Dir || to.below(&new.path).is_empty();
            (listed && from.knows(&new.path)).then_some(Status::Added)?
        }
        (Some(old), None) => {
            let listed = old.kind != EntryKind::Dir || from.below(&old.path).is_empty();
            (listed && to.knows(&old.path)).then_some(Status::Deleted)?
        }
        (None, None) => return None,
    };
    let shown = new.or(old)?;
    Some(Change {
        path: shown.path.clone(),
        old_path: None,
        copied_from: None,
        status,
        kind: ChangeKind::of(&shown.kind),
        from: old.cloned(),
        to: new.cloned(),
        binary: false,
        additions: None,
        deletions: None,
        risks: Vec::new(),
        refused: None,
        unsupported: false,
        torn: false,
    })
}

fn both(old: &Entry, new: &Entry) -> Option<Status> {
    let mode_differs = old.mode & 0o777 != new.mode & 0o777;
    match (&old.kind, &new.kind) {
        (EntryKind::File { blob: a, .. }, EntryKind::File { blob: b, .. }) if a != b => {
            Some(Status::Modified)
        }
        (EntryKind::Symlink { target: a }, EntryKind::Symlink { target: b }) => {
            (a != b).then_some(Status::Modified)
        }
        (EntryKind::File { .. }, EntryKind::File { .. }) | (EntryKind::Dir, EntryKind::Dir) => {
            mode_differs.then_some(Status::Mode)
        }
        (EntryKind::Unsupported(a), EntryKind::Unsupported(b)) => (a != b).then_some(Status::Type),
        _ => Some(Status::Type),
    }
}

impl ChangeKind {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Self::of(&entry.kind)
    }

    fn of(kind: &EntryKind) -> Self {
        match kind {
            EntryKind::File { .. } => Self::File,
            EntryKind::Dir => Self::Dir,
            EntryKind::Symlink { .. } => Self::Symlink,
            EntryKind::Unsupported(_) => Self::Special,
        }
    }
}
