//! Statistics and the process list.

use std::time::Duration;

use futures_util::StreamExt;
use support::containers::{LIMITS, Run};

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
