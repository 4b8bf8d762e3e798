//! The review of 2,000 of 20,000 files in the real window: from the click on its tab, three seconds after the window
//! opened, until two frames after its list and the first diff are there (to reach: 300 ms); and the time of a frame
//! while its list is scrolled, beside plain text of the same size in the same window. A table of medians, then JSON.
//!
//! `cargo run --release -p sandbox-tests --example bench_window [runs]`. Needs what the window's tests need, and the
//! built window (`cargo xtask bench`). Its screen is Xvfb, without a graphics processor: all is drawn by software.

#![allow(clippy::unwrap_used, dead_code)]

#[path = "../e2e/display.rs"]
mod display;
#[path = "large.rs"]
mod large;
#[path = "../e2e/page.rs"]
mod page;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use display::{Driver, Screen};
use page::Page;

type Done<T> = Result<T, Box<dyn Error>>;

/// To reach, in milliseconds.
const OPENED: f64 = 300.0;
/// A person has looked at the window for so long.
const LOOKED: Duration = Duration::from_secs(3);
/// Frames of one round of scrolling, and rounds.
const FRAMES: u32 = 120;
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Done<()> {
    let runs = match std::env::args().nth(1) {
        Some(runs) => runs.parse()?,
        None => 5,
    };
    let temp = tempfile::tempdir()?;
    let bench = Bench::new(temp.path())?;
    let screen = Screen::open();
    let environment: [(&str, &Path); 1] = [("AGENT_SANDBOX_DATA_DIR", &bench.data)];
    let log = temp.path().join("window.log");
    let driver = Driver::start(&screen, &bench.home, &environment, &log);
    let (mut opened, mut list, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    // The first of all also takes the capture.
    for run in 0..=runs {
        let page = bench.open(&driver.address).await?;
        tokio::time::sleep(LOOKED).await;
        opened.push(measured(&page, OPEN).await?);
        if run == runs {
            page.asked(PLAIN).await;
            for _ in 0..ROUNDS {
                list.push(measured(&page, &scrolled("[role=tree]")).await?);
                plain.push(measured(&page, &scrolled("#plain")).await?);
            }
        }
        // The next window opens where this one was left.
        page.click("tab-work").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        page.close().await;
    }
    print("captured and opened", &opened[..1]);
    let opened = opened.split_off(1);
    print("opened, until it can be read", &opened);
    print("a frame of the list, scrolled", &list);
    print("a frame of plain text, scrolled", &plain);
    let (opened, list, plain) = (median(&opened), median(&list), median(&plain));
    let reached = if opened <= OPENED {
        "reached"
    } else {
        "MISSED"
    };
    println!(
        "opened within {OPENED:.0} ms: {reached}; list/plain text: {:.2}",
        list / plain
    );
    println!(
        "{}",
        serde_json::json!({ "opened_ms": opened, "list_frame_ms": list, "plain_frame_ms": plain })
    );
    Ok(())
}

/// A sandbox whose workspace differs from its folder.
struct Bench {
    home: PathBuf,
    data: PathBuf,
    pictures: PathBuf,
}

impl Bench {
    fn new(root: &Path) -> Done<Self> {
        let [home, data, pictures] = ["home", "data", "pictures"].map(|name| root.join(name));
        fs::create_dir_all(&home)?;
        fs::create_dir_all(&pictures)?;
        let project = root.join("project");
        large::make(&project)?;
        let made = Command::new(built("agent-sandbox")?)
            .env("AGENT_SANDBOX_DATA_DIR", &data)
            .args(["create", "--json", "--no-start"])
            .arg(&project)
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        let answer: serde_json::Value = serde_json::from_slice(&made.stdout)?;
        let workspace = answer["workspace"].as_str().ok_or("no workspace")?;
        large::change(Path::new(workspace))?;
        Ok(Self {
            home,
            data,
            pictures,
        })
    }

    /// A window that was just started, with the sandbox before it.
    async fn open(&self, driver: &str) -> Done<Page> {
        let window = built("agent-sandbox-window")?;
        let page = Page::open(driver, &window, self.pictures.clone()).await;
        page.until_true("the sandbox is there", LOOKED_AT).await;
        Ok(page)
    }
}

/// Passes the first start's check; true once a sandbox is shown.
const LOOKED_AT: &str = "
    const go = [...document.querySelectorAll('button')].find((one) => one.innerText.trim() === 'Continue');
    if (go && !go.disabled) go.click();
    return document.querySelector('[data-testid=tab-review]') !== null;";

/// Milliseconds from the click until two frames after the list and the diff are there.
const OPEN: &str = "
    const begun = performance.now();
    document.querySelector('[data-testid=tab-review]').click();
    const look = () => {
        const rows = document.querySelectorAll('[data-review] [role=treeitem]').length;
        const diff = document.querySelector('[data-review] [data-testid=diff-rows]');
        if (rows > 10 && diff && diff.innerText.length > 200)
            requestAnimationFrame(() => requestAnimationFrame(() => (window.took = performance.now() - begun)));
        else requestAnimationFrame(look);
    };
    look();";

/// Lays plain text over the list, as large.
const PLAIN: &str = "
    const { left, top, width, height } = document.querySelector('[role=tree]').getBoundingClientRect();
    const plain = document.createElement('div');
    plain.id = 'plain';
    plain.style.cssText = `position: fixed; overflow: auto; background: white; color: black; left: ${left}px;
        top: ${top}px; width: ${width}px; height: ${height}px; z-index: 9; display: none`;
    const text = document.createElement('pre');
    text.textContent = Array.from({ length: 3000 }, (_, n) => `line ${n} of plain text, as long as a name`).join('\\n');
    plain.append(text);
    document.body.append(plain);";

/// The middle time between two frames while this is scrolled by two lines a frame.
fn scrolled(selector: &str) -> String {
    format!(
        "const plain = document.getElementById('plain');
        plain.style.display = '{selector}' === '#plain' ? 'block' : 'none';
        const scrolled = document.querySelector(\"{selector}\");
        scrolled.scrollTop = 0;
        const times = [];
        let last = performance.now();
        const frame = () => {{
            const now = performance.now();
            times.push(now - last);
            last = now;
            if (times.length > {FRAMES}) return (window.took = times.sort((a, b) => a - b)[times.length >> 1]);
            scrolled.scrollTop += 60;
            requestAnimationFrame(frame);
        }};
        requestAnimationFrame(frame);"
    )
}

/// Built beside this program.
fn built(name: &str) -> Done<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).ok_or("no build folder")?;
    Ok(folder.join(name))
}

/// Milliseconds that a script says it took, when it is done.
async fn measured(page: &Page, script: &str) -> Done<f64> {
    page.asked("window.took = null;").await;
    page.asked(script).await;
    page.until_true("it is done", "return window.took !== null")
        .await;
    let took = page.asked("return window.took").await;
    took.as_f64()
        .ok_or_else(|| format!("{took}: no number").into())
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

fn print(what: &str, times: &[f64]) {
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let most = times.iter().copied().fold(0.0, f64::max);
    println!(
        "{what:<34} {:>6.0} ms   {least:.0}..{most:.0}",
        median(times)
    );
}
