//! One sandbox that is busy, or whose guest does not answer, makes nobody wait for another one.

use std::fs::File;
use std::time::Duration;

use sandbox_engine::preview::Kind;
use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Engine, SandboxId};
use support::containers::guest;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::house::House;

/// What an answer takes at most that waits for nobody; what it would wait for takes ten seconds or a minute.
const AT_ONCE: Duration = Duration::from_secs(4);

fn docker(args: &[&str]) {
    let done = std::process::Command::new("docker").args(args).output();
    assert!(done.unwrap().status.success(), "{args:?}");
}

/// Asks for a sandbox's terminals and for a preview of it, and gives that time to begin.
async fn asks_for_everything(engine: &Engine, id: &SandboxId) -> [JoinHandle<bool>; 2] {
    let (one, other) = (engine.clone(), engine.clone());
    let (to_one, to_other) = (id.clone(), id.clone());
    let asked = [
        tokio::spawn(async move { one.terminals(&to_one).await.is_ok() }),
        tokio::spawn(async move {
            other
                .open_preview(&to_other, 8000, Kind::Page)
                .await
                .is_ok()
        }),
    ];
    tokio::time::sleep(Duration::from_secs(1)).await;
    asked
}

/// All that a window asks for of a sandbox, answered at once.
async fn is_answered(engine: &Engine, id: &SandboxId) {
    let everything = async {
        assert_eq!(engine.known_terminals(id), []);
        assert_eq!(engine.asks(id), []);
        assert_eq!(engine.ports(id), []);
        let row = engine.glimpse(id).await.unwrap();
        assert!(matches!(row.state, State::Running));
        engine.terminals(id).await.unwrap().list().await.unwrap();
        engine.open_preview(id, 8000, Kind::Page).await.unwrap();
    };
    timeout(AT_ONCE, everything).await.expect("at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_guest_that_does_not_answer() {
    let house = House::new(guest());
    let engine = &house.engine;
    let stuck = house.sandbox(NetworkPolicy::default(), true).await;
    let well = house.sandbox(NetworkPolicy::default(), true).await;
    docker(&["kill", "--signal", "STOP", &stuck.container_name()]);
    let [terminals, _] = asks_for_everything(engine, &stuck).await;
    is_answered(engine, &well).await;
    assert!(!terminals.is_finished(), "it still waits for its answer");
    // Of the one that does not answer, what is known is told too.
    assert_eq!(engine.known_terminals(&stuck), []);
    let row = timeout(AT_ONCE, engine.glimpse(&stuck)).await.unwrap();
    assert!(matches!(row.unwrap().state, State::Running));

    docker(&["kill", "--signal", "CONT", &stuck.container_name()]);
    let _ = terminals.await;
    timeout(AT_ONCE, engine.terminals(&stuck))
        .await
        .unwrap()
        .unwrap();
    for id in [stuck, well] {
        engine.remove(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_sandbox_that_is_worked_on() {
    let house = House::new(guest());
    let engine = &house.engine;
    let busy = house.sandbox(NetworkPolicy::default(), true).await;
    let well = house.sandbox(NetworkPolicy::default(), true).await;
    // Somebody works on it; and nothing is let in before its fence is proven, which is work too.
    let lock = File::open(house.dir(&busy).join("lock")).unwrap();
    lock.lock().unwrap();
    std::fs::remove_file(house.dir(&busy).join("proof.json")).unwrap();
    let asked = asks_for_everything(engine, &busy).await;
    is_answered(engine, &well).await;
    assert!(
        asked.iter().all(|asked| !asked.is_finished()),
        "both wait for the work to end"
    );
    // Where the disk is almost full all others are paused, and at once.
    let paused = timeout(AT_ONCE, engine.guard_space(u64::MAX))
        .await
        .expect("at once");
    assert_eq!(paused.unwrap(), std::slice::from_ref(&well));

    drop(lock);
    for asked in asked {
        assert!(asked.await.unwrap(), "it is let in once the work is over");
    }
    for id in [busy, well] {
        engine.remove(&id).await.unwrap();
    }
}
