//! A screen that nobody sees, and the driver of the window on it. Dropping ends both with all they started.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A child and everything below it.
pub struct Family(Child);

impl Family {
    fn start(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let child = command.process_group(0).spawn();
        Self(child.unwrap_or_else(|error| panic!("cannot start {what}: {error}")))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(i32::try_from(self.0.id()).unwrap_or_default()) {
            let _ = kill_process_group(pid, Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(pid) = Pid::from_raw(i32::try_from(self.0.id()).unwrap_or_default()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// An X server without a screen, on a number that it chose.
pub struct Screen {
    /// `:N`
    pub name: String,
    _server: Family,
}

impl Screen {
    pub fn open() -> Self {
        let mut server = Family::start(
            Command::new("Xvfb")
                .args([
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    "1280x800x24",
                    "-nolisten",
                    "tcp",
                ])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut number = String::new();
        let out = server.0.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb did not start");
        Self {
            name: format!(":{}", number.trim()),
            _server: server,
        }
    }
}

/// WebKit's driver; it starts the window when a session is asked for, with the environment it was given.
pub struct Driver {
    /// Where it listens.
    pub address: String,
    _driver: Family,
}

impl Driver {
    pub fn start(screen: &Screen, home: &Path, environment: &[(&str, &Path)], log: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = File::create(log).unwrap();
        let driver = Family::start(
            Command::new("dbus-run-session")
                .args(["--", "WebKitWebDriver", &format!("--port={port}")])
                .env("DISPLAY", &screen.name)
                .env("HOME", home)
                .env("XDG_RUNTIME_DIR", home)
                .env("GDK_BACKEND", "x11")
                .env("LIBGL_ALWAYS_SOFTWARE", "1")
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env_remove("WAYLAND_DISPLAY")
                .envs(environment.iter().copied())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let address = format!("127.0.0.1:{port}");
        let until = Instant::now() + Duration::from_secs(20);
        // A listening port tells nobody when it begins to.
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < until, "WebKitWebDriver does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            address: format!("http://{address}"),
            _driver: driver,
        }
    }
}
