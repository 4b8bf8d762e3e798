//! A scan of some paths only, put into the tree that was known.

use std::collections::BTreeSet;

use super::walk::Walk;
use super::{Scan, ScanError, ScanOptions};
use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError, Kind};
use crate::path::WorkspacePath;
use crate::tree::{Entry, Tree};

pub(super) fn rescan(
    root: &Dir,
    previous: Tree,
    hints: &[WorkspacePath],
    sink: &dyn BlobSink,
    options: &ScanOptions<'_>,
) -> Result<Scan, ScanError> {
    let tops = tops(root, hints)?;
    let above: BTreeSet<WorkspacePath> = tops.iter().flat_map(ancestors).collect();
    let walk = Walk::new(root, sink, options);
    let mut fresh: Vec<Entry> = tops.iter().filter_map(|path| walk.single(path)).collect();
    let kept_above: Vec<Entry> = above.iter().filter_map(|path| walk.single(path)).collect();
    let folders: Vec<_> = fresh
        .iter()
        .filter(|e| e.kind == crate::tree::EntryKind::Dir)
        .map(|e| Some(e.path.clone()))
        .collect();
    let mut scan = walk.run(folders)?;
    fresh.extend(kept_above);
    let mut notes = std::mem::take(&mut scan.tree);
    let (unreadable, torn) = (
        std::mem::take(&mut notes.unreadable),
        std::mem::take(&mut notes.torn),
    );
    fresh.extend(notes.into_entries());
    fresh.sort_by(|a, b| a.path.cmp(&b.path));
    scan.tree = merge(previous, fresh, &tops, &above);
    scan.tree.unreadable.extend(unreadable);
    scan.tree.torn.extend(torn);
    scan.tree.torn.sort();
    Ok(scan)
}

/// The hints, each moved up to the first name whose folder is there, without those below another.
fn tops(root: &Dir, hints: &[WorkspacePath]) -> Result<Vec<WorkspacePath>, ScanError> {
    let mut moved = Vec::with_capacity(hints.len());
    for hint in hints {
        moved.push(reachable(root, hint).map_err(ScanError::Root)?);
    }
    moved.sort();
    moved.dedup_by(|later, earlier| later.starts_with(earlier));
    Ok(moved)
}

fn reachable(root: &Dir, hint: &WorkspacePath) -> Result<WorkspacePath, FsError> {
    let mut path = hint.clone();
    while let Some(parent) = path.parent() {
        let found = root.stat_path(&parent);
        if found.is_ok_and(|s| s.kind == Kind::Dir) {
            break;
        }
        path = parent;
    }
    Ok(path)
}

fn ancestors(path: &WorkspacePath) -> Vec<WorkspacePath> {
    std::iter::successors(path.parent(), WorkspacePath::parent).collect()
}

fn merge(
    mut previous: Tree,
    fresh: Vec<Entry>,
    tops: &[WorkspacePath],
    above: &BTreeSet<WorkspacePath>,
) -> Tree {
    let looked_at = |path: &WorkspacePath| {
        // The last top that is not after the path is the only one it can lie below.
        let at = tops.partition_point(|top| top <= path);
        at > 0 && path.starts_with(&tops[at - 1])
    };
    let mut unreadable = std::mem::take(&mut previous.unreadable);
    let mut torn = std::mem::take(&mut previous.torn);
    unreadable.retain(|u| u.path.as_ref().is_none_or(|p| !looked_at(p)));
    torn.retain(|p| !looked_at(p));
    let mut merged = Vec::with_capacity(previous.entries().len() + fresh.len());
    let mut fresh = fresh.into_iter().peekable();
    let kept = previous.into_entries().into_iter();
    for old in kept.filter(|e| !looked_at(&e.path) && !above.contains(&e.path)) {
        while let Some(new) = fresh.next_if(|new| new.path < old.path) {
            merged.push(new);
        }
        merged.push(old);
    }
    merged.extend(fresh);
    let mut tree = Tree::from_sorted(merged);
    tree.unreadable = unreadable;
    tree.torn = torn;
    tree
}
