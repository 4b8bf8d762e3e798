//! A data directory, a project and the program, for one test. Removed also after a failure.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use sandbox_engine::Engine;
use sandbox_engine::docker::{Deadlines, EndpointSearch};
use sandbox_engine::sandbox::Config;
use sandbox_engine::state::record::Owner;
use serde_json::Value;

/// What one test works with.
pub struct Bench {
    folder: tempfile::TempDir,
    /// Variables that the program is given.
    set: Vec<(&'static str, PathBuf)>,
}

/// What the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The document on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not one JSON document ({e}): {}\n{}", self.out, self.err))
    }

    /// Fails unless it ended so.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

impl Bench {
    /// With a small project `site`.
    pub fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            set: Vec::new(),
        };
        let site = bench.project();
        fs::create_dir_all(site.join("src")).unwrap();
        fs::create_dir(site.join("empty")).unwrap();
        fs::write(site.join("index.html"), "<h1>Hello</h1>\n<p>one</p>\n").unwrap();
        fs::write(site.join("dos.txt"), "a\r\nb\r\n").unwrap();
        fs::write(site.join("src/run.sh"), "echo hi\n").unwrap();
        fs::set_permissions(site.join("src/run.sh"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("index.html", site.join("link")).unwrap();
        bench
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs the program.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Said {
        said(
            &self
                .command(arguments)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    }

    /// As [`Self::run`], without a container engine anywhere.
    pub fn run_alone<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Said {
        let nowhere = format!("unix://{}/no.sock", self.folder.path().display());
        let mut command = self.command(arguments);
        said(
            &command
                .env("DOCKER_HOST", nowhere)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    }

    pub fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let program = std::env::var_os("AGENT_SANDBOX_PROGRAM").map_or_else(built, PathBuf::from);
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("AGENT_SANDBOX_DATA_DIR", self.data())
            .env("HOME", self.folder.path().join("home"))
            .envs(self.set.iter().cloned())
            // The keychain of whoever runs the tests is theirs.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        command
    }

    /// From now on the program has that variable.
    pub fn set(&mut self, name: &'static str, value: &Path) {
        self.set.push((name, value.to_owned()));
    }

    /// Keeps a key in a file, as a person would who has no keychain.
    pub fn keep_key(&self, provider: &str, key: &str, more: &[&str]) -> Said {
        let mut args = vec!["key", "set", provider, "--from-stdin", "--keep", "file"];
        args.extend(more);
        feed(&mut self.command(args), key).ended(0)
    }

    /// A file beside the project that only the host may read.
    pub fn folder_secret(&self) -> PathBuf {
        let path = self.folder.path().join("secret");
        fs::write(&path, "secret").unwrap();
        path
    }

    /// Every path of a folder with what makes it what it is.
    pub fn look(&self, folder: &Path) -> Vec<String> {
        let mut list = Vec::new();
        describe(folder, folder, &mut list);
        list.sort();
        list
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Ok(rows) = serde_json::from_str::<Vec<Value>>(&self.run(["list", "--json"]).out) else {
            return;
        };
        for row in rows {
            if let Some(id) = row["id"].as_str() {
                let _ = self.run(["remove", id]);
            }
        }
    }
}

/// The engine as the window opens it, over the data folder of the command line.
pub fn engine(bench: &Bench, endpoints: EndpointSearch) -> Engine {
    Engine::open(Config {
        data_dir: bench.data(),
        home: None,
        endpoints,
        deadlines: Deadlines::default(),
        process: Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        },
        certificates: Vec::new(),
        guest: &[],
        keychain: None,
        proxy: None,
        near: Arc::new(sandbox_engine::network::near),
        clock: Arc::new(|| 0),
    })
    .unwrap()
}

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/agent-sandbox")
}

/// What a program says that is given this on its standard input.
pub fn feed(command: &mut Command, text: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    said(&child.wait_with_output().unwrap())
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn describe(root: &Path, folder: &Path, list: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::symlink_metadata(&path).unwrap();
        let what = if found.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if found.is_dir() {
            describe(root, &path, list);
            format!("dir {:o}", found.permissions().mode() & 0o777)
        } else {
            format!(
                "{:o} {:?}",
                found.permissions().mode() & 0o777,
                String::from_utf8_lossy(&fs::read(&path).unwrap())
            )
        };
        list.push(format!(
            "{} {what}",
            path.strip_prefix(root).unwrap().display()
        ));
    }
}
