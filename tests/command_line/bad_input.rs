//! Bad input gets a clear error and a fixed exit status, and nothing is made.

use std::fs;

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
