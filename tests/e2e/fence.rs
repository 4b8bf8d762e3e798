//! The fence, as the window looks after it: proven anew when the window comes back, and when the container engine
//! does; terminals wait until it is.

use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::stage::{ROWS, Stage};

const ENGINE: &str = "/var/run/docker.sock";
const PANEL: &str = "[aria-label='Terminals and files']";

fn said(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program).args(arguments).output().unwrap();
    assert!(said.status.success(), "{program} {arguments:?}: {said:?}");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// The container of a sandbox.
fn container(id: &str) -> String {
    format!("agent-sandbox-{id}")
}

fn runs(id: &str) -> bool {
    said(
        "docker",
        &["inspect", "-f", "{{.State.Running}}", &container(id)],
    ) == "true"
}

/// Opens a way out of a sandbox that runs, from outside.
fn open_a_way(id: &str) {
    let pid = said(
        "docker",
        &["inspect", "-f", "{{.State.Pid}}", &container(id)],
    );
    let link = [
        "ip", "link", "add", "way0", "type", "veth", "peer", "name", "way1",
    ];
    said(
        "nsenter",
        &[&["--target", &pid, "--net"], &link[..]].concat(),
    );
}

/// Root may, and only where the tools are there; told once, and counted by who reads the log.
fn may_open_ways() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: opening a sandbox from outside needs root");
    }
    is_root
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opened_while_the_window_was_away_is_found_when_it_comes_back() {
    if !may_open_ways() {
        return;
    }
    let stage = Stage::new();
    let closed = stage.sandbox(&["--name", "closed"]);
    let opened_one = stage.sandbox(&["--name", "opened"]);
    open_a_way(&opened_one);
    assert!(runs(&closed) && runs(&opened_one), "nobody looked yet");

    let mut opened = stage.open("e2e-fence-back").await;
    let page = &mut opened.page;
    until("the opened one is ended", || !runs(&opened_one));
    assert!(runs(&closed), "the other one goes on");
    page.click("sandbox-opened").await;
    page.until_says(PANEL, "The fence is not closed").await;
    page.until_says(PANEL, "so it was ended").await;
    page.until_says(PANEL, "the workspace and the snapshots are as they were")
        .await;
    page.picture("ended").await;
    // Said too where everything is that happened.
    page.click("tab-activity").await;
    page.until_says(
        "section[aria-label='Activity']",
        "its fence was not proven closed",
    )
    .await;
    // A start makes the fence anew, and the terminal comes when it is proven.
    page.click("tab-work").await;
    page.click_button("Start again").await;
    page.until_silent(PANEL, "The fence is not closed").await;
    page.until_says(ROWS, "$").await;
    assert!(runs(&opened_one));
    opened.page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_waits_until_the_fence_of_its_sandbox_is_proven() {
    let stage = Stage::new();
    let id = stage.sandbox(&[]);
    stage.line(&["stop", &id]);
    let mut opened = stage.open("e2e-fence-wait").await;
    let page = &mut opened.page;
    page.find("start-again").await;
    // What is shown meanwhile, in its order: it may be gone when one looks.
    page.asked(
        "window.shown = []; new MutationObserver(() => { \
           const text = document.querySelector(\"[aria-label='Terminals and files']\")?.innerText ?? ''; \
           if (window.shown.at(-1) !== text) window.shown.push(text); \
         }).observe(document.body, { childList: true, subtree: true, characterData: true });",
    )
    .await;
    page.click("start-again").await;
    page.until_says(ROWS, "$").await;
    let shown = page.asked("return window.shown").await;
    let shown: Vec<&str> = shown
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.as_str())
        .collect();
    let waited = shown
        .iter()
        .position(|text| text.contains("Testing the fence"));
    let prompt = shown.iter().position(|text| text.contains('$'));
    let waited = waited.unwrap_or_else(|| panic!("nothing waited: {shown:#?}"));
    assert!(prompt.is_none_or(|prompt| waited < prompt), "{shown:#?}");
    page.picture("opened").await;
    opened.page.close().await;
}

/// A socket that leads to the container engine, and can be away.
struct Way {
    at: PathBuf,
    open: Arc<Mutex<Option<Vec<UnixStream>>>>,
}

impl Way {
    fn to_the_engine(at: PathBuf) -> Self {
        let way = Self {
            at,
            open: Arc::default(),
        };
        way.come_back();
        way
    }

    fn come_back(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
        let listener = UnixListener::bind(&self.at).unwrap();
        let open = self.open.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(engine) = UnixStream::connect(ENGINE) else {
                    continue;
                };
                let mut open = open.lock().unwrap();
                let Some(streams) = open.as_mut() else {
                    return;
                };
                for (from, to) in [(&client, &engine), (&engine, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
                streams.extend([client, engine]);
            }
        });
    }

    fn go_away(&self) {
        let streams = self.open.lock().unwrap().take();
        fs::remove_file(&self.at).unwrap();
        for stream in streams.into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opened_while_the_engine_was_away_is_found_when_it_returns() {
    if !may_open_ways() || !Path::new(ENGINE).exists() {
        return;
    }
    let stage = Stage::new();
    let id = stage.sandbox(&["--name", "site"]);
    let way = Way::to_the_engine(stage.path("engine.sock"));
    let host = format!("unix://{}", way.at.display());
    let mut opened = stage
        .open_with("e2e-fence-engine", &[("DOCKER_HOST", Path::new(&host))])
        .await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;

    way.go_away();
    page.until_says("[data-testid='engine-state']", "not running")
        .await;
    page.until_says(PANEL, "What is safe").await;
    page.picture("engine-away").await;
    assert!(runs(&id), "only the way to it is gone");
    open_a_way(&id);
    way.come_back();
    until("it is proven again, and ended", || !runs(&id));
    page.until_says(PANEL, "The fence is not closed").await;
    page.picture("ended").await;
    page.click_button("Start again").await;
    page.until_says(ROWS, "$").await;
    opened.page.close().await;
}
