//! Statistics, the process list, sizes.

use std::time::Duration;

use futures_util::StreamExt;
use sandbox_engine::state::record::NetworkPolicy;
use support::containers::{LIMITS, Run};

use crate::house::House;

#[tokio::test]
async fn a_busy_sandbox_reads_busy_within_its_limits() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    run.sh(&sandbox, "(while :; do :; done) & exit").await;
    let mut stats = Box::pin(run.docker.stats(&sandbox));
    let busy = async {
        loop {
            let reading = stats.next().await.expect("goes on").expect("reads");
            if reading.cpu > 0.3 {
                return reading;
            }
        }
    };
    let reading = tokio::time::timeout(Duration::from_secs(60), busy)
        .await
        .expect("is seen busy");
    assert!(reading.cpu < 1.3, "one core at most: {}", reading.cpu);
    assert!(
        reading.memory > 0 && reading.memory < LIMITS.memory,
        "{}",
        reading.memory
    );
    assert!(reading.processes >= 2, "{}", reading.processes);
    assert_eq!(
        (reading.received, reading.sent),
        (0, 0),
        "it has no network"
    );
    let processes = run.docker.processes(&sandbox).await.expect("lists");
    assert!(
        processes
            .iter()
            .any(|p| p.command.contains("sandbox-guest init")),
        "{processes:?}"
    );
}

#[tokio::test]
async fn statistics_end_with_the_container() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let mut stats = Box::pin(run.docker.stats(&sandbox));
    stats.next().await.expect("one reading").expect("reads");
    run.docker
        .remove_own(&run.instance, &sandbox)
        .await
        .expect("removes");
    let end = async { while let Some(Ok(_)) = stats.next().await {} };
    tokio::time::timeout(Duration::from_secs(30), end)
        .await
        .expect("ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_home_is_told_by_engines_of_every_age() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let before = house.engine.home_bytes(&id).await.expect("is measured");
    let written = house
        .sh(&id, "head -c 5000000 /dev/urandom > ~/large")
        .await;
    assert_eq!(written, (0, String::new()));
    let now = house.engine.home_bytes(&id).await.expect("is measured");
    let grown = now - before;
    assert!((5_000_000..5_100_000).contains(&grown), "{before} {now}");
    let usage = house.engine.disk_use().await.unwrap();
    assert_eq!(usage.sandboxes[0].home, Some(now), "the same in the list");
    house.engine.remove(&id).await.unwrap();
    assert_eq!(house.engine.home_bytes(&id).await, None, "there is none");
}
