//! What the tests of one matter each have in common: a folder of their own, sandboxes made by the other face, the
//! window open on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::main_job::window;
use crate::page::Page;

pub const ROWS: &str = "[data-testid='terminal'] .xterm-rows";

/// A data folder with a project beside it. Dropped after the window, which is open on it.
pub struct Stage {
    temp: tempfile::TempDir,
    _cleaner: Cleaner,
}

/// The window, open on a stage.
pub struct Opened {
    pub page: Page,
    _driver: Driver,
    _screen: Screen,
}

impl Opened {
    /// Of a window that is no more.
    pub async fn abandon(self) {
        self.page.abandon().await;
    }
}

impl Stage {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["home", "data", "site", "bin"] {
            fs::create_dir_all(temp.path().join(folder)).unwrap();
        }
        fs::write(temp.path().join("site/index.html"), "<h1>Hello</h1>\n").unwrap();
        let data = temp.path().join("data");
        Self {
            temp,
            _cleaner: Cleaner { data },
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// A sandbox of the project; gives its id.
    pub fn sandbox(&self, more: &[&str]) -> String {
        let project = self.path("site");
        let mut arguments = vec!["create", "--json"];
        arguments.extend(more);
        arguments.push(project.to_str().unwrap());
        let answer: serde_json::Value =
            serde_json::from_str(&self.line(&arguments)).expect("an answer");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// What the command line says; it must go well.
    pub fn line(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// What a script in a sandbox prints; nothing where it fails.
    pub fn inside(&self, sandbox: &str, script: &str) -> Option<String> {
        let done = self.run(&["exec", sandbox, "--", "bash", "-c", script]);
        let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        done.status.success().then_some(said)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(window().with_file_name("agent-sandbox"))
            .env("AGENT_SANDBOX_DATA_DIR", self.path("data"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Opens the window past the first check. Programs that it starts are looked for in `bin` first.
    pub async fn open(&self, name: &str) -> Opened {
        self.open_with(name, &[]).await
    }

    /// Likewise, with more in its environment.
    pub async fn open_with(&self, name: &str, more: &[(&str, &Path)]) -> Opened {
        let opened = self.launch(name, more).await;
        let page = &opened.page;
        page.find_css("[data-testid='check-fence'][data-state='ok']")
            .await;
        page.click("continue").await;
        page.find("more").await;
        opened
    }

    /// Opens it once more: what was checked before is not checked again.
    pub async fn open_again(&self, name: &str) -> Opened {
        let opened = self.launch(name, &[]).await;
        opened.page.find("more").await;
        opened
    }

    async fn launch(&self, name: &str, more: &[(&str, &Path)]) -> Opened {
        let artifacts = crate::root().join("artifacts").join(name);
        fs::create_dir_all(&artifacts).unwrap();
        let screen = Screen::open();
        let (data, home) = (self.path("data"), self.path("home"));
        let programs = std::env::var("PATH").unwrap_or_default();
        let programs = format!("{}:{programs}", self.path("bin").display());
        let usual: [(&str, &Path); 2] = [
            ("AGENT_SANDBOX_DATA_DIR", &data),
            ("PATH", Path::new(&programs)),
        ];
        let environment = [&usual[..], more].concat();
        let log = artifacts.join("window.log");
        let driver = Driver::start(&screen, &home, &environment, &log);
        let page = Page::open(&driver.address, &window(), artifacts).await;
        Opened {
            page,
            _driver: driver,
            _screen: screen,
        }
    }
}
