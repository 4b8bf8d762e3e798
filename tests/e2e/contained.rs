//! A sandbox that forks, eats memory, floods its terminal and fills a file, one after another, in the terminal that is
//! shown: each meets its limit, goes no further, and the window answers all the while.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use thirtyfour::prelude::*;

use crate::page::Page;
use crate::stage::{ROWS, Stage};

const PROCESSES: u64 = 128;
const FILE: u64 = 16 << 20;
/// A sheet is there within this, also on a busy machine with two processors, of which the sandbox has one. On an idle
/// one it takes half a second; a window that waits for what floods it would never get there.
const ANSWERS: Duration = Duration::from_secs(10);

/// Opens a sheet and closes it again, as a person does; gives how long that took.
async fn answers(page: &Page, what: &str) -> Duration {
    let start = Instant::now();
    page.click("network").await;
    page.find_css("[role='dialog']").await;
    page.press(Key::Escape).await;
    page.until_gone("[role='dialog']").await;
    let took = start.elapsed();
    println!("{what}: a sheet came and went in {took:?}");
    assert!(took < ANSWERS, "{what}: the window took {took:?}");
    took
}

/// Again and again until it is interrupted, whatever becomes of each.
fn again(what: &str) -> String {
    format!("bash -c 'trap exit INT; while :; do {what}; done'")
}

/// How many processes the container engine counts in a sandbox.
fn processes(id: &str) -> u64 {
    let name = format!("agent-sandbox-{id}");
    let said = Command::new("docker")
        .args(["stats", "--no-stream", "--format", "{{.PIDs}}", &name])
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout)
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_a_hog_and_a_flood_meet_their_limits_and_the_window_answers() {
    let stage = Stage::new();
    let id = stage.sandbox(&["--cpus", "1", "--memory", "512m"]);
    let (count, size) = (PROCESSES.to_string(), FILE.to_string());
    stage.line(&["limits", &id, "--processes", &count, "--file-size", &size]);
    let workspace = stage.path("data/sandboxes").join(&id).join("workspace");
    let mut opened = stage.open("e2e-contained").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    // The first time a part of the page is fetched as well.
    answers(page, "the first time").await;
    answers(page, "idle").await;

    // A file larger than its limit, again and again; one below it is written.
    page.type_line(&format!(
        "head -c 8M /dev/zero > small; {}",
        again("head -c 32M /dev/zero > big")
    ))
    .await;
    until("the file is as large as it may be", || {
        fs::metadata(workspace.join("big")).is_ok_and(|found| found.len() == FILE)
    });
    answers(page, "a full file").await;
    interrupt(page, "after the file").await;
    page.type_line("head -c 32M /dev/zero > big; echo fu''ll")
        .await;
    page.until_says(ROWS, "full").await;
    let length = |name: &str| fs::metadata(workspace.join(name)).unwrap().len();
    assert_eq!((length("small"), length("big")), (8 << 20, FILE));

    // A flood of output in the terminal that is shown.
    page.type_line("yes floo''ding").await;
    page.until_says(ROWS, "flooding").await;
    answers(page, "a flood").await;
    page.picture("flood").await;
    interrupt(page, "after the flood").await;

    // More memory than there is; a tenth of it is given.
    page.type_line(&format!(
        "head -c 50M /dev/zero | tail | wc -c; {}",
        again("tail /dev/zero")
    ))
    .await;
    page.until_says(ROWS, "52428800").await;
    page.until_says(ROWS, "Killed").await;
    answers(page, "a hog").await;
    page.picture("hog").await;
    interrupt(page, "after the hog").await;

    // Processes without end, until no more can be made.
    page.type_line("bomb() { bomb | bomb & }; bomb 2>/dev/null")
        .await;
    page.find("processes-full").await;
    answers(page, "a bomb").await;
    page.picture("bomb").await;
    let counted = processes(&id);
    assert!(
        counted > PROCESSES / 2 && counted <= PROCESSES,
        "{counted} processes"
    );
    // It is ended as every sandbox is, and works as before.
    stage.line(&["stop", &id]);
    page.until_says("[role='alert']", "Ran out of memory (512 MB)")
        .await;
    page.picture("stopped").await;
    page.click_button("Go on as it is").await;
    page.until_silent(ROWS, "bomb").await;
    page.until_says(ROWS, "$").await;
    page.type_line("echo he''re").await;
    page.until_says(ROWS, "here").await;
    opened.page.close().await;
}

/// Ends what runs in the terminal as a person does; the shell then takes the next line.
async fn interrupt(page: &Page, mark: &str) {
    page.hold_in_terminal(&[Key::Control], "c").await;
    let typed = mark.replace(' ', "' '");
    page.type_line(&format!("clear; echo {typed}")).await;
    page.until_says(ROWS, mark).await;
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
