//! Copy-outs on file systems without `renameat2`, by stand-ins that refuse it: what `crash.rs` does not kill.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::MetadataExt;

use sandbox_review::copyout::{self, CopyOutError, Reason};
use sandbox_workspace::{Cancel, Silent};
use support::file_systems::*;
use support::*;

fn redo(case: &mut Case) {
    let report = copyout::redo(
        &case.copyouts(),
        &case.project_dir(),
        &Silent,
        &Cancel::default(),
    )
    .unwrap();
    case.settle(&report);
}

#[test]
fn everything_is_copied_out_undone_and_done_again() {
    on_each_file_system(|system, _| {
        let mut case = Case::new(rich);
        change_everything(&case.workspace());
        let (before, after) = (picture(&case.project()), picture(&case.workspace()));
        for round in 0..2 {
            if round == 0 {
                assert!(case.copy_out().conflicts.is_empty());
            } else {
                redo(&mut case);
            }
            assert_eq!(picture(&case.project()), after, "{} {round}", system.name);
            assert!(case.undo().conflicts.is_empty());
            assert_eq!(picture(&case.project()), before, "{} {round}", system.name);
        }
    });
}

/// What the stand-ins are worth: without the second way nothing could be moved at all.
#[test]
fn the_stand_ins_refuse_what_they_say() {
    on_each_file_system(|system, _| {
        let case = Case::new(|root| write(root, "f", "f\n"));
        let dir = case.project_dir();
        write(&case.project(), "g", "g\n");
        let exchanged = dir.rename_exchange(b"f", &dir, b"g").is_ok();
        let moved = dir.rename_noreplace(b"f", &dir, b"h").is_ok();
        let linked = dir.hard_link(b"g", &dir, b"i").is_ok();
        let expected = match system.name {
            "both flags" => (true, true, true),
            "no exchange" => (false, true, true),
            "no flags" => (false, false, true),
            _ => (false, false, false),
        };
        assert_eq!((exchanged, moved, linked), expected, "{}", system.name);
    });
}

/// In the last kind a file made in the moment between look and rename is lost, as `copyout::means` says.
#[test]
fn an_editor_that_saves_all_the_time_never_loses_its_last_write() {
    on_each_file_system(|system, _| {
        if system.name == "no flags, no links" {
            return;
        }
        for by_rename in [true, false] {
            println!("{}", system.name);
            race::race(by_rename);
        }
    });
}

#[test]
fn what_the_user_changed_or_made_is_neither_replaced_nor_lost() {
    on_each_file_system(|system, _| {
        let mut case = Case::new(|root| {
            write(root, "a", "a\n");
            write(root, "b", "b\n");
            write(root, "z/gone", "gone\n");
        });
        for name in ["a", "b", "new"] {
            write(&case.workspace(), name, "agent\n");
        }
        std::fs::remove_file(case.workspace().join("z/gone")).unwrap();
        // Planned before the user does something: only the look at the moment itself can see it.
        for (at, reason) in [
            ("b", Reason::Changed),
            ("new", Reason::Appeared),
            ("z/gone", Reason::Changed),
        ] {
            let plan = case.plan(true);
            let old = std::fs::read(case.project().join(at)).ok();
            write(&case.project(), at, "the user's\n");
            let before = picture(&case.project());
            let report = case.run(&plan).unwrap();
            let conflict = &report.conflicts[0];
            assert_eq!(
                (conflict.path.to_lossy().as_str(), conflict.reason),
                (at, reason),
                "{}",
                system.name
            );
            assert_eq!(picture(&case.project()), before, "{}: {at}", system.name);
            match old {
                Some(old) => write(&case.project(), at, old),
                None => std::fs::remove_file(case.project().join(at)).unwrap(),
            }
        }
    });
}

#[test]
fn hard_links_of_the_project_are_not_written_through() {
    on_each_file_system(|system, _| {
        let mut case = Case::new(|root| write(root, "f", "old\n"));
        let other = case.home.path().join("other");
        std::fs::hard_link(case.project().join("f"), &other).unwrap();
        write(&case.workspace(), "f", "new\n");
        case.copy_out();
        assert_eq!(std::fs::read(&other).unwrap(), b"old\n", "{}", system.name);
        let names = std::fs::metadata(case.project().join("f")).unwrap().nlink();
        assert_eq!(names, 1, "{}: no second name is left of ours", system.name);
    });
}

/// Numbers of files may be given anew when a disk is mounted again: then content decides.
#[test]
fn a_recovery_does_not_need_the_numbers_of_files() {
    on_each_file_system(|system, _| {
        for nth in [3, 12, 20, 24] {
            let mut case = Case::new(rich);
            change_everything(&case.workspace());
            let before = picture(&case.project());
            let plan = case.plan(true);
            fail::cfg("copyout::step", &format!("{nth}*off->return(io)")).unwrap();
            fail::cfg("recover::step", "return(io)").unwrap();
            let interrupted = case.run(&plan);
            fail::remove("copyout::step");
            fail::remove("recover::step");
            assert!(
                matches!(interrupted, Err(CopyOutError::Unfinished { .. })),
                "{interrupted:?}"
            );
            // Everything gets another number, the stage too.
            let moved = case.home.path().join("moved");
            for name in ["project", "copyouts"] {
                let from = case.home.path().join(name);
                let copied = std::process::Command::new("cp")
                    .args(["-a", "--"])
                    .args([&from, &moved])
                    .status()
                    .unwrap();
                assert!(copied.success());
                std::fs::remove_dir_all(&from).unwrap();
                std::fs::rename(&moved, &from).unwrap();
            }
            let recovered = copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
            assert_eq!(recovered.len(), 1);
            assert_eq!(
                recovered[0].outcome,
                copyout::RecoveryOutcome::RolledBack,
                "{}: {nth}",
                system.name
            );
            assert_eq!(picture(&case.project()), before, "{}: {nth}", system.name);
        }
    });
}

/// A disk that is not mounted leaves an empty folder: that is never taken for the project.
#[test]
fn a_recovery_waits_for_a_project_that_is_not_there() {
    on_each_file_system(|system, _| {
        let mut case = Case::new(rich);
        change_everything(&case.workspace());
        let before = picture(&case.project());
        let plan = case.plan(true);
        fail::cfg("copyout::step", "24*off->return(io)").unwrap();
        fail::cfg("recover::step", "return(io)").unwrap();
        case.run(&plan).unwrap_err();
        fail::remove("copyout::step");
        fail::remove("recover::step");
        assert_ne!(picture(&case.project()), before, "it was interrupted");
        let away = case.home.path().join("away");
        std::fs::rename(case.project(), &away).unwrap();
        std::fs::create_dir(case.project()).unwrap();
        let recovered = copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
        assert_eq!(recovered, [], "{}", system.name);
        assert!(picture(&case.project()).is_empty(), "{}", system.name);
        // Meanwhile nothing else is begun.
        let refused = case.run(&plan);
        assert!(
            matches!(refused, Err(CopyOutError::Interrupted { .. })),
            "{refused:?}"
        );
        std::fs::remove_dir(case.project()).unwrap();
        std::fs::rename(&away, case.project()).unwrap();
        let recovered = copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
        assert_eq!(recovered.len(), 1);
        assert_eq!(picture(&case.project()), before, "{}", system.name);
    });
}

/// An empty folder may be the project: everything was taken out of it when it was interrupted.
#[test]
fn a_recovery_fills_a_project_that_was_emptied_by_it() {
    on_each_file_system(|system, _| {
        let mut case = Case::new(|root| {
            write(root, "a", "a\n");
            write(root, "b", "b\n");
        });
        std::fs::remove_file(case.workspace().join("a")).unwrap();
        std::fs::remove_file(case.workspace().join("b")).unwrap();
        write(&case.workspace(), "c", "c\n");
        let before = picture(&case.project());
        let plan = case.plan(true);
        fail::cfg("copyout::step", "2*off->return(io)").unwrap();
        fail::cfg("recover::step", "return(io)").unwrap();
        case.run(&plan).unwrap_err();
        fail::remove("copyout::step");
        fail::remove("recover::step");
        assert!(picture(&case.project()).is_empty(), "it was interrupted");
        copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
        assert_eq!(picture(&case.project()), before, "{}", system.name);
    });
}
