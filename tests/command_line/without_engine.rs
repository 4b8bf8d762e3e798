//! What needs no container works with no container engine at all.

use std::fs;

use crate::bench_of_one::Bench;

fn handed_over(bench: &Bench) -> (String, std::path::PathBuf) {
    let project = bench.project();
    let said = bench.run_alone(["create", "--no-start", "--json", project.to_str().unwrap()]);
    let made = said.ended(0).json();
    let id = made["id"].as_str().unwrap().to_owned();
    (id, made["workspace"].as_str().unwrap().into())
}

#[test]
fn review_copy_out_undo_and_reset_need_no_engine() {
    let bench = Bench::new();
    let before = bench.look(&bench.project());
    let (id, workspace) = handed_over(&bench);
    assert_eq!(
        bench.look(&workspace),
        before,
        "the copy is not the project"
    );
    fs::write(workspace.join("index.html"), "changed\n").unwrap();
    let changes = bench.run_alone(["changes", &id, "--json"]).ended(0).json();
    assert_eq!(changes["changes"][0]["status"], "modified");
    let capture = changes["capture"].as_str().unwrap().to_owned();

    // A capture is frozen: what is written after it is not what is copied out of it.
    fs::write(workspace.join("index.html"), "later\n").unwrap();
    bench
        .run_alone(["apply", &id, "--all", "--capture", &capture])
        .ended(0);
    assert_eq!(
        fs::read_to_string(bench.project().join("index.html")).unwrap(),
        "changed\n"
    );
    bench.run_alone(["undo", &id]).ended(0);
    assert_eq!(bench.look(&bench.project()), before);

    bench.run_alone(["reset", &id]).ended(0);
    assert_eq!(bench.look(&workspace), before);
    let list = bench
        .run_alone(["snapshots", &id, "--json"])
        .ended(0)
        .json();
    let kinds: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["kind"].as_str().unwrap())
        .collect();
    // The copy-out kept by itself what it copied from.
    assert_eq!(kinds, ["baseline", "auto", "safety"]);
    let automatic = list[1]["id"].as_str().unwrap();
    bench.run_alone(["reset", &id, "--to", automatic]).ended(0);
    assert_eq!(
        fs::read_to_string(workspace.join("index.html")).unwrap(),
        "changed\n"
    );
    // The reset itself can be undone.
    let safety = list[2]["id"].as_str().unwrap();
    bench.run_alone(["reset", &id, "--to", safety]).ended(0);
    assert_eq!(
        fs::read_to_string(workspace.join("index.html")).unwrap(),
        "later\n"
    );
}

#[test]
fn without_an_engine_create_says_so_and_leaves_nothing() {
    let bench = Bench::new();
    let said = bench
        .run_alone(["create", bench.project().to_str().unwrap()])
        .ended(1);
    assert!(said.err.contains("container engine"), "{}", said.err);
    assert_eq!(
        bench.run_alone(["list", "--json"]).json(),
        serde_json::json!([])
    );
    let left = fs::read_dir(bench.data().join("sandboxes"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "a failed create left a folder");
}

#[test]
fn a_sandbox_is_found_by_id_name_and_beginning() {
    let bench = Bench::new();
    let (id, _) = handed_over(&bench);
    let (second, _) = handed_over(&bench);
    let list = bench.run_alone(["list", "--json"]).ended(0).json();
    assert_eq!(list[0]["name"], "site");
    assert_eq!(list[1]["name"], "site-2");
    for wanted in [id.as_str(), "site", &id[..6]] {
        let row = bench
            .run_alone(["status", wanted, "--json"])
            .ended(0)
            .json();
        assert_eq!(row["id"], id.as_str(), "{wanted}");
    }
    bench.run_alone(["status", "nothing"]).ended(1);
    // The beginning that every id has.
    bench.run_alone(["status", ""]).ended(1);
    bench.run_alone(["remove", &second]).ended(0);
    bench.run_alone(["remove", &second]).ended(0);
    assert!(bench.project().exists(), "the project was touched");
}

#[test]
fn a_killed_create_is_cleaned_up_by_the_next_one() {
    let bench = Bench::new();
    let (id, _) = handed_over(&bench);
    // As a kill leaves it: the mark is still there.
    let folder = bench.data().join("sandboxes").join(&id);
    fs::write(folder.join("creating"), "site").unwrap();
    assert_eq!(
        bench.run_alone(["list", "--json"]).json(),
        serde_json::json!([])
    );
    handed_over(&bench);
    assert!(
        !folder.exists(),
        "the remains of the killed create are still there"
    );
}

#[test]
fn what_the_rules_leave_out_is_counted_and_skipped_by_name() {
    let bench = Bench::new();
    let (id, workspace) = handed_over(&bench);
    fs::write(workspace.join("package.json"), "{}").unwrap();
    fs::create_dir_all(workspace.join("node_modules/m")).unwrap();
    fs::write(workspace.join("node_modules/m/index.js"), "x").unwrap();
    fs::create_dir_all(workspace.join(".git/objects/ab")).unwrap();
    fs::write(workspace.join(".git/objects/ab/cd"), "x").unwrap();
    let changes = bench.run_alone(["changes", &id, "--json"]).ended(0).json();
    assert_eq!(changes["changes"].as_array().unwrap().len(), 1, "{changes}");
    assert_eq!(changes["left_out"], 2, "{changes}");
    let applied = bench
        .run_alone(["apply", &id, "--all", "--json"])
        .ended(0)
        .json();
    let left_out: Vec<&str> = applied["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|skipped| skipped["reason"] == "left-out")
        .map(|skipped| skipped["path"].as_str().unwrap())
        .collect();
    assert_eq!(left_out, [".git/objects", "node_modules"], "{applied}");
    // A snapshot that was asked for has all of it; what a capture passes over is not deleted for that.
    bench.run_alone(["snapshot", &id, "--name", "all"]).ended(0);
    let since = bench
        .run_alone(["changes", &id, "--from", "all", "--json"])
        .ended(0)
        .json();
    assert_eq!(since["changes"].as_array().unwrap().len(), 0, "{since}");
    assert!(!bench.project().join("node_modules").exists());
}

#[test]
fn names_that_are_not_utf8_keep_their_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let name = std::ffi::OsStr::from_bytes(b"a\xffb");
    fs::write(bench.project().join(name), "one\n").unwrap();
    let (id, workspace) = handed_over(&bench);
    fs::write(workspace.join(name), "two\n").unwrap();
    fs::write(bench.project().join(name), "mine\n").unwrap();
    let arguments = [
        std::ffi::OsStr::new("apply"),
        id.as_ref(),
        name,
        "--json".as_ref(),
    ];
    let said = bench.run_alone(arguments).ended(3).json();
    assert_eq!(said["conflicts"][0]["path"], "a\u{fffd}b");
    assert_eq!(said["conflicts"][0]["path_b64"], "Yf9i");
    fs::write(bench.project().join(name), "one\n").unwrap();
    let said = bench.run_alone(arguments).ended(0).json();
    assert_eq!(said["applied"][0], "a\u{fffd}b");
    assert_eq!(
        fs::read_to_string(bench.project().join(name)).unwrap(),
        "two\n"
    );
}

#[test]
fn a_create_that_is_told_to_end_leaves_nothing() {
    let bench = Bench::new();
    for at in 0..2_000 {
        let folder = bench.project().join(format!("d{}", at % 20));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("f{at}")), format!("{at}")).unwrap();
    }
    let project = bench.project();
    for signal in ["INT", "TERM", "HUP"] {
        let mut child = bench
            .command(["create", "--no-start", project.to_str().unwrap()])
            .env("DOCKER_HOST", "unix:///nonexistent")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let sandboxes = bench.data().join("sandboxes");
        let begun = || {
            fs::read_dir(&sandboxes).is_ok_and(|list| {
                list.flatten()
                    .any(|one| one.path().join("workspace").exists())
            })
        };
        while !begun() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let process = rustix::process::Pid::from_child(&child);
        let number = match signal {
            "INT" => rustix::process::Signal::INT,
            "TERM" => rustix::process::Signal::TERM,
            _ => rustix::process::Signal::HUP,
        };
        let _ = rustix::process::kill_process(process, number);
        let ended = child.wait().unwrap();
        assert!(
            ended.code().is_some(),
            "SIG{signal} ended it in the middle, by itself"
        );
        if ended.success() {
            // It had finished already, on a fast machine.
            let rows = bench.run_alone(["list", "--json"]).json();
            bench
                .run_alone(["remove", rows[0]["id"].as_str().unwrap()])
                .ended(0);
        }
        assert_eq!(
            fs::read_dir(&sandboxes).unwrap().count(),
            0,
            "SIG{signal} left something"
        );
    }
}

#[test]
fn a_signal_in_the_first_instants_of_a_create_leaves_all_or_nothing() {
    let bench = Bench::new();
    for number in 0..200 {
        let name = bench.project().join(format!("src/{number}"));
        fs::write(name, vec![b'x'; 64 * 1024]).unwrap();
    }
    let project = bench.project();
    let sandboxes = bench.data().join("sandboxes");
    let (mut whole, mut none) = (0, 0);
    for instant in 0..60 {
        let mut child = bench
            .command(["create", "--no-start", project.to_str().unwrap()])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(instant * 1500));
        let process = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let ended = child.wait().unwrap();
        let left = fs::read_dir(&sandboxes).map_or(0, Iterator::count);
        if ended.success() {
            let rows = bench.run_alone(["list", "--json"]).json();
            assert_eq!((left, rows.as_array().unwrap().len()), (1, 1));
            bench
                .run_alone(["remove", rows[0]["id"].as_str().unwrap()])
                .ended(0);
            whole += 1;
        } else {
            assert_eq!(left, 0, "after {} ms: {ended}", instant * 3 / 2);
            none += 1;
        }
    }
    eprintln!("{whole} finished, {none} left nothing");
    assert!(none > 0, "no signal came early enough to be of use");
}
