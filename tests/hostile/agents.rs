//! An agent that forks, floods, fills and deletes: the sandbox stays in our hands.

use std::time::{Duration, Instant};

use bollard::models::{HostConfig, VolumeCreateRequest};
use sandbox_engine::docker::labels;
use sandbox_engine::docker::lifecycle::ContainerState;
use sandbox_engine::image;
use support::containers::{LIMITS, Run};

/// Starts it in the background inside; the command that starts it ends.
async fn unleash(run: &Run, container: &str, script: &str) {
    let command = ["bash", "-c", script].map(str::to_owned).to_vec();
    let mut running = run
        .docker
        .exec(container, command, Vec::new())
        .await
        .expect("starts");
    running.input = None;
    let first = tokio::time::timeout(Duration::from_secs(10), running.next()).await;
    assert!(first.is_ok(), "it says that it runs");
}

async fn stops(run: &Run, container: &str, what: &str) {
    let started = Instant::now();
    run.docker.stop(container, 2).await.expect(what);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{what}: {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_fork_bomb_hits_its_limit_and_is_stopped() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    unleash(
        &run,
        &id,
        "echo go; bomb() { bomb | bomb & }; bomb; sleep 300",
    )
    .await;
    let mut stats = Box::pin(run.docker.stats(&id));
    for _ in 0..3 {
        let reading = futures_util::StreamExt::next(&mut stats)
            .await
            .expect("goes on")
            .expect("reads");
        assert!(
            reading.processes <= u64::from(LIMITS.processes),
            "{}",
            reading.processes
        );
    }
    stops(&run, &id, "a fork bomb").await;
    run.docker.start(&id).await.expect("starts again");
    assert!(run.can(&id, "true").await, "and works");
}

#[tokio::test]
async fn a_flood_of_output_can_be_left_and_fills_no_log() {
    let run = Run::new().await;
    let id = run.sandbox().await;
    unleash(&run, &id, "yes | tee /proc/1/fd/1").await;
    assert!(run.can(&id, "true").await, "others still get their answer");
    stops(&run, &id, "a flood").await;
}

#[tokio::test]
async fn deleting_everything_leaves_a_sandbox_that_starts() {
    let run = Run::new().await;
    std::fs::write(run.workspace().join("work"), "x").expect("writes");
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    run.sh(
        &id,
        "chmod -R 777 /workspace 2>/dev/null; rm -rf --no-preserve-root / 2>/dev/null",
    )
    .await;
    stops(&run, &id, "an emptied sandbox").await;
    run.docker.start(&id).await.expect("starts again");
    assert!(
        run.can(&id, "ls / && git --version 2>/dev/null || true")
            .await,
        "the system is all there"
    );
    assert!(
        run.workspace().exists(),
        "the workspace's own folder is a mount and stays"
    );
}

#[tokio::test]
async fn signals_to_process_1_end_nothing_that_the_app_did_not_end() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    run.sh(&id, "kill -9 1; kill -STOP 1; kill -SEGV 1; kill -9 -1")
        .await;
    let found = run
        .docker
        .find(&spec.instance, &spec.sandbox)
        .await
        .expect("looks")
        .expect("is there");
    assert_eq!(
        found.state,
        ContainerState::Running,
        "the kernel protects process 1 from its own children"
    );
    assert!(run.can(&id, "true").await);
    stops(&run, &id, "after signals").await;
}

#[tokio::test]
async fn a_paused_sandbox_says_so_and_is_removed_all_the_same() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    run.docker.pause(&id).await.expect("pauses");
    assert!(
        run.docker
            .exec(&id, vec!["true".to_owned()], Vec::new())
            .await
            .is_err(),
        "commands are refused"
    );
    run.docker
        .remove_own(&spec.instance, &id)
        .await
        .expect("removes");
}

/// What two sandboxes both see is a way between them even where it is read-only: who holds a lock on it, who opened it.
/// So the guest lies in the image, of which each container has its own view, not in a volume that all would share.
#[tokio::test]
async fn two_sandboxes_see_no_lock_of_each_other() {
    let run = Run::new().await;
    let (first, second) = (run.sandbox().await, run.sandbox().await);
    let guest = "/opt/agent-sandbox/sandbox-guest";
    for file in [guest, "/bin/sh", "/etc/passwd", "/etc/hostname"] {
        assert!(
            !lock_is_seen(&run, &first, &second, file).await,
            "{file} carries signals between sandboxes"
        );
    }

    let volume = format!("{}-shared", run.instance);
    let labels = [(labels::INSTANCE.to_owned(), run.instance.clone())];
    let request = VolumeCreateRequest {
        name: Some(volume.clone()),
        labels: Some(labels.into()),
        ..Default::default()
    };
    run.raw.create_volume(request).await.expect("a volume");
    let host = |mode| HostConfig {
        binds: Some(vec![
            format!("{volume}:/shared:{mode}"),
            format!("{}:/workspace", run.workspace().display()),
        ]),
        ..Default::default()
    };
    let filler = run.control_of(image::BASE, host("rw")).await;
    let filled = run.sh(&filler, "cp /bin/true /shared/file").await;
    assert_eq!(filled.0, 0, "{filled:?}");
    let one = run.control_of(image::BASE, host("ro")).await;
    let other = run.control_of(image::BASE, host("ro")).await;
    assert!(
        lock_is_seen(&run, &one, &other, "/shared/file").await,
        "in a volume that is shared, read-only, a lock is seen"
    );
}

/// Whether a lock that one container holds on a file keeps another from it.
async fn lock_is_seen(run: &Run, holder: &str, other: &str, file: &str) -> bool {
    let hold = format!("exec 9<{file} && flock 9 && echo held && sleep 300");
    unleash(run, holder, &hold).await;
    let tried = run.sh(other, &format!("flock -n {file} true")).await;
    assert!(matches!(tried.0, 0 | 1), "{file}: {tried:?}");
    tried.0 == 1
}
