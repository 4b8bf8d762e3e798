//! Folders put together in the order of a tree.

use std::collections::HashMap;

use super::walk::Described;
use crate::path::WorkspacePath;
use crate::tree::{Entry, EntryKind};

/// What one folder holds, in order, when folders are known by numbers.
pub(super) struct Numbered {
    /// What it is itself; `None`: it is gone, or was not reached.
    pub own: Option<Described>,
    pub entries: Vec<Entry>,
    /// The number of the first folder in it; those after it follow.
    pub first: usize,
}

/// As [`assemble`], of folders that have numbers: those below `roots` are nobody's children.
pub(super) fn assemble_numbered(folders: Vec<(usize, Numbered)>, roots: usize) -> Vec<Entry> {
    let total = folders.iter().map(|(_, folder)| folder.entries.len()).sum();
    let highest = folders.iter().map(|(number, _)| number + 1).max();
    let mut by_number: Vec<Option<Numbered>> = Vec::new();
    by_number.resize_with(highest.unwrap_or(0), || None);
    for (number, folder) in folders {
        by_number[number] = Some(folder);
    }
    let mut take = |number: usize| by_number.get_mut(number).and_then(Option::take);
    let mut sorted = Vec::with_capacity(total);
    for root in 0..roots {
        let Some(root) = take(root) else { continue };
        let mut open = vec![(root.entries.into_iter(), root.first)];
        while let Some((entries, next)) = open.last_mut() {
            let Some(entry) = entries.next() else {
                open.pop();
                continue;
            };
            if entry.kind != EntryKind::Dir {
                sorted.push(entry);
                continue;
            }
            let number = *next;
            *next += 1;
            if let Some(below) = take(number)
                && let Some((kind, mode, mtime)) = below.own
            {
                sorted.push(Entry {
                    path: entry.path,
                    kind,
                    mode,
                    mtime,
                });
                open.push((below.entries.into_iter(), below.first));
            }
        }
    }
    sorted
}

/// The entries of all folders, each in any order, in the order of a tree. Folders whose parent is not among them are
/// roots of their own.
pub(crate) fn assemble(mut folders: HashMap<Option<WorkspacePath>, Vec<Entry>>) -> Vec<Entry> {
    let mut sorted = Vec::with_capacity(folders.values().map(Vec::len).sum());
    for entries in folders.values_mut() {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    }
    let mut roots: Vec<_> = match folders.remove(&None) {
        Some(root) => vec![root],
        None => {
            let known: std::collections::HashSet<WorkspacePath> =
                folders.values().flatten().map(|e| e.path.clone()).collect();
            let mut tops: Vec<_> = folders
                .keys()
                .flatten()
                .filter(|p| !known.contains(*p))
                .cloned()
                .collect();
            tops.sort();
            tops.into_iter()
                .filter_map(|p| folders.remove(&Some(p)))
                .collect()
        }
    };
    roots.reverse();
    for root in std::iter::from_fn(|| roots.pop()) {
        let mut open = vec![root.into_iter()];
        while let Some(folder) = open.last_mut() {
            let Some(entry) = folder.next() else {
                open.pop();
                continue;
            };
            let below = (entry.kind == EntryKind::Dir).then(|| Some(entry.path.clone()));
            sorted.push(entry);
            if let Some(below) = below.and_then(|path| folders.remove(&path)) {
                open.push(below.into_iter());
            }
        }
    }
    sorted
}
