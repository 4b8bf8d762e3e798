//! Hand over, work, look, copy out, undo, snapshot, disaster, reset: on a real engine.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::bench_of_one::Bench;

fn handed_over(bench: &Bench) -> String {
    let said = bench
        .run(["create", "--json", bench.project().to_str().unwrap()])
        .ended(0);
    said.json()["id"].as_str().unwrap().to_owned()
}

fn work(bench: &Bench, id: &str, script: &str) {
    bench.run(["exec", id, "--", "sh", "-c", script]).ended(0);
}

#[test]
fn from_hand_over_to_reset() {
    let bench = Bench::new();
    let before = bench.look(&bench.project());
    let id = handed_over(&bench);

    work(
        &bench,
        &id,
        "echo '<p>two</p>' >> index.html; echo new > new.txt; rm dos.txt; printf 'x' > .envrc",
    );
    let changes = bench.run(["changes", &id, "--json"]).ended(0).json();
    let paths: Vec<&str> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, [".envrc", "dos.txt", "index.html", "new.txt"]);
    assert_eq!(
        bench.look(&bench.project()),
        before,
        "the project changed before a copy-out"
    );

    let diff = bench.run(["diff", &id, "index.html"]).ended(0).out;
    assert!(diff.contains("+<p>two</p>"), "{diff}");
    assert!(
        !diff.contains("new.txt"),
        "not named and yet in the diff: {diff}"
    );

    let applied = bench.run(["apply", &id, "--all", "--json"]).ended(0).json();
    assert_eq!(applied["applied"].as_array().unwrap().len(), 3, "{applied}");
    assert_eq!(applied["skipped"][0]["path"], ".envrc");
    assert_eq!(applied["skipped"][0]["reason"], "risky");
    assert!(
        !bench.project().join("dos.txt").exists(),
        "the deletion was not copied out"
    );
    assert!(
        !bench.project().join(".envrc").exists(),
        "copied out what runs on the host"
    );
    let text = fs::read_to_string(bench.project().join("index.html")).unwrap();
    assert_eq!(text, "<h1>Hello</h1>\n<p>one</p>\n<p>two</p>\n");

    bench.run(["undo", &id]).ended(0);
    assert_eq!(
        bench.look(&bench.project()),
        before,
        "the undo did not bring all of it back"
    );
    bench.run(["undo", &id]).ended(1);

    let snapshot = bench
        .run(["snapshot", &id, "--name", "good", "--json"])
        .ended(0)
        .json();
    assert_eq!(snapshot["name"], "good");
    let workspace = bench.run(["status", &id, "--json"]).ended(0).json();
    let workspace = std::path::PathBuf::from(workspace["workspace"].as_str().unwrap());
    let good = bench.look(&workspace);
    work(
        &bench,
        &id,
        "rm -rf ./* ./.[!.]*; ls -A | wc -l | grep -qx 0",
    );
    bench.run(["reset", &id, "--to", "good"]).ended(0);
    assert_eq!(bench.look(&workspace), good, "the reset is not exact");
    work(&bench, &id, "grep -q two index.html");
    bench.run(["reset", &id]).ended(0);
    assert_eq!(
        bench.look(&workspace),
        before,
        "the baseline is not what was handed over"
    );
}

#[test]
fn a_command_keeps_its_streams_and_its_status() {
    let bench = Bench::new();
    let id = handed_over(&bench);
    let said = bench
        .run(["exec", &id, "--", "sh", "-c", "pwd; echo wrong >&2; exit 7"])
        .ended(7);
    assert_eq!(
        (said.out.as_str(), said.err.as_str()),
        ("/workspace\n", "wrong\n")
    );
    // A child in the background neither holds the command nor ends with it.
    bench
        .run([
            "exec",
            &id,
            "--",
            "sh",
            "-c",
            "(sleep 2; touch late) & echo started",
        ])
        .ended(0);
    work(
        &bench,
        &id,
        "for i in $(seq 50); do [ -e late ] && exit 0; sleep 0.1; done; exit 1",
    );
    // What cannot be started is our error, not the command's output.
    let said = bench.run(["exec", &id, "--", "no-such-command"]).ended(127);
    assert_eq!(said.out, "", "an error came on standard output");
    assert!(said.err.contains("not found"), "{}", said.err);
    bench.run(["exec", &id, "--", "/etc/passwd"]).ended(126);
    interrupted(&bench, &id);
    bench.run(["stop", &id]).ended(0);
    bench.run(["stop", &id]).ended(0);
    let said = bench.run(["exec", &id, "--", "true"]).ended(125);
    assert!(said.err.contains("agent-sandbox start"), "{}", said.err);
    bench.run(["start", &id]).ended(0);
    bench.run(["start", &id]).ended(0);
    bench.run(["exec", &id, "--", "true"]).ended(0);
}

/// Ctrl-C reaches the command, and not the program alone.
fn interrupted(bench: &Bench, id: &str) {
    // Should it not be interrupted, it ends by itself, otherwise.
    let mut child = ready(bench, id, "echo ready; exec sleep 120");
    interrupt(&child);
    assert_eq!(
        child.wait().unwrap().code(),
        Some(130),
        "the command's own end"
    );
    bench.run(["exec", id, "--", "pgrep", "sleep"]).ended(1);
    // One that does not hear it is left alone by the second.
    let mut child = ready(bench, id, "trap '' INT; echo ready; sleep 120");
    interrupt(&child);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(child.try_wait().unwrap(), None, "the command's own choice");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130), "the program's end");
    bench.run(["exec", id, "--", "pgrep", "sleep"]).ended(0);
}

/// A command that has said that it is ready.
fn ready(bench: &Bench, id: &str, script: &str) -> Child {
    let mut child = bench
        .command(["exec", id, "--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 6];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    child
}

fn interrupt(child: &Child) {
    let process = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
}

#[test]
fn a_file_that_the_user_changed_meanwhile_is_never_written_over() {
    let bench = Bench::new();
    let id = handed_over(&bench);
    work(&bench, &id, "echo his > index.html; echo new > new.txt");
    fs::write(bench.project().join("index.html"), "mine\n").unwrap();
    let before = bench.look(&bench.project());
    let said = bench.run(["apply", &id, "--all", "--json"]).ended(3);
    assert_eq!(said.json()["conflicts"][0]["path"], "index.html");
    assert!(
        !said.err.is_empty(),
        "a conflict is said on standard error too"
    );
    assert_eq!(
        bench.look(&bench.project()),
        before,
        "something was written"
    );
    bench.run(["apply", &id, "new.txt"]).ended(0);
    assert!(bench.project().join("new.txt").exists());
}

#[test]
fn what_belongs_to_git_never_goes_out() {
    let bench = Bench::new();
    let id = handed_over(&bench);
    work(
        &bench,
        &id,
        "git init -q . && printf '#!/bin/sh\\n' > .git/hooks/pre-commit && mkdir .GIT && echo x > .GIT/config && echo fine > fine.txt",
    );
    bench
        .run(["apply", &id, "--all", "--include-risky"])
        .ended(0);
    assert!(
        bench.project().join("fine.txt").exists(),
        "the probe itself did not get out"
    );
    assert!(!bench.project().join(".git").exists());
    assert!(!bench.project().join(".GIT").exists());
    bench.run(["apply", &id, ".git/hooks/pre-commit"]).ended(1);
    bench.run(["apply", &id, ".GIT/config"]).ended(1);
    assert!(!bench.project().join(".GIT").exists());
}

#[test]
fn the_sandbox_has_no_way_out_and_sees_nothing_of_the_host() {
    let bench = Bench::new();
    let id = handed_over(&bench);
    let links = bench
        .run(["exec", &id, "--", "cat", "/proc/net/dev"])
        .ended(0)
        .out;
    let others = links
        .lines()
        .skip(2)
        .filter(|l| !l.trim_start().starts_with("lo:"))
        .count();
    assert_eq!(others, 0, "an interface besides loopback: {links}");
    let user = bench.run(["exec", &id, "--", "id", "-u"]).ended(0).out;
    assert_ne!(user.trim(), "0", "the agent is root");
    let secret = bench.folder_secret();
    let said = bench.run(["exec", &id, "--", "cat", secret.to_str().unwrap()]);
    assert_ne!(said.code, 0, "a file of the host can be read");
    bench
        .run(["exec", &id, "--", "sh", "-c", "echo x > /usr/x"])
        .ended(2);
}

#[test]
fn a_rule_that_is_none_is_refused_and_nothing_is_made() {
    let bench = Bench::new();
    let project = bench.project();
    let said = bench.run([
        "create",
        project.to_str().unwrap(),
        "--allow",
        "http://example.com",
    ]);
    let said = said.ended(1);
    assert!(said.err.contains("is no site"), "{}", said.err);
    let list = bench.run(["list", "--json"]).ended(0).json();
    assert_eq!(list.as_array().unwrap().len(), 0);
}
