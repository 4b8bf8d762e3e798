//! The whole engine over a data folder of its own, with a clock that the test moves.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox_engine::docker::{Deadlines, EndpointSearch};
use sandbox_engine::sandbox::{Config, LimitsWanted, NewSandbox};
use sandbox_engine::state::record::{NetworkPolicy, Owner};
use sandbox_engine::{Engine, Operation, SandboxId, image};
use sandbox_protocol::egress::Subnet;
use support::containers::{guest, search};

/// A container of a test that failed may be doing anything.
const PATIENCE: Duration = Duration::from_secs(30);
const DAY: i64 = 24 * 60 * 60 * 1000;

/// See the module.
pub struct House {
    pub engine: Engine,
    now: Arc<AtomicI64>,
    near: Near,
    folder: tempfile::TempDir,
}

/// Who is next to this computer beside those who are.
type Near = Arc<Mutex<Vec<Subnet>>>;

impl House {
    pub fn new(guest: Vec<u8>) -> Self {
        Self::of(guest, search(), tempfile::tempdir().unwrap())
    }

    /// On another engine, or another disk.
    pub fn of(guest: Vec<u8>, endpoints: EndpointSearch, folder: tempfile::TempDir) -> Self {
        let now = Arc::new(AtomicI64::new(now_ms()));
        let near = Near::default();
        let data = folder.path().join("data");
        Self {
            engine: engine_near(&data, guest, endpoints, now.clone(), near.clone()),
            now,
            near,
            folder,
        }
    }

    /// Another engine over the same data, which looks there for a container engine.
    pub fn again(&self, endpoints: EndpointSearch) -> Engine {
        let (now, near) = (self.now.clone(), self.near.clone());
        engine_near(&self.data(), guest(), endpoints, now, near)
    }

    /// From now on these too are next to this computer.
    pub fn is_next_to(&self, ranges: &[&str]) {
        let ranges = ranges.iter().map(|range| Subnet::parse(range).unwrap());
        *self.near.lock().unwrap() = ranges.collect();
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A sandbox of the base image, with one file.
    pub async fn sandbox(&self, network: NetworkPolicy, start: bool) -> SandboxId {
        self.agent("shell", network, start).await
    }

    /// Likewise, of another agent.
    pub async fn agent(&self, agent: &str, network: NetworkPolicy, start: bool) -> SandboxId {
        let project = self.project();
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("a.txt"), "one\n").unwrap();
        let new = NewSandbox {
            project,
            name: None,
            agent: agent.to_owned(),
            command: None,
            image: Some(image::BASE.to_owned()),
            image_from: None,
            runtime: None,
            keys: Vec::new(),
            network,
            limits: LimitsWanted::default(),
            rules: sandbox_workspace::Rules::default(),
            start,
        };
        self.engine.create(new, &Operation::silent()).await.unwrap()
    }

    /// Runs a script in it; gives status and output.
    pub async fn sh(&self, id: &SandboxId, script: &str) -> (i64, String) {
        let command = ["bash", "-c", script].map(str::to_owned).to_vec();
        let running = self.engine.exec(id, command, Vec::new()).await.unwrap();
        let (status, out, err) = running.collect(1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&[out, err].concat())
            .trim()
            .to_owned();
        (status, text)
    }

    /// The first line that its proxy answers a request with; empty where there is none.
    pub async fn asked(&self, id: &SandboxId, request: &str) -> String {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/3128 && printf '{request}\\r\\n\\r\\n' >&3 && head -1 <&3 | tr -d '\\r'"
        );
        self.sh(id, &script).await.1
    }

    /// What its proxy says to a tunnel.
    pub async fn tunnel(&self, id: &SandboxId, host: &str) -> String {
        self.asked(id, &format!("CONNECT {host}:443 HTTP/1.1"))
            .await
    }

    /// The command that proved its fence last, by the engine's id.
    pub fn proof(&self, id: &SandboxId) -> String {
        let text = std::fs::read(self.dir(id).join("proof.json")).unwrap();
        let proof: serde_json::Value = serde_json::from_slice(&text).unwrap();
        proof["tried"].as_str().unwrap().to_owned()
    }

    pub fn dir(&self, id: &SandboxId) -> PathBuf {
        self.folder.path().join("data/sandboxes").join(id.as_str())
    }

    pub fn pass(&self, days: i64) {
        self.now.fetch_add(days * DAY, Ordering::SeqCst);
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("site")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let left = std::fs::read_dir(self.data().join("sandboxes"));
        let ids: Vec<SandboxId> = left
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| SandboxId::try_from(name).ok())
            .collect();
        if ids.is_empty() {
            return;
        }
        // A test that failed. Also while its own runtime is unwinding.
        let engine = self.engine.clone();
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                for id in ids {
                    let _ = tokio::time::timeout(PATIENCE, engine.remove(&id)).await;
                }
            });
        });
        let _ = removed.join();
    }
}

/// An engine over that data, with that clock.
pub fn engine_at(
    data: &Path,
    guest: Vec<u8>,
    endpoints: EndpointSearch,
    clock: Arc<AtomicI64>,
) -> Engine {
    engine_near(data, guest, endpoints, clock, Near::default())
}

fn engine_near(
    data: &Path,
    guest: Vec<u8>,
    endpoints: EndpointSearch,
    clock: Arc<AtomicI64>,
    near: Near,
) -> Engine {
    let opened = Engine::open(Config {
        data_dir: data.to_owned(),
        home: None,
        endpoints,
        deadlines: Deadlines::default(),
        process: Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        },
        certificates: Vec::new(),
        guest: guest.leak(),
        keychain: None,
        proxy: None,
        near: Arc::new(move || {
            let mut all = sandbox_engine::network::near();
            all.extend(near.lock().unwrap().iter());
            all
        }),
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
    });
    opened.unwrap()
}

/// Journals have the system's time: the test's begins there.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}
