//! Which deleted and added files are one file that moved. As git: same content first, then the same
//! name with a similar content, then the most similar pairs.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use sandbox_workspace::{BlobId, BlobSource, Cancel, EntryKind};

use super::similarity::{MAX_SCORE, Pieces, sizes_allow};
use super::{Change, Status};
use crate::ReviewError;

/// Least similarity of a moved and edited file.
const LEAST: u64 = MAX_SCORE / 2;
/// Least similarity of one that kept its name.
const LEAST_SAME_NAME: u64 = MAX_SCORE * 3 / 4;
/// Beyond this many pairs only equal contents are looked for, as git's default does.
const MOST_PAIRS: usize = 1_000 * 1_000;
/// Larger files are only matched whole.
const MOST_BYTES: u64 = 8 << 20;

/// Turns pairs of a deletion and an addition into renames.
pub(super) fn find(
    list: &mut Vec<Change>,
    blobs: &dyn BlobSource,
    cancel: &Cancel,
) -> Result<(), ReviewError> {
    let mut left = Sides::of(list);
    let mut pairs = exact(list, &mut left);
    if left.fits() {
        let pieces = read(list, &left, blobs, cancel)?;
        pairs.extend(same_name(list, &mut left, &pieces));
        pairs.extend(most_similar(list, &mut left, &pieces));
    }
    join(list, &pairs);
    Ok(())
}

/// Places in the list that are not matched yet.
struct Sides {
    deleted: Vec<usize>,
    added: Vec<usize>,
}

impl Sides {
    fn of(list: &[Change]) -> Self {
        let with = |status| {
            (0..list.len())
                .filter(|at| list[*at].status == status && content(&list[*at]).is_some())
                // What is never copied out is not half of a rename either.
                .filter(|at| crate::risk::refusal(&list[*at].path).is_none())
                .collect()
        };
        Self {
            deleted: with(Status::Deleted),
            added: with(Status::Added),
        }
    }

    fn fits(&self) -> bool {
        !self.deleted.is_empty()
            && !self.added.is_empty()
            && self.deleted.len().saturating_mul(self.added.len()) <= MOST_PAIRS
    }

    fn drop(&mut self, pairs: &[(usize, usize)]) {
        let taken: HashSet<usize> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        self.deleted.retain(|at| !taken.contains(at));
        self.added.retain(|at| !taken.contains(at));
    }
}

fn content(change: &Change) -> Option<(BlobId, u64)> {
    match change.to.as_ref().or(change.from.as_ref())?.kind {
        EntryKind::File { blob, size } => Some((blob, size)),
        _ => None,
    }
}

fn exact(list: &[Change], left: &mut Sides) -> Vec<(usize, usize)> {
    let mut sources: HashMap<BlobId, Vec<usize>> = HashMap::new();
    for at in &left.deleted {
        if let Some((blob, _)) = content(&list[*at]) {
            sources.entry(blob).or_default().push(*at);
        }
    }
    let mut pairs = Vec::new();
    for at in &left.added {
        let Some((blob, _)) = content(&list[*at]) else {
            continue;
        };
        let Some(from) = sources.get_mut(&blob) else {
            continue;
        };
        let name = list[*at].path.file_name();
        let same = from.iter().position(|f| list[*f].path.file_name() == name);
        if !from.is_empty() {
            pairs.push((from.remove(same.unwrap_or(0)), *at));
        }
    }
    left.drop(&pairs);
    pairs
}

fn read(
    list: &[Change],
    left: &Sides,
    blobs: &dyn BlobSource,
    cancel: &Cancel,
) -> Result<HashMap<usize, (u64, Pieces)>, ReviewError> {
    let places: Vec<usize> = left.deleted.iter().chain(&left.added).copied().collect();
    places
        .into_par_iter()
        .filter_map(|at| content(&list[at]).map(|(blob, size)| (at, blob, size)))
        .filter(|(_, _, size)| (1..=MOST_BYTES).contains(size))
        .map(|(at, blob, size)| {
            if cancel.is_cancelled() {
                return Err(ReviewError::Cancelled);
            }
            let bytes = blobs
                .read(&blob, size)
                .map_err(|source| ReviewError::Content {
                    path: list[at].path.clone(),
                    blob,
                    source,
                })?;
            Ok((at, (size, Pieces::of(&bytes))))
        })
        .collect()
}

fn score(
    pieces: &HashMap<usize, (u64, Pieces)>,
    from: usize,
    to: usize,
    least: u64,
) -> Option<u64> {
    let ((from_size, from), (to_size, to)) = (pieces.get(&from)?, pieces.get(&to)?);
    if !sizes_allow(*from_size, *to_size, least) {
        return None;
    }
    Some(to.score(from)).filter(|score| *score >= least)
}

/// Files whose name is gone in one place and new in exactly one other.
fn same_name(
    list: &[Change],
    left: &mut Sides,
    pieces: &HashMap<usize, (u64, Pieces)>,
) -> Vec<(usize, usize)> {
    let unique = |places: &[usize]| {
        let mut by_name: HashMap<Vec<u8>, Option<usize>> = HashMap::new();
        for at in places {
            by_name
                .entry(list[*at].path.file_name().to_vec())
                .and_modify(|place| *place = None)
                .or_insert(Some(*at));
        }
        by_name
    };
    let sources = unique(&left.deleted);
    let mut pairs: Vec<(usize, usize)> = unique(&left.added)
        .into_iter()
        .filter_map(|(name, to)| Some(((*sources.get(&name)?)?, to?)))
        .filter(|(from, to)| score(pieces, *from, *to, LEAST_SAME_NAME).is_some())
        .collect();
    pairs.sort_unstable();
    left.drop(&pairs);
    pairs
}

fn most_similar(
    list: &[Change],
    left: &mut Sides,
    pieces: &HashMap<usize, (u64, Pieces)>,
) -> Vec<(usize, usize)> {
    let mut scored: Vec<(u64, bool, usize, usize)> = left
        .added
        .par_iter()
        .flat_map_iter(|to| {
            left.deleted.iter().filter_map(|from| {
                let same = list[*from].path.file_name() == list[*to].path.file_name();
                score(pieces, *from, *to, LEAST).map(|score| (score, same, *from, *to))
            })
        })
        .collect();
    scored.sort_unstable_by(|a, b| (b.0, b.1, a.3, a.2).cmp(&(a.0, a.1, b.3, b.2)));
    let mut taken = HashSet::new();
    let mut pairs = Vec::new();
    for (_, _, from, to) in scored {
        if !taken.contains(&from) && !taken.contains(&to) {
            taken.extend([from, to]);
            pairs.push((from, to));
        }
    }
    left.drop(&pairs);
    pairs
}

fn join(list: &mut Vec<Change>, pairs: &[(usize, usize)]) {
    for (from, to) in pairs {
        let (path, entry) = (list[*from].path.clone(), list[*from].from.clone());
        let renamed = &mut list[*to];
        renamed.status = Status::Renamed;
        renamed.old_path = Some(path);
        renamed.from = entry;
    }
    let gone: HashSet<usize> = pairs.iter().map(|(from, _)| *from).collect();
    let mut at = 0;
    list.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
}

/// How similar a renamed file is to what it was, in percent, rounded down as git prints it.
pub(crate) fn percent(old: &[u8], new: &[u8]) -> u64 {
    if old == new {
        return 100;
    }
    Pieces::of(new).score(&Pieces::of(old)) * 100 / MAX_SCORE
}
