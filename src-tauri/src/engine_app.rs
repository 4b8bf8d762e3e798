//! Apps that bring a container engine and can be started by an ordinary user: from this list, by their known places.
//! No word of it comes from data, and no shell reads it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// One such app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineApp {
    /// As its maker calls it.
    pub name: &'static str,
    /// There where it is installed.
    place: &'static str,
    /// The program that starts it, whole, and its arguments.
    start: &'static [&'static str],
}

#[cfg(target_os = "linux")]
const KNOWN: &[EngineApp] = &[EngineApp {
    name: "Docker Desktop",
    place: "/opt/docker-desktop/bin/docker-desktop",
    start: &["/usr/bin/systemctl", "--user", "start", "docker-desktop"],
}];

#[cfg(target_os = "macos")]
const KNOWN: &[EngineApp] = &[
    EngineApp {
        name: "Docker Desktop",
        place: "/Applications/Docker.app",
        start: &["/usr/bin/open", "/Applications/Docker.app"],
    },
    EngineApp {
        name: "OrbStack",
        place: "/Applications/OrbStack.app",
        start: &["/usr/bin/open", "/Applications/OrbStack.app"],
    },
    EngineApp {
        name: "Rancher Desktop",
        place: "/Applications/Rancher Desktop.app",
        start: &["/usr/bin/open", "/Applications/Rancher Desktop.app"],
    },
    EngineApp {
        name: "Podman Desktop",
        place: "/Applications/Podman Desktop.app",
        start: &["/usr/bin/open", "/Applications/Podman Desktop.app"],
    },
];

#[cfg(windows)]
const KNOWN: &[EngineApp] = &[
    EngineApp {
        name: "Docker Desktop",
        place: r"C:\Program Files\Docker\Docker\Docker Desktop.exe",
        start: &[r"C:\Program Files\Docker\Docker\Docker Desktop.exe"],
    },
    EngineApp {
        name: "Rancher Desktop",
        place: r"C:\Program Files\Rancher Desktop\Rancher Desktop.exe",
        start: &[r"C:\Program Files\Rancher Desktop\Rancher Desktop.exe"],
    },
];

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
const KNOWN: &[EngineApp] = &[];

/// For `systemctl` and `open`, which answer when the app has begun to start, not when its engine is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// It could not be started.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum NotStarted {
    #[error("there is no app on this computer that brings a container engine")]
    Unknown,
    #[error("{name} did not begin to start within {} seconds", PATIENCE.as_secs())]
    TimedOut { name: &'static str },
    #[error("{name} could not be started: {said}")]
    Refused { name: &'static str, said: String },
    #[error("{name} could not be started")]
    Io {
        name: &'static str,
        #[source]
        source: io::Error,
    },
}

impl EngineApp {
    /// The first of the list that is installed.
    pub fn installed() -> Option<Self> {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Option<Self> {
        let is_there = |app: &&Self| inside(root, app.place).exists();
        KNOWN.iter().find(is_there).copied()
    }

    /// Starts it. Its engine takes a while longer, half a minute and more.
    ///
    /// # Errors
    /// [`NotStarted`]: what starts it is missing, answers that it did not, or does not answer.
    pub async fn start(self) -> Result<(), NotStarted> {
        let name = self.name;
        let io = |source| NotStarted::Io { name, source };
        let (program, arguments) = self.start.split_first().ok_or(NotStarted::Unknown)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if cfg!(windows) {
            // The app itself: it goes on, and nobody waits for it.
            return command.stderr(Stdio::null()).spawn().map(drop).map_err(io);
        }
        command.kill_on_drop(true);
        let done = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_| NotStarted::TimedOut { name })?;
        said(name, &done.map_err(io)?)
    }
}

fn said(name: &'static str, done: &Output) -> Result<(), NotStarted> {
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    let said = match words.trim() {
        "" => done.status.to_string(),
        words => words.to_owned(),
    };
    Err(NotStarted::Refused { name, said })
}

/// A place of the list below another root than the system's.
fn inside(root: &Path, place: &str) -> PathBuf {
    if root == Path::new("/") {
        return place.into();
    }
    root.join(place.trim_start_matches('/'))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn by(start: &'static [&'static str]) -> EngineApp {
        EngineApp {
            name: "Docker Desktop",
            place: "/nowhere",
            start,
        }
    }

    #[test]
    fn only_what_is_installed_is_offered() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(EngineApp::below(root.path()), None);
        let program = root.path().join("opt/docker-desktop/bin/docker-desktop");
        std::fs::create_dir_all(program.parent().expect("a parent")).expect("a folder");
        std::fs::write(&program, "").expect("a program");
        let found = EngineApp::below(root.path()).expect("the app");
        assert_eq!(found.name, "Docker Desktop");
        assert_eq!(found.start[0], "/usr/bin/systemctl");
    }

    #[test]
    fn what_starts_an_app_is_named_whole() {
        for app in KNOWN {
            assert!(Path::new(app.start[0]).is_absolute(), "{}", app.name);
            assert!(Path::new(app.place).is_absolute(), "{}", app.name);
        }
    }

    #[tokio::test]
    async fn a_start_that_is_refused_is_told_with_the_words_it_was_refused_with() {
        by(&["/bin/true"]).start().await.expect("started");
        let no = by(&["/bin/sh", "-c", "echo no such unit >&2; exit 5"]);
        let error = no.start().await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            "Docker Desktop could not be started: no such unit"
        );
        let gone = by(&["/nowhere/at/all"]);
        let error = gone.start().await.expect_err("not there");
        assert!(matches!(error, NotStarted::Io { .. }), "{error}");
    }
}
