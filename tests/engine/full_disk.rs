//! A disk hog in a sandbox: it is frozen before the disk is full, and where it is quicker than that it harms
//! nobody but itself. Needs the right to mount a small file system.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sandbox_engine::Operation;
use sandbox_engine::sandbox::{PausedBy, Side, State, paused_by};
use sandbox_engine::state::record::NetworkPolicy;
use support::containers::{guest, search};

use crate::house::House;

/// Bytes below which the test's sandbox is frozen.
const LOW: u64 = 384 << 20;

/// A small disk; gone when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512m", "tmpfs"])
            .arg(at)
            .output();
        if done.is_ok_and(|done| done.status.success()) {
            return Some(Self(at));
        }
        eprintln!("SKIPPED: no right to mount a small file system");
        None
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_fills_the_disk_is_frozen_and_the_engine_still_answers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    let Some(_small) = Small::mount(&at) else {
        return;
    };
    let house = House::of(guest(), search(), folder);
    let (engine, op) = (&house.engine, Operation::silent());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let state = async || engine.glimpse(&id).await.unwrap().state;
    let mine = house.dir(&id).join("workspace/a.txt");

    // As the window does it, every moment.
    let hog = "mkdir hog; for i in $(seq 40); do head -c 24M /dev/zero > hog/$i || exit 9; sleep 0.2; done";
    let command = ["bash", "-c", hog].map(str::to_owned).to_vec();
    let running = engine.exec(&id, command, Vec::new()).await.unwrap();
    let mut frozen = Vec::new();
    for _ in 0..200 {
        frozen = engine.guard_space(LOW).await.unwrap();
        if !frozen.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(frozen, std::slice::from_ref(&id));
    assert!(matches!(state().await, State::Paused));
    let dir = engine.data().sandbox(&id);
    assert_eq!(paused_by(&dir), Some(PausedBy::Space), "and it says why");
    let noted = engine.activity(&id).unwrap();
    assert!(noted.iter().any(|entry| entry.what.contains("almost full")));
    let left = engine.space_of(&id).unwrap();
    assert!(left > 0 && left < LOW, "{left} bytes are left");
    let seen = engine
        .changes(&id, Side::Base, Side::Live, &op)
        .await
        .unwrap();
    assert!(seen.changes.list.len() > 3, "the list says what fills it");
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "one\n");

    // The user lets it go on, and it is quicker than anybody looks: the disk is full, to the last byte.
    engine.start(&id, &op).await.unwrap();
    drop(running);
    let (status, said) = house
        .sh(&id, "echo two >> a.txt; cat /dev/zero > hog/all")
        .await;
    assert!(status != 0 && said.contains("No space left"), "{said}");
    assert_eq!(engine.list().await.unwrap().len(), 1);
    assert!(matches!(state().await, State::Running));
    // What needs room says so, and leaves what was.
    let refused = engine
        .snapshot(&id, Some("full".to_owned()), false, &op)
        .await;
    assert!(refused.is_err(), "there is no room for a snapshot");
    assert!(matches!(state().await, State::Running), "and it goes on");
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "one\ntwo\n");
    assert_eq!(
        house.sh(&id, "rm -r hog && cat a.txt").await,
        (0, "one\ntwo".to_owned())
    );
    let seen = engine
        .changes(&id, Side::Base, Side::Live, &op)
        .await
        .unwrap();
    let paths: Vec<String> = seen
        .changes
        .list
        .iter()
        .map(|c| c.path.to_lossy())
        .collect();
    assert_eq!(paths, ["a.txt"]);
    engine.reset(&id, None, false, &op).await.unwrap();
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "one\n");
    assert!(engine.verify(op.cancel()).unwrap().damaged.is_empty());
    engine.remove(&id).await.unwrap();
}
