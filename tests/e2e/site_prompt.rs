//! A site that nobody approved: the connection waits, the window asks, the answer counts at once.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::main_job::window;
use crate::page::Page;

const ROWS: &str = "[data-testid='terminal'] .xterm-rows";

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_asked_for_in_the_real_window() {
    let temp = tempfile::tempdir().unwrap();
    let (home, data) = (temp.path().join("home"), temp.path().join("data"));
    let project = temp.path().join("site");
    fs::create_dir_all(&home).unwrap();
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("index.html"), "<h1>Hello</h1>\n").unwrap();
    let _cleaner = Cleaner { data: data.clone() };
    let artifacts = crate::root().join("artifacts/e2e-site");
    fs::create_dir_all(&artifacts).unwrap();

    // Made by the other face; the window adopts what runs.
    let program = window().with_file_name("agent-sandbox");
    let made = Command::new(program)
        .env("AGENT_SANDBOX_DATA_DIR", &data)
        .args(["create", "--network", "approved"])
        .arg(&project)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let screen = Screen::open();
    let environment: [(&str, &Path); 1] = [("AGENT_SANDBOX_DATA_DIR", &data)];
    let log = artifacts.join("window-site.log");
    let driver = Driver::start(&screen, &home, &environment, &log);
    let mut page = Page::open(&driver.address, &window(), artifacts).await;
    page.find_css("[data-testid='check-fence'][data-state='ok']")
        .await;
    page.click("continue").await;
    page.find("terminal").await;
    page.until_says(ROWS, "$").await;

    page.type_line("curl -sS https://index.crates.io/config.json; echo do''ne-1")
        .await;
    page.until_says("[data-testid='site-prompt']", "index.crates.io")
        .await;
    page.until_says("[data-testid='site-prompt']", "curl").await;
    page.picture("site-prompt").await;
    page.click("site-once").await;
    page.until_says(ROWS, "\"dl\"").await;
    page.until_says(ROWS, "done-1").await;

    page.type_line("curl -sS http://example.com/; echo do''ne-2")
        .await;
    // Seen in the review too, and led to from there.
    page.click("tab-review").await;
    page.until_says("[data-testid='ask-line']", "asks for example.com")
        .await;
    page.picture("asked-in-the-review").await;
    page.click("show-ask").await;
    page.until_says("[data-testid='site-prompt']", "example.com")
        .await;
    page.click("site-block").await;
    page.until_says(ROWS, "the user has blocked it").await;
    // It is a standing rule now, and can be seen.
    page.click("network").await;
    page.until_says("[role='dialog']", "example.com").await;
    page.picture("site-rules").await;
    page.close().await;
}
