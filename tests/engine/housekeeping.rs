//! What the app thins by itself, and that it stops what runs before the disk is full.

use std::path::Path;

use sandbox_engine::sandbox::{CopyOut, State, Wanted};
use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Error, Operation};
use support::containers::Run;

use crate::house::House;

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn old_captures_and_backups_go_and_what_is_needed_stays() {
    let house = House::new(Vec::new());
    let (engine, op) = (&house.engine, Operation::silent());
    let id = house.sandbox(NetworkPolicy::default(), false).await;
    let file = house.dir(&id).join("workspace/a.txt");
    for round in 0..12 {
        std::fs::write(&file, format!("round {round}\n")).unwrap();
        let request = CopyOut {
            wanted: Wanted::All,
            include_risky: false,
            capture: None,
            merge: false,
            resolutions: Vec::new(),
            leave_conflicts: false,
        };
        engine.copy_out(&id, request, &op).await.unwrap();
        house.pass(1);
    }
    std::fs::write(&file, "under review\n").unwrap();
    let review = engine.review(&id, true, &op).await.unwrap().unwrap();
    let captures = house.dir(&id).join("captures");
    let copy_outs = house.dir(&id).join("copyouts");
    let (had_captures, had_copy_outs) = (count(&captures), count(&copy_outs));
    assert!(had_captures > 10, "{had_captures}");

    house.pass(40);
    engine.tidy_up().unwrap();
    assert_eq!(count(&captures), 1, "only the one under review stays");
    assert_eq!(count(&copy_outs), had_copy_outs - 2, "the newest ten stay");
    let again = engine.review(&id, false, &op).await.unwrap().unwrap();
    assert_eq!(again.capture.id, review.capture.id);
    // What is kept can still be undone, to the byte.
    engine.undo(&id, None, &op).await.unwrap();
    let project = house.project().join("a.txt");
    assert_eq!(std::fs::read_to_string(project).unwrap(), "round 10\n");
    assert!(engine.verify(op.cancel()).unwrap().damaged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_frozen_before_the_disk_is_full() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let engine = &house.engine;
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let state = async || engine.glimpse(&id).await.unwrap().state;

    assert!(engine.guard_space(0).await.unwrap().is_empty());
    assert!(matches!(state().await, State::Running), "with room it runs");
    let frozen = engine.guard_space(u64::MAX).await.unwrap();
    assert_eq!(frozen, std::slice::from_ref(&id));
    assert!(matches!(state().await, State::Paused));
    let said = engine.exec(&id, vec!["true".to_owned()], Vec::new()).await;
    assert!(matches!(said, Err(Error::Paused { .. })));
    let noted = engine.activity(&id).unwrap();
    assert!(noted.iter().any(|entry| entry.what.contains("almost full")));
    // A capture or a recovery does not let it go on: the user does.
    engine.recover().await.unwrap();
    assert!(matches!(state().await, State::Paused));
    engine.start(&id, &Operation::silent()).await.unwrap();
    assert!(matches!(state().await, State::Running));
    engine.remove(&id).await.unwrap();
}
