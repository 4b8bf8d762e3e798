//! What is asked and chosen in sheets: limits of a sandbox that is there, a snapshot with the home folder and back, a
//! log-in for another sandbox, the proxy of the network.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use crate::stage::{ROWS, Stage};

const MEMORY: &str =
    "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true";
const TOKEN: &str = "{\"token\":\"canary-log-in-1\"}";
const SITE: &str = "index.crates.io";

/// Waits for what a script in a sandbox prints.
fn until_inside(stage: &Stage, sandbox: &str, script: &str, wanted: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let said = stage.inside(sandbox, script);
        if said.as_deref() == Some(wanted) {
            return;
        }
        assert!(Instant::now() < until, "{script}: {said:?}, not {wanted:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_sandbox_that_runs_are_changed_and_it_starts_anew() {
    let stage = Stage::new();
    let id = stage.sandbox(&["--memory", "512m"]);
    let mut opened = stage.open("e2e-limits").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    page.type_line("echo kept > here.txt; echo be''fore").await;
    page.until_says(ROWS, "before").await;
    until_inside(&stage, &id, MEMORY, &(512_u64 << 20).to_string());

    page.click("more").await;
    page.click("shape-sandbox").await;
    page.find("set-shape").await;
    let unchanged = "return document.querySelector(\"[data-testid='set-shape']\").disabled";
    page.until_true("nothing is changed yet", unchanged).await;
    page.choose("Memory", "1 GB").await;
    page.until_says("[data-testid='set-shape']", "Save and start anew")
        .await;
    page.picture("limits").await;
    page.click("set-shape").await;
    page.until_gone("[data-testid='set-shape']").await;
    until_inside(&stage, &id, MEMORY, &(1_u64 << 30).to_string());
    // Another terminal, and the files of before.
    page.until_silent(ROWS, "before").await;
    page.until_says(ROWS, "$").await;
    page.type_line("cat here.txt").await;
    page.until_says(ROWS, "kept").await;
    page.picture("anew").await;
    opened.page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_with_the_home_folder_brings_it_back_and_one_without_does_not() {
    let stage = Stage::new();
    let id = stage.sandbox(&[]);
    let mut opened = stage.open("e2e-home").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    page.type_line("echo then > ~/tool; echo then > note.txt; echo ma''de")
        .await;
    page.until_says(ROWS, "made").await;
    page.click("tab-snapshots").await;
    page.click("take").await;
    page.click_css("[role='checkbox'][aria-label='With installed packages and log-ins']")
        .await;
    page.picture("take").await;
    page.click("confirm-take").await;
    page.until_says("[data-testid='toast']", "with the home folder")
        .await;
    stage.line(&[
        "exec",
        &id,
        "--",
        "bash",
        "-c",
        "rm ~/tool; echo late > ~/later; echo now > note.txt",
    ]);

    // The workspace alone, first: the home stays as it is now.
    let look = "cat note.txt; cat ~/tool ~/later 2>/dev/null; true";
    back_to_newest(page, false).await;
    until_inside(&stage, &id, look, "then\nlate");
    back_to_newest(page, true).await;
    until_inside(&stage, &id, look, "then\nthen");
    page.picture("back").await;
    opened.page.close().await;
}

/// Resets to the newest snapshot that has a home folder, by its menu.
async fn back_to_newest(page: &mut crate::page::Page, with_home: bool) {
    page.click("tab-snapshots").await;
    let more = "const row = [...document.querySelectorAll(\"[data-testid='snapshot']\")]\
                .find((row) => /home/i.test(row.closest('li').textContent));\
                const button = row?.closest('li').querySelector(\"button[aria-label^='More for']\");\
                button?.setAttribute('data-testid', 'more-of-it'); button?.focus(); return button != null";
    page.until_true("a snapshot with a home folder", more).await;
    page.click("more-of-it").await;
    page.click_words("Reset to it").await;
    if with_home {
        page.click_css("[role='switch'][aria-label='The home folder too']")
            .await;
        page.picture("reset-with-home").await;
    }
    page.click("confirm-reset").await;
    page.until_gone("[data-testid='confirm-reset']").await;
    page.until_says("[data-testid='toast']", "reset").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_used_in_another_sandbox_when_asked_and_forgotten_again() {
    let stage = Stage::new();
    let recipe =
        "[[agent]]\nid = \"mine\"\nname = \"Mine\"\nlogin_files = [\".mine/token.json\"]\n";
    fs::write(stage.path("data/agents.toml"), recipe).unwrap();
    let agent = ["--agent", "mine", "--network", "approved"];
    let second = stage.sandbox(&[&agent[..], &["--name", "second"]].concat());
    let first = stage.sandbox(&[&agent[..], &["--name", "first"]].concat());
    let token = "cat ~/.mine/token.json 2>/dev/null; true";
    let log_in = format!("mkdir -p ~/.mine && printf '%s' '{TOKEN}' > ~/.mine/token.json");
    assert!(stage.inside(&first, &log_in).is_some());
    let restart = || {
        stage.line(&["stop", &second]);
        stage.line(&["start", &second]);
    };
    restart();
    until_inside(&stage, &second, token, "");

    let mut opened = stage.open("e2e-log-in").await;
    let page = &mut opened.page;
    page.click("sandbox-first").await;
    page.click("more").await;
    page.click("log-in-elsewhere").await;
    page.until_says("[role='dialog']", "Their agent can read it there")
        .await;
    page.click_css("[role='dialog'] [aria-label='Where the log-in is kept'] button:last-child")
        .await;
    page.picture("log-in").await;
    page.click_button("Use it").await;
    page.until_says("[data-testid='toast']", "get this log-in when they start")
        .await;
    restart();
    until_inside(&stage, &second, token, TOKEN);

    // Taken back where all of them are listed. What was copied is the other sandbox's own.
    page.click("settings-button").await;
    page.click_button("Agents and keys").await;
    page.until_says("main", "from first").await;
    page.picture("listed").await;
    page.click_css("button[aria-label='Forget the log-in of Mine']")
        .await;
    page.until_silent("main", "from first").await;
    let third = stage.sandbox(&[&agent[..], &["--name", "third"]].concat());
    until_inside(&stage, &third, token, "");
    opened.page.close().await;
}

/// The proxy of an office that lets nobody through.
fn office() -> String {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    format!("http://{}:{port}", socket.local_addr().unwrap().ip())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_the_network_is_set_and_its_refusals_are_said() {
    let stage = Stage::new();
    stage.sandbox(&["--network", "approved", "--allow", SITE]);
    let mut opened = stage.open("e2e-proxy").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    let fetch =
        |mark: &str| format!("clear; curl -sS https://{SITE}/config.json; echo do''ne-{mark}");
    page.type_line(&fetch("1")).await;
    page.until_says(ROWS, "done-1").await;
    page.until_says(ROWS, "\"dl\"").await;

    page.click("settings-button").await;
    page.click_button("Network").await;
    page.click_css("input[aria-label='Proxy']").await;
    page.press(office().as_str()).await;
    page.picture("proxy").await;
    page.click_button("Use").await;
    page.until_says("main", "All sandboxes go by it").await;
    page.click("sandbox-site").await;
    page.type_line(&fetch("2")).await;
    page.until_says(ROWS, "done-2").await;
    page.until_says(
        "[data-testid='proxy-trouble']",
        "Your network’s proxy refused",
    )
    .await;
    page.until_says("[data-testid='proxy-trouble']", SITE).await;
    page.picture("refused").await;
    page.click("tab-activity").await;
    page.until_says("section[aria-label='Activity']", "Not reached")
        .await;
    page.until_says(
        "section[aria-label='Activity']",
        "the proxy of your network",
    )
    .await;
    page.picture("activity").await;

    page.click("tab-work").await;
    page.click("settings-button").await;
    page.click_button("Network").await;
    page.click_button("Go straight out").await;
    page.until_silent("main", "All sandboxes go by it").await;
    page.click("sandbox-site").await;
    page.type_line(&fetch("3")).await;
    page.until_says(ROWS, "done-3").await;
    page.until_says(ROWS, "\"dl\"").await;
    opened.page.close().await;
}
