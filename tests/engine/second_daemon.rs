//! A container engine of the test's own, in namespaces of its own: it can be killed, and what it asks a name
//! server is heard. Needs root, `unshare`, `nsenter`, `ip`, `dockerd` and `docker`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sandbox_engine::docker::EndpointSearch;
use sandbox_engine::image;
use serde_json::{Value, json};

/// The name server of its computer, as many computers have it: on loopback.
const RESOLVER: &str = "127.0.0.53:53";
/// What every name leads to: an address that is kept for documentation, on no network of the tests' computers.
const LEADS_TO: [u8; 4] = [203, 0, 113, 7];
/// An engine that starts with containers first brings them in order.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module. All processes of it end with it.
pub struct Daemon {
    folder: tempfile::TempDir,
    /// Keeps the namespaces, also while no engine runs.
    holder: Child,
    /// Their first process.
    first: u32,
    engine: Option<Child>,
    /// What it offers beside its own runtime.
    runtimes: Value,
}

impl Daemon {
    /// With the base image in it. `None`, and said so, where this user may not.
    pub fn new() -> Option<Self> {
        Self::with(json!({}))
    }

    /// Likewise, with these runtimes.
    pub fn with(runtimes: Value) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: a second container engine needs root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let resolver = folder.path().join("resolv.conf");
        fs::write(&resolver, "nameserver 127.0.0.53\n").unwrap();
        let script = "ip link set lo up && mount --bind \"$1\" /etc/resolv.conf && \
            { [ ! -d /run/containerd ] || mount -t tmpfs none /run/containerd; } && echo ready; \
            while :; do sleep 1; done";
        let mut holder = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["sh", "-c", script, "holder"])
            .arg(&resolver)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = holder.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the namespaces are made");
        let id = holder.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let mut daemon = Self {
            folder,
            holder,
            first: children.trim().parse().unwrap(),
            engine: None,
            runtimes,
        };
        daemon.start(false);
        daemon.load(image::BASE);
        Some(daemon)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `DOCKER_HOST` is for it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("engine.sock").display())
    }

    /// Where the product finds it.
    pub fn search(&self) -> EndpointSearch {
        EndpointSearch {
            docker_host: Some(self.host()),
            ..Default::default()
        }
    }

    /// What `docker` says to it.
    pub fn docker(&self, args: &[&str]) -> Result<String, String> {
        let said = Command::new("docker")
            .args(["--host", &self.host()])
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match said.status.success() {
            true => Ok(text(&said.stdout)),
            false => Err(text(&said.stderr)),
        }
    }

    /// Starts the engine, and comes back when it answers.
    pub fn start(&mut self, live_restore: bool) {
        let config = self.path("engine.json");
        let wanted = json!({"live-restore": live_restore, "runtimes": self.runtimes});
        fs::write(&config, wanted.to_string()).unwrap();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("engine.log"))
            .unwrap();
        // Of the one that was killed; a new one would take it for running.
        let _ = fs::remove_file(self.path("engine.pid"));
        let engine = Command::new("nsenter")
            .args([
                "--target",
                &self.first.to_string(),
                "--net",
                "--mount",
                "--pid",
                "dockerd",
            ])
            .args(["--host", &self.host()])
            .arg("--config-file")
            .arg(config)
            .arg("--data-root")
            .arg(self.path("root"))
            .arg("--exec-root")
            .arg(self.path("run"))
            .arg("--pidfile")
            .arg(self.path("engine.pid"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.engine = Some(engine);
        let began = Instant::now();
        while self.docker(&["version"]).is_err() {
            let log = fs::read_to_string(self.path("engine.log")).unwrap_or_default();
            assert!(
                began.elapsed() < PATIENCE,
                "the engine does not answer:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it where it stands, as a crash does.
    pub fn kill(&mut self) {
        // `nsenter` waits for the engine in the other process namespace: ended itself, it would leave it.
        let pid = fs::read_to_string(self.path("engine.pid")).unwrap();
        let killed = Command::new("nsenter")
            .args(["--target", &self.first.to_string(), "--mount", "--pid"])
            .args(["kill", "-KILL", pid.trim()])
            .status();
        assert!(killed.unwrap().success());
        self.engine.take().unwrap().wait().unwrap();
    }

    fn load(&self, image: &str) {
        let script = "set -o pipefail; docker save \"$1\" | docker --host \"$2\" load";
        let loaded = Command::new("bash")
            .args(["-c", script, "load", image, &self.host()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&loaded.stderr);
        assert!(loaded.status.success(), "{image} gets in: {said}");
    }

    /// Listens where its computer's name server is: every name that is asked for, and `tcp` for a connection.
    pub fn resolver(&self) -> Heard {
        let heard: Heard = Arc::default();
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.first)).unwrap();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let names = heard.clone();
        std::thread::spawn(move || {
            // This thread only.
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let socket = UdpSocket::bind(RESOLVER).unwrap();
            let tcp = TcpListener::bind(RESOLVER).unwrap();
            let connections = names.clone();
            std::thread::spawn(move || {
                while tcp.accept().is_ok() {
                    connections.lock().unwrap().push("tcp".to_owned());
                }
            });
            ready.send(()).unwrap();
            let mut packet = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut packet) {
                let (name, answer) = answer(&packet[..count]);
                names.lock().unwrap().push(name);
                let _ = socket.send_to(&answer, from);
            }
        });
        is_ready.recv().unwrap();
        heard
    }
}

impl Daemon {
    /// From now on somebody listens at what names lead to, on the port of TLS; counts who comes.
    pub fn site(&self) -> Arc<AtomicUsize> {
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.first)).unwrap();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let came = Arc::new(AtomicUsize::new(0));
        let counter = came.clone();
        std::thread::spawn(move || {
            // This thread only, and what it runs.
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let address = Ipv4Addr::from(LEADS_TO);
            let own = format!("{address}/32");
            let added = Command::new("ip")
                .args(["address", "add", &own, "dev", "lo"])
                .status();
            assert!(added.unwrap().success());
            let listener = TcpListener::bind((address, 443)).unwrap();
            ready.send(()).unwrap();
            while listener.accept().is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        is_ready.recv().unwrap();
        came
    }
}

/// Names that were asked for.
pub type Heard = Arc<Mutex<Vec<String>>>;

/// The name of a question, and an answer to it: one address to A, none to anything else.
fn answer(question: &[u8]) -> (String, Vec<u8>) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while let Some(&length) = question.get(at).filter(|length| **length > 0) {
        let end = at + 1 + usize::from(length);
        let Some(label) = question.get(at + 1..end) else {
            break;
        };
        labels.push(String::from_utf8_lossy(label).into_owned());
        at = end;
    }
    let end = (at + 5).min(question.len());
    let wants_address = question.get(at + 1..at + 3) == Some(&[0, 1]);
    let mut said = question[..end].to_vec();
    if said.len() > 12 {
        said[2] = 0x81;
        said[3] = 0x80;
        said[6..12].copy_from_slice(&[0, u8::from(wants_address), 0, 0, 0, 0]);
    }
    if wants_address {
        said.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        said.extend(LEADS_TO);
    }
    (labels.join("."), said)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // With the first process of a namespace all others of it are killed.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.wait();
        }
    }
}
