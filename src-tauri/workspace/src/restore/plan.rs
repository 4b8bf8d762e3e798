//! What differs between two trees, as a list of things to do.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use super::RestoreError;
use super::journal::selects;
use crate::path::WorkspacePath;
use crate::tree::{Entry, EntryKind, Tree};

/// Names of one folder.
pub type ByFolder<'t, T> = BTreeMap<Option<WorkspacePath>, Vec<T>>;

/// The steps, in the order in which they are taken.
#[derive(Debug, Default)]
pub struct Plan<'t> {
    /// What goes, inner folders after their content; the flag says whether it is a folder.
    pub remove: Vec<(&'t Entry, bool)>,
    /// Folders to make, outer ones first.
    pub make: Vec<&'t Entry>,
    /// Folders that do not let us in, outer ones first.
    pub open_up: Vec<&'t Entry>,
    /// Files and links.
    pub write: ByFolder<'t, Write<'t>>,
    /// Folders to be given their mode and time at the end; the inner ones come last.
    pub finish: BTreeMap<&'t WorkspacePath, &'t Entry>,
}

/// One file or link.
#[derive(Debug, Clone, Copy)]
pub struct Write<'t> {
    /// As it is wanted.
    pub entry: &'t Entry,
    /// What is to be done with it.
    pub how: How,
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing is there.
    Create,
    /// Another content is there.
    Replace,
    /// Only mode or time differ.
    Touch,
}

/// Halts where the current state is not known: what was not read could be the user's only copy.
pub(super) fn check_known(
    current: &Tree,
    only: Option<&[WorkspacePath]>,
) -> Result<(), RestoreError> {
    let concerns = |path: &Option<WorkspacePath>| match (path, only) {
        (None, _) | (_, None) => true,
        (Some(path), Some(only)) => only
            .iter()
            .any(|o| path.starts_with(o) || o.starts_with(path)),
    };
    match current.unreadable.iter().find(|u| concerns(&u.path)) {
        None => Ok(()),
        Some(unread) => Err(RestoreError::Unknown {
            path: unread
                .path
                .as_ref()
                .map_or_else(|| ".".to_owned(), ToString::to_string),
            reason: unread.reason.clone(),
        }),
    }
}

impl<'t> Plan<'t> {
    /// What makes `current` into `wanted`, or only these paths of it.
    pub fn new(current: &'t Tree, wanted: &'t Tree, only: Option<&[WorkspacePath]>) -> Self {
        let mut plan = Self::default();
        let mut changed: BTreeSet<Option<WorkspacePath>> = BTreeSet::new();
        let becomes = counterparts(current.entries(), wanted.entries());
        for (old, new) in current.entries().iter().zip(becomes).rev() {
            // What the wanted tree could not read when it was made is left alone.
            let unknown = !wanted.knows(&old.path);
            let stays = new.is_some_and(|new| is_same_kind(old, new));
            if stays || unknown || !selects(only, &old.path) {
                continue;
            }
            plan.remove.push((old, old.kind == EntryKind::Dir));
            changed.insert(old.path.parent());
            if old.kind == EntryKind::Dir && old.mode & 0o700 != 0o700 {
                plan.open_up.push(old);
            }
        }
        let parents = parents_of(only);
        let was = counterparts(wanted.entries(), current.entries());
        for (new, old) in wanted.entries().iter().zip(was) {
            let old = old.filter(|old| is_same_kind(old, new));
            let needed_parent = old.is_none() && parents.contains(&new.path);
            if !needed_parent && !selects(only, &new.path) {
                continue;
            }
            plan.add(new, old, &mut changed);
        }
        plan.open_up.sort_by(|a, b| a.path.cmp(&b.path));
        // Whatever happened in a folder changed its time.
        for folder in changed.into_iter().flatten() {
            if let Some(entry) = wanted.get(&folder).filter(|e| e.kind == EntryKind::Dir) {
                plan.finish.insert(&entry.path, entry);
            }
        }
        plan
    }

    fn add(
        &mut self,
        new: &'t Entry,
        old: Option<&'t Entry>,
        changed: &mut BTreeSet<Option<WorkspacePath>>,
    ) {
        let attributes = |old: &Entry| old.mode == new.mode && old.mtime == new.mtime;
        let how = match (&new.kind, old) {
            (EntryKind::Unsupported(_), _) => return,
            (EntryKind::Dir, None) => {
                self.make.push(new);
                self.finish.insert(&new.path, new);
                changed.insert(new.path.parent());
                return;
            }
            (EntryKind::Dir, Some(old)) => {
                if old.mode & 0o700 != 0o700 {
                    self.open_up.push(old);
                    self.finish.insert(&new.path, new);
                }
                if !attributes(old) {
                    self.finish.insert(&new.path, new);
                }
                return;
            }
            (_, None) => How::Create,
            (kind, Some(old)) if *kind != old.kind => How::Replace,
            (_, Some(old)) if attributes(old) => return,
            _ => How::Touch,
        };
        let folder = new.path.parent();
        if how != How::Touch {
            changed.insert(folder.clone());
        }
        self.write
            .entry(folder)
            .or_default()
            .push(Write { entry: new, how });
    }

    /// Steps in all, for the progress.
    pub fn steps(&self) -> usize {
        self.remove.len() + self.make.len() + self.write.values().map(Vec::len).sum::<usize>()
    }

    /// Bytes to be written.
    pub fn bytes(&self) -> u64 {
        self.write.values().flatten().map(Write::bytes).sum()
    }
}

impl Write<'_> {
    /// Bytes to be written.
    pub fn bytes(&self) -> u64 {
        match (self.how, &self.entry.kind) {
            (How::Create | How::Replace, EntryKind::File { size, .. }) => *size,
            _ => 0,
        }
    }
}

/// For each entry the one at the same path on the other side; both sorted.
fn counterparts<'t>(of: &[Entry], others: &'t [Entry]) -> Vec<Option<&'t Entry>> {
    let mut others = others.iter().peekable();
    let find = |entry: &Entry| loop {
        match others.peek()?.path.cmp(&entry.path) {
            Ordering::Less => drop(others.next()),
            Ordering::Equal => return others.next(),
            Ordering::Greater => return None,
        }
    };
    of.iter().map(find).collect()
}

fn is_same_kind(a: &Entry, b: &Entry) -> bool {
    match (&a.kind, &b.kind) {
        (EntryKind::Unsupported(a), EntryKind::Unsupported(b)) => a == b,
        (a, b) => discriminant(a) == discriminant(b),
    }
}

fn parents_of(only: Option<&[WorkspacePath]>) -> BTreeSet<WorkspacePath> {
    let parents = |path: &WorkspacePath| {
        std::iter::successors(path.parent(), WorkspacePath::parent).collect::<Vec<_>>()
    };
    only.unwrap_or_default().iter().flat_map(parents).collect()
}
