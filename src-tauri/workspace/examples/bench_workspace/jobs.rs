//! The jobs, each in turn with its peers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sandbox_workspace::{Cancel, Dir, HashOnly, ScanOptions, TreeId, WorkspacePath, scan};

use super::ours::Sandbox;
use super::peers::{self, Git, Restic, clear, cp, rsync};
use super::table::{Job, OURS, Table};
use super::{Done, make_big};

const COPY_IN: Job = Job {
    name: "copy-in + baseline",
    targets: &[("cp -a", 1.6), ("cp -a, git add", 0.25)],
};
const COPY_AGAIN: Job = Job {
    name: "copy-in of the same again",
    targets: &[("cp -a", 1.2)],
};
const UNCHANGED: Job = Job {
    name: "snapshot, nothing changed",
    targets: &[("git add -A", 0.5)],
};
const CHANGED: Job = Job {
    name: "snapshot, 100 changed",
    targets: &[("git add -A", 0.5)],
};
const HINTED: Job = Job {
    name: "snapshot, 100 changed, by hints",
    targets: &[("git add -A", 0.15)],
};
const LIST: Job = Job {
    name: "list of changes",
    targets: &[("git status", 0.5)],
};
const RESTORE: Job = Job {
    name: "restore, everything deleted",
    targets: &[
        ("cp -a", 1.1),
        ("git reset --hard", 1.0 / 3.0),
        ("restic restore", 1.0 / 3.0),
    ],
};
const RESTORE_CHANGED: Job = Job {
    name: "restore, 100 changed",
    targets: &[("git reset --hard", 0.5)],
};

/// How long an idle workspace is watched.
pub const IDLE: Duration = Duration::from_secs(30);

/// Peak of memory that is to be kept.
const MEMORY: u64 = 200 << 20;

pub struct Bench {
    temp: tempfile::TempDir,
    project: PathBuf,
    git: Git,
    restic: Restic,
    runs: usize,
    pub files: u64,
    pub bytes: u64,
}

impl Bench {
    /// Copies the folders together below `on`.
    pub fn new(folders: &[PathBuf], on: &Path, runs: usize) -> Done<Self> {
        let temp = tempfile::tempdir_in(on)?;
        let project = temp.path().join("project");
        std::fs::create_dir(&project)?;
        for folder in folders {
            let name = folder.file_name().ok_or("a folder without a name")?;
            cp(folder, &project.join(name))?;
        }
        if folders.is_empty() {
            make_big(&project)?;
        }
        let cancel = Cancel::default();
        let dir = Dir::open_root(&project)?;
        let (files, bytes) = scan(&dir, &HashOnly, &ScanOptions::new(&cancel))?
            .tree
            .totals();
        Ok(Self {
            git: Git(temp.path().join("git")),
            restic: Restic(temp.path().join("restic")),
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

    /// With `idle`, the workspace is also watched for a while in which nothing happens.
    pub fn run(&self, idle: bool) -> Done<Table> {
        let mut table = Table::new(self.temp.path())?;
        for _ in 0..self.runs {
            let baseline = self.copies(&mut table)?;
            self.snapshots(&mut table, &baseline)?;
            self.restores(&mut table, &baseline)?;
        }
        if idle {
            let workspace = self.at("sandbox/workspace");
            let micros = self.own_process(&["--idle".as_ref(), &workspace])?;
            table.idle(Duration::from_micros(micros), IDLE, IDLE / 1000);
        }
        self.amounts(&mut table)?;
        Ok(table)
    }

    /// Does a part in a process of its own, which answers with a number.
    fn own_process(&self, arguments: &[&Path]) -> Done<u64> {
        let out = Command::new(std::env::current_exe()?)
            .args(arguments)
            .output()?;
        if !out.status.success() {
            return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
        }
        Ok(String::from_utf8(out.stdout)?.trim().parse()?)
    }

    fn open(&self) -> Done<Sandbox> {
        Sandbox::open(&self.at("sandbox"))
    }

    fn copies(&self, table: &mut Table) -> Done<TreeId> {
        for name in ["cp", "git", "sandbox", "restic"] {
            clear(&self.at(name))?;
        }
        table.time(&COPY_IN, "cp -a", || cp(&self.project, &self.at("cp")))?;
        clear(&self.at("cp"))?;
        let mut baseline = None;
        let sandbox = self.open()?;
        table.time(&COPY_IN, OURS, || {
            baseline = Some(sandbox.hand_over(&self.project)?);
            Ok(())
        })?;
        table.time(&COPY_IN, "cp -a, git add", || {
            cp(&self.project, &self.git.0)?;
            self.git.run(&["init", "-q"])?;
            self.git.run(&["config", "core.untrackedCache", "true"])?;
            self.git.run(&["add", "-A"])
        })?;
        self.git.run(&["commit", "-qm", "x"])?;
        if Restic::is_there() {
            self.restic.run(&["init"])?;
            let project = self.project.to_string_lossy();
            table.time(&COPY_IN, "restic backup", || {
                self.restic.run(&["backup", &project])
            })?;
        }
        table.time(&COPY_AGAIN, "cp -a", || cp(&self.project, &self.at("cp")))?;
        clear(&self.at("cp"))?;
        let second = Sandbox::with_store(&self.at("second"), sandbox.store.clone())?;
        table.time(&COPY_AGAIN, OURS, || second.hand_over(&self.project))?;
        clear(&self.at("second"))?;
        baseline.ok_or_else(|| "no baseline".into())
    }

    fn snapshots(&self, table: &mut Table, baseline: &TreeId) -> Done<()> {
        let sandbox = self.open()?;
        sandbox.snapshot()?;
        let add = || self.git.run(&["add", "-A"]);
        table.time(&UNCHANGED, "git add -A", add)?;
        table.time(&UNCHANGED, OURS, || sandbox.snapshot())?;
        self.change(&sandbox, "one")?;
        table.time(&LIST, "git status", || {
            self.git.run(&["status", "--porcelain"])
        })?;
        table.time(&LIST, OURS, || sandbox.changes(baseline))?;
        table.time(&CHANGED, "git add -A", add)?;
        table.time(&CHANGED, OURS, || sandbox.snapshot())?;
        let hints = self.change(&sandbox, "two")?;
        table.time(&HINTED, "git add -A", add)?;
        table.time(&HINTED, OURS, || sandbox.snapshot_at(&hints))
    }

    fn restores(&self, table: &mut Table, baseline: &TreeId) -> Done<()> {
        let sandbox = self.open()?;
        let reset = || self.git.run(&["reset", "-q", "--hard"]);
        table.time(&RESTORE_CHANGED, "git reset --hard", reset)?;
        table.time(&RESTORE_CHANGED, OURS, || sandbox.restore(baseline))?;

        self.git.empty()?;
        table.time(&RESTORE, "git reset --hard", reset)?;
        // As for all others, what is put back was there until just now: a disk takes longer to make files where
        // as many were just removed.
        cp(&self.project, &self.at("cp"))?;
        clear(&self.at("cp"))?;
        table.time(&RESTORE, "cp -a", || cp(&self.project, &self.at("cp")))?;
        clear(&self.at("cp"))?;
        table.time(&RESTORE, "rsync -a", || {
            rsync(&self.project, &self.at("cp"))
        })?;
        clear(&self.at("cp"))?;
        let target = self.at("cp").to_string_lossy().into_owned();
        if Restic::is_there() {
            table.time(&RESTORE, "restic restore", || {
                self.restic.run(&["restore", "latest", "--target", &target])
            })?;
            clear(&self.at("cp"))?;
        }
        sandbox.workspace.remove_content()?;
        table.time(&RESTORE, OURS, || sandbox.restore(baseline))
    }

    /// Of the baseline alone: what was changed since is not counted for anybody.
    fn amounts(&self, table: &mut Table) -> Done<()> {
        let alone = self.at("alone");
        let peak = self.own_process(&["--alone".as_ref(), &self.project, &alone])?;
        let mut memory = Vec::new();
        let mut sizes = Vec::new();
        let store = peers::disk_use(&self.at("alone/store"))?;
        clear(&self.at("alone"))?;
        self.git.run(&["gc", "-q", "--prune=now"])?;
        sizes.push(("git gc", peers::disk_use(&self.git.0.join(".git/objects"))?));
        let mut limit = (u64::MAX, "restic is not installed".to_owned());
        if Restic::is_there() {
            clear(&self.at("restic"))?;
            self.restic.run(&["init"])?;
            let backup = self
                .restic
                .command(&["backup", &self.project.to_string_lossy()]);
            memory.push(("restic backup", peers::peak_of(backup)? << 10));
            let repository = peers::disk_use(&self.at("restic/repository"))?;
            sizes.push(("restic", repository));
            limit = (repository * 13 / 10, "1.3 x restic's repository".to_owned());
        }
        table.amount(
            "peak memory",
            peak << 10,
            memory,
            (MEMORY, "what is promised".to_owned()),
        );
        table.amount("store size", store, sizes, limit);
        Ok(())
    }

    /// Changes 100 files all over, the same in both.
    fn change(&self, sandbox: &Sandbox, tag: &str) -> Done<Vec<WorkspacePath>> {
        let files = sandbox.files();
        let step = (files.len() / 100).max(1);
        let mut changed = Vec::new();
        for path in files.into_iter().step_by(step).take(100) {
            let Some(name) = path.as_str() else {
                continue;
            };
            for root in [&self.at("sandbox/workspace"), &self.git.0] {
                let file = root.join(name);
                std::fs::remove_file(&file)?;
                std::fs::write(file, format!("changed {tag} {name}"))?;
            }
            changed.push(path);
        }
        Ok(changed)
    }
}
