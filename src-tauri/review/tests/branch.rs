//! A branch in a repository of somebody else's: root adds to it, and all of it stays theirs.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use sandbox_review::branch::{BranchError, Wish, save_as_branch};
use sandbox_workspace::Cancel;
use support::*;

const OWNER: (u32, u32) = (1234, 4321);

/// What git says, which must not fail.
fn said(at: &Path, args: &[&str]) -> String {
    let done = git(at, args);
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "git {args:?}: {err}");
    String::from_utf8(done.stdout).unwrap()
}

fn below(at: &Path) -> Vec<PathBuf> {
    let mut all = vec![at.to_owned()];
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            all.extend(below(&path));
        } else {
            all.push(path);
        }
    }
    all
}

fn not_theirs(at: &Path) -> Vec<PathBuf> {
    let is_theirs = |path: &PathBuf| {
        let data = path.symlink_metadata().unwrap();
        (data.uid(), data.gid()) == OWNER
    };
    below(at).into_iter().filter(|p| !is_theirs(p)).collect()
}

fn save(case: &mut Case, name: &str) -> Result<String, BranchError> {
    let changes = case.changes().list;
    let made = save_as_branch(&Wish {
        project: &case.project(),
        user_config: &[],
        changes: &changes,
        blobs: &case.blobs,
        name,
        message: "the agent's",
        seconds: 1_700_000_000,
        cancel: &Cancel::default(),
    });
    made.map(|branch| branch.name)
}

#[test]
fn what_root_adds_to_a_users_repository_is_the_users() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can add to what belongs to somebody else");
        return;
    }
    let mut case = Case::new(|root| {
        write(root, "a", "a\n");
        write(root, "both", "base\n");
    });
    let project = case.project();
    said(&project, &["init", "-q", "-b", "main"]);
    said(&project, &["config", "core.logAllRefUpdates", "true"]);
    said(&project, &["add", "-A"]);
    said(&project, &["commit", "-qm", "one"]);
    for path in below(&project) {
        std::os::unix::fs::lchown(path, Some(OWNER.0), Some(OWNER.1)).unwrap();
    }
    // A part that another of a group made stays theirs.
    let other = project.join(".git/objects/info");
    chown(&other, Some(77), Some(OWNER.1)).unwrap();
    write(&case.workspace(), "a", "agent\n");
    write(&case.workspace(), "deep/er/new", "new\n");

    assert_eq!(save(&mut case, "agents/my/work").unwrap(), "agents/my/work");
    assert_eq!(said(&project, &["show", "agents/my/work:a"]), "agent\n");
    assert_eq!(not_theirs(&project), std::slice::from_ref(&other));
    assert!(project.join(".git/refs/heads/agents/my/work").exists());

    // What an attempt leaves that failed is theirs too.
    write(&project, "both", "committed since\n");
    said(&project, &["commit", "-qam", "two"]);
    for path in below(&project) {
        std::os::unix::fs::lchown(path, Some(OWNER.0), Some(OWNER.1)).unwrap();
    }
    write(&case.workspace(), "both", "agent\n");
    write(&case.workspace(), "zz", "more\n");
    let objects = below(&project.join(".git/objects")).len();
    let refused = save(&mut case, "agents/other");
    assert!(
        matches!(refused, Err(BranchError::Conflicts(_))),
        "{refused:?}"
    );
    assert!(below(&project.join(".git/objects")).len() > objects);
    assert_eq!(not_theirs(&project), [""; 0].map(PathBuf::from));

    // The probe: a plain write of this process is root's, as all of it would be.
    write(&project, ".git/objects/probe", "x");
    assert_eq!(not_theirs(&project), [project.join(".git/objects/probe")]);
}
