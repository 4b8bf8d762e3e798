//! Folders and files whose mode closes them to an ordinary user, who owns them all the same.
//!
//! Root is let in everywhere, so where root runs the tests they run themselves again as an ordinary user.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use sandbox_workspace::*;
use support::Sandbox;

const NOBODY: u32 = 65_534;
const CHILD: &str = "SANDBOX_TEST_CLOSED";

/// Does it as an ordinary user in a folder of that user's own: here, or, as root, in another process. There
/// `prepare` can put in the folder first what an ordinary user could not.
fn as_ordinary_user(name: &str, prepare: impl FnOnce(&Path), act: impl FnOnce(&Path)) {
    if let Some(own) = std::env::var_os(CHILD) {
        return act(Path::new(&own));
    }
    // One at a time: a program that another test starts at this moment would hold the copy of this one open for
    // writing, from its fork to its exec.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let temp = tempfile::tempdir().unwrap();
    let own = temp.path().join("own");
    std::fs::create_dir(&own).unwrap();
    if own.metadata().unwrap().uid() != 0 {
        return act(&own);
    }
    // Where the tests were built an ordinary user need not get to.
    let program = temp.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    prepare(&own);
    set_mode(temp.path(), 0o755);
    let done = Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, &own)
        .env("TMPDIR", &own)
        .current_dir(&own)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "as an ordinary user: {said}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// What is closed, from within outwards, by modes that let nobody in, list, look or change.
const CLOSED: [(&str, u32); 7] = [
    ("unread", 0o000),
    ("shut/inner/secret", 0o000),
    ("shut/inner", 0o000),
    ("shut", 0o000),
    ("listed", 0o400),
    ("entered", 0o300),
    ("fixed", 0o500),
];
/// What cannot be read for it.
const HIDDEN: [&str; 4] = [
    "unread",
    "shut/inner/secret",
    "listed/secret",
    "entered/secret",
];

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

fn set_mode(at: &Path, mode: u32) {
    std::fs::set_permissions(at, PermissionsExt::from_mode(mode)).unwrap();
}

fn close(sandbox: &Sandbox) {
    for (name, mode) in CLOSED {
        set_mode(&sandbox.at(name), mode);
    }
}

fn open_up(sandbox: &Sandbox) {
    for (name, _) in CLOSED.iter().rev() {
        set_mode(&sandbox.at(name), 0o700);
    }
}

fn lay(own: &Path) -> Sandbox {
    let sandbox = Sandbox::open(own);
    sandbox.write("open/file", "open");
    sandbox.write("unread", "unread");
    for folder in ["shut/inner", "listed", "entered", "fixed"] {
        sandbox.write(&format!("{folder}/secret"), folder);
    }
    close(&sandbox);
    // The probe: an ordinary user is not let in.
    for denied in [
        std::fs::read_dir(sandbox.at("shut")).map(drop),
        std::fs::read_dir(sandbox.at("entered")).map(drop),
        std::fs::read(sandbox.at("unread")).map(drop),
        std::fs::read(sandbox.at("listed/secret")).map(drop),
        std::fs::write(sandbox.at("fixed/new"), ""),
    ] {
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    sandbox
}

fn look(sandbox: &Sandbox, open_closed: bool) -> Scan {
    let cancel = Cancel::default();
    let options = ScanOptions {
        open_closed,
        ..ScanOptions::new(&cancel)
    };
    let writer = sandbox.store.writer().unwrap();
    let found = scan(&sandbox.workspace, &writer, &options).unwrap();
    writer.put_tree(&found.tree).unwrap();
    found
}

fn snapshot(sandbox: &Sandbox) -> (TreeId, Tree) {
    let tree = look(sandbox, true).tree;
    let writer = sandbox.store.writer().unwrap();
    (writer.put_tree(&tree).unwrap(), tree)
}

/// The modes that can be seen without opening anything up.
fn modes(sandbox: &Sandbox) -> Vec<u32> {
    let mode = |name| sandbox.at(name).metadata().ok().map(|m| m.mode() & 0o7777);
    CLOSED.iter().filter_map(|(name, _)| mode(name)).collect()
}

#[test]
fn what_is_closed_is_unknown_and_neither_deleted_nor_overwritten() {
    let name = "what_is_closed_is_unknown_and_neither_deleted_nor_overwritten";
    as_ordinary_user(
        name,
        |_| {},
        |own| {
            let sandbox = lay(own);
            let (id, whole) = snapshot(&sandbox);
            sandbox.write("open/file", "changed");
            let partly = look(&sandbox, false);
            assert!(!partly.tree.is_complete());
            for hidden in HIDDEN {
                assert!(whole.get(&path(hidden)).is_some(), "{hidden}");
                assert!(!partly.tree.knows(&path(hidden)), "{hidden}");
            }
            for known in ["open/file", "fixed/secret", "open/never"] {
                assert!(partly.tree.knows(&path(known)), "{known}");
            }
            let halted = sandbox.restore_from(&partly.tree, &id).unwrap_err();
            assert!(matches!(halted, RestoreError::Unknown { .. }), "{halted}");
            let content = std::fs::read(sandbox.at("open/file")).unwrap();
            assert_eq!(content, b"changed", "nothing was touched");
            // A hint in it tells no more.
            let cancel = Cancel::default();
            let hints = HIDDEN.map(path);
            let options = ScanOptions::new(&cancel);
            let narrow = rescan(&sandbox.workspace, partly, &hints, &HashOnly, &options).unwrap();
            for hidden in HIDDEN {
                assert!(!narrow.tree.knows(&path(hidden)), "{hidden}");
            }
        },
    );
}

#[test]
fn what_is_closed_is_read_where_that_is_allowed_and_closed_again() {
    let name = "what_is_closed_is_read_where_that_is_allowed_and_closed_again";
    as_ordinary_user(
        name,
        |_| {},
        |own| {
            let sandbox = lay(own);
            let before = modes(&sandbox);
            let first = look(&sandbox, true);
            assert!(first.tree.is_complete(), "{:?}", first.tree.unreadable);
            for (hidden, content) in
                HIDDEN
                    .iter()
                    .zip(["unread", "shut/inner", "listed", "entered"])
            {
                let EntryKind::File { blob, .. } = first.tree.get(&path(hidden)).unwrap().kind
                else {
                    panic!("{hidden} is a file")
                };
                assert_eq!(blob, BlobId::of(content.as_bytes()), "{hidden}");
            }
            for (name, mode) in CLOSED {
                assert_eq!(first.tree.get(&path(name)).unwrap().mode, mode, "{name}");
            }
            assert_eq!(modes(&sandbox), before, "all are closed again");
            assert_eq!(look(&sandbox, true).tree, first.tree, "also those within");
        },
    );
}

#[test]
fn what_is_closed_goes_and_comes_back_as_it_was() {
    let name = "what_is_closed_goes_and_comes_back_as_it_was";
    as_ordinary_user(
        name,
        |_| {},
        |own| {
            let sandbox = lay(own);
            let (id, before) = snapshot(&sandbox);
            let closed = modes(&sandbox);

            open_up(&sandbox);
            for folder in ["shut/inner", "listed", "entered", "fixed"] {
                sandbox.write(&format!("{folder}/secret"), "changed");
                sandbox.write(&format!("{folder}/added/file"), "added");
                set_mode(&sandbox.at(&format!("{folder}/added")), 0o000);
            }
            std::fs::remove_file(sandbox.at("unread")).unwrap();
            sandbox.write("unread/now a folder", "");
            close(&sandbox);
            let mess = snapshot(&sandbox);
            sandbox.restore_from(&mess.1, &id).unwrap();
            assert_eq!(modes(&sandbox), closed);
            assert_eq!(look(&sandbox, true).tree, before);
            sandbox.restore_from(&before, &mess.0).unwrap();
            assert_eq!(look(&sandbox, true).tree, mess.1, "and the undo of it");

            sandbox.workspace.remove_content().unwrap();
            assert!(sandbox.workspace.list().unwrap().is_empty());
            let empty = look(&sandbox, true).tree;
            sandbox.restore_from(&empty, &id).unwrap();
            assert_eq!(modes(&sandbox), closed);
            assert_eq!(look(&sandbox, true).tree, before);
        },
    );
}

#[test]
fn a_restore_of_what_is_closed_that_dies_is_finished() {
    let name = "a_restore_of_what_is_closed_that_dies_is_finished";
    as_ordinary_user(
        name,
        |_| {},
        |own| {
            let sandbox = lay(own);
            let (id, before) = snapshot(&sandbox);
            for point in [
                "restore-removed",
                "restore-folders",
                "restore-write",
                "restore-applied",
            ] {
                open_up(&sandbox);
                sandbox.write("shut/inner/secret", "changed");
                sandbox.write("listed/added", "added");
                std::fs::remove_dir_all(sandbox.at("entered")).unwrap();
                std::fs::create_dir(sandbox.at("entered")).unwrap();
                close(&sandbox);
                let mess = look(&sandbox, true).tree;
                fail::cfg(point, "panic").unwrap();
                let dying = std::panic::AssertUnwindSafe(|| sandbox.restore_from(&mess, &id));
                assert!(
                    std::panic::catch_unwind(dying).is_err(),
                    "{point} is passed"
                );
                fail::remove(point);
                assert!(restore::is_interrupted(&sandbox.journal), "{point}");
                recover(&sandbox.place(), &Silent).unwrap().unwrap();
                assert_eq!(look(&sandbox, true).tree, before, "{point}");
            }
        },
    );
}

#[test]
fn what_belongs_to_another_user_stays_unknown_and_stays() {
    let name = "what_belongs_to_another_user_stays_unknown_and_stays";
    let by_root = |own: &Path| {
        let workspace = own.join("workspace");
        std::fs::create_dir(&workspace).unwrap();
        chown(&workspace, Some(NOBODY), Some(NOBODY)).unwrap();
        let foreign = workspace.join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("canary"), "alive").unwrap();
        set_mode(&foreign, 0o700);
    };
    as_ordinary_user(name, by_root, |own| {
        if !own.join("workspace/foreign").exists() {
            println!("SKIPPED: only root can put another user's folder there");
            return;
        }
        let sandbox = lay(own);
        let found = look(&sandbox, true);
        let unread: Vec<_> = found
            .tree
            .unreadable
            .iter()
            .map(|u| u.path.clone())
            .collect();
        assert_eq!(unread, [Some(path("foreign"))], "all else was read");
        let id = sandbox
            .store
            .writer()
            .unwrap()
            .put_tree(&found.tree)
            .unwrap();
        let halted = sandbox.restore_from(&found.tree, &id).unwrap_err();
        assert!(halted.to_string().contains("foreign"), "{halted}");
        assert!(sandbox.workspace.remove_content().is_err());
        assert!(sandbox.at("foreign").exists());
    });
}
