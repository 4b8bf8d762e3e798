//! Copy-out and undo over real folders: what was accepted is what is there, and the way back is exact.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::ffi::OsStrExt;

use sandbox_review::copyout::{self, Reason, Skip};
use sandbox_workspace::{Cancel, Entry, EntryKind, Silent, Tree};
use support::*;

#[test]
fn everything_is_copied_out_and_undone_and_redone() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let before = picture(&case.project());
    let after = picture(&case.workspace());
    let times = times_of_files(&case.project());
    let report = case.copy_out();
    assert_eq!(report.conflicts, []);
    assert!(report.applied.len() >= 20, "{:?}", names(&report.applied));
    assert_eq!(
        picture(&case.project()),
        after,
        "what was accepted is what is there"
    );
    assert_eq!(
        case.changes().list,
        [],
        "the base moved to what was written"
    );

    let undone = case.undo();
    assert_eq!(undone.conflicts, []);
    assert_eq!(picture(&case.project()), before, "the way back is exact");
    assert_eq!(times_of_files(&case.project()), times, "to the nanosecond");
    assert!(case.changes().list.len() >= 20, "the base moved back");

    let redone = copyout::redo(
        &case.copyouts(),
        &case.project_dir(),
        &Silent,
        &Cancel::default(),
    )
    .unwrap();
    case.settle(&redone);
    assert_eq!(picture(&case.project()), after);
    let again = case.undo();
    assert_eq!(again.conflicts, []);
    assert_eq!(picture(&case.project()), before);
    assert!(copyout::last_to_undo(&case.copyouts()).unwrap().is_none());
}

/// When the content of each file and link last changed.
fn times_of_files(root: &std::path::Path) -> Vec<(Vec<u8>, std::time::SystemTime)> {
    let time = |name: Vec<u8>| {
        let at = root.join(std::ffi::OsStr::from_bytes(&name));
        let modified = at.symlink_metadata().unwrap().modified().unwrap();
        (name, modified)
    };
    let all = picture(root).into_iter();
    let files = all.filter(|(_, (kind, _, _))| *kind != 'd');
    files.map(|(name, _)| time(name)).collect()
}

#[test]
fn a_second_copy_out_has_nothing_to_do() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let base = case.base.clone();
    case.copy_out();
    case.base = base;
    let plan = case.plan(true);
    assert_eq!(plan.conflicts, []);
    assert!(plan.skipped.iter().all(|skip| skip.reason == Skip::Same));
    assert!(plan.applied.is_empty(), "{:?}", names(&plan.applied));
    assert!(case.run(&plan).unwrap().id.is_none(), "nothing is recorded");
}

#[test]
fn every_kind_of_change_by_the_user_is_a_conflict_and_nothing_is_written() {
    type Edit = fn(&std::path::Path);
    let edits: [(Edit, Reason); 9] = [
        (|p| write(p, "a.txt", "mine\n"), Reason::Changed),
        (|p| chmod(p, "a.txt", 0o600), Reason::Mode),
        (
            |p| std::fs::remove_file(p.join("a.txt")).unwrap(),
            Reason::Deleted,
        ),
        (|p| write(p, "new.txt", "mine\n"), Reason::Appeared),
        (
            |p| {
                std::fs::remove_file(p.join("a.txt")).unwrap();
                std::fs::create_dir(p.join("a.txt")).unwrap();
            },
            Reason::Kind,
        ),
        (
            |p| {
                std::fs::remove_file(p.join("a.txt")).unwrap();
                link(p, "a.txt", "/etc/passwd");
            },
            Reason::Kind,
        ),
        (
            |p| {
                // The same size and the same time.
                let at = p.join("a.txt");
                let time = std::fs::metadata(&at).unwrap().modified().unwrap();
                std::fs::write(&at, "one\ntwO\nthree\n").unwrap();
                std::fs::File::options()
                    .write(true)
                    .open(&at)
                    .unwrap()
                    .set_modified(time)
                    .unwrap();
            },
            Reason::Changed,
        ),
        (|p| write(p, "gone.txt", "still needed\n"), Reason::Changed),
        (
            |p| {
                // Never opened: that would wait for a writer for ever.
                std::fs::remove_file(p.join("a.txt")).unwrap();
                let fifo = std::process::Command::new("mkfifo")
                    .arg(p.join("a.txt"))
                    .status();
                assert!(fifo.unwrap().success());
            },
            Reason::Kind,
        ),
    ];
    for (edit, reason) in edits {
        let mut case = Case::new(rich);
        change_everything(&case.workspace());
        edit(&case.project());
        let before = picture(&case.project());
        let plan = case.plan(true);
        let found: Vec<Reason> = plan.conflicts.iter().map(|c| c.reason).collect();
        assert_eq!(found, [reason]);
        let report = case.run(&plan).unwrap();
        assert!(report.applied.is_empty() && report.id.is_none());
        assert_eq!(picture(&case.project()), before);
    }
}

#[test]
fn changes_apart_are_merged_and_said_to_be() {
    let text = "1\n2\n3\n4\n5\n6\n7\n8\n";
    let mut case = Case::new(|root| write(root, "t", text));
    write(&case.workspace(), "t", text.replace('2', "agent"));
    write(&case.project(), "t", text.replace('7', "user"));
    assert_eq!(
        case.plan(false).conflicts.len(),
        1,
        "unless merging is asked for"
    );
    let report = case.copy_out();
    assert_eq!(names(&report.merged), ["t"]);
    let merged = std::fs::read_to_string(case.project().join("t")).unwrap();
    assert_eq!(merged, text.replace('2', "agent").replace('7', "user"));
    assert_eq!(
        case.changes().list,
        [],
        "the user's part is not proposed to be taken back"
    );
    case.undo();
    assert_eq!(
        std::fs::read_to_string(case.project().join("t")).unwrap(),
        text.replace('7', "user")
    );
}

#[test]
fn what_the_user_put_into_a_folder_is_never_deleted_with_it() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    write(&case.project(), "emptying/mine", "mine\n");
    let report = case.copy_out();
    assert_eq!(report.conflicts, []);
    assert!(case.project().join("emptying/mine").exists());
    assert!(!case.project().join("emptying/x").exists());

    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    write(&case.project(), "folder-to-file/mine", "mine\n");
    let plan = case.plan(true);
    assert_eq!(plan.conflicts[0].reason, Reason::NotEmpty);
}

#[test]
fn undo_after_the_user_went_on_conflicts_only_there() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    case.copy_out();
    write(&case.project(), "m2", "the user went on\n");
    let before = picture(&case.project());
    let report = case.undo();
    let found: Vec<String> = report.conflicts.iter().map(|c| c.path.to_lossy()).collect();
    assert_eq!(found, ["m2"]);
    assert_eq!(picture(&case.project()), before, "nothing was written");
}

#[test]
fn links_of_the_same_change_set_are_never_written_through() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "canary", "alive\n");
    let mut case = Case::new(|root| write(root, "dir/canary", "inside\n"));
    let workspace = case.workspace();
    write(&workspace, "dir/canary", "written by the agent\n");
    write(&workspace, "dir/planted", "x\n");
    // The probe: with plain tools, a write below the link lands outside.
    link(outside.path(), "probe", outside.path().to_str().unwrap());
    std::fs::write(outside.path().join("probe/reached"), "yes").unwrap();
    assert!(outside.path().join("reached").exists());

    let plan = case.plan(true);
    // Between review and write the folder becomes a link.
    let project = case.project();
    std::fs::rename(project.join("dir"), project.join("aside")).unwrap();
    link(&project, "dir", outside.path().to_str().unwrap());
    let report = case.run(&plan).unwrap();
    assert_eq!(report.conflicts[0].reason, Reason::Blocked);
    assert_eq!(
        std::fs::read(outside.path().join("canary")).unwrap(),
        b"alive\n"
    );
    assert!(!outside.path().join("planted").exists());
}

/// What no honest capture has, a hostile one might: a link, and files below it.
#[test]
fn a_link_planted_with_what_lies_below_it_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "canary", "alive\n");
    for (name, below) in [("dir", "dir/canary"), ("new", "new/deep/planted")] {
        let mut case = Case::new(|root| write(root, "dir/canary", "inside\n"));
        let mut entries = case.capture().into_entries();
        entries.retain(|entry| !entry.path.starts_with(&path(name)));
        let content = b"written by the agent\n".to_vec();
        let size = content.len() as u64;
        let blob = case.blobs.add(content);
        let target = outside.path().as_os_str().as_bytes().to_vec();
        for (at, kind) in [
            (name, EntryKind::Symlink { target }),
            (below, EntryKind::File { blob, size }),
        ] {
            entries.push(Entry {
                path: path(at),
                kind,
                mode: 0o644,
                mtime: epoch(),
            });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let capture = Tree::new(entries);
        let options = sandbox_review::changes::Options::default();
        let changes = sandbox_review::compare(&case.base, &capture, &case.blobs, &options);
        let (picks, _) = copyout::choose(&changes.unwrap().list, true);
        assert!(picks.len() >= 2, "both are among the changes");
        let before = picture(&case.project());
        let plan = copyout::plan(&copyout::Request {
            project: &case.project_dir(),
            base: &case.base,
            capture: &capture,
            capture_id: None,
            picks: &picks,
            blobs: &case.blobs,
            merge: true,
            leave_conflicts: false,
            resolutions: &[],
        })
        .unwrap();
        let report = case.run(&plan);
        assert!(
            report.is_err() || !report.as_ref().unwrap().conflicts.is_empty(),
            "{name}: {report:?}"
        );
        assert_eq!(picture(&case.project()), before, "{name}");
        assert_eq!(
            picture(outside.path()).len(),
            1,
            "{name}: something was planted"
        );
        let canary = std::fs::read(outside.path().join("canary")).unwrap();
        assert_eq!(canary, b"alive\n", "{name}");
    }
}

#[test]
fn modes_lose_their_dangerous_bits_and_hard_links_are_not_written_through() {
    let mut case = Case::new(|root| write(root, "linked", "shared\n"));
    let project = case.project();
    std::fs::hard_link(project.join("linked"), case.home.path().join("other-name")).unwrap();
    write(&case.workspace(), "linked", "changed\n");
    write(&case.workspace(), "tool", "#!/bin/sh\n");
    chmod(&case.workspace(), "tool", 0o4755);
    case.copy_out();
    assert_eq!(
        std::fs::read(case.home.path().join("other-name")).unwrap(),
        b"shared\n"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(project.join("tool"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn either_end_of_a_rename_takes_both_and_a_part_leaves_the_rest() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let changes = case.changes();
    let renamed = changes
        .list
        .iter()
        .find(|c| c.path == path("moved/new.md"))
        .unwrap();
    assert_eq!(renamed.old_path, Some(path("docs/old.md")));
    assert!(renamed.is_named_by(&path("docs/old.md")) && renamed.is_named_by(&path("moved")));
    let plan = case.plan_of(true, |name| name == "moved/new.md");
    case.run(&plan).unwrap();
    let project = case.project();
    assert!(project.join("moved/new.md").exists() && !project.join("docs/old.md").exists());
    assert_eq!(
        std::fs::read(project.join("a.txt")).unwrap(),
        b"one\ntwo\nthree\n"
    );
}

#[test]
fn cancelled_is_as_before_and_nothing_is_recorded() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let before = picture(&case.project());
    let plan = case.plan(true);
    let cancel = Cancel::default();
    cancel.cancel();
    let result = copyout::execute(
        &plan,
        &case.project_dir(),
        &case.copyouts(),
        &case.blobs,
        &Silent,
        &cancel,
    );
    assert!(matches!(result, Err(copyout::CopyOutError::Cancelled)));
    assert_eq!(picture(&case.project()), before);
    assert!(picture(&case.home.path().join("copyouts")).is_empty());
}

#[test]
fn owner_and_extended_attributes_stay() {
    let mut case = Case::new(|root| write(root, "f", "old\n"));
    let at = case.project().join("f");
    let set = rustix::fs::setxattr(&at, "user.mine", b"kept", rustix::fs::XattrFlags::empty());
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(&at, Some(1234), Some(1234)).unwrap();
        std::os::unix::fs::chown(case.project(), Some(4321), Some(4321)).unwrap();
    }
    write(&case.workspace(), "f", "new\n");
    write(&case.workspace(), "g", "new\n");
    case.copy_out();
    let owner = |name: &str| {
        let data = std::fs::metadata(case.project().join(name)).unwrap();
        std::os::unix::fs::MetadataExt::uid(&data)
    };
    if set.is_ok() {
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(&at, "user.mine", &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"kept");
    }
    if root {
        assert_eq!(
            (owner("f"), owner("g")),
            (1234, 4321),
            "the displaced file's, the folder's"
        );
    }
}

#[test]
fn what_a_copy_out_keeps_on_the_disk_is_told() {
    let mut case = Case::new(|root| write(root, "f", vec![7; 300_000]));
    write(&case.workspace(), "f", "small\n");
    let id = case.copy_out().id.unwrap();
    let kept = copyout::kept_bytes(&case.copyouts(), &id).unwrap();
    assert!((300_000..500_000).contains(&kept), "{kept}");
    copyout::remove(&case.copyouts(), &id).unwrap();
    copyout::kept_bytes(&case.copyouts(), &id).unwrap_err();
}
