//! An agent that forks, floods, fills and deletes: the sandbox stays in our hands.

use std::time::{Duration, Instant};

use bollard::models::{HostConfig, VolumeCreateRequest};
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use sandbox_engine::docker::exec::{Output, Running};
use sandbox_engine::docker::labels;
use sandbox_engine::docker::lifecycle::ContainerState;
use sandbox_engine::image;
use support::containers::{LIMITS, Run};

/// For what happens by itself; a wait ends at once when it has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a script that prints `go` when it is at work. Nobody reads more of it; it is left when what this gives is
/// dropped.
#[must_use]
async fn unleash(run: &Run, container: &str, script: &str) -> Running {
    let command = ["bash", "-c", script].map(str::to_owned).to_vec();
    let mut running = run
        .docker
        .exec(container, command, Vec::new())
        .await
        .expect("starts");
    running.input = None;
    let first = tokio::time::timeout(PATIENCE, running.next()).await;
    assert!(
        matches!(&first, Ok(Ok(Some(Output::Out(text)))) if text.starts_with(b"go\n")),
        "it says that it runs: {first:?}"
    );
    running
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

/// Waits until more processes than that are counted in a container.
async fn until_more_processes(run: &Run, container: &str, than: u32) {
    let mut stats = Box::pin(run.docker.stats(container));
    let counted = async {
        loop {
            let reading = stats.next().await.expect("goes on").expect("reads");
            if reading.processes > u64::from(than) {
                return;
            }
        }
    };
    let done = tokio::time::timeout(PATIENCE, counted).await;
    done.unwrap_or_else(|_| panic!("there were never more than {than} processes"));
}

#[tokio::test]
async fn a_fork_bomb_hits_its_limit_and_is_stopped() {
    const BOMB: &str = "exec 2>/dev/null; echo go; bomb() { bomb | bomb & }; bomb; sleep 300";
    let run = Run::new().await;
    let wider = HostConfig {
        binds: Some(vec![format!("{}:/workspace", run.workspace().display())]),
        pids_limit: Some(i64::from(2 * LIMITS.processes)),
        ..Default::default()
    };
    let control = run.control_of(image::BASE, wider).await;
    let bomb = unleash(&run, &control, BOMB).await;
    // It grows past our limit where the limit is another one.
    until_more_processes(&run, &control, LIMITS.processes + LIMITS.processes / 2).await;
    run.docker.kill(&control).await.expect("ends the control");
    drop(bomb);

    let spec = run.spec().await;
    let id = run.start(&spec).await;
    let _bomb = unleash(&run, &id, BOMB).await;
    until_more_processes(&run, &id, LIMITS.processes * 3 / 4).await;
    let mut stats = Box::pin(run.docker.stats(&id));
    for _ in 0..3 {
        let reading = stats.next().await.expect("goes on").expect("reads");
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

/// What the engine keeps of process 1's output: at most the first piece of it.
async fn logged(run: &Run, container: &str) -> usize {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true);
    let mut logs = Box::pin(run.raw.logs(container, Some(options.build())));
    logs.next()
        .await
        .map_or(0, |piece| piece.expect("is read").into_bytes().len())
}

#[tokio::test]
async fn a_flood_of_output_can_be_left_and_fills_no_log() {
    // To whoever reads the command, and to process 1's output, which the engine keeps.
    const FLOOD: &str = "echo go; yes | tee /proc/1/fd/1 2>/dev/null";
    let run = Run::new().await;
    let control = run.control().await;
    let flood = unleash(&run, &control, FLOOD).await;
    let until = Instant::now() + PATIENCE;
    while logged(&run, &control).await == 0 {
        assert!(Instant::now() < until, "it fills a log where one can");
    }
    run.docker.kill(&control).await.expect("ends the control");
    drop(flood);

    let id = run.sandbox().await;
    let flood = unleash(&run, &id, FLOOD).await;
    assert!(
        run.can(&id, "grep -qsx yes /proc/[0-9]*/comm").await,
        "others get their answer while it goes on"
    );
    drop(flood);
    assert!(
        run.can(&id, "true").await,
        "and when nobody is there for it"
    );
    assert_eq!(logged(&run, &id).await, 0, "nothing of it was kept");
    stops(&run, &id, "a flood").await;
    assert_eq!(logged(&run, &id).await, 0);
}

#[tokio::test]
async fn deleting_everything_leaves_a_sandbox_that_starts() {
    // What is asked afterwards, the shell knows by itself.
    const DELETE: &str =
        "chmod -R 777 / 2>/dev/null; rm -rf --no-preserve-root / 2>/dev/null; [ -x /usr/bin/env ]";
    let run = Run::new().await;
    let control = run.control().await;
    let emptied = run.sh(&control, DELETE).await;
    assert_eq!(emptied.0, 1, "nothing is left where one can: {emptied:?}");

    std::fs::write(run.workspace().join("work"), "x").expect("writes");
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    let count = "find / -xdev 2>/dev/null | wc -l";
    let before = run.sh(&id, count).await.1;
    let spared = run.sh(&id, DELETE).await;
    assert_eq!(spared.0, 0, "the system cannot be deleted: {spared:?}");
    assert!(
        !run.workspace().join("work").exists(),
        "what is the agent's own can"
    );
    stops(&run, &id, "an emptied sandbox").await;
    run.docker.start(&id).await.expect("starts again");
    let after = run.sh(&id, count).await.1;
    assert_eq!(after, before, "the system is all there");
    assert!(
        run.can(&id, "touch ~/again /workspace/again /tmp/again")
            .await,
        "and there is room to work in"
    );
}

#[tokio::test]
async fn signals_to_process_1_end_nothing_that_the_app_did_not_end() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    let began = began(&run, &id).await;
    for signal in ["KILL", "STOP", "SEGV", "ABRT"] {
        // Every other process it stops or ends.
        let other = format!(
            "sleep 300 & kill -{signal} $!; sleep 0.2; ! grep -qs '^State:.*sleeping' /proc/$!/status"
        );
        assert!(run.can(&id, &other).await, "{signal} does something");
        let sent = run.sh(&id, &format!("kill -{signal} 1")).await;
        assert_eq!(sent.0, 0, "{signal} may be sent: {sent:?}");
        assert!(run.can(&id, "true").await, "{signal} ends nothing");
    }
    let bystander = "grep -qs ^bystander /proc/[0-9]*/cmdline";
    let _bystander = unleash(&run, &id, "echo go; exec -a bystander sleep 300").await;
    assert!(run.can(&id, bystander).await, "one more is there");
    run.sh(&id, "kill -9 -1").await;
    assert!(!run.can(&id, bystander).await, "it ends all that it may");
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
    assert_eq!(self::began(&run, &id).await, began, "and it is the same");
    stops(&run, &id, "after signals").await;
}

/// When a container was started last.
async fn began(run: &Run, container: &str) -> String {
    let found = run.raw.inspect_container(container, None).await;
    let state = found.expect("looks").state.expect("has one");
    state.started_at.expect("was started").clone()
}

#[tokio::test]
async fn a_paused_sandbox_says_so_and_is_removed_all_the_same() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    assert!(run.can(&id, "true").await, "commands are taken");
    run.docker.pause(&id).await.expect("pauses");
    let refused = run
        .docker
        .exec(&id, vec!["true".to_owned()], Vec::new())
        .await;
    let said = refused.err().expect("commands are refused").to_string();
    assert!(said.contains("paused"), "{said}");
    run.docker
        .remove_own(&spec.instance, &id)
        .await
        .expect("removes");
    let found = run.docker.find(&spec.instance, &spec.sandbox).await;
    assert!(found.expect("looks").is_none(), "it is gone");
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
    let hold = format!("exec 9<{file} && flock 9 && echo go && sleep 300");
    let _held = unleash(run, holder, &hold).await;
    let tried = run.sh(other, &format!("flock -n {file} true")).await;
    assert!(matches!(tried.0, 0 | 1), "{file}: {tried:?}");
    tried.0 == 1
}
