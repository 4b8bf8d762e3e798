//! From the click on *Reset* to a prompt, beside what a person would do with docker alone: a table of
//! medians, then one line of JSON.
//!
//! `cargo run --release -p sandbox-tests --example bench_reset [runs]`. Needs a container engine, its
//! command line and the base image (`cargo xtask bench`).

#![allow(clippy::unwrap_used)]

#[path = "../engine/house.rs"]
#[allow(dead_code)]
mod house;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::terminal::{OpenTerminal, Piece};
use sandbox_engine::{Operation, SandboxId, image};

use house::House;

type Failure = Box<dyn std::error::Error>;

const WORKSPACE: &str = "/workspace";
const FILES: usize = 2_000;
/// The last of a prompt, of an ordinary user and of root.
const PROMPTS: [u8; 2] = [b'$', b'#'];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let runs: usize = match std::env::args().nth(1) {
        Some(runs) => runs.parse()?,
        None => 5,
    };
    let house = House::new(support::containers::guest());
    lay(&house.project())?;
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let measured = async {
        let peer = Peer::new(&house.project())?;
        for _ in 0..runs {
            ours.push(reset(&house, &id).await?);
            theirs.push(peer.reset()?);
        }
        Ok::<(), Failure>(())
    };
    let measured = measured.await;
    house.engine.remove(&id).await?;
    measured?;
    print(&mut ours, &mut theirs);
    Ok(())
}

/// 2,000 files of 4 KiB in 50 folders.
fn lay(project: &Path) -> Result<(), Failure> {
    for n in 0..FILES {
        let path = project.join(format!("d{}/f{n}.txt", n % 50));
        std::fs::create_dir_all(path.parent().unwrap_or(project))?;
        std::fs::write(path, format!("line {n}\n").repeat(400))?;
    }
    Ok(())
}

async fn reset(house: &House, id: &SandboxId) -> Result<Duration, Failure> {
    let workspace = house.dir(id).join("workspace");
    empty(&workspace)?;
    let begun = Instant::now();
    house
        .engine
        .reset(id, None, false, &Operation::silent())
        .await?;
    let hub = house.engine.terminals(id).await?;
    let shell = OpenTerminal {
        name: "shell".to_owned(),
        command: vec!["bash".to_owned(), "--norc".to_owned(), "-i".to_owned()],
        env: Vec::new(),
        cwd: WORKSPACE.to_owned(),
        cols: 80,
        rows: 24,
        agent: false,
    };
    let terminal = hub.open(shell).await?;
    let mut attached = hub.attach(terminal.id).await?;
    loop {
        match attached.next().await {
            Some(Piece::Screen(bytes) | Piece::Output(bytes)) if prompts(&bytes) => break,
            Some(Piece::Screen(_) | Piece::Output(_)) => {}
            other => return Err(format!("no prompt came: {other:?}").into()),
        }
    }
    let took = begun.elapsed();
    let back = walk(&workspace)?;
    (back >= FILES)
        .then_some(took)
        .ok_or_else(|| "not all came back".into())
}

fn prompts(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| PROMPTS.contains(b))
}

/// A container over a copy, and nothing else.
struct Peer {
    folder: tempfile::TempDir,
    project: PathBuf,
    name: String,
}

impl Peer {
    fn new(project: &Path) -> Result<Self, Failure> {
        let peer = Self {
            folder: tempfile::tempdir()?,
            project: project.to_owned(),
            name: format!("agent-sandbox-bench-{}", std::process::id()),
        };
        peer.copy()?;
        drop(peer.start()?);
        Ok(peer)
    }

    fn copied(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    fn copy(&self) -> Result<(), Failure> {
        run(Command::new("cp")
            .arg("-a")
            .arg(&self.project)
            .arg(self.copied()))
    }

    fn start(&self) -> Result<std::process::Child, Failure> {
        let mount = format!("{}:{WORKSPACE}", self.copied().display());
        let child = Command::new("docker")
            .args([
                "run", "-t", "--name", &self.name, "-v", &mount, "-w", WORKSPACE,
            ])
            .args([image::BASE, "bash", "--norc", "-i"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(child)
    }

    fn reset(&self) -> Result<Duration, Failure> {
        empty(&self.copied())?;
        let begun = Instant::now();
        self.remove()?;
        std::fs::remove_dir(self.copied())?;
        self.copy()?;
        let mut child = self.start()?;
        let mut out = child.stdout.take().ok_or("no output")?;
        let mut buffer = [0; 4096];
        loop {
            match out.read(&mut buffer)? {
                0 => return Err("the container showed no prompt".into()),
                n if prompts(&buffer[..n]) => return Ok(begun.elapsed()),
                _ => {}
            }
        }
    }

    fn remove(&self) -> Result<(), Failure> {
        run(Command::new("docker").args(["rm", "-f", &self.name]))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

fn empty(folder: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Files below.
fn walk(folder: &Path) -> Result<usize, Failure> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        count += if path.is_dir() { walk(&path)? } else { 1 };
    }
    Ok(count)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let done = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    done.success()
        .then_some(())
        .ok_or_else(|| format!("{command:?} failed").into())
}

fn print(ours: &mut [Duration], theirs: &mut [Duration]) {
    let ratio = |a: f64, b: f64| (a / b * 100.0).round() / 100.0;
    let [ours, theirs] = [ours, theirs].map(|times| {
        times.sort();
        let ms = |at: usize| {
            times
                .get(at)
                .map_or(0.0, |t| (t.as_secs_f64() * 1000.0).round())
        };
        (
            ms(times.len() / 2),
            ms(0),
            ms(times.len().saturating_sub(1)),
        )
    });
    println!("\nfrom reset to a prompt, {FILES} files, after rm -rf");
    println!(
        "ours                              {:>6} ms  {}..{}",
        ours.0, ours.1, ours.2
    );
    println!(
        "docker rm + cp -a + docker run    {:>6} ms  {}..{}",
        theirs.0, theirs.1, theirs.2
    );
    let times = ratio(ours.0, theirs.0);
    println!(
        "ours/it {times}, to reach 1.0: {}",
        if times <= 1.0 { "reached" } else { "missed" }
    );
    let json = serde_json::json!({
        "job": "reset to prompt",
        "ours_ms": ours.0,
        "docker_ms": theirs.0,
        "ours_to_it": times,
        "to_reach": 1.0,
    });
    println!("{json}");
}
