//! Which added files began as a copy of another: shown, so that nobody reads a thousand lines for new.

use std::collections::HashMap;

use sandbox_workspace::{BlobId, BlobSource, Cancel, EntryKind, Tree, WorkspacePath};

use super::similarity::{MAX_SCORE, Pieces, sizes_allow};
use super::{Change, Status};
use crate::ReviewError;

/// Shorter contents are alike by chance: empty files, one-line stubs.
const SHORTEST: u64 = 64;
/// Least similarity of a copy that was edited, as git's default.
const LEAST: u64 = MAX_SCORE / 2;
/// Beyond this many pairs only equal contents are looked for.
const MOST_PAIRS: usize = 10_000;
/// Larger files are only matched whole.
const MOST_BYTES: u64 = 1 << 20;

/// Names the source of each added file that has one: a file of before with the same content, or, as git's
/// `-C`, a modified one with a similar content.
pub(super) fn find(
    list: &mut [Change],
    from: &Tree,
    blobs: &dyn BlobSource,
    cancel: &Cancel,
) -> Result<(), ReviewError> {
    let added: Vec<usize> = (0..list.len())
        .filter(|at| list[*at].status == Status::Added && size_of(&list[*at], true).is_some())
        .collect();
    if added.is_empty() {
        return Ok(());
    }
    let wanted: HashMap<BlobId, ()> = added
        .iter()
        .filter_map(|at| size_of(&list[*at], true).map(|(blob, _)| (blob, ())))
        .collect();
    let mut sources: HashMap<BlobId, &WorkspacePath> = HashMap::new();
    for entry in from.entries() {
        if let EntryKind::File { blob, .. } = &entry.kind
            && wanted.contains_key(blob)
        {
            sources.entry(*blob).or_insert(&entry.path);
        }
    }
    let mut left = Vec::new();
    for at in added {
        match size_of(&list[at], true).and_then(|(blob, _)| sources.get(&blob)) {
            Some(source) => list[at].copied_from = Some((*source).clone()),
            None => left.push(at),
        }
    }
    similar(list, &left, blobs, cancel)
}

fn similar(
    list: &mut [Change],
    left: &[usize],
    blobs: &dyn BlobSource,
    cancel: &Cancel,
) -> Result<(), ReviewError> {
    let modified: Vec<usize> = (0..list.len())
        .filter(|at| list[*at].status == Status::Modified && size_of(&list[*at], false).is_some())
        .collect();
    if left.is_empty() || left.len().saturating_mul(modified.len()) > MOST_PAIRS {
        return Ok(());
    }
    let mut old = Vec::with_capacity(modified.len());
    for at in modified {
        old.extend(pieces(&list[at], false, blobs)?.map(|(size, pieces)| (at, size, pieces)));
    }
    for at in left {
        if cancel.is_cancelled() {
            return Err(ReviewError::Cancelled);
        }
        let Some((size, new)) = pieces(&list[*at], true, blobs)? else {
            continue;
        };
        let best = old
            .iter()
            .filter(|(_, from, _)| sizes_allow(*from, size, LEAST))
            .map(|(from, _, pieces)| (new.score(pieces), *from))
            .filter(|(score, _)| *score >= LEAST)
            // Of equal ones the first, so that the answer is the same each time.
            .max_by_key(|(score, from)| (*score, std::cmp::Reverse(*from)));
        list[*at].copied_from = best.map(|(_, from)| list[from].path.clone());
    }
    Ok(())
}

fn size_of(change: &Change, new: bool) -> Option<(BlobId, u64)> {
    let entry = if new { &change.to } else { &change.from };
    match entry.as_ref()?.kind {
        EntryKind::File { blob, size } if size >= SHORTEST => Some((blob, size)),
        _ => None,
    }
}

fn pieces(
    change: &Change,
    new: bool,
    blobs: &dyn BlobSource,
) -> Result<Option<(u64, Pieces)>, ReviewError> {
    let Some((blob, size)) = size_of(change, new).filter(|(_, size)| *size <= MOST_BYTES) else {
        return Ok(None);
    };
    let bytes = blobs
        .read(&blob, size)
        .map_err(|source| ReviewError::Content {
            path: change.path.clone(),
            blob,
            source,
        })?;
    Ok(Some((size, Pieces::of(&bytes))))
}
