//! A review of 5,000 changed files in the real window: drawn in part, filtered, accepted and copied out whole.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use thirtyfour::Key;

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::main_job::window;
use crate::page::Page;
use crate::review::made;

const FILES: usize = 5_000;

fn fill(root: &Path, content: &str) {
    for n in 0..FILES {
        let folder = root.join(format!("part{:02}", n % 50));
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join(format!("file{n:04}.txt")),
            format!("{content} {n}\n"),
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_files_are_reviewed_and_copied_out() {
    let temp = tempfile::tempdir().unwrap();
    let (home, data) = (temp.path().join("home"), temp.path().join("data"));
    let project = temp.path().join("large");
    fs::create_dir_all(&home).unwrap();
    fill(&project, "before");
    let _cleaner = Cleaner { data: data.clone() };
    let artifacts = crate::root().join("artifacts/e2e-review-scale");
    fs::create_dir_all(&artifacts).unwrap();
    // A review needs no container.
    let workspace = made(&data, &project, &["--no-start"]);
    fill(&workspace, "after");

    let screen = Screen::open();
    let environment: [(&str, &Path); 1] = [("AGENT_SANDBOX_DATA_DIR", &data)];
    let log = artifacts.join("window.log");
    let driver = Driver::start(&screen, &home, &environment, &log);
    let mut page = Page::open(&driver.address, &window(), artifacts).await;
    page.find_css("[data-testid='check-fence'][data-state='ok']")
        .await;
    page.click("continue").await;
    page.click("tab-review").await;
    page.until_says("body", "0 of 5,000 accepted").await;
    let few = "const rows = document.querySelectorAll(\"[data-testid='review-file']\").length; \
               return rows > 0 && rows < 200";
    page.until_true("only what is seen is drawn", few).await;
    page.until_says("[data-testid='diff-rows']", "after 0")
        .await;
    page.picture("opened").await;

    // To the end of the list and back, by keys.
    page.press("/").await;
    page.press(Key::Escape).await;
    page.press(Key::End).await;
    page.until_says("section[aria-label='Diff'] h2", "file4999.txt")
        .await;
    page.until_says("[data-testid='diff-rows']", "after 4999")
        .await;
    page.until_true("still only what is seen", few).await;
    page.press(Key::Home).await;

    // Filtered to one, and remembered for the next look.
    page.press("/").await;
    page.press("file1234").await;
    let one = "return document.querySelectorAll(\"[data-testid='review-file']\").length === 1";
    page.until_true("one file passes", one).await;
    until_filtered(&data, "file1234");
    page.click("tab-work").await;
    page.click("tab-review").await;
    page.until_true("the filter is there again", one).await;
    page.picture("filtered").await;
    page.press("/").await;
    page.press(Key::Escape).await;

    page.click_css("input[aria-label^='Accept all'], [role='checkbox'][aria-label^='Accept all']")
        .await;
    page.until_says(
        "[data-testid='review-footer']",
        "5,000 files will be copied",
    )
    .await;
    page.press_with(&[Key::Control], Key::Enter).await;
    page.until_says("[data-testid='toast']", "Copied 5,000 files")
        .await;
    page.picture("copied-out").await;
    for n in 0..FILES {
        let path = project.join(format!("part{:02}/file{n:04}.txt", n % 50));
        assert_eq!(fs::read_to_string(path).unwrap(), format!("after {n}\n"));
    }
    page.close().await;
}

/// What the window keeps of a review lies beside its ticks.
fn until_filtered(data: &Path, query: &str) {
    let mut all = fs::read_dir(data.join("sandboxes")).unwrap();
    let kept = all.next().unwrap().unwrap().path().join("review.json");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let wanted = format!("\"query\":\"{query}\"");
    loop {
        let text = fs::read_to_string(&kept).unwrap_or_default();
        if text.replace(": ", ":").contains(&wanted) {
            return;
        }
        assert!(std::time::Instant::now() < until, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
