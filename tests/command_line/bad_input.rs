//! Bad input gets a clear error and a fixed exit status, and nothing is made.

use std::fs;
use std::process::Stdio;

use crate::bench_of_one::Bench;

#[test]
fn projects_that_cannot_be_handed_over() {
    let bench = Bench::new();
    let home = bench.data().parent().unwrap().join("home");
    fs::create_dir_all(&home).unwrap();
    let inside = bench.data().join("inside");
    bench.run_alone(["list"]).ended(0);
    fs::create_dir_all(&inside).unwrap();
    let file = bench.project().join("index.html");
    let missing = bench.project().join("missing");
    for (path, words) in [
        (missing.to_str().unwrap(), "nothing at"),
        (file.to_str().unwrap(), "not a folder"),
        ("/", "whole file system"),
        (home.to_str().unwrap(), "home folder"),
        (inside.to_str().unwrap(), "own data"),
        ("/proc", "holds no files"),
    ] {
        let said = bench.run_alone(["create", "--no-start", path]).ended(1);
        assert!(said.err.contains(words), "{path}: {}", said.err);
    }
    assert_eq!(
        bench.run_alone(["list", "--json"]).json(),
        serde_json::json!([])
    );
}

#[test]
fn wrong_use_is_two() {
    let bench = Bench::new();
    let project = bench.project();
    let project = project.to_str().unwrap();
    for arguments in [
        vec!["nonsense"],
        vec!["create"],
        vec!["apply", "x"],
        vec!["exec", "x"],
        vec!["create", project, "--cpus", "0"],
        vec!["create", project, "--memory", "lots"],
        vec!["network", "x", "sideways"],
    ] {
        let said = bench.run_alone(&arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert_eq!(said.out, "", "{arguments:?} answered");
    }
}

#[test]
fn wrong_use_is_said_as_every_failure_is() {
    let bench = Bench::new();
    for arguments in [
        ["--json", "nonsense"],
        ["nonsense", "--json"],
        ["create", "--json"],
    ] {
        let said = bench.run_alone(arguments).ended(2);
        let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(error["error"]["code"], "invalid_request", "{arguments:?}");
        assert_eq!(said.out, "", "{arguments:?} answered");
    }
    let said = bench.run_alone(["create"]).ended(2);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.contains("<PROJECT>"), "{}", said.err);
}

#[test]
fn a_verb_without_its_own_verb_shows_which_there_are() {
    let bench = Bench::new();
    let said = bench.run_alone(["key"]).ended(2);
    assert_eq!(said.out, "");
    let lists = |verb: &str| {
        said.err
            .lines()
            .any(|line| line.trim_start().starts_with(verb))
    };
    assert!(lists("list") && lists("set"), "{}", said.err);
    let said = bench.run_alone(["key", "--json"]).ended(2);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["code"], "invalid_request");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let bench = Bench::new();
    for arguments in [&["completions", "bash"][..], &["--help"], &["list"]] {
        let mut child = bench
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[test]
fn the_doctor_answers_where_nothing_can_be_kept() {
    let bench = Bench::new();
    fs::write(bench.data(), "a file").unwrap();
    let rows = bench.run_alone(["doctor", "--json"]).ended(1).json();
    assert_eq!(rows[0]["check"], "data");
    assert_eq!(rows[0]["ok"], false);
}

#[test]
fn a_project_that_is_gone_costs_nothing() {
    let bench = Bench::new();
    let project = bench.project();
    let made = bench.run_alone(["create", "--no-start", "--json", project.to_str().unwrap()]);
    let made = made.ended(0).json();
    fs::write(
        std::path::Path::new(made["workspace"].as_str().unwrap()).join("index.html"),
        "x",
    )
    .unwrap();
    let away = project.with_file_name("away");
    fs::rename(&project, &away).unwrap();
    for verb in ["list", "recover"] {
        bench.run_alone([verb]).ended(0);
    }
    for verb in ["status", "changes", "diff", "snapshot"] {
        bench.run_alone([verb, "site"]).ended(0);
    }
    let said = bench.run_alone(["apply", "site", "--all"]).ended(1);
    assert!(said.err.contains("not there any more"), "{}", said.err);
    // An empty folder in its place is a folder in which the user deleted everything.
    fs::create_dir(&project).unwrap();
    let said = bench
        .run_alone(["apply", "site", "--all", "--json"])
        .ended(3);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["code"], "conflict");
    assert_eq!(said.json()["conflicts"][0]["reason"], "deleted");
    assert_eq!(
        fs::read_dir(&project).unwrap().count(),
        0,
        "something was written"
    );
}

#[test]
fn a_link_in_the_workspace_s_place_is_never_followed() {
    let bench = Bench::new();
    let project = bench.project();
    let made = bench.run_alone(["create", "--no-start", "--json", project.to_str().unwrap()]);
    let made = made.ended(0).json();
    let workspace = std::path::PathBuf::from(made["workspace"].as_str().unwrap());
    let elsewhere = bench.data().with_file_name("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("precious"), "mine").unwrap();
    bench.run_alone(["reset", "site"]).ended(0);
    fs::rename(&workspace, workspace.with_file_name("moved")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &workspace).unwrap();
    for arguments in [
        vec!["changes", "site"],
        vec!["diff", "site"],
        vec!["snapshot", "site"],
        vec!["apply", "site", "--all"],
        vec!["reset", "site"],
    ] {
        let said = bench.run_alone(&arguments).ended(1);
        assert!(said.err.contains("a link"), "{arguments:?}: {}", said.err);
    }
    bench.run_alone(["remove", "site"]).ended(0);
    assert_eq!(
        fs::read_to_string(elsewhere.join("precious")).unwrap(),
        "mine"
    );
    assert_eq!(
        fs::read_dir(&elsewhere).unwrap().count(),
        1,
        "something was put there"
    );
}

#[test]
fn a_taken_name_and_missing_things_are_one() {
    let bench = Bench::new();
    let project = bench.project();
    let project = project.to_str().unwrap();
    bench
        .run_alone(["create", "--no-start", project, "--name", "p"])
        .ended(0);
    bench
        .run_alone(["create", "--no-start", project, "--name", "p"])
        .ended(1);
    for arguments in [
        vec!["changes", "nobody"],
        vec!["reset", "p", "--to", "nothing"],
        vec!["apply", "p", "--all", "--capture", "../../etc/passwd"],
        vec!["apply", "p", "missing.txt"],
        vec!["apply", "p", "../outside"],
        vec!["undo", "p"],
    ] {
        let said = bench.run_alone(&arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {}", said.err);
    }
    assert_eq!(bench.run_alone(["exec", "nobody", "--", "true"]).code, 125);
}

#[test]
fn errors_are_one_document_with_json_and_one_line_without() {
    let bench = Bench::new();
    let said = bench.run_alone(["status", "nobody", "--json"]).ended(1);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["code"], "not_found");
    let said = bench.run_alone(["status", "no\u{1b}[31mbody"]).ended(1);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(
        !said.err.contains('\u{1b}'),
        "an escape reached the terminal: {:?}",
        said.err
    );
}
