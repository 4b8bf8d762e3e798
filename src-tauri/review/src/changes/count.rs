//! Lines added and removed, and what only the contents can tell, for many files at once.

use std::time::Duration;

use rayon::prelude::*;
use sandbox_workspace::{BlobSource, Cancel, Entry, EntryKind};

use super::{Change, Status};
use crate::diff::{Side, Sides};
use crate::text::{Encoding, Lines, blocks};
use crate::{ReviewError, risk};

/// Longest search per file; afterwards the counts are still right for the coarser diff.
const LIMIT: Duration = Duration::from_millis(500);

pub(super) fn fill(
    list: &mut [Change],
    blobs: &dyn BlobSource,
    known: &[Change],
    cancel: &Cancel,
) -> Result<(), ReviewError> {
    list.par_iter_mut().try_for_each(|change| {
        if cancel.is_cancelled() {
            return Err(ReviewError::Cancelled);
        }
        match same(change, known) {
            Some(known) => take(change, known),
            None => one(change, blobs)?,
        }
        Ok(())
    })
}

/// The same change as it was counted before.
fn same<'k>(change: &Change, known: &'k [Change]) -> Option<&'k Change> {
    let at = known.binary_search_by(|k| k.path.cmp(&change.path)).ok()?;
    let found = &known[at];
    let counted = found.binary || found.additions.is_some();
    let alike = found.old_path == change.old_path
        && found.status == change.status
        && found.from == change.from
        && found.to == change.to;
    (counted && alike).then_some(found)
}

fn take(change: &mut Change, known: &Change) {
    change.binary = known.binary;
    (change.additions, change.deletions) = (known.additions, known.deletions);
    // Those of the name are there again; a risk too many is better than one too few.
    for risk in &known.risks {
        if !change.risks.contains(risk) {
            change.risks.push(risk.clone());
        }
    }
}

fn one(change: &mut Change, blobs: &dyn BlobSource) -> Result<(), ReviewError> {
    if change.unsupported {
        return Ok(());
    }
    change.additions = Some(0);
    change.deletions = Some(0);
    if change.status == Status::Mode {
        return Ok(());
    }
    let sides = Sides::read(change, blobs)?;
    if matches!(sides.old, Side::TooLarge) || matches!(sides.new, Side::TooLarge) {
        (change.additions, change.deletions) = (None, None);
    } else {
        lines(change, &sides);
    }
    let found = risk::by_content(change, sides.old.bytes(), sides.new.bytes());
    change.risks.extend(found);
    if matches!(sides.new, Side::TooLarge) {
        let old = Side::beginning(&change.path, change.from.as_ref(), blobs)?;
        let new = Side::beginning(&change.path, change.to.as_ref(), blobs)?;
        let found = risk::by_beginning(change, old.as_deref(), &new.unwrap_or_default());
        change.risks.extend(found);
    }
    Ok(())
}

fn lines(change: &mut Change, sides: &Sides) {
    // A link counts as git counts it: one line, its target.
    let content = |side: &Side, entry: &Option<Entry>| match (side, entry.as_ref().map(|e| &e.kind))
    {
        (Side::None, Some(EntryKind::Symlink { target })) => Side::Bytes(target.clone()),
        _ => side.clone(),
    };
    let (old, new) = (
        content(&sides.old, &change.from),
        content(&sides.new, &change.to),
    );
    let encoding = |side: &Side| Encoding::detect(side.bytes().unwrap_or_default());
    match (encoding(&old), encoding(&new)) {
        (Some(a), Some(b)) => count(change, &old.lines(a), &new.lines(b)),
        _ => {
            change.binary = true;
            (change.additions, change.deletions) = (None, None);
        }
    }
}

fn count(change: &mut Change, old: &Lines, new: &Lines) {
    let (mut added, mut removed) = (0, 0);
    for block in blocks(old, new, LIMIT) {
        added += block.new.len() as u64;
        removed += block.old.len() as u64;
    }
    change.additions = Some(added);
    change.deletions = Some(removed);
}
