//! A repository that is served by https, under the name of a site that everybody knows and a certificate that only the
//! test's computer does. Needs `git`, `openssl` and Node.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::bench_of_one::Bench;
use crate::network::own_address;

/// The name that its certificate is for.
pub const HOST: &str = "github.com";

/// See the module. Runs until it is dropped.
pub struct Repository {
    /// The address of the proxy by which the server is reached.
    pub proxy: String,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    bare: PathBuf,
    _folder: tempfile::TempDir,
}

impl Repository {
    /// `team/small.git`, with the file `hello.txt`. From now on the certificate is the one that the bench's computer has.
    pub fn serve(bench: &mut Bench) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (bare, work) = (at("team/small.git"), at("work"));
        run(Command::new("git")
            .args(["init", "-q", "--bare", "-b", "main"])
            .arg(&bare));
        run(Command::new("git")
            .args(["init", "-q", "-b", "main"])
            .arg(&work));
        fs::write(work.join("hello.txt"), "hello\n").unwrap();
        for words in [&["add", "."][..], &["commit", "-q", "-m", "first"]] {
            run(in_repository(&work).args(words));
        }
        run(in_repository(&work)
            .arg("push")
            .arg("-q")
            .arg(&bare)
            .arg("main"));

        let (cert, key) = (at("cert.pem"), at("key.pem"));
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={HOST}"), "-addext"])
            .arg(format!("subjectAltName=DNS:{HOST}"))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&cert));
        bench.set("SSL_CERT_FILE", &cert);

        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("command_line/repository/server.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .args([folder.path(), &cert, &key])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let list = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                list.lock().unwrap().push(line);
            }
        });
        Self {
            proxy: format!("http://{}:{port}", own_address()),
            child,
            said,
            bare,
            _folder: folder,
        }
    }

    /// What came since the last question: `CONNECT github.com:443`, then what was asked for.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    /// The first line of the newest commit.
    pub fn newest(&self) -> String {
        run(in_repository(&self.bare).args(["log", "-1", "--format=%s", "main"]))
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Git there, as somebody whom no settings of this computer change.
fn in_repository(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Tester")
            .env(format!("GIT_{who}_EMAIL"), "tester@example.org");
    }
    command
}

fn run(command: &mut Command) -> String {
    let said = command.output().unwrap();
    assert!(said.status.success(), "{command:?}: {said:?}");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
