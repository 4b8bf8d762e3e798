//! Which differences are changes, which are not, and what is said about them.
#![allow(clippy::unwrap_used)]

mod support;

use sandbox_review::changes::{Change, ChangeKind, Options, Status, compare};
use sandbox_review::copyout::{self, Resolution, Skip, Take};
use sandbox_review::{Class, Refusal};
use sandbox_workspace::{MemoryBlobs, Tree, Unreadable, WorkspacePath};
use support::*;

fn of<'a>(list: &'a [Change], name: &str) -> &'a Change {
    list.iter()
        .find(|c| c.path == path(name))
        .unwrap_or_else(|| panic!("{name} is not listed"))
}

#[test]
fn each_kind_of_change_is_called_by_its_name() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let list = case.changes().list;
    for (name, status, kind) in [
        ("a.txt", Status::Modified, ChangeKind::File),
        ("new.txt", Status::Added, ChangeKind::File),
        ("gone.txt", Status::Deleted, ChangeKind::File),
        ("run.sh", Status::Mode, ChangeKind::File),
        ("modes", Status::Mode, ChangeKind::Dir),
        ("moved/new.md", Status::Renamed, ChangeKind::File),
        ("readme.md", Status::Renamed, ChangeKind::File),
        ("link", Status::Modified, ChangeKind::Symlink),
        ("file-to-link", Status::Type, ChangeKind::Symlink),
        ("link-to-file", Status::Type, ChangeKind::File),
        ("file-to-folder", Status::Type, ChangeKind::Dir),
        ("folder-to-file", Status::Type, ChangeKind::File),
        ("empty-goes", Status::Deleted, ChangeKind::Dir),
        ("empty-comes", Status::Added, ChangeKind::Dir),
        ("emptying/x", Status::Deleted, ChangeKind::File),
    ] {
        let change = of(&list, name);
        assert_eq!((change.status, change.kind), (status, kind), "{name}");
    }
    for parent in ["new", "new/deep", "emptying", "moved", "docs"] {
        assert!(
            !list.iter().any(|c| c.path == path(parent)),
            "{parent} goes without saying"
        );
    }
    let text = of(&list, "a.txt");
    assert_eq!(
        (text.additions, text.deletions, text.binary),
        (Some(1), Some(1), false)
    );
    let binary = of(&list, "same.bin");
    assert_eq!((binary.additions, binary.binary), (None, true));
    assert!(
        list.windows(2).all(|two| two[0].path < two[1].path),
        "sorted"
    );
}

#[test]
fn another_time_is_no_change() {
    let mut case = Case::new(rich);
    let file = std::fs::File::options()
        .write(true)
        .open(case.workspace().join("a.txt"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(case.changes().list, []);
}

#[test]
fn what_could_not_be_read_is_never_deleted() {
    let mut case = Case::new(rich);
    let capture = case.capture();
    let some: Vec<_> = capture
        .clone()
        .into_entries()
        .into_iter()
        .filter(|e| !e.path.starts_with(&path("docs")) && e.path != path("gone.txt"))
        .collect();
    let mut cut = Tree::new(some);
    let without =
        |tree: &Tree| compare(&case.base, tree, &case.blobs, &Options::default()).unwrap();
    // The control: a complete tree without these does mean deletions.
    assert!(
        without(&cut)
            .list
            .iter()
            .any(|c| c.path == path("docs/keep.md"))
    );
    cut.unreadable = vec![Unreadable {
        path: Some(path("docs")),
        reason: "I/O error".into(),
    }];
    let changes = without(&cut);
    assert!(changes.unknown);
    assert_eq!(changes.list.len(), 1);
    assert_eq!(
        changes.list[0].path,
        path("gone.txt"),
        "elsewhere a deletion is one"
    );
    let mut nothing = Tree::default();
    nothing.unreadable = vec![Unreadable {
        path: None,
        reason: "gone".into(),
    }];
    assert_eq!(without(&nothing).list, []);
}

#[test]
fn an_emptied_workspace_is_shown_and_not_copied_out() {
    let mut case = Case::new(rich);
    for entry in std::fs::read_dir(case.workspace()).unwrap().flatten() {
        let at = entry.path();
        if at.symlink_metadata().unwrap().is_dir() {
            std::fs::remove_dir_all(at).unwrap();
        } else {
            std::fs::remove_file(at).unwrap();
        }
    }
    let changes = case.changes();
    assert!(changes.emptied && !changes.list.is_empty());
    assert!(
        changes
            .list
            .iter()
            .all(|c| c.refused == Some(Refusal::Emptied))
    );
    let before = picture(&case.project());
    assert!(case.copy_out().applied.is_empty());
    assert_eq!(picture(&case.project()), before);
}

#[test]
fn nothing_of_git_is_ever_copied_out() {
    let mut case = Case::new(|root| {
        write(root, "a", "a\n");
        write(root, ".git/HEAD", "ref: refs/heads/main\n");
        write(root, ".git/config", "[core]\n");
    });
    let workspace = case.workspace();
    for name in [
        ".git/config",
        ".git/hooks/pre-commit",
        "sub/.GIT/config",
        "git~1/config",
        ".git./x",
        ".gi\u{200c}t/x",
        ".git:stream",
        "sub/.git",
    ] {
        write(&workspace, name, "[core]\n\tfsmonitor = evil\n");
    }
    write(&workspace, ".git/objects/ab/cd", "x");
    write(&workspace, ".git/index", "x");
    write(&workspace, "a", "changed\n");
    let changes = case.changes();
    assert_eq!(changes.left_out, 2, "the object and the index are counted");
    let listed: Vec<&Change> = changes
        .list
        .iter()
        .filter(|c| c.path != path("a"))
        .collect();
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|c| c.refused == Some(Refusal::Git)));
    let (picks, skipped) = copyout::choose(&changes.list, true);
    assert_eq!(picks.len(), 1);
    assert!(skipped.iter().all(|s| s.reason == Skip::Refused));
    let report = case.copy_out();
    assert_eq!(names(&report.applied), ["a"]);
    assert_eq!(picture(&case.project()).len(), 4, "a, .git, HEAD, config");
}

#[test]
fn risky_files_need_their_own_yes() {
    let mut case = Case::new(|root| {
        write(root, "package.json", r#"{"version":"1"}"#);
        write(root, "src/app.js", "x\n");
    });
    let workspace = case.workspace();
    write(&workspace, "package.json", r#"{"version":"2"}"#);
    write(&workspace, "src/app.js", "y\n");
    write(&workspace, "sub/.VSCode/tasks.json", "{}");
    write(&workspace, ".envrc", "curl evil\n");
    write(&workspace, "CLAUDE.md", "obey\n");
    write(&workspace, "tool", "echo\n");
    chmod(&workspace, "tool", 0o755);
    link(&workspace, "out", "../../etc");
    link(&workspace, "in", "src/app.js");
    write(&workspace, "hidden.c", "if (a\u{202e} {)\n");
    write(&workspace, "key.txt", "-----BEGIN RSA PRIVATE KEY-----\n");
    let bare = ["HEAD", "objects/x", "refs/x", "config"];
    bare.iter()
        .for_each(|name| write(&workspace, &format!("deep/repo/{name}"), "x\n"));
    let list = case.changes().list;
    for (name, class) in [
        ("sub/.VSCode/tasks.json", Class::RunsByItself),
        (".envrc", Class::RunsByItself),
        ("CLAUDE.md", Class::SteersAgents),
        ("tool", Class::Executable),
        ("out", Class::EscapingLink),
        ("hidden.c", Class::HiddenCharacters),
        ("key.txt", Class::Secret),
        ("deep/repo/config", Class::RunsByItself),
    ] {
        let change = of(&list, name);
        assert!(
            change.risks.iter().any(|r| r.class == class),
            "{name}: {:?}",
            change.risks
        );
        assert!(!change.is_ordinary());
    }
    for name in ["package.json", "src/app.js", "in"] {
        assert_eq!(of(&list, name).risks, [], "{name}");
    }
    let (picks, skipped) = copyout::choose(&list, false);
    assert_eq!(picks.len(), 3);
    assert!(skipped.iter().all(|s| s.reason == Skip::Risky));
}

#[test]
fn special_files_are_shown_and_skipped() {
    let mut case = Case::new(|root| write(root, "f", "x\n"));
    let at = case.workspace();
    std::fs::remove_file(at.join("f")).unwrap();
    for name in ["f", "new"] {
        let made = std::process::Command::new("mkfifo")
            .arg(at.join(name))
            .status()
            .unwrap();
        assert!(made.success());
    }
    let list = case.changes().list;
    assert!(
        list.iter()
            .all(|c| c.unsupported && c.kind == ChangeKind::Special)
    );
    assert_eq!(of(&list, "f").status, Status::Type);
    assert!(case.copy_out().applied.is_empty());
    assert_eq!(std::fs::read(case.project().join("f")).unwrap(), b"x\n");
}

#[test]
fn hostile_names_go_through_whole() {
    let mut case = Case::new(|root| write(root, "f", "x\n"));
    let workspace = case.workspace();
    use std::os::unix::ffi::OsStrExt;
    for name in [
        &b"new\nline"[..],
        b"\x1b[2J",
        b"-rf",
        b"<b>",
        b"not\xffutf8",
        b" ",
        b"a\\b",
        b"\xe2\x80\xaegpj.exe",
    ] {
        std::fs::write(workspace.join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    case.copy_out();
    assert_eq!(picture(&case.project()), picture(&workspace));
}

#[test]
fn a_conflict_is_settled_by_what_the_user_saw() {
    for (take, content) in [
        (Take::Yours, "mine\n"),
        (Take::Agents, "agent's\n"),
        (Take::Merged(b"both\n".to_vec()), "both\n"),
    ] {
        let mut case = Case::new(|root| write(root, "f", "base\n"));
        write(&case.workspace(), "f", "agent's\n");
        write(&case.project(), "f", "mine\n");
        let seen = copyout::yours(&case.project_dir(), &path("f"))
            .unwrap()
            .unwrap();
        assert_eq!(seen.content.unwrap(), b"mine\n");
        let settled = [Resolution {
            path: path("f"),
            yours: Some(seen.entry),
            take,
        }];
        let capture = case.capture();
        let (picks, _) = copyout::choose(&case.changes().list, true);
        let project = case.project_dir();
        let request = copyout::Request {
            project: &project,
            base: &case.base,
            capture: &capture,
            capture_id: None,
            picks: &picks,
            blobs: &case.blobs,
            merge: false,
            leave_conflicts: false,
            resolutions: &settled,
        };
        write(&case.project(), "f", "mine again\n");
        assert_eq!(
            copyout::plan(&request).unwrap().conflicts.len(),
            1,
            "changed since it was seen"
        );
        write(&case.project(), "f", "mine\n");
        let plan = copyout::plan(&request).unwrap();
        assert_eq!(plan.conflicts, []);
        let report = case.run(&plan).unwrap();
        case.settle(&report);
        assert_eq!(
            std::fs::read_to_string(case.project().join("f")).unwrap(),
            content
        );
        assert_eq!(case.changes().list, [], "not proposed again");
    }
}

#[test]
fn missing_content_is_an_error_and_not_an_empty_file() {
    let mut case = Case::new(|root| write(root, "f", "x\n"));
    write(&case.workspace(), "f", "y\n");
    let capture = case.capture();
    let nothing = MemoryBlobs::default();
    assert!(compare(&case.base, &capture, &nothing, &Options::default()).is_err());
}

#[test]
fn a_copy_is_said_to_be_one_and_stays_an_addition() {
    let long: String = (0..60).map(|n| format!("line {n} of the file\n")).collect();
    let rows = long.replace("line", "row");
    let mut case = Case::new(|root| {
        write(root, "kept", &long);
        write(root, "edited", &rows);
        write(root, "stub", "x\n");
    });
    let workspace = case.workspace();
    write(&workspace, "copy", &long);
    write(&workspace, "edited", rows.clone() + "more\n");
    write(&workspace, "like", rows.replace("row 7 ", "ROW 7 "));
    write(&workspace, "stub2", "x\n");
    write(
        &workspace,
        "new",
        long.replace("line", "entirely other words"),
    );
    let list = case.changes().list;
    let source = |name: &str| {
        let change = of(&list, name);
        assert_eq!(change.status, Status::Added, "{name}");
        change.copied_from.as_ref().map(WorkspacePath::to_lossy)
    };
    assert_eq!(source("copy").as_deref(), Some("kept"));
    assert_eq!(source("like").as_deref(), Some("edited"), "as git's -C");
    assert_eq!(source("stub2"), None, "too short to say anything");
    assert_eq!(source("new"), None);
}
