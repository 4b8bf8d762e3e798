//! What a copy-out holds to whatever happens beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::bench_of_one::Bench;
use crate::bring_in::made_of;

/// After the capture the agent may do what it likes: what was reviewed is what is written.
#[test]
fn what_the_agent_makes_of_a_file_after_the_capture_is_not_looked_at() {
    let bench = Bench::new();
    let secret = bench.folder_secret();
    let made = made_of(bench);
    for name in ["one", "two", "three", "four"] {
        fs::write(made.inside(name), "reviewed\n").unwrap();
    }
    let capture = made.run(&["changes"], 0)["capture"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(made.inside("one"), "later\n").unwrap();
    fs::remove_file(made.inside("two")).unwrap();
    symlink(&secret, made.inside("two")).unwrap();
    fs::remove_file(made.inside("three")).unwrap();
    let fifo = Command::new("mkfifo")
        .arg(made.inside("three"))
        .status()
        .unwrap();
    assert!(fifo.success());
    fs::remove_file(made.inside("four")).unwrap();
    fs::create_dir(made.inside("four")).unwrap();

    made.run(&["apply", "--all", "--capture", &capture], 0);
    for name in ["one", "two", "three", "four"] {
        let written = made.project(name);
        assert!(
            written.symlink_metadata().unwrap().is_file(),
            "{name} is no file"
        );
        assert_eq!(fs::read_to_string(written).unwrap(), "reviewed\n", "{name}");
    }
}

/// Many at once, of two processes each: one after the other, and what both write is whole.
#[test]
fn two_copy_outs_at_once_come_one_after_the_other() {
    let made = made_of(Bench::new());
    let before = made.bench.look(&made.bench.project());
    for round in 0..5 {
        for file in 0..40 {
            fs::write(
                made.inside(&format!("file{file}")),
                format!("{round}\n").repeat(2000),
            )
            .unwrap();
        }
        let both: Vec<_> = (0..2)
            .map(|_| {
                let mut command = made.bench.command(["apply", &made.id, "--all", "--json"]);
                command
                    .env("DOCKER_HOST", "unix:///nowhere/no.sock")
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut applied = 0;
        for child in both {
            let done = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "round {round}: {err}");
            let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
            applied += said["applied"].as_array().unwrap().len();
        }
        assert_eq!(
            applied, 40,
            "round {round}: each file is written by one of the two"
        );
        for file in 0..40 {
            let name = format!("file{file}");
            assert_eq!(
                fs::read(made.project(&name)).unwrap(),
                fs::read(made.inside(&name)).unwrap()
            );
        }
    }
    // Each of them is undone by itself, the newest first.
    for _ in 0..5 {
        made.run(&["undo"], 0);
    }
    assert_eq!(made.bench.look(&made.bench.project()), before);
}
