//! The one path through everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::page::Page;

const BEFORE: &str = "# Rye and salt\n\nOpen on weekdays.\n";
const AFTER: &str = "# Rye and salt\n\nOpen every day.\n";

/// A folder of the user's, as small as makes sense.
fn project(at: &Path) -> PathBuf {
    let project = at.join("rye-and-salt");
    fs::create_dir_all(project.join("recipes")).unwrap();
    fs::write(project.join("README.md"), BEFORE).unwrap();
    fs::write(project.join("recipes/rye.md"), "500 g rye, 10 g salt\n").unwrap();
    project
}

/// Built beside this test, or where `AGENT_SANDBOX_WINDOW` says.
pub fn window() -> PathBuf {
    let built = || {
        Some(
            std::env::current_exe()
                .ok()?
                .parent()?
                .parent()?
                .join("agent-sandbox-window"),
        )
    };
    let path = std::env::var_os("AGENT_SANDBOX_WINDOW")
        .map(PathBuf::from)
        .or_else(built)
        .unwrap();
    assert!(
        path.exists(),
        "{} is not built: cargo build --bin agent-sandbox-window",
        path.display()
    );
    path
}

/// A copy-out is done when the window says so; the disk is looked at then, and given a moment for the toast.
pub fn until_on_disk(path: &Path, content: Option<&str>) {
    let until = Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(path).ok().as_deref() != content {
        assert!(
            Instant::now() < until,
            "{}: {:?}",
            path.display(),
            fs::read_to_string(path)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_in_the_real_window() {
    let temp = tempfile::tempdir().unwrap();
    let (home, data) = (temp.path().join("home"), temp.path().join("data"));
    fs::create_dir_all(&home).unwrap();
    let project = project(temp.path());
    let readme = project.join("README.md");
    let _cleaner = Cleaner { data: data.clone() };
    let artifacts = crate::root().join("artifacts/e2e");
    fs::create_dir_all(&artifacts).unwrap();

    let screen = Screen::open();
    let environment: [(&str, &Path); 2] = [
        ("AGENT_SANDBOX_DATA_DIR", &data),
        ("AGENT_SANDBOX_TEST_CHOOSE_FOLDER", &project),
    ];
    let driver = Driver::start(&screen, &home, &environment, &artifacts.join("window.log"));
    let mut page = Page::open(&driver.address, &window(), artifacts).await;

    // First start: three checks, then the invitation.
    page.find_css("[data-testid='check-fence'][data-state='ok']")
        .await;
    page.picture("checks").await;
    page.click("continue").await;
    page.find("choose-folder").await;
    page.picture("empty").await;

    // Hand over: what goes in is shown before anything is made.
    page.click("choose-folder").await;
    page.until_says("body", "README.md").await;
    page.picture("hand-over").await;
    page.click("start").await;
    page.find("terminal").await;
    page.until_says("[data-testid='terminal'] .xterm-rows", "$")
        .await;
    page.picture("terminal").await;

    // A program in the sandbox changes a file, and makes one.
    page.type_line("sed -i 's/on weekdays/every day/' README.md; echo new > NOTES.md; echo do''ne")
        .await;
    page.until_says("[data-testid='terminal'] .xterm-rows", "done")
        .await;
    page.until_says("[data-testid='changed-list']", "README.md")
        .await;
    page.until_says("[data-testid='changed-list']", "NOTES.md")
        .await;
    page.picture("changed").await;
    assert_eq!(
        fs::read_to_string(&readme).unwrap(),
        BEFORE,
        "the user's own folder is never worked on"
    );
    assert!(!project.join("NOTES.md").exists());

    // Review: the diff is read, one file is accepted and copied out.
    page.click("review-button").await;
    page.click_css("[data-testid='review-file'][data-path='README.md']")
        .await;
    page.until_says("body", "Open every day.").await;
    page.picture("review").await;
    page.click("accept-file").await;
    page.picture("accepted").await;
    page.click("copy-out").await;
    page.until_says("[data-testid='toast']", "Copied").await;
    page.picture("copied-out").await;
    until_on_disk(&readme, Some(AFTER));
    assert!(
        !project.join("NOTES.md").exists(),
        "only what was accepted is copied"
    );

    // Undo: the bytes from before.
    page.click("undo").await;
    until_on_disk(&readme, Some(BEFORE));
    page.picture("undone").await;

    // A snapshot, a disaster, and back.
    page.click("tab-work").await;
    page.click("snapshot-button").await;
    page.picture("snapshot").await;
    page.type_line("rm -rf /workspace/* ; ls -A /workspace | wc -l; echo go''ne")
        .await;
    page.until_says("[data-testid='terminal'] .xterm-rows", "gone")
        .await;
    page.until_says("[data-testid='changed-list']", "recipes")
        .await;
    page.picture("disaster").await;
    page.click("reset-button").await;
    page.until_says("body", "Workspace reset").await;
    page.picture("reset").await;
    // The old terminal ended with the reset; another one is there.
    page.until_silent("[data-testid='terminal'] .xterm-rows", "gone")
        .await;
    page.until_says("[data-testid='terminal'] .xterm-rows", "$")
        .await;
    page.until_silent("[data-testid='changed-list']", "README.md")
        .await;
    let workspace = workspace(&data);
    until_on_disk(&workspace.join("README.md"), Some(BEFORE));
    until_on_disk(
        &workspace.join("recipes/rye.md"),
        Some("500 g rye, 10 g salt\n"),
    );
    assert!(
        !workspace.join("NOTES.md").exists(),
        "a reset goes to the beginning"
    );
    page.picture("back").await;
    page.close().await;
}

/// The workspace of the only sandbox.
fn workspace(data: &Path) -> PathBuf {
    let mut all = fs::read_dir(data.join("sandboxes")).unwrap();
    all.next().unwrap().unwrap().path().join("workspace")
}
