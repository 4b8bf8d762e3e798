//! The window as a person starts it, without a data folder of its own: only then it starts at login, is one, and its
//! data may lie on another disk.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::display::{Driver, Screen};
use crate::engine::Cleaner;
use crate::main_job::window;
use crate::page::Page;

const PATIENCE: Duration = Duration::from_secs(60);

/// Names and what they stand for.
type Environment = Vec<(Vec<u8>, Vec<u8>)>;

/// A person's home on a screen of its own.
struct Person {
    temp: tempfile::TempDir,
    screen: Screen,
    _cleaner: Cleaner,
}

impl Person {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path().join(".local/share/agent-sandbox");
        Self {
            temp,
            screen: Screen::open(),
            _cleaner: Cleaner { data },
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Opens the window past the first check.
    async fn open(&self, name: &str) -> (Page, Driver) {
        let artifacts = crate::root().join("artifacts").join(name);
        fs::create_dir_all(&artifacts).unwrap();
        let log = artifacts.join("window.log");
        let (data, config) = (self.path(".local/share"), self.path(".config"));
        let environment: [(&str, &Path); 2] =
            [("XDG_DATA_HOME", &data), ("XDG_CONFIG_HOME", &config)];
        let driver = Driver::start(&self.screen, self.temp.path(), &environment, &log);
        let page = Page::open(&driver.address, &window(), artifacts).await;
        page.find_css("[data-testid='check-fence'][data-state='ok']")
            .await;
        page.click("continue").await;
        page.find("settings-button").await;
        (page, driver)
    }

    /// The windows that run in this home: their numbers, and what they were started with.
    fn windows(&self) -> Vec<(u32, Environment)> {
        let home = self.temp.path().as_os_str().as_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let (Some(number), Ok(program)) = (number, fs::read_link(entry.path().join("exe")))
            else {
                continue;
            };
            let text = fs::read(entry.path().join("environ")).unwrap_or_default();
            let all: Vec<_> = text
                .split(|byte| *byte == 0)
                .filter_map(|line| {
                    let at = line.iter().position(|byte| *byte == b'=')?;
                    Some((line[..at].to_vec(), line[at + 1..].to_vec()))
                })
                .collect();
            let is_here = all
                .iter()
                .any(|(name, value)| name == b"HOME" && value == home);
            if is_here && program == window() {
                found.push((number, all));
            }
        }
        found
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_at_login_is_off_at_first_and_is_what_the_system_says() {
    let person = Person::new();
    let entry = person.path(".config/autostart/Agent Sandbox.desktop");
    let (mut page, _driver) = person.open("e2e-login").await;
    page.click("settings-button").await;
    let checked = |on: bool| {
        format!(
            "return document.querySelector(\"[role='switch'][aria-label='Start at login']\")?.ariaChecked === '{on}'"
        )
    };
    page.until_true("it is off", &checked(false)).await;
    assert!(!entry.exists(), "nobody asked for it");
    page.click_css("[role='switch'][aria-label='Start at login']")
        .await;
    until("the system's list has it", || entry.exists());
    let text = fs::read_to_string(&entry).unwrap();
    let command = format!("Exec={} --in-tray", window().display());
    assert!(text.lines().any(|line| line == command), "{text}");
    page.until_true("it is on", &checked(true)).await;
    page.picture("on").await;

    // Taken off by the system's own means, meanwhile.
    fs::remove_file(&entry).unwrap();
    page.click_button("Network").await;
    page.click_button("General").await;
    page.until_true("it is off again", &checked(false)).await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_ends_and_leaves_the_first_one_there() {
    let person = Person::new();
    let (page, _driver) = person.open("e2e-second").await;
    let windows = person.windows();
    let [(first, environment)] = &windows[..] else {
        panic!("{} windows", windows.len());
    };
    let value = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let mut second = Command::new(window())
        .env_clear()
        .envs(
            environment
                .iter()
                .map(|(name, to)| (value(name), value(to))),
        )
        .spawn()
        .unwrap();
    until("the second one ends", || {
        !person
            .windows()
            .iter()
            .any(|(number, _)| *number == second.id())
            || second_has_ended(second.id())
    });
    assert!(second.wait().unwrap().success(), "it ends well");
    assert_eq!(person.windows()[0].0, *first);
    // And goes on.
    page.find("settings-button").await;
    page.close().await;
}

/// A child that ended and was not waited for.
fn second_has_ended(number: u32) -> bool {
    fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|text| {
        text.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn data_on_another_disk_is_used_and_the_usual_place_is_one_restart_away() {
    let person = Person::new();
    let disk = fs::canonicalize(person.temp.path())
        .unwrap()
        .join("disk/Agent Sandbox data");
    fs::create_dir_all(&disk).unwrap();
    fs::write(disk.join("format"), "1\n").unwrap();
    let choice = person.path(".config/agent-sandbox/data-folder");
    fs::create_dir_all(choice.parent().unwrap()).unwrap();
    fs::write(&choice, format!("{}\n", disk.display())).unwrap();
    // The usual one was there before.
    let usual = person.path(".local/share/agent-sandbox");
    fs::create_dir_all(&usual).unwrap();
    fs::write(usual.join("format"), "1\n").unwrap();
    let _there = Cleaner { data: disk.clone() };

    let (mut page, _driver) = person.open("e2e-other-disk").await;
    assert!(
        disk.join("settings.json").exists(),
        "it is what the window works in"
    );
    assert!(!usual.join("instance").exists(), "and nothing else");
    let before = person.windows()[0].0;
    page.click("settings-button").await;
    page.click_button("Disk use").await;
    page.until_says("main", "Agent Sandbox data").await;
    page.click_button("Choose another disk\u{2026}").await;
    page.click_button("The usual place").await;
    page.until_says("[data-testid='other-folder']", "agent-sandbox")
        .await;
    page.until_says("[role='dialog']", "lies there already")
        .await;
    page.picture("the-usual-place").await;
    // The window that the driver knows ends with it.
    page.click_last("use-data-folder").await;
    until("nothing is chosen any more", || !choice.exists());
    until("another window came", || {
        person.windows().iter().any(|(number, _)| *number != before)
    });
    until("it works in the usual place", || {
        usual.join("instance").exists()
    });
    assert!(disk.join("settings.json").exists(), "what was there stays");
}
