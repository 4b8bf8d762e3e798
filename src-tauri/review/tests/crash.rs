//! A copy-out that dies at any step is afterwards either not there or all there; so is its recovery.
//!
//! Needs the feature `failpoints`: the test starts itself again as a child that aborts at a named point.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use sandbox_review::copyout::{self, CopyOutError, RecoveryOutcome};
use sandbox_workspace::{Cancel, Dir, Silent};
use support::file_systems::*;
use support::*;

const HOME: &str = "REVIEW_CRASH_HOME";
const WHAT: &str = "REVIEW_CRASH_WHAT";

/// Every named point of a copy-out and an undo, on a file system that moves names safely at once.
const POINTS: &[&str] = &[
    "copyout::begin",
    "copyout::begun",
    "copyout::probe",
    "copyout::stage",
    "copyout::staged",
    "copyout::synced",
    "copyout::step",
    "copyout::stepped",
    "copyout::applied",
    "copyout::commit",
    "copyout::committed",
    "copyout::finish",
    "copyout::kept",
];
/// How many of them come before the commit: an error there puts everything back.
const COMMITTED: usize = 10;
const RECOVERY: &[&str] = &[
    "recover::step",
    "recover::stepped",
    "recover::rolled_back",
    "recover::drop",
    "copyout::finish",
];

/// The child: does one thing in the folders of a case, and may die of it.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let home = Path::new(&home);
    let scenario = fail::FailScenario::setup();
    let project = Dir::open_root(&home.join("project")).unwrap();
    let copyouts = Dir::open_root(&home.join("copyouts")).unwrap();
    let cancel = Cancel::default();
    let done = match std::env::var(WHAT).unwrap().as_str() {
        "undo" => copyout::undo(&copyouts, None, &project, &Silent, &cancel).map(|_| ()),
        "recover" => copyout::recover(&copyouts, &project).map(|_| ()),
        _ => copy_out_in(home).map(|_| ()),
    };
    scenario.teardown();
    std::process::exit(if done.is_ok() { 0 } else { 3 });
}

/// Runs the child with a fail point; gives its exit status, `None` if it was killed.
fn child_does(home: &Path, what: &str, points: &str) -> Option<i32> {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(HOME, home)
        .env(WHAT, what)
        .env("FAILPOINTS", points)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap()
        .code()
}

fn case() -> Case {
    let case = Case::new(rich);
    std::fs::create_dir(case.home.path().join("base")).unwrap();
    rich(&case.home.path().join("base"));
    change_everything(&case.workspace());
    case
}

fn recover(case: &Case) -> Vec<copyout::Recovered> {
    let recovered = copyout::recover(&case.copyouts(), &case.project_dir()).unwrap();
    for one in &recovered {
        if let RecoveryOutcome::Finished(_) = one.outcome {
            copyout::settle(&case.copyouts(), &one.id).unwrap();
        }
    }
    recovered
}

/// The project is as before or as after, as the recovery says, and a second recovery has nothing to do.
fn check(case: &Case, before: &Picture, after: &Picture, at: &str) {
    let recovered = recover(case);
    let now = picture(&case.project());
    match recovered.first().map(|one| &one.outcome) {
        Some(RecoveryOutcome::Finished(_)) => assert_eq!(&now, after, "{at}"),
        Some(RecoveryOutcome::RolledBack) => assert_eq!(&now, before, "{at}"),
        Some(RecoveryOutcome::Unresolved(paths)) => panic!("{at}: {paths:?}"),
        None => assert!(&now == before || &now == after, "{at}"),
    }
    assert_eq!(recover(case), [], "{at}: idempotent");
}

#[test]
fn killed_anywhere_it_is_exactly_before_or_exactly_after() {
    on_each_file_system(killed_anywhere);
}

fn killed_anywhere(system: &FileSystem, refuses: &str) {
    let mut killed = 0;
    for point in POINTS.iter().copied().chain(system.points()) {
        for nth in 0.. {
            let case = case();
            let (before, after) = (picture(&case.project()), picture(&case.workspace()));
            assert_ne!(before, after);
            let points = format!("{refuses}{point}={nth}*off->return(abort)");
            let at = format!("{}: {point} for the {nth}th time", system.name);
            let status = child_does(case.home.path(), "copy-out", &points);
            if status == Some(0) {
                assert!(nth > 0, "{at}: never reached");
                assert_eq!(
                    picture(&case.project()),
                    after,
                    "{at}: the control run copies out"
                );
                break;
            }
            assert_eq!(status, None, "{at}: killed");
            killed += 1;
            check(&case, &before, &after, &at);
        }
    }
    assert!(killed > 80, "{killed} places");
}

#[test]
fn a_recovery_that_is_killed_is_recovered() {
    on_each_file_system(recovery_killed);
}

fn recovery_killed(system: &FileSystem, refuses: &str) {
    let mut killed = 0;
    for first in [
        "copyout::step=20*off->return(abort)",
        "copyout::staged=return(abort)",
        "copyout::committed=return(abort)",
    ]
    .map(|first| format!("{refuses}{first}"))
    {
        for point in RECOVERY.iter().copied().chain(system.points()) {
            for nth in [0, 2, 7, 19] {
                let case = case();
                let (before, after) = (picture(&case.project()), picture(&case.workspace()));
                assert_eq!(child_does(case.home.path(), "copy-out", &first), None);
                let points = format!("{refuses}{point}={nth}*off->return(abort)");
                let status = child_does(case.home.path(), "recover", &points);
                killed += usize::from(status.is_none());
                check(&case, &before, &after, &format!("{first}, then {points}"));
            }
        }
    }
    assert!(killed >= 6, "{killed}");
}

#[test]
fn an_undo_that_is_killed_is_exactly_before_or_after_too() {
    on_each_file_system(undo_killed);
}

fn undo_killed(system: &FileSystem, refuses: &str) {
    let own = system.points().flat_map(|point| [(point, 0), (point, 4)]);
    for (point, nth) in [
        ("copyout::stage", 9),
        ("copyout::synced", 0),
        ("copyout::step", 4),
        ("copyout::step", 21),
        ("copyout::commit", 0),
        ("copyout::committed", 0),
    ]
    .into_iter()
    .chain(own)
    {
        let mut case = case();
        let before = picture(&case.project());
        let after = picture(&case.workspace());
        case.copy_out();
        let points = format!("{refuses}{point}={nth}*off->return(abort)");
        assert_eq!(
            child_does(case.home.path(), "undo", &points),
            None,
            "{points}"
        );
        check(&case, &after, &before, &points);
    }
}

#[test]
fn an_error_anywhere_leaves_the_project_as_it_was() {
    on_each_file_system(error_anywhere);
}

fn error_anywhere(system: &FileSystem, _: &str) {
    let mut failed = 0;
    for point in POINTS[..COMMITTED].iter().copied().chain(system.points()) {
        for what in ["full", "io"] {
            for nth in 0.. {
                let mut case = case();
                let before = picture(&case.project());
                let plan = case.plan(true);
                // Once: the way back goes through some of these points too.
                fail::cfg(point, &format!("{nth}*off->1*return({what})")).unwrap();
                let result = case.run(&plan);
                fail::remove(point);
                let at = format!("{}: {point} {nth} {what}", system.name);
                let Err(e) = result else {
                    assert!(nth > 0, "{at}: never reached");
                    break;
                };
                failed += 1;
                assert_eq!(e.is_full(), what == "full", "{at}: {e}");
                assert_eq!(picture(&case.project()), before, "{at}");
                assert!(recover(&case).len() <= 1);
                assert_eq!(picture(&case.project()), before, "{at}: and stays so");
            }
        }
    }
    assert!(failed > 160, "{}: {failed}", system.name);
}

#[test]
fn an_error_after_the_commit_is_said_to_be_one_and_is_finished() {
    let scenario = fail::FailScenario::setup();
    for point in &POINTS[COMMITTED..] {
        for what in ["full", "io"] {
            let mut case = case();
            let after = picture(&case.workspace());
            let plan = case.plan(true);
            fail::cfg(*point, &format!("return({what})")).unwrap();
            let result = case.run(&plan);
            fail::remove(*point);
            assert!(
                matches!(result, Err(CopyOutError::Unfinished { .. })),
                "{point}: {result:?}"
            );
            assert_eq!(picture(&case.project()), after, "{point}");
            let recovered = recover(&case);
            assert!(
                matches!(recovered[0].outcome, RecoveryOutcome::Finished(_)),
                "{point}: {recovered:?}"
            );
            assert_eq!(picture(&case.project()), after, "{point}: and stays so");
        }
    }
    scenario.teardown();
}

/// The record of the commit may have reached the disk although the disk says that it failed.
#[test]
fn a_commit_that_could_not_be_synced_is_never_half_believed() {
    let scenario = fail::FailScenario::setup();
    // Two records come before it.
    const COMMIT: &str = "journal::sync=2*off->1*return(io)";
    let set = |points: &str| {
        for one in points.split(';') {
            let (name, action) = one.split_once('=').unwrap();
            fail::cfg(name, action).unwrap();
        }
    };
    // It is taken back, and then everything is put back.
    let mut case = case();
    let (before, after) = (picture(&case.project()), picture(&case.workspace()));
    let plan = case.plan(true);
    set(COMMIT);
    let result = case.run(&plan);
    fail::remove("journal::sync");
    assert!(
        matches!(result, Err(CopyOutError::Journal { .. })),
        "{result:?}"
    );
    assert_eq!(picture(&case.project()), before);
    assert_eq!(recover(&case), []);
    // It cannot be taken back: nothing is, and the recovery believes what it reads.
    let plan = case.plan(true);
    set(&format!("{COMMIT};journal::cut=return(io)"));
    let result = case.run(&plan);
    fail::remove("journal::sync");
    fail::remove("journal::cut");
    assert!(
        matches!(result, Err(CopyOutError::Unfinished { .. })),
        "{result:?}"
    );
    assert_eq!(picture(&case.project()), after);
    assert!(matches!(
        recover(&case)[0].outcome,
        RecoveryOutcome::Finished(_)
    ));
    assert_eq!(picture(&case.project()), after);
    scenario.teardown();
    // Killed while it is put back, it goes on to be put back.
    let _alone = fail::FailScenario::setup();
    for nth in [0, 5, 20] {
        let case = self::case();
        let points = format!("{COMMIT};recover::step={nth}*off->return(abort)");
        assert_eq!(child_does(case.home.path(), "copy-out", &points), None);
        check(&case, &before, &after, &points);
        assert_eq!(picture(&case.project()), before, "{points}");
    }
}

#[test]
fn an_error_on_the_way_back_is_made_good_by_the_recovery() {
    on_each_file_system(error_on_the_way_back);
}

fn error_on_the_way_back(system: &FileSystem, _: &str) {
    let mut failed = 0;
    for point in ["recover::step", "recover::stepped", "recover::rolled_back"] {
        for nth in [0, 6, 13] {
            let mut case = case();
            let (before, after) = (picture(&case.project()), picture(&case.workspace()));
            let plan = case.plan(true);
            fail::cfg("copyout::step", "20*off->return(io)").unwrap();
            fail::cfg(point, &format!("{nth}*off->return(io)")).unwrap();
            let result = case.run(&plan);
            fail::remove("copyout::step");
            fail::remove(point);
            assert!(
                matches!(
                    result,
                    Err(CopyOutError::Unfinished { .. } | CopyOutError::Journal { .. })
                ),
                "{point} {nth}: {result:?}"
            );
            failed += usize::from(picture(&case.project()) != before);
            let at = format!("{}: {point} {nth}", system.name);
            check(&case, &before, &after, &at);
            assert_eq!(picture(&case.project()), before, "{at}");
        }
    }
    assert!(failed >= 2, "{failed}: no way back was interrupted");
}

/// Starts a copy-out and waits until its journal appears: before that there is nothing to interrupt.
fn started(case: &Case, refuses: &str) -> (std::process::Child, std::time::Instant) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(HOME, case.home.path())
        .env(WHAT, "copy-out")
        .env("FAILPOINTS", refuses)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let journal = case.home.path().join("copyouts/00000001/journal");
    while !journal.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    (child, std::time::Instant::now())
}

/// Not at named points but at any instant, by a signal that cannot be caught.
#[test]
fn a_hundred_random_kills_leave_it_before_or_after() {
    on_each_file_system(a_hundred_kills);
}

fn a_hundred_kills(system: &FileSystem, refuses: &str) {
    // The control: how long one takes that is not killed.
    let whole = case();
    let (mut child, start) = started(&whole, refuses);
    assert!(child.wait().unwrap().success());
    let mut takes = start.elapsed();
    let (mut inside, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for round in 0..100 {
        let case = case();
        let (before, after) = (picture(&case.project()), picture(&case.workspace()));
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 40) as f64 / (1_u64 << 24) as f64;
        let (mut child, start) = started(&case, refuses);
        while start.elapsed() < takes.mul_f64(share) {
            if child.try_wait().unwrap().is_some() {
                // A control slowed by a busy disk must not aim every kill past the end.
                takes = start.elapsed();
            }
        }
        child.kill().unwrap();
        inside += usize::from(!child.wait().unwrap().success());
        check(
            &case,
            &before,
            &after,
            &format!("{}: kill {round}", system.name),
        );
    }
    assert!(inside >= 10, "only {inside} kills came before its end");
    println!("{}: {inside} of 100 kills came before its end", system.name);
}
