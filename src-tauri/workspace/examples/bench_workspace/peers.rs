//! The other programs, and how they are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Done;

/// Runs a program without its output.
pub fn run(mut command: Command) -> Done<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// As [`run`]; gives the greatest resident set in kB. Looks now and then, so only where time does not matter.
pub fn peak_of(mut command: Command) -> Done<u64> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        peak = peak.max(high_water(&status));
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    if ended.success() {
        Ok(peak)
    } else {
        Err(format!("{command:?}: {ended}").into())
    }
}

/// In kB; 0 where it cannot be told.
pub fn high_water(status: &str) -> u64 {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// What the threads of this process have had of the processors.
pub fn processor_time() -> Done<std::time::Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let on = text.split_whitespace().next().ok_or("no schedstat")?;
        nanos += on.parse::<u64>()?;
    }
    Ok(std::time::Duration::from_nanos(nanos))
}

pub fn cp(from: &Path, to: &Path) -> Done<()> {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    run(command)
}

pub fn rsync(from: &Path, to: &Path) -> Done<()> {
    let mut command = Command::new("rsync");
    command.arg("-a").arg(from.join("")).arg(to);
    run(command)
}

/// git without the user's settings, in one folder.
pub struct Git(pub PathBuf);

impl Git {
    pub fn run(&self, arguments: &[&str]) -> Done<()> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.0)
            .args(["-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null"])
            .args(["-c", "user.name=b", "-c", "user.email=b@b"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        run(command)
    }

    /// All but `.git`.
    pub fn empty(&self) -> Done<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                if entry.file_name() != ".git" {
                    std::fs::remove_dir_all(entry.path())?;
                }
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// restic with a repository and a cache of its own.
pub struct Restic(pub PathBuf);

impl Restic {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("restic");
        command
            .arg("--quiet")
            .arg("--repo")
            .arg(self.0.join("repository"))
            .arg("--cache-dir")
            .arg(self.0.join("cache"))
            .args(arguments)
            .env("RESTIC_PASSWORD", "bench");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done<()> {
        run(self.command(arguments))
    }

    pub fn is_there() -> bool {
        let found = Command::new("restic")
            .arg("version")
            .stdout(Stdio::null())
            .status();
        found.is_ok_and(|s| s.success())
    }
}

/// Bytes taken on the disk.
pub fn disk_use(at: &Path) -> Done<u64> {
    let out = Command::new("du").arg("-sk").arg(at).output()?;
    let text = String::from_utf8(out.stdout)?;
    let kilobytes: u64 = text.split_whitespace().next().unwrap_or("0").parse()?;
    Ok(kilobytes << 10)
}

/// Removes what is there, if anything is.
pub fn clear(at: &Path) -> Done<()> {
    match std::fs::remove_dir_all(at) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}
