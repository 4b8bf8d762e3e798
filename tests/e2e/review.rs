//! The review in the real window: parts accepted by keys alone, comments into the terminal and as Markdown, a
//! *viewed* that is taken back, a new capture with the decisions carried on, and names that are markup.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use thirtyfour::Key;

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::main_job::{until_on_disk, window};
use crate::page::Page;

const HEAD: &str = "section[aria-label='Diff'] h2";
const ROWS: &str = "[data-testid='terminal'] .xterm-rows";
const SAYS: &str = "section[aria-label='Diff']";
const AGAIN: &str = "[data-testid='changed-again']";
const COMMENT: &str = "Why `twenty` and a half? <b>Keep</b> the old one.";
/// What a page that took it for markup would do.
const NAME: &str = "<img src=x onerror=document.title='owned'>.txt";
const CONTENT: &str = "<script>document.title='owned'</script><b>bold</b>";

/// A sandbox of a folder, made by the other face. Gives the workspace.
pub fn made(data: &Path, project: &Path, more: &[&str]) -> PathBuf {
    let made = Command::new(window().with_file_name("agent-sandbox"))
        .env("AGENT_SANDBOX_DATA_DIR", data)
        .args(["create", "--json"])
        .args(more)
        .arg(project)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    let answer: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    answer["workspace"].as_str().unwrap().into()
}

fn numbered(edits: &[(usize, &str)]) -> String {
    (1..=40)
        .map(|n| match edits.iter().find(|(at, _)| *at == n) {
            Some((_, text)) => format!("{text}\n"),
            None => format!("{n}\n"),
        })
        .collect()
}

/// Goes from file to file, by the key, until the wanted one is read.
async fn go_to(page: &Page, name: &str) {
    for key in ["j", "k"] {
        for _ in 0..12 {
            if page.text(HEAD).await.contains(name) {
                return;
            }
            page.press(key).await;
        }
    }
    panic!("no key leads to {name}: {}", page.text("body").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_by_keys_with_comments_and_again() {
    let temp = tempfile::tempdir().unwrap();
    let (home, data) = (temp.path().join("home"), temp.path().join("data"));
    let project = temp.path().join("site");
    fs::create_dir_all(&home).unwrap();
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("poem.txt"), numbered(&[])).unwrap();
    fs::write(project.join("hours.txt"), "Monday\n").unwrap();
    let _cleaner = Cleaner { data: data.clone() };
    let artifacts = crate::root().join("artifacts/e2e-review");
    fs::create_dir_all(&artifacts).unwrap();
    let workspace = made(&data, &project, &[]);
    let edits = [
        (3, "three"),
        (20, "twenty\ntwenty and a half"),
        (38, "last"),
    ];
    fs::write(workspace.join("poem.txt"), numbered(&edits)).unwrap();
    fs::write(workspace.join("hours.txt"), "Tuesday\n").unwrap();
    fs::write(workspace.join(NAME), format!("{CONTENT}\n")).unwrap();

    let screen = Screen::open();
    let environment: [(&str, &Path); 1] = [("AGENT_SANDBOX_DATA_DIR", &data)];
    let log = artifacts.join("window.log");
    let driver = Driver::start(&screen, &home, &environment, &log);
    let mut page = Page::open(&driver.address, &window(), artifacts).await;
    page.find_css("[data-testid='check-fence'][data-state='ok']")
        .await;
    page.click("continue").await;
    page.until_says(ROWS, "$").await;
    page.click("tab-review").await;
    page.find_css("[data-testid='review-file'][data-path='poem.txt']")
        .await;

    // Names and contents that are markup are text.
    page.press("/").await;
    page.press(Key::Escape).await;
    go_to(&page, NAME).await;
    page.until_says("[data-testid='diff-rows']", CONTENT).await;
    let drawn = "return [document.title, document.querySelectorAll(\"img[src='x']\").length, \
                 document.querySelectorAll('[data-testid=diff-rows] b').length]";
    let drawn = page.asked(drawn).await;
    assert_ne!(drawn[0], json!("owned"), "a script of the workspace ran");
    assert_eq!([&drawn[1], &drawn[2]], [&json!(0), &json!(0)]);
    page.picture("markup").await;

    by_hunk_and_by_line(&mut page, &project).await;
    comments(&mut page, &workspace).await;
    again(&mut page, &workspace).await;
    page.close().await;
}

/// One of three changes as a whole, one line of the second, nothing of the third; all by keys.
async fn by_hunk_and_by_line(page: &mut Page, project: &Path) {
    go_to(page, "poem.txt").await;
    page.until_says("[data-testid='diff-rows']", "twenty and a half")
        .await;
    page.press_with(&[Key::Shift], "A").await;
    let accepted = "return document.querySelectorAll('.state.accepted').length === 1";
    page.until_true("one change is accepted", accepted).await;
    page.press("n").await;
    page.press(Key::Enter).await;
    page.until_true(
        "the keys are the diff's",
        "return document.activeElement?.dataset.testid === 'diff-rows' \
         || document.activeElement?.closest('[data-testid=diff-rows]') !== null",
    )
    .await;
    // Past `20` and `twenty`, to `twenty and a half`.
    for _ in 0..3 {
        page.press(Key::Down).await;
    }
    page.press(" ").await;
    page.until_says("[data-testid='diff-rows']", "In part")
        .await;
    page.until_says("[data-testid='review-footer']", "1 file will be copied")
        .await;
    page.picture("by-keys").await;
    // What of it will be written, before it is.
    page.click_css("button[aria-label='Show only what will be written']")
        .await;
    page.until_says(SAYS, "Only what you accepted").await;
    page.until_silent("[data-testid='diff-rows']", "last").await;
    let shown = page.text("[data-testid='diff-rows']").await;
    assert!(shown.contains("twenty and a half"), "{shown}");
    page.picture("what-is-written").await;
    page.click_css("button[aria-label='Show only what will be written']")
        .await;
    page.until_says("[data-testid='diff-rows']", "last").await;
    page.press_with(&[Key::Control], Key::Enter).await;
    page.until_says("[data-testid='toast']", "Copied 1 file")
        .await;
    let taken = numbered(&[(3, "three"), (20, "20\ntwenty and a half")]);
    until_on_disk(&project.join("poem.txt"), Some(&taken));
    assert_eq!(
        fs::read_to_string(project.join("hours.txt")).unwrap(),
        "Monday\n"
    );
    assert!(!project.join(NAME).exists());
}

/// A comment on a line, pasted into the terminal, and as Markdown through the clipboard.
async fn comments(page: &mut Page, workspace: &Path) {
    // A program that shows what it is given, byte by byte.
    page.click("tab-work").await;
    page.type_line("cat -v > sent.txt").await;
    page.click("tab-review").await;
    page.press("/").await;
    page.press(Key::Escape).await;
    go_to(page, "poem.txt").await;
    page.until_says("[data-testid='diff-rows']", "twenty").await;
    page.press("c").await;
    page.find_css("textarea[aria-label^='Comment on']").await;
    page.press(COMMENT).await;
    page.press_with(&[Key::Control], Key::Enter).await;
    page.until_says("article", COMMENT).await;
    page.picture("comment").await;
    page.click_css("article button[aria-label='Send to the agent']")
        .await;
    page.until_says("[data-testid='toast']", "Pasted 1 comment")
        .await;
    page.until_says("article", "sent to the agent").await;
    page.click("tab-work").await;
    page.until_says(ROWS, "A comment on your change").await;
    page.picture("pasted").await;
    page.type_line("").await;
    page.hold_in_terminal(&[Key::Control], "d").await;
    page.type_line("cat > pasted.md").await;
    let sent = until_ends(&workspace.join("sent.txt"), "^[[201~");
    let text = sent.trim_end();
    assert!(
        text.starts_with("^[[200~A comment on your change:"),
        "one bracketed paste, which no shell runs: {sent}"
    );
    for part in ["poem.txt:", "\n> -20\n", COMMENT] {
        assert!(text.contains(part), "{part:?} is not in {sent}");
    }

    page.click("tab-review").await;
    page.press("/").await;
    page.press(Key::Escape).await;
    go_to(page, "poem.txt").await;
    page.click_css("section[aria-label='Diff'] button.plain")
        .await;
    page.click_words("Copy as Markdown").await;
    page.until_says("[data-testid='toast']", "as Markdown")
        .await;
    page.click("tab-work").await;
    page.hold_in_terminal(&[Key::Control, Key::Shift], "V")
        .await;
    page.until_says(ROWS, "Keep").await;
    page.type_line("").await;
    page.hold_in_terminal(&[Key::Control], "d").await;
    let pasted = until_ends(&workspace.join("pasted.md"), COMMENT);
    assert!(pasted.starts_with("**poem.txt:"), "{pasted}");
    assert!(pasted.contains("\n```diff\n-20\n```\n"), "{pasted}");
}

/// The agent goes on: what is read stays, a new capture is offered, and takes over what is still the same.
async fn again(page: &mut Page, workspace: &Path) {
    page.click("tab-review").await;
    page.press("/").await;
    page.press(Key::Escape).await;
    go_to(page, "poem.txt").await;
    page.until_says("[data-testid='diff-rows']", "last").await;
    // The last change of it, which nothing was said about yet.
    page.press("n").await;
    page.press("n").await;
    page.press_with(&[Key::Shift], "A").await;
    let accepted = "return document.querySelectorAll('.state.accepted').length === 1";
    page.until_true("one change is accepted", accepted).await;
    go_to(page, "hours.txt").await;
    page.until_says("[data-testid='diff-rows']", "Tuesday")
        .await;
    page.press("v").await;
    let seen = "return document.querySelector(\"[data-path='hours.txt'].seen\") !== null";
    page.until_true("it is viewed", seen).await;

    let top =
        "return document.querySelector('[data-testid=diff-rows]').getBoundingClientRect().top";
    let before = page.asked(top).await;
    // The two that the comments went to; the list may hear of them one after the other.
    page.until_says(AGAIN, "2 files changed again").await;
    fs::write(workspace.join("hours.txt"), "Wednesday\n").unwrap();
    page.until_says(AGAIN, "3 files changed again").await;
    let shown = page.text("[data-testid='diff-rows']").await;
    assert!(
        shown.contains("Tuesday") && !shown.contains("Wednesday"),
        "what is read is the capture: {shown}"
    );
    assert_eq!(page.asked(top).await, before, "what is read moved");
    assert!(page.text(HEAD).await.contains("hours.txt"));
    page.picture("changed-again").await;
    page.click_css(&format!("{AGAIN} button")).await;
    page.until_says("[data-testid='diff-rows']", "Wednesday")
        .await;
    let unseen = "return document.querySelector(\"[data-path='hours.txt'].seen\") === null";
    page.until_true("viewed is taken back", unseen).await;
    page.until_true(
        "nothing changed since",
        "return document.querySelector(\"[data-testid='changed-again']\") === null",
    )
    .await;
    go_to(page, "poem.txt").await;
    page.until_true("the decision was carried on", accepted)
        .await;
    page.picture("captured-again").await;
}

/// A file that a program in the sandbox writes about now, when it ends so.
fn until_ends(path: &Path, end: &str) -> String {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.trim_end().ends_with(end) => return text,
            found => assert!(
                std::time::Instant::now() < until,
                "{}: {found:?}",
                path.display()
            ),
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
