#![allow(clippy::unwrap_used)]
use super::*;

fn tree(n: u8) -> TreeId {
    TreeId(BlobId([n; 32]))
}

fn new(kind: SnapshotKind, time_ms: u64) -> NewSnapshot {
    NewSnapshot {
        kind,
        name: None,
        time_ms,
        tree: tree(1),
        base: tree(2),
        changed: 3,
        bytes: 4,
        home: None,
    }
}

#[test]
fn records_come_back_oldest_first_and_can_be_changed_and_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(temp.path().join("snapshots"));
    assert_eq!(snapshots.list().unwrap(), Listed::default());
    let first = snapshots.add(new(SnapshotKind::Baseline, 5_000)).unwrap();
    let second = snapshots.add(new(SnapshotKind::Auto, 4_000)).unwrap();
    let third = snapshots.add(new(SnapshotKind::Auto, 4_000)).unwrap();
    assert_eq!(
        snapshots.list().unwrap().snapshots,
        [first.clone(), second.clone(), third]
    );
    let named = Snapshot {
        name: Some("mine \u{202e}".into()),
        ..second
    };
    snapshots.write(&named).unwrap();
    assert_eq!(snapshots.get(&named.id).unwrap(), named);
    snapshots.delete(&first.id).unwrap();
    assert!(matches!(
        snapshots.get(&first.id),
        Err(SnapshotsError::Unknown(_))
    ));
    assert!(matches!(
        snapshots.delete(&first.id),
        Err(SnapshotsError::Unknown(_))
    ));
    assert!("../../../etc/passwd".parse::<SnapshotId>().is_err());
}

#[test]
fn a_damaged_record_is_told_and_the_others_are_listed() {
    let temp = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(temp.path());
    let good = snapshots.add(new(SnapshotKind::Baseline, 1)).unwrap();
    let bad = snapshots.add(new(SnapshotKind::Auto, 2)).unwrap();
    let path = temp.path().join(format!("{}.json", bad.id));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("changed\\\":3", "changed\\\":9")).unwrap();
    assert_ne!(
        fs::read_to_string(&path).unwrap(),
        text,
        "the probe: it was altered"
    );
    let listed = snapshots.list().unwrap();
    assert_eq!(
        (listed.snapshots, listed.unreadable),
        (vec![good], vec![path])
    );
}

#[test]
fn automatic_ones_thin_with_age_and_the_others_stay() {
    let (hour, day) = (3_600_000, 86_400_000);
    let now = 100 * day;
    let make = |kind, time_ms| Snapshot {
        id: SnapshotId::new(time_ms).unwrap(),
        kind,
        name: None,
        time_ms,
        tree: tree(1),
        base: tree(1),
        changed: 0,
        bytes: 0,
        home: None,
        trashed: Vec::new(),
    };
    let mut all = vec![
        make(SnapshotKind::Baseline, 1),
        make(SnapshotKind::Named, 2),
    ];
    for n in 0..10 {
        all.push(make(SnapshotKind::Auto, now - 20 * day + n * hour));
    }
    for n in 0..10 {
        all.push(make(SnapshotKind::Auto, now - 3 * day + n * hour / 10));
    }
    for n in 0..10 {
        all.push(make(SnapshotKind::Auto, now - hour + n));
    }
    let gone = thin(&all, now);
    let kept: Vec<_> = all
        .iter()
        .filter(|s| !gone.contains(&s.id))
        .map(|s| s.time_ms)
        .collect();
    assert_eq!(kept[..2], [1, 2]);
    assert_eq!(kept[2], now - 20 * day + 9 * hour, "the last of the day");
    assert_eq!(
        kept[3],
        now - 3 * day + 9 * hour / 10,
        "the last of the hour"
    );
    assert_eq!(kept.len(), 14, "all of the last day");
    assert!(thin(&all, 0).is_empty(), "a clock set back removes nothing");
    let safeties = [1, 2, 3].map(|time| make(SnapshotKind::Safety, time));
    let gone = thin(&safeties, now);
    assert_eq!(
        gone,
        [safeties[0].id.clone()],
        "the newest is the undo of the last reset"
    );
}
