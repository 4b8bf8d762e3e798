//! What the user changed in the project since, brought into the workspace; a new start; undo and redo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench_of_one::Bench;

pub struct Made {
    pub bench: Bench,
    pub id: String,
    pub workspace: PathBuf,
}

fn made() -> Made {
    let bench = Bench::new();
    made_of(bench)
}

pub fn made_of(bench: Bench) -> Made {
    let project = bench.project();
    let said = bench.run_alone(["create", "--no-start", "--json", project.to_str().unwrap()]);
    let made = said.ended(0).json();
    Made {
        id: made["id"].as_str().unwrap().to_owned(),
        workspace: made["workspace"].as_str().unwrap().into(),
        bench,
    }
}

impl Made {
    pub fn run(&self, arguments: &[&str], code: i32) -> Value {
        let all = [
            &arguments[..1],
            &[self.id.as_str(), "--json"],
            &arguments[1..],
        ]
        .concat();
        let said = self.bench.run_alone(all).ended(code);
        if said.out.is_empty() {
            Value::Null
        } else {
            said.json()
        }
    }

    fn changed(&self, arguments: &[&str]) -> Vec<String> {
        let all: Vec<&str> = ["changes"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        names(&self.run(&all, 0)["changes"])
    }

    pub fn project(&self, path: &str) -> PathBuf {
        self.bench.project().join(path)
    }

    pub fn inside(&self, path: &str) -> PathBuf {
        self.workspace.join(path)
    }
}

/// Of changes, paths or conflicts.
fn names(list: &Value) -> Vec<String> {
    let name = |row: &Value| match row {
        Value::String(path) => path.clone(),
        row => row["path"].as_str().unwrap().to_owned(),
    };
    list.as_array().unwrap().iter().map(name).collect()
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_users_newer_edits_come_in_and_nothing_of_the_agents_is_lost() {
    let made = made();
    fs::write(made.project("poem"), "1\n2\n3\n4\n5\n").unwrap();
    fs::write(made.project("both"), "base\n").unwrap();
    fs::write(made.project("gone"), "old\n").unwrap();
    fs::write(made.project("kept"), "old\n").unwrap();
    made.run(&["bring-in"], 0);
    assert_eq!(
        made.changed(&[]),
        [""; 0],
        "what was brought in is no change of the agent's"
    );

    // The agent …
    fs::write(made.inside("poem"), "1\n2\n3\n4\nagent\n").unwrap();
    fs::write(made.inside("both"), "agent\n").unwrap();
    fs::write(made.inside("kept"), "agent\n").unwrap();
    fs::write(made.inside("new"), "agent\n").unwrap();
    // … and the user.
    fs::write(made.project("poem"), "user\n2\n3\n4\n5\n").unwrap();
    fs::write(made.project("both"), "user\n").unwrap();
    fs::remove_file(made.project("gone")).unwrap();
    fs::remove_file(made.project("kept")).unwrap();
    fs::create_dir_all(made.project("deep/er")).unwrap();
    fs::write(made.project("deep/er/file"), "user\n").unwrap();
    fs::set_permissions(made.project("dos.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = made.bench.look(&made.workspace);
    let mine = made.bench.look(&made.bench.project());

    let brought = made.run(&["bring-in"], 0);
    assert_eq!(
        names(&brought["applied"]),
        ["deep/er/file", "dos.txt", "gone", "poem"]
    );
    assert_eq!(names(&brought["merged"]), ["poem"]);
    assert_eq!(names(&brought["conflicts"]), ["both", "kept"]);
    assert_eq!(text(made.inside("poem")), "user\n2\n3\n4\nagent\n");
    assert_eq!(
        text(made.inside("both")),
        "agent\n",
        "a conflict stays as the agent has it"
    );
    assert_eq!(text(made.inside("kept")), "agent\n");
    assert_eq!(text(made.inside("new")), "agent\n");
    assert_eq!(text(made.inside("deep/er/file")), "user\n");
    assert!(!made.inside("gone").exists(), "the user's deletion came in");
    assert_eq!(
        made.bench.look(&made.bench.project()),
        mine,
        "the project is only read"
    );
    // Only the agent's part is left to review, and a copy-out of it takes nothing of the user's back.
    assert_eq!(made.changed(&[]), ["both", "kept", "new", "poem"]);
    made.run(&["apply", "poem", "new"], 0);
    assert_eq!(text(made.project("poem")), "user\n2\n3\n4\nagent\n");
    let refused = made.run(&["apply", "--all"], 3);
    assert_eq!(names(&refused["conflicts"]), ["both", "kept"]);

    // The safety snapshot has all of it.
    let safety = brought["safety"].as_str().unwrap();
    made.run(&["reset", "--to", safety], 0);
    assert_eq!(made.bench.look(&made.workspace), before);
}

#[test]
fn bringing_in_is_taken_back_and_captures_of_before_are_no_longer_good() {
    let made = made();
    fs::write(made.inside("new"), "agent\n").unwrap();
    let before = made.bench.look(&made.workspace);
    let capture = made.run(&["changes"], 0)["capture"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(made.project("index.html"), "user\n").unwrap();
    made.run(&["bring-in"], 0);
    assert_eq!(text(made.inside("index.html")), "user\n");
    // Against the base of now it would say: put the old page back over the user's.
    made.run(&["apply", "--all", "--capture", &capture], 1);
    assert_eq!(text(made.project("index.html")), "user\n");

    made.run(&["bring-in", "--undo"], 0);
    assert_eq!(
        made.bench.look(&made.workspace),
        before,
        "taken back exactly"
    );
    made.run(&["bring-in", "--undo"], 1);
    // It is as if it had never been, so it comes in again.
    let again = made.run(&["bring-in"], 0);
    assert_eq!(names(&again["applied"]), ["index.html"]);
    // What the agent changed since is not taken back over it.
    fs::write(made.inside("index.html"), "agent\n").unwrap();
    let undone = made.run(&["bring-in", "--undo"], 3);
    assert_eq!(names(&undone["conflicts"]), ["index.html"]);
    assert_eq!(text(made.inside("index.html")), "agent\n");
}

#[test]
fn an_emptied_folder_and_what_stays_out_are_never_deletions() {
    let bench = Bench::new();
    fs::write(bench.project().join(".env"), "TOKEN=one\n").unwrap();
    fs::create_dir_all(bench.project().join("node_modules/x")).unwrap();
    fs::write(bench.project().join("node_modules/x/i.js"), "1\n").unwrap();
    let made = made_of(bench);
    fs::create_dir_all(made.inside("node_modules/y")).unwrap();
    fs::write(made.inside("node_modules/y/i.js"), "agent\n").unwrap();
    fs::write(made.project(".env"), "TOKEN=two\n").unwrap();
    fs::write(made.project("node_modules/x/i.js"), "2\n").unwrap();
    let brought = made.run(&["bring-in"], 0);
    assert_eq!(
        names(&brought["applied"]),
        [""; 0],
        "what stays out stays out"
    );
    assert!(made.inside("node_modules/y/i.js").exists());
    assert!(!made.inside(".env").exists(), "a secret came in");

    let here = made.bench.look(&made.workspace);
    let away = made.bench.project().with_file_name("away");
    fs::rename(made.bench.project(), &away).unwrap();
    made.run(&["bring-in"], 1);
    fs::create_dir(made.bench.project()).unwrap();
    made.run(&["bring-in"], 1);
    made.run(&["start-again"], 1);
    assert_eq!(
        made.bench.look(&made.workspace),
        here,
        "an empty folder emptied the workspace"
    );
}

#[test]
fn gits_own_records_stay_the_workspaces() {
    let bench = Bench::new();
    git(&bench.project(), &["init", "-q"]);
    git(&bench.project(), &["add", "-A"]);
    git(&bench.project(), &["commit", "-qm", "one"]);
    let made = made_of(bench);
    fs::write(made.project("index.html"), "user\n").unwrap();
    git(&made.bench.project(), &["commit", "-qam", "two"]);
    let inside = made.bench.look(&made.inside(".git"));
    let brought = made.run(&["bring-in"], 0);
    assert_eq!(names(&brought["applied"]), ["index.html"]);
    assert!(
        brought["git"].as_u64().unwrap() > 0,
        "said that git's were left alone"
    );
    assert_eq!(made.bench.look(&made.inside(".git")), inside);
}

pub fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .status()
        .unwrap();
    assert!(done.success(), "git {arguments:?}");
}

#[test]
fn starting_again_makes_a_new_baseline_and_keeps_the_old_one() {
    let made = made();
    let handed_over = made.bench.look(&made.workspace);
    fs::write(made.inside("new"), "agent\n").unwrap();
    fs::write(made.project("index.html"), "user\n").unwrap();
    fs::remove_dir(made.project("empty")).unwrap();
    let before = made.bench.look(&made.workspace);
    assert_eq!(
        made.changed(&["--from", "baseline", "--to", "project"]),
        ["empty", "index.html"]
    );
    assert_eq!(
        made.changed(&["--from", "project"]),
        ["empty", "index.html", "new"]
    );

    let again = made.run(&["start-again"], 0);
    assert_eq!(
        made.bench.look(&made.workspace),
        made.bench.look(&made.bench.project())
    );
    assert_eq!(made.changed(&[]), [""; 0]);
    let list = made.run(&["snapshots"], 0);
    let kinds: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds.iter().filter(|k| **k == "baseline").count(),
        2,
        "{kinds:?}"
    );
    // A reset without a choice goes to the new one.
    fs::write(made.inside("new"), "agent\n").unwrap();
    made.run(&["reset"], 0);
    assert_eq!(text(made.inside("index.html")), "user\n");
    assert!(!made.inside("new").exists());
    // Back to the work of before, and to the folder as it was handed over.
    made.run(&["reset", "--to", again["safety"].as_str().unwrap()], 0);
    assert_eq!(made.bench.look(&made.workspace), before);
    let first = list[0]["id"].as_str().unwrap().to_owned();
    made.run(&["reset", "--to", &first], 0);
    assert_eq!(made.bench.look(&made.workspace), handed_over);
}

#[test]
fn an_undone_copy_out_is_copied_out_again() {
    let made = made();
    fs::write(made.inside("index.html"), "agent\n").unwrap();
    fs::remove_file(made.inside("dos.txt")).unwrap();
    let before = made.bench.look(&made.bench.project());
    made.run(&["redo"], 1);
    made.run(&["apply", "--all"], 0);
    let after = made.bench.look(&made.bench.project());
    made.run(&["redo"], 1);
    // Each call is a process of its own: as after a restart.
    made.run(&["undo"], 0);
    assert_eq!(made.bench.look(&made.bench.project()), before);
    assert_eq!(made.changed(&[]), ["dos.txt", "index.html"]);
    made.run(&["redo"], 0);
    assert_eq!(made.bench.look(&made.bench.project()), after);
    assert_eq!(made.changed(&[]), [""; 0], "the base follows");
    made.run(&["undo"], 0);
    assert_eq!(made.bench.look(&made.bench.project()), before);
    // By the same rules as a copy-out: what the user changed since is theirs.
    fs::write(made.project("index.html"), "user\n").unwrap();
    let refused = made.run(&["redo"], 3);
    assert_eq!(names(&refused["conflicts"]), ["index.html"]);
    assert_eq!(text(made.project("index.html")), "user\n");
    assert!(
        made.project("dos.txt").exists(),
        "nothing is written where something conflicts"
    );
}
