//! Changes to other places than the project's files, looked at with real git.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::bench_of_one::Bench;
use crate::bring_in::{Made, git, made_of};

/// What git says.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {arguments:?}: {err}");
    String::from_utf8(done.stdout).unwrap()
}

/// A repository with two commits, packed with deltas, with hooks that leave a mark; and an agent's changes.
fn repository() -> Made {
    let bench = Bench::new();
    let project = bench.project();
    let long: String = (0..400).map(|n| format!("line {n}\n")).collect();
    git(&project, &["init", "-q", "-b", "main"]);
    fs::write(project.join("long"), &long).unwrap();
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "one"]);
    fs::write(project.join("long"), format!("{long}end\n")).unwrap();
    git(&project, &["commit", "-qam", "two"]);
    git(&project, &["gc", "-q"]);
    git(&project, &["config", "user.name", "Ada \"B\""]);
    git(&project, &["config", "user.email", "ada@example.org"]);
    for hook in [
        "post-commit",
        "reference-transaction",
        "pre-commit",
        "post-checkout",
    ] {
        let path = project.join(".git/hooks").join(hook);
        fs::write(&path, "#!/bin/sh\ntouch \"$(dirname \"$0\")/RAN\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let made = made_of(bench);
    fs::write(
        made.inside("long"),
        long.replace("line 7\n", "agent\n") + "end\n",
    )
    .unwrap();
    fs::remove_file(made.inside("dos.txt")).unwrap();
    fs::rename(made.inside("src/run.sh"), made.inside("src/go.sh")).unwrap();
    fs::create_dir_all(made.inside("deep/er")).unwrap();
    fs::write(made.inside("deep/er/new"), "new\n").unwrap();
    fs::write(made.inside("deep.txt"), "sorts before the folder\n").unwrap();
    fs::remove_file(made.inside("link")).unwrap();
    symlink("deep.txt", made.inside("link")).unwrap();
    made
}

#[test]
fn a_branch_has_one_commit_and_nothing_else_of_the_repository_moves() {
    let made = repository();
    let project = made.bench.project();
    let looked = |path: &str| fs::read(project.join(path)).unwrap();
    let before = (
        looked(".git/HEAD"),
        looked(".git/index"),
        said(&project, &["status", "--porcelain"]),
        said(&project, &["rev-parse", "main"]),
    );
    let tree_before: Vec<_> = made
        .bench
        .look(&project)
        .into_iter()
        .filter(|e| !format!("{e:?}").contains(".git"))
        .collect();

    let answer = made.run(&["save", "--all", "--branch", "agents/my work"], 0);
    assert_eq!(answer["branch"], "agents/my-work");
    assert_eq!(said(&project, &["fsck", "--strict", "--full"]), "");
    let parents = said(&project, &["rev-list", "--parents", "agents/my-work"]);
    assert_eq!(
        parents.lines().count(),
        3,
        "one commit on the two that were there"
    );
    let names = said(
        &project,
        &[
            "show",
            "--format=%an <%ae>",
            "--name-status",
            "-M",
            "agents/my-work",
        ],
    );
    assert!(
        names.starts_with("Ada \"B\" <ada@example.org>\n"),
        "{names}"
    );
    for line in [
        "A\tdeep.txt",
        "A\tdeep/er/new",
        "D\tdos.txt",
        "M\tlink",
        "M\tlong",
        "R100\tsrc/run.sh\tsrc/go.sh",
    ] {
        assert!(names.lines().any(|l| l == line), "no {line:?} in {names}");
    }
    assert_eq!(
        said(&project, &["show", "agents/my-work:long"]),
        fs::read_to_string(made.inside("long")).unwrap()
    );

    let after = (
        looked(".git/HEAD"),
        looked(".git/index"),
        said(&project, &["status", "--porcelain"]),
        said(&project, &["rev-parse", "main"]),
    );
    assert_eq!(after, before, "the user's own branch, index and files stay");
    let tree_after: Vec<_> = made
        .bench
        .look(&project)
        .into_iter()
        .filter(|e| !format!("{e:?}").contains(".git"))
        .collect();
    assert_eq!(tree_after, tree_before);
    assert!(!project.join(".git/hooks/RAN").exists(), "a hook was run");
    // A taken name gets a number, and checking it out gives what was accepted.
    let again = made.run(&["save", "--all", "--branch", "agents/my work"], 0);
    assert_eq!(again["branch"], "agents/my-work-2");
    git(
        &project,
        &[
            "-c",
            "core.hooksPath=/dev/null",
            "checkout",
            "-q",
            "agents/my-work",
        ],
    );
    assert!(project.join("deep/er/new").exists());
    assert!(!project.join("dos.txt").exists());
}

#[test]
fn what_the_user_has_not_committed_is_not_taken_along() {
    let made = repository();
    let project = made.bench.project();
    // Not committed, in another place of a file that the agent changed; brought in, so that it is in the base.
    let text = fs::read_to_string(project.join("long")).unwrap();
    fs::write(project.join("long"), text.replace("line 300\n", "user\n")).unwrap();
    made.run(&["bring-in"], 0);
    let answer = made.run(&["save", "long", "--branch", "b"], 0);
    assert_eq!(answer["merged"][0], "long");
    let saved = said(&project, &["show", "b:long"]);
    assert!(saved.contains("agent\n"), "the agent's change is not in it");
    assert!(
        !saved.contains("user\n"),
        "the user's own unfinished work was committed"
    );
    // In the same place it cannot be told apart.
    fs::write(project.join("index.html"), "user\n").unwrap();
    made.run(&["bring-in"], 0);
    fs::write(made.inside("index.html"), "agent\n").unwrap();
    let refused = made
        .bench
        .run_alone(["save", &made.id, "index.html", "--branch", "c"])
        .ended(1);
    assert!(refused.err.contains("index.html"), "{}", refused.err);
    assert_eq!(said(&project, &["branch", "--list", "c"]), "");
}

#[test]
fn repositories_of_every_shape_are_met() {
    // No commit yet.
    let bench = Bench::new();
    git(&bench.project(), &["init", "-q", "-b", "main"]);
    let made = made_of(bench);
    fs::write(made.inside("new"), "new\n").unwrap();
    made.run(&["save", "new", "--branch", "first"], 0);
    assert_eq!(
        said(&made.bench.project(), &["rev-list", "--count", "first"]),
        "1\n"
    );
    assert_eq!(said(&made.bench.project(), &["fsck", "--strict"]), "");

    // None at all.
    let made = made_of(Bench::new());
    fs::write(made.inside("new"), "new\n").unwrap();
    let refused = made
        .bench
        .run_alone(["save", &made.id, "new", "--branch", "x"])
        .ended(1);
    assert!(
        refused.err.contains("not a git repository"),
        "{}",
        refused.err
    );
    assert!(!made.project(".git").exists());

    // A linked working tree: the branch is the whole repository's.
    let bench = Bench::new();
    let main = bench.project().with_file_name("main");
    fs::create_dir(&main).unwrap();
    git(&main, &["init", "-q", "-b", "main"]);
    fs::write(main.join("a"), "a\n").unwrap();
    git(&main, &["add", "-A"]);
    git(&main, &["commit", "-qm", "one"]);
    let linked = bench.project();
    fs::remove_dir_all(&linked).unwrap();
    git(&main, &["worktree", "add", "-q", linked.to_str().unwrap()]);
    let made = made_of(bench);
    fs::write(made.inside("a"), "agent\n").unwrap();
    made.run(&["save", "a", "--branch", "linked"], 0);
    assert_eq!(said(&main, &["show", "linked:a"]), "agent\n");
    assert_eq!(said(&main, &["fsck", "--strict"]), "");
}

#[test]
fn a_patch_applies_with_real_git_and_a_folder_has_the_files() {
    let made = repository();
    let patch = made.bench.project().with_file_name("out.patch");
    made.run(&["save", "--all", "--patch", patch.to_str().unwrap()], 0);
    made.run(&["save", "--all", "--patch", patch.to_str().unwrap()], 1);
    let copy = made.bench.project().with_file_name("copy");
    git(
        made.bench.project().parent().unwrap(),
        &["clone", "-q", "site", "copy"],
    );
    git(&copy, &["apply", "--index", patch.to_str().unwrap()]);
    assert_eq!(
        fs::read(copy.join("long")).unwrap(),
        fs::read(made.inside("long")).unwrap()
    );
    assert_eq!(
        fs::read_link(copy.join("link")).unwrap(),
        Path::new("deep.txt")
    );
    assert!(copy.join("src/go.sh").exists() && !copy.join("src/run.sh").exists());

    let place = made.bench.project().with_file_name("place");
    fs::create_dir(&place).unwrap();
    made.run(
        &["save", "deep", "long", "--folder", place.to_str().unwrap()],
        0,
    );
    assert_eq!(
        fs::read_to_string(place.join("site changes/deep/er/new")).unwrap(),
        "new\n"
    );
    assert!(
        !place.join("site changes/deep.txt").exists(),
        "was not chosen"
    );
}

#[test]
fn the_agents_own_commits_come_as_patches_made_inside() {
    let bench = Bench::new();
    let project = bench.project();
    git(&project, &["init", "-q", "-b", "main"]);
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "one"]);
    let created = bench.run(["create", "--json", project.to_str().unwrap()]);
    let id = created.ended(0).json()["id"].as_str().unwrap().to_owned();
    let patches = project.with_file_name("own.patch");
    let save = || bench.run(["save", &id, "--commits", patches.to_str().unwrap()]);

    let none = save().ended(1);
    assert!(none.err.contains("no commits of its own"), "{}", none.err);
    assert!(!patches.exists(), "written where there was nothing");

    let script = "git config user.name Bot && git config user.email bot@example.org \
                  && echo '<p>two</p>' >> index.html && git commit -qam second \
                  && printf '\\0\\1' > data.bin && git add data.bin && git commit -qm third";
    bench.run(["exec", &id, "--", "sh", "-c", script]).ended(0);
    save().ended(0);
    let copy = project.with_file_name("copy");
    git(project.parent().unwrap(), &["clone", "-q", "site", "copy"]);
    git(&copy, &["am", "-q", patches.to_str().unwrap()]);
    assert_eq!(
        said(&copy, &["log", "--format=%s"]),
        "third\nsecond\none\n",
        "one patch for each commit, in order"
    );
    assert_eq!(fs::read(copy.join("data.bin")).unwrap(), b"\0\x01");
    save().ended(1);
}
