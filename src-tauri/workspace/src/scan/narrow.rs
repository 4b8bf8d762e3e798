//! A scan of some paths only, put into what was known.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::walk::{Walk, check_root};
use super::{Scan, ScanError, ScanOptions};
use crate::blobs::BlobSink;
use crate::confined::{Dir, Kind, Stat};
use crate::path::WorkspacePath;
use crate::tree::{Entry, EntryKind, Tree};

pub(super) fn rescan(
    root: &Dir,
    previous: Scan,
    hints: &[WorkspacePath],
    sink: &dyn BlobSink,
    options: &ScanOptions<'_>,
) -> Result<Scan, ScanError> {
    // A root that is gone says nothing about what lies below it.
    check_root(root)?;
    let tops = Tops::new(root, options).of(hints);
    let above: BTreeSet<WorkspacePath> = tops.iter().flat_map(ancestors).collect();
    let options = ScanOptions {
        index: options.index.or(Some(&previous.index)),
        ..*options
    };
    let walk = Walk::new(root, sink, &options);
    let mut fresh = walk.alone(&tops);
    let kept_above = walk.alone(&above.iter().cloned().collect::<Vec<_>>());
    let folders: Vec<_> = fresh
        .iter()
        .filter(|e| e.kind == EntryKind::Dir)
        .map(|e| Some(e.path.clone()))
        .collect();
    let found = walk.run(folders)?;
    check_root(root)?;
    let Tree {
        unreadable, torn, ..
    } = &found.tree;
    let notes = (unreadable.clone(), torn.clone());
    fresh.extend(kept_above);
    fresh.extend(found.tree.into_entries());
    fresh.sort_by(|a, b| a.path.cmp(&b.path));
    let looked_at = LookedAt(&tops);
    let mut tree = merge(previous.tree, fresh, looked_at, &above);
    tree.unreadable.extend(notes.0);
    tree.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    tree.unreadable.dedup_by(|a, b| a.path == b.path);
    tree.torn.extend(notes.1);
    tree.torn.sort();
    tree.torn.dedup();
    let mut skipped = previous.skipped;
    skipped.retain(|path| !looked_at.has(path));
    skipped.extend(found.skipped);
    skipped.sort();
    skipped.dedup();
    let mut index = previous.index;
    index.extend(found.index);
    Ok(Scan {
        tree,
        index,
        skipped,
        read_files: found.read_files,
        read_bytes: found.read_bytes,
    })
}

/// Where to look for a hint: at the first name on its way that is no folder, or is passed over.
struct Tops<'a> {
    root: &'a Dir,
    options: &'a ScanOptions<'a>,
    /// Of each folder that was asked about, the name to look at instead, if it is not to be entered.
    instead: HashMap<WorkspacePath, Option<WorkspacePath>>,
}

impl<'a> Tops<'a> {
    fn new(root: &'a Dir, options: &'a ScanOptions<'a>) -> Self {
        Self {
            root,
            options,
            instead: HashMap::new(),
        }
    }

    /// In order, none below another.
    fn of(mut self, hints: &[WorkspacePath]) -> Vec<WorkspacePath> {
        let mut tops: Vec<_> = hints.iter().map(|hint| self.top(hint)).collect();
        tops.sort();
        tops.dedup_by(|later, earlier| later.starts_with(earlier));
        tops
    }

    fn top(&mut self, hint: &WorkspacePath) -> WorkspacePath {
        let mut folders = ancestors(hint);
        // The outermost first: what lies in a folder that is passed over is not asked about.
        folders.reverse();
        let mut new = Vec::new();
        for folder in folders {
            match self.instead.get(&folder) {
                Some(Some(instead)) => return instead.clone(),
                Some(None) => {}
                None if self.options.skip.is_some_and(|skip| skip(&folder, true)) => {
                    // Itself, unless one above it is no folder.
                    let instead = self.enter(new).unwrap_or_else(|| folder.clone());
                    self.instead.insert(folder, Some(instead.clone()));
                    return instead;
                }
                None => new.push(folder),
            }
        }
        self.enter(new).unwrap_or_else(|| hint.clone())
    }

    /// Sees to it that these are folders, each lying in the one before; else the name of the first that is not.
    fn enter(&mut self, folders: Vec<WorkspacePath>) -> Option<WorkspacePath> {
        let innermost = folders.last()?;
        let all = self.root.place(Some(innermost)).is_ok();
        for folder in folders {
            let is_folder = |stat: Stat| stat.kind == Kind::Dir;
            if !all && !self.root.stat_path(&folder).is_ok_and(is_folder) {
                self.instead.insert(folder.clone(), Some(folder.clone()));
                return Some(folder);
            }
            self.instead.insert(folder, None);
        }
        None
    }
}

/// From the nearest to the outermost.
fn ancestors(path: &WorkspacePath) -> Vec<WorkspacePath> {
    std::iter::successors(path.parent(), WorkspacePath::parent).collect()
}

/// Sorted paths, none below another, and all that lies below them.
#[derive(Clone, Copy)]
struct LookedAt<'a>(&'a [WorkspacePath]);

impl LookedAt<'_> {
    fn has(self, path: &WorkspacePath) -> bool {
        // The last top that is not after the path is the only one it can lie below.
        let at = self.0.partition_point(|top| top <= path);
        at > 0 && path.starts_with(&self.0[at - 1])
    }

    /// Where they and the folders above them lie in a tree.
    fn places(self, tree: &Tree, above: &BTreeSet<WorkspacePath>) -> Vec<Range<usize>> {
        let entries = tree.entries();
        let begin = |path: &WorkspacePath| entries.partition_point(|e| e.path < *path);
        let whole = self.0.iter().map(|top| {
            let from = begin(top);
            from..from + entries[from..].partition_point(|e| e.path.starts_with(top))
        });
        let alone = above.iter().map(|path| {
            let from = begin(path);
            from..from + usize::from(entries.get(from).is_some_and(|e| e.path == *path))
        });
        let mut places: Vec<_> = whole.chain(alone).filter(|r| !r.is_empty()).collect();
        places.sort_by_key(|range| range.start);
        places
    }
}

fn merge(
    mut previous: Tree,
    fresh: Vec<Entry>,
    looked_at: LookedAt<'_>,
    above: &BTreeSet<WorkspacePath>,
) -> Tree {
    let mut unreadable = std::mem::take(&mut previous.unreadable);
    let mut torn = std::mem::take(&mut previous.torn);
    // Of a folder above, only itself was looked at: what could not be read in it is still unknown.
    unreadable.retain(|u| u.path.as_ref().is_none_or(|p| !looked_at.has(p)));
    torn.retain(|p| !looked_at.has(p));
    let replaced = looked_at.places(&previous, above);
    let entries = merge_entries(previous.into_entries(), fresh, replaced);
    let mut tree = Tree::from_sorted(entries);
    tree.unreadable = unreadable;
    tree.torn = torn;
    tree
}

/// Puts the fresh entries in place of those at the places given; all are in order.
fn merge_entries(
    mut previous: Vec<Entry>,
    fresh: Vec<Entry>,
    replaced: Vec<Range<usize>>,
) -> Vec<Entry> {
    let are_the_same = replaced.iter().map(Range::len).sum::<usize>() == fresh.len()
        && replaced
            .iter()
            .cloned()
            .flatten()
            .zip(&fresh)
            .all(|(at, new)| previous[at].path == new.path);
    if are_the_same {
        // The usual: nothing came, nothing went, and nothing needs to be moved.
        for (at, new) in replaced.into_iter().flatten().zip(fresh) {
            previous[at] = new;
        }
        return previous;
    }
    let mut replaced = replaced.into_iter().peekable();
    let mut merged = Vec::with_capacity(previous.len() + fresh.len());
    let mut fresh = fresh.into_iter().peekable();
    for (at, old) in previous.into_iter().enumerate() {
        while replaced.next_if(|range| range.end <= at).is_some() {}
        if replaced.peek().is_some_and(|range| range.contains(&at)) {
            continue;
        }
        while let Some(new) = fresh.next_if(|new| new.path < old.path) {
            merged.push(new);
        }
        merged.push(old);
    }
    merged.extend(fresh);
    merged
}
