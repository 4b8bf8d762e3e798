//! The window is killed where it stands, with three sandboxes running, and opened again.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::main_job::window;
use crate::model::{KEY, Model};
use crate::page::Page;
use crate::stage::{ROWS, Stage};

const SITE: &str = "index.crates.io";
/// Of the played model, by the route that has the key.
const MODEL: &str = "curl -sS -m 60 $OPENAI_BASE_URL/chat/completions -H \"Authorization: Bearer $OPENAI_API_KEY\" \
                     -H 'Content-Type: application/json' -d '{\"messages\":[]}' | grep -o Fini''shed";

/// The window that runs on a stage.
fn running(stage: &Stage) -> Option<Pid> {
    let data = format!("AGENT_SANDBOX_DATA_DIR={}", stage.path("data").display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let is_ours = |at: PathBuf| {
        fs::read_link(at.join("exe")).is_ok_and(|program| program == window())
            && fs::read(at.join("environ")).is_ok_and(|all| {
                all.split(|byte| *byte == 0)
                    .any(|one| one == data.as_bytes())
            })
    };
    processes
        .filter(|entry| is_ours(entry.path()))
        .find_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

fn keep_key(stage: &Stage, server: &str) {
    let mut child = Command::new(window().with_file_name("agent-sandbox"))
        .env("AGENT_SANDBOX_DATA_DIR", stage.path("data"))
        .args(["key", "set", "openai", "--from-stdin", "--keep", "file"])
        .args(["--server", server])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(KEY.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// Types a line in the sandbox's terminal, where its last words are looked for.
async fn told(page: &Page, sandbox: &str, line: &str, words: &str) {
    page.click(&format!("sandbox-{sandbox}")).await;
    page.until_says(ROWS, "$").await;
    page.type_line(line).await;
    page.until_says(ROWS, words).await;
}

/// When each sandbox was started last.
fn began(ids: &[String]) -> String {
    let names = ids.iter().map(|id| format!("agent-sandbox-{id}"));
    let said = Command::new("docker")
        .args(["inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}"])
        .args(names)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.matches("true").count(), ids.len(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_killed_takes_up_what_runs_when_it_opens_again() {
    let model = Model::start();
    let stage = Stage::new();
    keep_key(&stage, &format!("http://127.0.0.1:{}", model.port));
    let ids = [
        stage.sandbox(&["--name", "offline"]),
        stage.sandbox(&["--name", "asks", "--network", "approved", "--allow", SITE]),
        stage.sandbox(&["--name", "keyed", "--key", "openai"]),
    ];
    let approved = |mark: &str| {
        format!(
            "curl -sS -o /dev/null -w 'approved-%{{http_code}}-{mark}\\n' https://{SITE}/config.json"
        )
    };
    let unapproved = |mark: &str| {
        format!(
            "curl -sS http://example.com/ | grep -oE 'nobody ha''s approved|user ha''s blocked'; echo do''ne-{mark}"
        )
    };
    let mut opened = stage.open("e2e-killed").await;
    let page = &mut opened.page;
    told(page, "offline", "x=42; echo be''gun-$x", "begun-42").await;
    told(page, "keyed", MODEL, "Finished").await;
    assert_eq!(model.said(), ["right POST /v1/chat/completions"]);
    told(page, "asks", &approved("1"), "approved-200-1").await;
    page.type_line(&unapproved("1")).await;
    page.until_says("[data-testid='site-prompt']", "example.com")
        .await;
    page.picture("before").await;

    let since = began(&ids);
    let first = running(&stage).expect("the window runs");
    kill_process(first, Signal::KILL).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while running(&stage).is_some() {
        assert!(Instant::now() < until, "it does not die");
        std::thread::sleep(Duration::from_millis(50));
    }
    opened.abandon().await;

    let mut opened = stage.open_again("e2e-killed-again").await;
    let page = &mut opened.page;
    assert_ne!(running(&stage), Some(first));
    for name in ["offline", "asks", "keyed"] {
        page.find(&format!("sandbox-{name}")).await;
    }
    // The same shell, with what stood in it.
    page.click("sandbox-offline").await;
    page.until_says(ROWS, "begun-42").await;
    told(page, "offline", "echo still-$x", "still-42").await;
    page.picture("offline").await;

    // With nobody there to answer, the question was refused, and said so.
    page.click("sandbox-asks").await;
    page.until_says(ROWS, "approved-200-1").await;
    page.until_says(ROWS, "nobody has approved").await;
    page.until_says(ROWS, "done-1").await;
    // The rules are in force, and what they do not say is asked here.
    told(page, "asks", &approved("2"), "approved-200-2").await;
    page.type_line(&unapproved("2")).await;
    page.until_says("[data-testid='site-prompt']", "example.com")
        .await;
    page.picture("asked-again").await;
    page.click("site-block").await;
    page.until_says(ROWS, "user has blocked").await;
    page.until_says(ROWS, "done-2").await;

    // The key's route leads to the server by the window that is there now.
    page.click("sandbox-keyed").await;
    page.until_says(ROWS, "Finished").await;
    told(
        page,
        "keyed",
        &format!("clear; {MODEL}; echo do''ne-2"),
        "done-2",
    )
    .await;
    page.until_says(ROWS, "Finished").await;
    assert_eq!(model.said().len(), 2, "{:?}", model.said());
    page.picture("keyed").await;

    assert_eq!(began(&ids), since, "none was started anew");
    opened.page.close().await;
}
