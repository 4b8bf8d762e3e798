//! Hand-over, snapshot and restore beside `cp -a`, git and rsync, in one run.
//!
//! `bench_workspace [--runs N] [--on FOLDER] [--json FILE] TREE...`: each tree is copied to FOLDER
//! first and then worked on there, warm, each job N times in turn with its peers; the medians are
//! printed as a table, with the spread, and as JSON. A job whose peer is not installed says so.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox_workspace::restore::Place;
use sandbox_workspace::*;

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let mut runs = 5;
    let mut on = std::env::temp_dir();
    let mut json = None;
    let mut trees = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match argument.as_str() {
            "--runs" => runs = value()?.parse()?,
            "--on" => on = PathBuf::from(value()?),
            "--json" => json = Some(PathBuf::from(value()?)),
            tree => trees.push(PathBuf::from(tree)),
        }
    }
    let mut results = BTreeMap::new();
    for tree in trees {
        let name = tree
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let bench = Bench::new(&tree, &on, runs)?;
        println!(
            "\n{name} on {}: {} files, {} MB",
            on.display(),
            bench.files,
            bench.bytes >> 20
        );
        let table = bench.run()?;
        table.print();
        results.insert(format!("{name} on {}", on.display()), table.json());
    }
    println!("\npeak memory of this process: {} MB", peak_memory() >> 10);
    if let Some(json) = json {
        std::fs::write(json, serde_json::to_vec_pretty(&results)?)?;
    }
    Ok(())
}

struct Bench {
    temp: tempfile::TempDir,
    project: PathBuf,
    runs: usize,
    files: u64,
    bytes: u64,
}

impl Bench {
    fn new(tree: &Path, on: &Path, runs: usize) -> Done<Self> {
        let temp = tempfile::tempdir_in(on)?;
        let project = temp.path().join("project");
        shell(&["cp", "-a", path(tree), path(&project)])?;
        let cancel = Cancel::default();
        let dir = Dir::open_root(&project)?;
        let (files, bytes) = scan(&dir, &HashOnly, &ScanOptions::new(&cancel))?
            .tree
            .totals();
        Ok(Self {
            temp,
            project,
            runs,
            files,
            bytes,
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn run(&self) -> Done<Table> {
        let mut table = Table::default();
        for _ in 0..self.runs {
            self.copies(&mut table)?;
            self.snapshots(&mut table)?;
        }
        self.sizes(&mut table)?;
        Ok(table)
    }

    fn open(&self) -> Done<Sandbox> {
        Sandbox::open(&self.at("sandbox"))
    }

    fn copies(&self, table: &mut Table) -> Done<()> {
        for name in ["cp", "git", "sandbox", "sandbox2"] {
            clear(&self.at(name))?;
        }
        let (project, cp, git) = (
            path(&self.project).to_owned(),
            self.at("cp"),
            self.at("git"),
        );
        table.time("copy-in + baseline", "cp -a", || {
            shell(&["cp", "-a", &project, path(&cp)])
        })?;
        table.time("copy-in + baseline", "cp -a, git add", || {
            shell(&["cp", "-a", &project, path(&git)])?;
            self.git(&["init", "-q"])?;
            self.git(&["config", "core.untrackedCache", "true"])?;
            self.git(&["add", "-A"])
        })?;
        self.git(&[
            "-c",
            "user.name=b",
            "-c",
            "user.email=b@b",
            "commit",
            "-qm",
            "x",
        ])?;
        let sandbox = self.open()?;
        table.time("copy-in + baseline", "ours", || {
            sandbox.hand_over(&self.project)
        })?;
        clear(&self.at("again"))?;
        table.time("copy-in again", "cp -a", || {
            shell(&["cp", "-a", &project, path(&self.at("again"))])
        })?;
        clear(&self.at("again"))?;
        let second = Sandbox::with_store(&self.at("sandbox2"), sandbox.store.clone())?;
        table.time("copy-in again", "ours", || second.hand_over(&self.project))?;
        clear(&self.at("sandbox2"))
    }

    fn snapshots(&self, table: &mut Table) -> Done<()> {
        let sandbox = self.open()?;
        let baseline = sandbox.snapshot(None)?;
        let git = self.at("git");
        table.time("snapshot, no change", "git add", || {
            self.git(&["add", "-A"])
        })?;
        table.time("snapshot, no change", "ours", || sandbox.snapshot(None))?;
        table.time("list of changes", "git status", || {
            self.git(&["status", "--porcelain"])
        })?;
        table.time("list of changes", "ours (scan)", || sandbox.scan_only())?;

        let changed = self.change(&sandbox, &git, "one")?;
        table.time("snapshot, 100 changed", "git add", || {
            self.git(&["add", "-A"])
        })?;
        table.time("snapshot, 100 changed", "ours", || sandbox.snapshot(None))?;
        let again = self.change(&sandbox, &git, "two")?;
        table.time("snapshot, 100 changed, hints", "git add", || {
            self.git(&["add", "-A"])
        })?;
        table.time("snapshot, 100 changed, hints", "ours", || {
            sandbox.snapshot(Some(&again))
        })?;

        table.time("restore, 100 changed", "git reset", || {
            self.git(&["reset", "-q", "--hard"])
        })?;
        table.time("restore, 100 changed", "ours", || {
            sandbox.restore(&baseline)
        })?;
        drop(changed);

        empty(&git)?;
        table.time("restore, all deleted", "git reset", || {
            self.git(&["reset", "-q", "--hard"])
        })?;
        clear(&self.at("cp"))?;
        table.time("restore, all deleted", "cp -a", || {
            shell(&["cp", "-a", path(&self.project), path(&self.at("cp"))])
        })?;
        clear(&self.at("cp"))?;
        table.time("restore, all deleted", "rsync -a", || {
            shell(&[
                "rsync",
                "-a",
                &format!("{}/", path(&self.project)),
                path(&self.at("cp")),
            ])
        })?;
        sandbox.workspace.remove_content()?;
        table.time("restore, all deleted", "ours", || {
            sandbox.restore(&baseline)
        })?;
        Ok(())
    }

    fn sizes(&self, table: &mut Table) -> Done<()> {
        self.git(&["gc", "-q", "--aggressive", "--prune=now"])?;
        let size = |at: &Path| -> Done<u64> {
            let out = Command::new("du").args(["-sk", path(at)]).output()?;
            Ok(String::from_utf8(out.stdout)?
                .split_whitespace()
                .next()
                .unwrap_or("0")
                .parse()?)
        };
        table
            .sizes
            .insert("git gc --aggressive", size(&self.at("git/.git"))? << 10);
        table
            .sizes
            .insert("ours", self.open()?.store.stats()?.on_disk);
        Ok(())
    }

    /// Changes 100 files all over, the same in both.
    fn change(&self, sandbox: &Sandbox, git: &Path, tag: &str) -> Done<Vec<WorkspacePath>> {
        let tree = sandbox
            .last
            .borrow()
            .as_ref()
            .map(|(_, tree)| tree.clone())
            .unwrap_or_default();
        let files: Vec<_> = tree
            .entries()
            .iter()
            .filter(|e| matches!(e.kind, EntryKind::File { .. }))
            .collect();
        let step = (files.len() / 100).max(1);
        let mut changed = Vec::new();
        for entry in files.iter().step_by(step).take(100) {
            let Some(name) = entry.path.as_str() else {
                continue;
            };
            for root in [&self.at("sandbox/workspace"), git] {
                let file = root.join(name);
                std::fs::remove_file(&file)?;
                std::fs::write(file, format!("changed {tag} {name}"))?;
            }
            changed.push(entry.path.clone());
        }
        Ok(changed)
    }

    fn git(&self, arguments: &[&str]) -> Done<()> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.at("git")).args([
            "-c",
            "gc.auto=0",
            "-c",
            "core.hooksPath=/dev/null",
        ]);
        command
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        run(command)
    }
}

/// A sandbox as the engine keeps it, with the index and the last tree between the scans.
struct Sandbox {
    root: PathBuf,
    workspace: Dir,
    trash: Dir,
    store: Store,
    last: std::cell::RefCell<Option<(Index, Tree)>>,
}

impl Sandbox {
    fn open(root: &Path) -> Done<Self> {
        let store = Store::open(&root.join("store"))?;
        Self::with_store(root, store)
    }

    fn with_store(root: &Path, store: Store) -> Done<Self> {
        let open = |name: &str| -> Done<Dir> {
            std::fs::create_dir_all(root.join(name))?;
            Ok(Dir::open_root(&root.join(name))?)
        };
        let (workspace, trash) = (open("workspace")?, open("trash")?);
        Ok(Self {
            root: root.to_owned(),
            workspace,
            trash,
            store,
            last: None.into(),
        })
    }

    fn hand_over(&self, project: &Path) -> Done<()> {
        let rules = Rules {
            secrets: Secrets::AsIs,
            keep_rebuildable: true,
            ..Rules::default()
        };
        let options = HandOverOptions {
            rules: &rules,
            owner: None,
            totals: (0, 0),
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        let done = hand_over(
            &Dir::open_root(project)?,
            &self.workspace,
            &self.store,
            &options,
        )?;
        done.index.save(&self.root.join("index"))?;
        Ok(())
    }

    /// With the index from the disk, as a command does; by hints from memory, as the window does.
    fn snapshot(&self, hints: Option<&[WorkspacePath]>) -> Done<TreeId> {
        let cancel = Cancel::default();
        let writer = self.store.writer()?;
        let known = self.root.join("index");
        let mut last = self.last.borrow_mut();
        let found = match (hints, last.take()) {
            (Some(hints), Some((index, tree))) => {
                let options = ScanOptions {
                    index: Some(&index),
                    ..ScanOptions::new(&cancel)
                };
                let mut found = rescan(&self.workspace, tree, hints, &writer, &options)?;
                let fresh = std::mem::replace(&mut found.index, index);
                found.index.extend(fresh);
                found
            }
            _ => {
                let index = Index::load(&known);
                let options = ScanOptions {
                    index: Some(&index),
                    ..ScanOptions::new(&cancel)
                };
                let found = scan(&self.workspace, &writer, &options)?;
                if found.read_files > 0 || found.index.len() != index.len() {
                    found.index.save(&known)?;
                }
                found
            }
        };
        let id = writer.put_tree(&found.tree)?;
        *last = Some((found.index, found.tree));
        Ok(id)
    }

    fn scan_only(&self) -> Done<()> {
        let cancel = Cancel::default();
        let index = Index::load(&self.root.join("index"));
        let options = ScanOptions {
            index: Some(&index),
            ..ScanOptions::new(&cancel)
        };
        scan(&self.workspace, &HashOnly, &options)?;
        Ok(())
    }

    /// With the scan that a reset begins with.
    fn restore(&self, wanted: &TreeId) -> Done<()> {
        let cancel = Cancel::default();
        let index = Index::load(&self.root.join("index"));
        let options = ScanOptions {
            index: Some(&index),
            ..ScanOptions::new(&cancel)
        };
        let found = scan(&self.workspace, &HashOnly, &options)?;
        let place = Place {
            workspace: &self.workspace,
            trash: &self.trash,
            journal: &self.root.join("restore.json"),
            store: &self.store,
        };
        let options = RestoreOptions {
            owner: None,
            skipped: &[],
            bring_back: &[],
            only: None,
            progress: &Silent,
            cancel: &cancel,
        };
        let done = restore(&place, &found.tree, wanted, &options)?;
        let mut index = found.index;
        index.extend(done.index);
        index.save(&self.root.join("index"))?;
        Ok(())
    }
}

#[derive(Default)]
struct Table {
    times: BTreeMap<&'static str, Vec<(&'static str, Vec<Duration>)>>,
    missing: HashSet<&'static str>,
    sizes: BTreeMap<&'static str, u64>,
}

impl Table {
    fn time<T>(
        &mut self,
        job: &'static str,
        who: &'static str,
        act: impl FnOnce() -> Done<T>,
    ) -> Done<()> {
        let begun = Instant::now();
        let done = act();
        let took = begun.elapsed();
        if let Err(error) = done {
            let missing = error.downcast_ref::<std::io::Error>();
            if who != "ours" && missing.is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
                self.missing.insert(who);
                return Ok(());
            }
            return Err(error);
        }
        let row = self.times.entry(job).or_default();
        match row.iter_mut().find(|(known, _)| *known == who) {
            Some((_, times)) => times.push(took),
            None => row.push((who, vec![took])),
        }
        Ok(())
    }

    fn print(&self) {
        println!(
            "{:<32}{:<18}{:>10}{:>20}{:>10}",
            "job", "who", "median", "spread", "ours/it"
        );
        for (job, row) in &self.times {
            let ours = row
                .iter()
                .find(|(who, _)| who.starts_with("ours"))
                .map(|(_, t)| median(t));
            for (who, times) in row {
                let (low, high) = (times.iter().min(), times.iter().max());
                let ms = |d: Option<&Duration>| d.map_or(0, Duration::as_millis);
                let ratio = ours.map_or(0.0, |o| o.as_secs_f64() / median(times).as_secs_f64());
                let spread = format!("{}..{} ms", ms(low), ms(high));
                let middle = format!("{} ms", median(times).as_millis());
                println!("{job:<32}{who:<18}{middle:>10}{spread:>20}{ratio:>10.2}");
            }
        }
        for (who, bytes) in &self.sizes {
            println!("{:<32}{who:<22}{:>6} MB", "store size", bytes >> 20);
        }
        for who in &self.missing {
            println!("not run: {who} is not installed");
        }
    }

    fn json(&self) -> serde_json::Value {
        let ms = |times: &Vec<Duration>| median(times).as_secs_f64() * 1000.0;
        let jobs = self.times.iter().map(|(job, row)| {
            let row: BTreeMap<_, _> = row.iter().map(|(who, times)| (*who, ms(times))).collect();
            (*job, row)
        });
        serde_json::json!({
            "median_ms": jobs.collect::<BTreeMap<_, _>>(),
            "bytes": self.sizes,
            "not_run": self.missing,
            "peak_memory_kb": peak_memory(),
        })
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn clear(at: &Path) -> Done<()> {
    match std::fs::remove_dir_all(at) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// All but `.git`.
fn empty(git: &Path) -> Done<()> {
    for entry in std::fs::read_dir(git)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            if path.file_name().is_some_and(|n| n != ".git") {
                std::fs::remove_dir_all(path)?;
            }
        } else {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn shell(command: &[&str]) -> Done<()> {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]);
    run(process)
}

fn run(mut command: Command) -> Done<()> {
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// In kB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
