//! Ways back that are chosen: some paths only, the home folder too.

use std::fs;

use crate::bench_of_one::Bench;

#[test]
fn some_paths_go_back_and_the_rest_stays() {
    let bench = Bench::new();
    let project = bench.project();
    let create = ["create", "--no-start", "--json", project.to_str().unwrap()];
    let made = bench.run_alone(create).ended(0).json();
    let id = made["id"].as_str().unwrap();
    let workspace = std::path::PathBuf::from(made["workspace"].as_str().unwrap());
    let before = bench.look(&workspace);
    bench.run_alone(["snapshot", id, "--name", "good"]).ended(0);
    let again = bench
        .run_alone(["snapshot", id, "--name", " good "])
        .ended(1);
    let said = "a snapshot is called \"good\" already";
    assert!(
        again.err.contains(said),
        "a name is one's own: {}",
        again.err
    );
    let list = bench.run_alone(["snapshots", id, "--json"]).ended(0).json();
    assert_eq!(list.as_array().unwrap().len(), 2, "and none was taken");
    bench
        .run_alone(["snapshot", id, "--name", "better"])
        .ended(0);
    fs::write(workspace.join("index.html"), "wrecked\n").unwrap();
    fs::write(workspace.join("dos.txt"), "wrecked\n").unwrap();
    fs::remove_dir_all(workspace.join("src")).unwrap();
    fs::write(workspace.join("new.txt"), "new\n").unwrap();
    let wrecked = bench.look(&workspace);

    let nothing = bench
        .run_alone(["reset", id, "--to", "good", "--", "src", "no/such"])
        .ended(1);
    assert!(nothing.err.contains("no/such"), "{}", nothing.err);
    let outside = bench.run_alone(["reset", id, "--to", "good", "--", "../site"]);
    outside.ended(1);
    assert_eq!(bench.look(&workspace), wrecked, "nothing was put back");

    let report = bench
        .run_alone([
            "reset", id, "--to", "good", "--json", "--", "src", "dos.txt", "new.txt",
        ])
        .ended(0)
        .json();
    let safety = report["safety"].as_str().unwrap();
    let text = |name: &str| fs::read_to_string(workspace.join(name)).unwrap_or_default();
    assert_eq!(text("index.html"), "wrecked\n", "it was not named");
    assert_eq!(text("dos.txt"), "a\r\nb\r\n");
    assert_eq!(
        text("src/run.sh"),
        "echo hi\n",
        "a folder stands for what is in it"
    );
    assert_eq!(text("new.txt"), "", "the snapshot has none");
    bench.run_alone(["reset", id, "--to", safety]).ended(0);
    assert_eq!(bench.look(&workspace), wrecked, "undone");
    // The control: without paths all of it goes back.
    bench.run_alone(["reset", id, "--to", "good"]).ended(0);
    assert_eq!(bench.look(&workspace), before);
}

#[test]
fn a_home_without_a_container_engine_is_refused_in_words() {
    let bench = Bench::new();
    let project = bench.project();
    let create = [
        "create",
        "--no-start",
        "--name",
        "site",
        project.to_str().unwrap(),
    ];
    bench.run_alone(create).ended(0);
    let said = bench
        .run_alone(["snapshot", "site", "--with-home"])
        .ended(1);
    assert!(said.err.contains("no home folder yet"), "{}", said.err);
    let taken = bench
        .run_alone(["snapshot", "site", "--json"])
        .ended(0)
        .json();
    assert_eq!(taken["home"], false);
    let to = taken["id"].as_str().unwrap();
    let said = bench
        .run_alone(["reset", "site", "--to", to, "--with-home"])
        .ended(1);
    assert!(said.err.contains("without the home folder"), "{}", said.err);
    let list = bench
        .run_alone(["snapshots", "site", "--json"])
        .ended(0)
        .json();
    assert_eq!(list.as_array().unwrap().len(), 2, "no snapshot for nothing");
    for wrong in [
        vec!["reset", "site", "--with-home"],
        vec!["reset", "site", "--", "index.html"],
        vec![
            "reset",
            "site",
            "--to",
            to,
            "--with-home",
            "--",
            "index.html",
        ],
        vec!["reset", "site", "--wipe", "--with-home"],
    ] {
        bench.run_alone(&wrong).ended(2);
    }
}

#[test]
fn what_was_installed_comes_back_with_the_home() {
    let bench = Bench::new();
    let project = bench.project();
    let made = bench.run(["create", "--json", project.to_str().unwrap()]);
    let id = made.ended(0).json()["id"].as_str().unwrap().to_owned();
    let sh = |script: &str| bench.run(["exec", &id, "--", "sh", "-c", script]);
    sh(
        "mkdir -p ~/.local/bin && printf '#!/bin/sh\\necho installed\\n' > ~/.local/bin/tool \
        && chmod +x ~/.local/bin/tool && echo token > ~/.login && echo here > /workspace/dos.txt",
    )
    .ended(0);
    let taken = bench
        .run(["snapshot", &id, "--name", "works", "--with-home", "--json"])
        .ended(0)
        .json();
    assert_eq!(taken["home"], true);
    let list = bench.run(["snapshots", &id, "--json"]).ended(0).json();
    let homes: Vec<bool> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["home"].as_bool().unwrap())
        .collect();
    assert_eq!(homes.last(), Some(&true));
    assert!(!homes[0], "the baseline");
    sh("rm -rf ~/.local && echo other > ~/.login && echo gone > /workspace/dos.txt").ended(0);

    bench.run(["reset", &id, "--to", "works"]).ended(0);
    assert_eq!(
        sh("cat /workspace/dos.txt ~/.login").ended(0).out,
        "here\nother\n"
    );
    let said = bench
        .run(["reset", &id, "--to", "works", "--with-home"])
        .ended(0);
    let back = sh("cat /workspace/dos.txt ~/.login; ~/.local/bin/tool");
    assert_eq!(back.ended(0).out, "here\ntoken\ninstalled\n");
    // Its own words undo it.
    let undo = said.out.split("Undo: agent-sandbox ").nth(1).unwrap();
    bench.run(undo.split_whitespace()).ended(0);
    let undone = sh("cat /workspace/dos.txt ~/.login; test -e ~/.local || echo none");
    assert_eq!(undone.ended(0).out, "here\nother\nnone\n");
}
