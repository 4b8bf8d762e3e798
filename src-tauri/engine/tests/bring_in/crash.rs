//! Killed at each named point, at random instants, and stopped by errors of the disk. The test starts itself again
//! as a child that dies.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use sandbox_engine::sandbox::Recovery;
use sandbox_engine::{Operation, SandboxId};

use crate::desk::{Desk, Picture, open, picture, timeless};

const HOME: &str = "BRING_IN_CRASH_HOME";
const WHAT: &str = "BRING_IN_CRASH_WHAT";

/// Every named point on the way, in its order.
const POINTS: [&str; 19] = [
    "bringin::read",
    "bringin::snapshot",
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
    "bringin::written",
    "bringin::base",
    "bringin::named",
    "bringin::settled",
];

/// Of them those at which the disk can fail, and everything is put back: in the transaction, before its commit.
fn errors() -> impl Iterator<Item = &'static str> {
    let written = POINTS
        .iter()
        .skip_while(|point| !point.starts_with("copyout::"));
    let before = written.take_while(|point| **point != "copyout::committed");
    before.copied()
}

/// The child: brings in, or takes that back, and may die of it.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let scenario = fail::FailScenario::setup();
    let engine = open(Path::new(&home));
    let id: SandboxId = engine.data().ids().unwrap().remove(0);
    let op = Operation::silent();
    let done = match std::env::var(WHAT).unwrap().as_str() {
        "undo" => engine.undo_bring_in(&id, &op).await.map(drop),
        _ => engine.bring_in(&id, &op).await.map(drop),
    };
    scenario.teardown();
    std::process::exit(if done.is_ok() { 0 } else { 3 });
}

fn start(desk: &Desk, what: &str, points: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(HOME, desk.home.path())
        .env(WHAT, what)
        .env("FAILPOINTS", points)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What lies on both sides.
struct Sides {
    project: Picture,
    workspace: Picture,
    changed: Vec<String>,
}

impl Sides {
    async fn of(desk: &Desk) -> Self {
        Self {
            project: picture(&desk.project()),
            workspace: picture(&desk.workspace()),
            changed: desk.changed().await,
        }
    }
}

/// What a run that nobody disturbs makes of [`Desk::edited`]: the workspace, and what is left to review.
async fn undisturbed() -> (Picture, Vec<String>) {
    let desk = Desk::edited().await;
    let op = Operation::silent();
    let done = desk.engine.bring_in(&desk.id, &op).await.unwrap();
    assert!(done.report.applied.len() >= 10, "{:?}", done.report.applied);
    assert_eq!(
        done.report.conflicts.len(),
        2,
        "{:?}",
        done.report.conflicts
    );
    (timeless(&picture(&desk.workspace())), desk.changed().await)
}

/// The next start says how it ended, and it is so. Whether the workspace is as after.
async fn next_start(desk: &Desk, before: &Sides, after: &(Picture, Vec<String>), at: &str) -> bool {
    let said: Vec<Recovery> = desk.engine.recover().await.unwrap();
    assert_eq!(
        picture(&desk.project()),
        before.project,
        "{at}: the project"
    );
    let here = picture(&desk.workspace());
    let is_after = match said.as_slice() {
        [] => timeless(&here) == after.0,
        [one] => {
            assert_eq!(
                (one.what, one.resolved),
                ("bring-in", true),
                "{at}: {one:?}"
            );
            let told = desk.engine.activity(&desk.id).unwrap();
            let words = format!("An interrupted bring-in was {}", one.outcome);
            assert!(told.iter().any(|row| row.what == words), "{at}: {told:?}");
            one.outcome == "finished"
        }
        more => panic!("{at}: {more:?}"),
    };
    if is_after {
        assert_eq!(timeless(&here), after.0, "{at}: exactly after");
        assert_eq!(desk.changed().await, after.1, "{at}: the base moved too");
    } else {
        assert_eq!(here, before.workspace, "{at}: exactly before");
        assert_eq!(desk.changed().await, before.changed, "{at}: and the base");
    }
    assert_eq!(desk.engine.recover().await.unwrap(), [], "{at}: idempotent");
    is_after
}

/// From wherever it ended: on to the end, back by its undo, and back by the safety snapshot.
async fn goes_on(
    desk: &Desk,
    before: &Sides,
    after: &(Picture, Vec<String>),
    is_after: bool,
    at: &str,
) {
    let op = Operation::silent();
    if !is_after {
        desk.engine.bring_in(&desk.id, &op).await.unwrap();
    }
    let safety = desk.safety().expect("there is one");
    assert_eq!(
        timeless(&picture(&desk.workspace())),
        after.0,
        "{at}: brought in"
    );
    let undone = desk.engine.undo_bring_in(&desk.id, &op).await.unwrap();
    assert_eq!(undone.conflicts, [], "{at}");
    assert_eq!(
        picture(&desk.workspace()),
        before.workspace,
        "{at}: taken back"
    );
    assert_eq!(desk.changed().await, before.changed, "{at}: with the base");
    desk.engine.undo_bring_in(&desk.id, &op).await.unwrap_err();
    desk.engine.bring_in(&desk.id, &op).await.unwrap();
    let reset = desk.engine.reset(&desk.id, Some(&safety), false, &op).await;
    reset.unwrap();
    assert_eq!(
        picture(&desk.workspace()),
        before.workspace,
        "{at}: by the snapshot"
    );
    assert_eq!(desk.changed().await, before.changed, "{at}: with its base");
    assert_eq!(
        picture(&desk.project()),
        before.project,
        "{at}: the project"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_it_is_exactly_before_or_after_and_says_which() {
    let _alone = fail::FailScenario::setup();
    let after = undisturbed().await;
    let (mut killed, mut finished) = (0, 0);
    for point in POINTS {
        for nth in 0.. {
            let desk = Desk::edited().await;
            let before = Sides::of(&desk).await;
            let points = format!("{point}={nth}*off->return(abort)");
            let status = start(&desk, "bring-in", &points).wait().unwrap().code();
            if status == Some(0) {
                assert!(nth > 0, "{point} is never reached");
                break;
            }
            assert_eq!(status, None, "{points}: killed");
            killed += 1;
            let desk = desk.restarted();
            let is_after = next_start(&desk, &before, &after, &points).await;
            finished += usize::from(is_after);
            if nth == 0 {
                goes_on(&desk, &before, &after, is_after, &points).await;
            }
        }
    }
    println!("{killed} places, {finished} of them finished");
    assert!(killed > 50 && finished >= 5, "{killed}, {finished}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_undo_that_is_killed_is_before_or_after_too() {
    let _alone = fail::FailScenario::setup();
    let after = undisturbed().await;
    for (point, nth) in [
        ("copyout::stage", 5),
        ("copyout::synced", 0),
        ("copyout::step", 3),
        ("copyout::step", 11),
        ("copyout::commit", 0),
        ("copyout::committed", 0),
        ("bringin::base", 0),
        ("bringin::named", 0),
        ("bringin::settled", 0),
    ] {
        let desk = Desk::edited().await;
        let before = Sides::of(&desk).await;
        let op = Operation::silent();
        desk.engine.bring_in(&desk.id, &op).await.unwrap();
        let points = format!("{point}={nth}*off->return(abort)");
        let status = start(&desk, "undo", &points).wait().unwrap().code();
        assert_eq!(status, None, "{points}");
        let desk = desk.restarted();
        let said = desk.engine.recover().await.unwrap();
        assert!(
            said.iter()
                .all(|one| one.resolved && one.what == "bring-in"),
            "{said:?}"
        );
        assert_eq!(picture(&desk.project()), before.project, "{points}");
        let here = picture(&desk.workspace());
        let undone = here == before.workspace;
        assert!(undone || timeless(&here) == after.0, "{points}: {here:?}");
        let changed = desk.changed().await;
        assert_eq!(
            &changed,
            if undone { &before.changed } else { &after.1 },
            "{points}"
        );
        // It can be taken back once, and no more.
        let again = desk.engine.undo_bring_in(&desk.id, &op).await;
        assert_eq!(again.is_err(), undone, "{points}");
        assert_eq!(picture(&desk.workspace()), before.workspace, "{points}");
    }
}

/// Waits until there is something to interrupt.
fn until_journal(desk: &Desk, child: &mut Child) -> Instant {
    let journal = desk.kept().join("00000001/journal");
    while !journal.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    Instant::now()
}

/// Not at named points but at any instant, by a signal that cannot be caught.
#[tokio::test(flavor = "multi_thread")]
async fn random_kills_leave_it_before_or_after() {
    let _alone = fail::FailScenario::setup();
    let after = undisturbed().await;
    // The control: how long one takes that is not killed, from its start and from its journal.
    let control = Desk::edited().await;
    let begun = Instant::now();
    let mut child = start(&control, "bring-in", "");
    let journaled = until_journal(&control, &mut child);
    assert!(child.wait().unwrap().success());
    let (whole, writing) = (begun.elapsed(), journaled.elapsed());
    let (mut inside, mut late, mut random) = (0, 0, 0x2545_f491_4f6c_dd1d_u64);
    for round in 0..100 {
        let desk = Desk::edited().await;
        let before = Sides::of(&desk).await;
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 40) as f64 / (1_u64 << 24) as f64;
        let begun = Instant::now();
        let mut child = start(&desk, "bring-in", "");
        // Every other one while it writes, which is a small part of it.
        let (from, takes) = if round % 2 == 0 {
            (begun, whole)
        } else {
            (until_journal(&desk, &mut child), writing)
        };
        while from.elapsed() < takes.mul_f64(share) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        inside += usize::from(!child.wait().unwrap().success());
        late += usize::from(desk.kept().join("00000001").exists());
        let desk = desk.restarted();
        next_start(&desk, &before, &after, &format!("kill {round}")).await;
    }
    println!("{inside} of 100 kills came before its end, {late} after its journal began");
    assert!(inside >= 10 && late >= 20, "{inside}, {late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_the_commit_is_finished_by_the_next_start() {
    let scenario = fail::FailScenario::setup();
    let after = undisturbed().await;
    for point in ["copyout::committed", "copyout::finish", "copyout::kept"] {
        let desk = Desk::edited().await;
        let before = Sides::of(&desk).await;
        let op = Operation::silent();
        fail::cfg(point, "return(io)").unwrap();
        let error = desk.engine.bring_in(&desk.id, &op).await.unwrap_err();
        fail::remove(point);
        let words = error.to_string();
        assert!(words.contains("the next start"), "{point}: {words}");
        assert_eq!(error.safe(), None, "{point}: it is written");
        let desk = desk.restarted();
        assert!(next_start(&desk, &before, &after, point).await, "{point}");
        goes_on(&desk, &before, &after, true, point).await;
    }
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_anywhere_leaves_the_workspace_as_it_was() {
    let scenario = fail::FailScenario::setup();
    let after = undisturbed().await;
    let mut failed = 0;
    for point in errors() {
        for (nth, what) in [(0, "full"), (0, "io"), (4, "full"), (9, "io")] {
            let desk = Desk::edited().await;
            let before = Sides::of(&desk).await;
            let op = Operation::silent();
            fail::cfg(point, &format!("{nth}*off->return({what})")).unwrap();
            let result = desk.engine.bring_in(&desk.id, &op).await;
            fail::remove(point);
            let at = format!("{point} {nth} {what}");
            if result.is_ok() {
                assert!(nth > 0, "{at}");
                continue;
            }
            failed += 1;
            assert_eq!(picture(&desk.workspace()), before.workspace, "{at}");
            let desk = desk.restarted();
            let is_after = next_start(&desk, &before, &after, &at).await;
            assert!(!is_after, "{at}: an error and yet written");
            goes_on(&desk, &before, &after, false, &at).await;
        }
    }
    scenario.teardown();
    assert!(failed > 15, "{failed}");
}
