//! Which automatic snapshots may go as they age.

use std::collections::HashSet;

use super::{Snapshot, SnapshotId, SnapshotKind};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// The snapshots that may be removed: of the automatic ones all of the last day stay, then one an
/// hour for a week, then one a day. Baselines, named ones and the newest safety snapshot stay.
///
/// `snapshots` oldest first, as listed; `now_ms` in milliseconds since 1970. A clock that was set
/// back removes nothing.
pub fn thin(snapshots: &[Snapshot], now_ms: u64) -> Vec<SnapshotId> {
    let newest_safety = snapshots
        .iter()
        .rfind(|s| s.kind == SnapshotKind::Safety)
        .map(|s| &s.id);
    let mut taken: HashSet<(u64, u64)> = HashSet::new();
    let mut gone = Vec::new();
    // Newest first: the last state of each hour or day is the one to keep.
    for snapshot in snapshots.iter().rev() {
        let automatic = matches!(snapshot.kind, SnapshotKind::Auto | SnapshotKind::Safety);
        if !automatic || Some(&snapshot.id) == newest_safety {
            continue;
        }
        let age = now_ms.saturating_sub(snapshot.time_ms);
        let width = match age {
            0..DAY => continue,
            _ if age < 7 * DAY => HOUR,
            _ => DAY,
        };
        if !taken.insert((width, snapshot.time_ms / width)) {
            gone.push(snapshot.id.clone());
        }
    }
    gone.reverse();
    gone
}
