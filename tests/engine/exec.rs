//! Commands: output apart, status, input, and the end that is the command's and not its children's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandbox_engine::Operation;
use sandbox_engine::docker::exec::Output;
use sandbox_engine::state::record::NetworkPolicy;
use support::containers::{Run, search};
use tokio::io::AsyncWriteExt;

use crate::house::House;

#[tokio::test]
async fn output_errors_and_status_are_apart_and_exact() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let command = [
        "bash",
        "-c",
        r"printf '\0\1\2\x01\0\0\0\0\0\0\xff\xfe'; echo oops >&2; exit 42",
    ];
    let running = run
        .docker
        .exec(&sandbox, command.map(str::to_owned).to_vec(), Vec::new())
        .await
        .expect("starts");
    let (status, out, err) = running.collect(1024).await.expect("ends");
    assert_eq!(status, 42);
    assert_eq!(
        out, b"\0\x01\x02\x01\0\0\0\0\0\0\xff\xfe",
        "bytes that look like a frame's head stay as they are"
    );
    assert_eq!(err, b"oops\n");
    assert_eq!(run.sh(&sandbox, "kill -9 $$").await.0, 137);
    assert_eq!(run.sh(&sandbox, "exec /no/such/program").await.0, 127);
}

#[tokio::test]
async fn input_is_passed_on_and_never_waited_for() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let mut running = run
        .docker
        .exec(&sandbox, vec!["cat".to_owned()], Vec::new())
        .await
        .expect("starts");
    let mut input = running.input.take().expect("has input");
    input.write_all(b"through\n").await.expect("writes");
    input.shutdown().await.expect("ends");
    drop(input);
    let (status, out, _) = running.collect(1024).await.expect("ends");
    assert_eq!((status, out.as_slice()), (0, b"through\n".as_slice()));

    // The input stays open and nothing is ever written.
    let mut running = run
        .docker
        .exec(&sandbox, vec!["true".to_owned()], Vec::new())
        .await
        .expect("starts");
    let wait = async {
        while running.next().await.expect("reads").is_some() {}
        running.status().await.expect("ends")
    };
    let status = tokio::time::timeout(Duration::from_secs(10), wait).await;
    assert_eq!(status.expect("open input does not hold the end back"), 0);
}

#[tokio::test]
async fn a_command_ends_when_it_ends_and_its_children_live_on() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    for (what, child) in [
        ("silent", "sleep 300"),
        ("flooding", "yes"),
        ("dripping", "while :; do echo x; sleep 0.05; done"),
    ] {
        let started = Instant::now();
        let (status, out, _) = run
            .sh(&sandbox, &format!("({child}) & echo done; exit 7"))
            .await;
        assert_eq!(status, 7, "{what}");
        assert!(out.contains("done"), "{what}");
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{what}: {:?}",
            started.elapsed()
        );
    }
    assert!(
        run.can(&sandbox, "grep -qs '^sleep' /proc/[0-9]*/cmdline")
            .await,
        "the child is alive"
    );
}

#[tokio::test]
async fn much_output_is_complete_and_never_held_in_memory() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let size = 64 * 1024 * 1024;
    let command = ["head", "-c", &size.to_string(), "/dev/zero"]
        .map(str::to_owned)
        .to_vec();
    let mut running = run
        .docker
        .exec(&sandbox, command, Vec::new())
        .await
        .expect("starts");
    let (mut count, mut largest) = (0, 0);
    while let Some(Output::Out(bytes) | Output::Err(bytes)) = running.next().await.expect("reads") {
        count += bytes.len();
        largest = largest.max(bytes.len());
    }
    assert_eq!(count, size, "nothing is lost");
    assert!(largest <= 1024 * 1024, "in pieces: {largest}");
    assert_eq!(running.status().await.expect("ends"), 0);
}

#[tokio::test]
async fn a_container_that_is_killed_ends_its_commands() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let command = ["sleep", "300"].map(str::to_owned).to_vec();
    let mut running = run
        .docker
        .exec(&sandbox, command, Vec::new())
        .await
        .expect("starts");
    run.docker.kill(&sandbox).await.expect("kills");
    let wait = async {
        while let Ok(Some(_)) = running.next().await {}
        running.status().await
    };
    let ended = tokio::time::timeout(Duration::from_secs(15), wait)
        .await
        .expect("it does not hang");
    assert_ne!(ended.ok(), Some(0), "never taken for success");
}

/// What a command starts dies before process 1 when memory runs out; the control is one that the engine runs plainly.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_and_its_children_die_before_process_1() {
    let house = House::new(support::containers::guest());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let score = "cat /proc/self/oom_score_adj; sh -c 'cat /proc/self/oom_score_adj'; cat /proc/1/oom_score_adj";
    let (status, said) = house.sh(&id, score).await;
    assert_eq!((status, said.as_str()), (0, "500\n500\n0"));
    let plain = std::process::Command::new("docker")
        .args(["exec", &id.container_name(), "sh", "-c", score])
        .output()
        .unwrap();
    assert_eq!(plain.stdout, b"0\n0\n0\n", "the probe can see less");
    // Which is not a matter of words: with all memory taken, the command is what ends.
    let (status, _) = house
        .sh(
            &id,
            "head -c 100G /dev/zero | tail -c +1 | tail -n 1 > /dev/null; exit ${PIPESTATUS[2]}",
        )
        .await;
    assert_eq!(status, 137, "killed");
    assert_eq!(house.sh(&id, "echo on").await, (0, "on".to_owned()));
    house.engine.remove(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_started_says_so_with_a_shells_status() {
    let house = House::new(support::containers::guest());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    for (command, status, words) in [
        ("no-such-command", 127, "was not found"),
        ("/etc/passwd", 126, "Permission denied"),
    ] {
        let running = house
            .engine
            .exec(&id, vec![command.to_owned()], Vec::new())
            .await
            .unwrap();
        let (code, out, err) = running.collect(1 << 10).await.unwrap();
        let err = String::from_utf8(err).unwrap();
        assert_eq!((code, out.as_slice()), (status, &b""[..]), "{err}");
        assert!(err.contains(command) && err.contains(words), "{err}");
    }
    house.engine.remove(&id).await.unwrap();
}

/// A capture pauses the sandbox for a moment, also between the look at it and a command that comes to it.
#[tokio::test(flavor = "multi_thread")]
async fn commands_and_terminals_come_in_while_captures_are_taken() {
    let house = House::new(support::containers::guest());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let engine = house.engine.clone();
    let (over, captured) = (Arc::new(AtomicBool::new(false)), id.clone());
    let captures = tokio::spawn({
        let over = over.clone();
        async move {
            let mut taken = 0;
            while !over.load(Ordering::Relaxed) {
                let op = Operation::silent();
                engine.review(&captured, true, &op).await.unwrap();
                taken += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            taken
        }
    });
    for round in 0..20 {
        // Another face of the app, which has no connection yet.
        let other = house.again(search());
        if let Err(error) = other.terminals(&id).await {
            panic!("{round}: {error}");
        }
        let said = house.sh(&id, "echo here").await;
        assert_eq!(said, (0, "here".to_owned()), "{round}");
    }
    over.store(true, Ordering::Relaxed);
    let taken: usize = captures.await.unwrap();
    assert!(taken >= 5, "{taken} captures were no hindrance");
    house.engine.remove(&id).await.unwrap();
}
