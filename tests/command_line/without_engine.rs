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
