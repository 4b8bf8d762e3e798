//! Lines added and removed, and what only the contents can tell, for many files at once.

use std::time::Duration;

use rayon::prelude::*;
use sandbox_workspace::{BlobSource, Cancel};

use super::{Change, Status};
use crate::diff::{Side, Sides};
use crate::text::{Encoding, Lines, blocks};
use crate::{ReviewError, risk};

/// Longest search per file; afterwards the counts are still right for the coarser diff.
const LIMIT: Duration = Duration::from_millis(500);

pub(super) fn fill(
    list: &mut [Change],
    blobs: &dyn BlobSource,
    cancel: &Cancel,
) -> Result<(), ReviewError> {
    list.par_iter_mut().try_for_each(|change| {
        if cancel.is_cancelled() {
            return Err(ReviewError::Cancelled);
        }
        one(change, blobs)
    })
}

fn one(change: &mut Change, blobs: &dyn BlobSource) -> Result<(), ReviewError> {
    if change.status == Status::Mode || change.unsupported {
        return Ok(());
    }
    let sides = Sides::read(change, blobs)?;
    match (&sides.old, &sides.new) {
        (Side::None, Side::None) => return Ok(()),
        (Side::TooLarge, _) | (_, Side::TooLarge) => {}
        (old, new) => {
            let encoding = |side: &Side| match side {
                Side::Bytes(bytes) => Encoding::detect(bytes),
                Side::None | Side::TooLarge => Some(Encoding::Utf8),
            };
            match (encoding(old), encoding(new)) {
                (Some(a), Some(b)) => count(change, &old.lines(a), &new.lines(b)),
                _ => change.binary = true,
            }
        }
    }
    let found = risk::by_content(change, sides.old.bytes(), sides.new.bytes());
    change.risks.extend(found);
    Ok(())
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
