//! Copy-outs to real file systems of other kinds: FAT, exFAT, NTFS. Each that this machine cannot mount is
//! skipped by name.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use sandbox_review::copyout::{self, CopyOutError, Reason, RecoveryOutcome};
use sandbox_workspace::{Cancel, Dir, Silent};
use support::mounted::*;
use support::*;

const HOME: &str = "REVIEW_OTHER_DISK_HOME";

/// Paths and contents; where the file system keeps none, no modes.
fn seen(kind: Kind, root: &Path) -> Picture {
    let mut picture = picture(root);
    if !kind.is_like_unix() {
        picture.values_mut().for_each(|entry| entry.1 = 0);
    }
    picture
}

/// A case with its project on such a disk; the disk is dropped first.
struct On {
    kind: Kind,
    _disk: Mounted,
    case: Case,
}

fn on_each(make: impl Fn(&Path), test: impl Fn(On)) {
    for kind in KINDS {
        let (case, disk) = Case::on(|at| mount(*kind, at), &make);
        if let Some(disk) = disk {
            println!("on {kind:?}");
            test(On {
                kind: *kind,
                _disk: disk,
                case,
            });
        }
    }
}

/// As [`rich`] and [`change_everything`], with what FAT can hold.
fn plain(root: &Path) {
    for (name, content) in [
        ("a.txt", "one\ntwo\n"),
        ("gone.txt", "gone\n"),
        ("docs/old.md", "a text that moves\nwith several lines\n"),
        ("emptying/deep/y", "y\n"),
        ("file-to-folder", "was a file\n"),
        ("folder-to-file/inside", "inside\n"),
        ("README.md", "read me\n"),
        ("m1", "1\n"),
        ("m2", "2\n"),
    ] {
        write(root, name, content);
    }
    std::fs::create_dir(root.join("empty-goes")).unwrap();
}

fn change_plain(root: &Path) {
    for name in ["a.txt", "m1", "m2", "new.txt", "new/deep/er.txt"] {
        write(root, name, format!("{name} changed\n"));
    }
    change_places(root);
}

#[test]
fn changes_of_every_kind_are_copied_out_and_undone() {
    on_each(plain, |mut on| {
        change_plain(&on.case.workspace());
        let before = seen(on.kind, &on.case.project());
        let after = seen(on.kind, &on.case.workspace());
        let time = |case: &Case| {
            let stat = std::fs::metadata(case.project().join("a.txt")).unwrap();
            stat.modified().unwrap()
        };
        let old_time = time(&on.case);
        let report = on.case.copy_out();
        assert!(report.conflicts.is_empty(), "{report:?}");
        assert_eq!(seen(on.kind, &on.case.project()), after);
        // The base is what both have now, although the disk shows other modes than the workspace.
        assert!(on.case.plan(true).conflicts.is_empty());
        write(&on.case.workspace(), "new.txt", "and again\n");
        assert!(on.case.copy_out().conflicts.is_empty());
        for _ in 0..2 {
            assert!(on.case.undo().conflicts.is_empty());
        }
        assert_eq!(seen(on.kind, &on.case.project()), before);
        let new_time = time(&on.case);
        let apart = new_time
            .duration_since(old_time)
            .unwrap_or_else(|e| e.duration());
        assert!(apart.as_secs() <= 2, "as near as FAT can say: {apart:?}");
    });
}

/// Nothing is written, the reason is said, and the rest can go alone.
fn is_unfit(on: &mut On, path: &str, reason: Reason) {
    let before = seen(on.kind, &on.case.project());
    let plan = on.case.plan(true);
    let refused = on.case.run(&plan);
    let Err(CopyOutError::Unfit(conflict)) = refused else {
        panic!("{:?}: {refused:?}", on.kind);
    };
    assert_eq!(
        (conflict.path.to_lossy().as_str(), conflict.reason),
        (path, reason)
    );
    assert_eq!(seen(on.kind, &on.case.project()), before);
    let without = on.case.plan_of(true, |changed| changed != path);
    assert!(on.case.run(&without).unwrap().conflicts.is_empty());
}

fn only_like_fat(make: impl Fn(&Path), test: impl Fn(On)) {
    on_each(make, |on| {
        if !on.kind.is_like_unix() {
            test(on);
        }
    });
}

#[test]
fn a_name_that_is_anothers_but_for_case_is_refused() {
    only_like_fat(plain, |mut on| {
        write(&on.case.workspace(), "Readme.md", "another\n");
        write(&on.case.workspace(), "also.txt", "also\n");
        is_unfit(&mut on, "Readme.md", Reason::SameName);
        assert!(on.case.project().join("also.txt").exists());
    });
    // A folder beside another, and what is in it.
    only_like_fat(plain, |mut on| {
        write(&on.case.workspace(), "Docs/new.md", "new\n");
        is_unfit(&mut on, "Docs/new.md", Reason::SameName);
    });
    // Two new ones.
    only_like_fat(plain, |mut on| {
        write(&on.case.workspace(), "twice", "1\n");
        write(&on.case.workspace(), "Twice", "2\n");
        is_unfit(&mut on, "twice", Reason::SameName);
    });
}

#[test]
fn a_rename_of_case_alone_is_one() {
    on_each(plain, |mut on| {
        let workspace = on.case.workspace();
        std::fs::rename(workspace.join("README.md"), workspace.join("ReadMe.md")).unwrap();
        let before = seen(on.kind, &on.case.project());
        let after = seen(on.kind, &workspace);
        let report = on.case.copy_out();
        assert!(report.conflicts.is_empty(), "{report:?}");
        assert_eq!(seen(on.kind, &on.case.project()), after);
        on.case.undo();
        assert_eq!(seen(on.kind, &on.case.project()), before);
    });
    // Of a folder too. By FUSE the kernel goes on to find the old folder by the new spelling for a second: then
    // it is refused.
    on_each(plain, |mut on| {
        let workspace = on.case.workspace();
        std::fs::rename(workspace.join("docs"), workspace.join("Docs")).unwrap();
        let before = seen(on.kind, &on.case.project());
        let after = seen(on.kind, &workspace);
        let plan = on.case.plan(true);
        let written = on
            .case
            .run(&plan)
            .is_ok_and(|report| report.conflicts.is_empty());
        assert!(written || matches!(on.kind, Kind::ExFatByFuse));
        let now = seen(on.kind, &on.case.project());
        assert_eq!(now, if written { after } else { before });
    });
}

#[test]
fn names_and_links_that_the_disk_cannot_hold_are_refused() {
    only_like_fat(plain, |mut on| {
        write(&on.case.workspace(), "a:b", "stream\n");
        is_unfit(&mut on, "a:b", Reason::CannotHold);
    });
    only_like_fat(plain, |mut on| {
        link(&on.case.workspace(), "link", "a.txt");
        is_unfit(&mut on, "link", Reason::CannotHold);
    });
    // Kept as it is, or refused: never another name than the one that was reviewed.
    on_each(plain, |mut on| {
        write(&on.case.workspace(), "dot.", "dot\n");
        let plan = on.case.plan(true);
        let names = match on.case.run(&plan) {
            Ok(_) => vec!["dot."],
            Err(CopyOutError::Unfit(_)) => vec![],
            Err(e) => panic!("{e}"),
        };
        let found = seen(on.kind, &on.case.project());
        let found: Vec<&[u8]> = found
            .keys()
            .map(Vec::as_slice)
            .filter(|name| name.starts_with(b"dot"))
            .collect();
        assert_eq!(
            found,
            names.iter().map(|n| n.as_bytes()).collect::<Vec<_>>()
        );
    });
}

#[test]
fn a_mode_that_the_disk_does_not_keep_is_no_change_of_the_users() {
    only_like_fat(plain, |mut on| {
        assert!(!copyout::keeps_modes(&on.case.project_dir()));
        assert!(copyout::keeps_modes(&on.case.copyouts()));
        chmod(&on.case.workspace(), "m1", 0o755);
        let before = seen(on.kind, &on.case.project());
        let report = on.case.copy_out();
        assert!(
            report.conflicts.is_empty() && report.applied.is_empty(),
            "{report:?}"
        );
        assert_eq!(report.skipped.len(), 1);
        assert_eq!(seen(on.kind, &on.case.project()), before);
    });
}

#[test]
fn a_full_disk_leaves_the_project_as_it_was() {
    on_each(plain, |mut on| {
        change_plain(&on.case.workspace());
        let plan = on.case.plan(true);
        for left in [0, 40_000, 3 << 20] {
            let filler = on.case.project().join("filler");
            let free = on.case.project_dir().free_space().unwrap().free;
            let size = usize::try_from(free - left).unwrap();
            std::fs::write(&filler, vec![1; size]).unwrap_or_else(|e| {
                assert_eq!(e.kind(), std::io::ErrorKind::StorageFull, "{e}");
            });
            let before = seen(on.kind, &on.case.project());
            let error = on.case.run(&plan).unwrap_err();
            assert!(error.is_full(), "{left}: {error}");
            assert_eq!(seen(on.kind, &on.case.project()), before, "{left}");
            std::fs::remove_file(&filler).unwrap();
        }
        // With room, the same plan is carried out.
        assert!(on.case.run(&plan).unwrap().conflicts.is_empty());
    });
}

#[test]
fn a_project_in_a_subvolume_of_its_own_is_written_to() {
    let top = tempfile::tempdir().unwrap();
    let Some(_disk) = mount_btrfs(top.path()) else {
        return;
    };
    let (project, copyouts) = (top.path().join("project"), top.path().join("copyouts"));
    run("btrfs", &["subvolume", "create", project.to_str().unwrap()]).unwrap();
    std::fs::create_dir(&copyouts).unwrap();
    // The probe: a rename from the one into the other is refused, although both are on one mount.
    std::fs::write(copyouts.join("probe"), "x").unwrap();
    let refused = std::fs::rename(copyouts.join("probe"), project.join("probe"));
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::CrossesDevices
    );
    rich(&project);
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let after = picture(&case.workspace());
    let capture = case.capture();
    let project_dir = Dir::open_root(&project).unwrap();
    let plan = plan_everything(&project_dir, &case.base, &capture, &case.blobs);
    let copyouts = Dir::open_root(&copyouts).unwrap();
    let cancel = Cancel::default();
    let report = copyout::execute(
        &plan,
        &project_dir,
        &copyouts,
        &case.blobs,
        &Silent,
        &cancel,
    )
    .unwrap();
    assert_eq!(report.conflicts, []);
    assert_eq!(picture(&project), after);
}

/// The child: copies everything out, and is killed.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    copy_out_in(Path::new(&home)).unwrap();
}

#[test]
fn killed_at_any_instant_it_is_exactly_before_or_exactly_after() {
    let (mut tried, mut inside) = (0, 0);
    for kind in KINDS {
        for round in 0..20_u32 {
            let (case, disk) = Case::on(|at| mount(*kind, at), plain);
            let Some(_disk) = disk else { break };
            std::fs::create_dir(case.home.path().join("base")).unwrap();
            plain(&case.home.path().join("base"));
            change_plain(&case.workspace());
            let before = seen(*kind, &case.project());
            let after = seen(*kind, &case.workspace());
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child"])
                .env(HOME, case.home.path())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let journal = case.home.path().join("copyouts/00000001/journal");
            while !journal.exists() && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 1500));
            child.kill().unwrap();
            tried += 1;
            inside += usize::from(!child.wait().unwrap().success());
            let recovered = copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
            let now = seen(*kind, &case.project());
            match recovered.first().map(|one| &one.outcome) {
                Some(RecoveryOutcome::Finished(_)) => assert_eq!(now, after, "{kind:?} {round}"),
                Some(RecoveryOutcome::RolledBack) => assert_eq!(now, before, "{kind:?} {round}"),
                Some(RecoveryOutcome::Unresolved(paths)) => panic!("{kind:?} {round}: {paths:?}"),
                None => assert!(now == before || now == after, "{kind:?} {round}"),
            }
        }
    }
    println!("{inside} of {tried} kills came before the end");
    assert!(inside * 4 >= tried, "most came too late to test anything");
}
