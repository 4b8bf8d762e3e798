//! How fast a review and a copy-out are, beside git in the same run: a table, then one line of JSON.
//!
//! `cargo run --release -p sandbox-review --example bench_review [folder]`

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sandbox_review::changes::{Options, compare};
use sandbox_review::copyout::{self, Request};
use sandbox_review::diff::TextDiff;
use sandbox_workspace::{
    BlobSource, Cancel, Dir, Entry, EntryKind, FileTime, Index, MemoryBlobs, ScanOptions, Silent,
    Store, Tree, WorkspacePath, scan,
};

type Failure = Box<dyn std::error::Error>;

const FILES: usize = 20_000;
const CHANGED: usize = 2_000;

struct Row {
    job: &'static str,
    ours: Duration,
    peer: &'static str,
    theirs: Duration,
}

fn main() -> Result<(), Failure> {
    let at = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, Into::into);
    let home = tempfile::tempdir_in(at)?;
    let mut blobs = MemoryBlobs::default();
    let (base, capture) = (tree(&mut blobs, false)?, tree(&mut blobs, true)?);
    let project = home.path().join("project");
    lay(&project, &base, &blobs)?;
    git(&project, &["init", "-q"])?;
    git(&project, &["add", "-A"])?;
    git(&project, &["commit", "-qm", "base"])?;
    let rows = [
        end_to_end(home.path(), &base, &capture, &blobs)?,
        change_list(home.path(), &base, &capture, &blobs)?,
        hunks(home.path())?,
        first_screen()?,
        copy_out(home.path(), &base, &capture, &blobs)?,
    ];
    print(&rows);
    Ok(())
}

/// From the same state of one folder on the disk, warm: we scan it with the index of the last scan, keep what
/// changed in the store (fsynced, as a capture is) and list it with counts and risks; git has its index too. Its
/// repository lies beside the folder. Each of our runs begins with the store as it was before the changes.
fn end_to_end(
    home: &Path,
    base: &Tree,
    capture: &Tree,
    blobs: &MemoryBlobs,
) -> Result<Row, Failure> {
    let at = home.join("workspace");
    lay(&at, base, blobs)?;
    // Else the times of all files are too near to those of the indexes, and both read everything again.
    std::thread::sleep(Duration::from_millis(1_100));
    let git_dir = format!("--git-dir={}", home.join("workspace.git").display());
    let git_here = |args: &[&str]| git(&at, &[&[git_dir.as_str(), "--work-tree=."], args].concat());
    git_here(&["init", "-q"])?;
    git_here(&["add", "-A"])?;
    git_here(&["commit", "-qm", "base"])?;
    let cancel = Cancel::default();
    let first = home.join("store-before");
    let workspace = Dir::open_root(&at)?;
    let (base_id, index) = {
        let store = Store::open(&first)?;
        let writer = store.writer()?;
        let found = scan(&workspace, &writer, &ScanOptions::new(&cancel))?;
        let id = writer.put_tree(&found.tree)?;
        writer.commit()?;
        (id, found.index)
    };
    index.save(&home.join("index"))?;
    for entry in capture.entries() {
        if let (EntryKind::File { blob, size }, true) = (
            &entry.kind,
            base.get(&entry.path)
                .is_some_and(|old| old.kind != entry.kind),
        ) {
            std::fs::write(at.join(entry.path.to_lossy()), blobs.read(blob, *size)?)?;
        }
    }
    rustix::fs::sync();
    let mut ours = Duration::MAX;
    for run in 0..5 {
        let fresh = home.join(format!("store-{run}"));
        let copied = Command::new("cp")
            .arg("-a")
            .args([&first, &fresh])
            .status()?;
        assert!(copied.success());
        rustix::fs::sync();
        let start = Instant::now();
        let store = Store::open(&fresh)?;
        let index = Index::load(&home.join("index"));
        let options = ScanOptions {
            index: Some(&index),
            ..ScanOptions::new(&cancel)
        };
        let writer = store.writer()?;
        let found = scan(&workspace, &writer, &options)?;
        writer.put_tree(&found.tree)?;
        writer.commit()?;
        let changes = compare(
            &store.tree(&base_id)?,
            &found.tree,
            &store,
            &Options::default(),
        )?;
        ours = ours.min(start.elapsed());
        assert_eq!(changes.list.len(), CHANGED);
        assert_eq!(
            found.read_files as usize, CHANGED,
            "only what changed is read"
        );
    }
    let theirs = best(|| {
        git_here(&["diff", "--numstat", "HEAD"])?;
        git_here(&["status", "--porcelain"])
    })?;
    Ok(Row {
        job: "scan, capture (fsynced), change list, counts, risks: 2,000 of 20,000 files on the disk",
        ours,
        peer: "git diff --numstat HEAD + status",
        theirs,
    })
}

fn change_list(
    home: &Path,
    base: &Tree,
    capture: &Tree,
    blobs: &MemoryBlobs,
) -> Result<Row, Failure> {
    let changed = home.join("changed");
    lay(&changed, capture, blobs)?;
    std::fs::rename(home.join("project/.git"), changed.join(".git"))?;
    let ours = best(|| {
        let found = compare(base, capture, blobs, &Options::default())?;
        assert_eq!(found.list.len(), CHANGED);
        Ok(())
    })?;
    let theirs = best(|| {
        git(&changed, &["diff", "--numstat", "HEAD"])?;
        git(&changed, &["status", "--porcelain"])
    })?;
    std::fs::rename(changed.join(".git"), home.join("project/.git"))?;
    Ok(Row {
        job: "the same of two stored trees, without a look at the files (git looks at them)",
        ours,
        peer: "git diff --numstat HEAD + status",
        theirs,
    })
}

fn large(edited: bool) -> Vec<u8> {
    (0..160_000_u64)
        .flat_map(|n| {
            let mark = if edited && n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 31 < 2 {
                "edited "
            } else {
                ""
            };
            format!(
                "{mark}line {n} of a long text, with {} and some words to fill it\n",
                n % 977
            )
            .into_bytes()
        })
        .collect()
}

fn hunks(home: &Path) -> Result<Row, Failure> {
    let (old, new) = (large(false), large(true));
    std::fs::write(home.join("old"), &old)?;
    std::fs::write(home.join("new"), &new)?;
    let ours = best(|| {
        assert!(TextDiff::of_bytes(&old, &new).hunk_count() > 1_000);
        Ok(())
    })?;
    let theirs = best(|| git(home, &["diff", "--no-index", "--histogram", "old", "new"]))?;
    Ok(Row {
        job: "hunks of a 10 MB text, 5 % of lines changed",
        ours,
        peer: "git diff --histogram",
        theirs,
    })
}

fn first_screen() -> Result<Row, Failure> {
    let text = |edited: bool| -> String {
        (0..200_000)
            .map(|n| {
                if edited && n % 20 == 0 {
                    format!("line {n} edited\n")
                } else {
                    format!("line {n}\n")
                }
            })
            .collect()
    };
    let (old, new) = (text(false), text(true));
    let ours = best(|| {
        assert_eq!(
            TextDiff::of_bytes(old.as_bytes(), new.as_bytes())
                .hunks(0..30)
                .len(),
            30
        );
        Ok(())
    })?;
    Ok(Row {
        job: "first screen of 200,000 lines with 10,000 hunks",
        ours,
        peer: "to reach: 100 ms",
        theirs: Duration::from_millis(100),
    })
}

fn copy_out(home: &Path, base: &Tree, capture: &Tree, blobs: &MemoryBlobs) -> Result<Row, Failure> {
    let project = home.join("project");
    let copyouts = home.join("copyouts");
    std::fs::create_dir(&copyouts)?;
    let changes = compare(base, capture, blobs, &Options::default())?;
    let (picks, _) = copyout::choose(&changes.list, true);
    let patch =
        sandbox_review::unified::patch(&changes.list, blobs, sandbox_review::unified::Form::Patch)?;
    std::fs::write(home.join("patch"), patch)?;
    let (project_dir, copyouts_dir) = (Dir::open_root(&project)?, Dir::open_root(&copyouts)?);
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        rustix::fs::sync();
        let start = Instant::now();
        let plan = copyout::plan(&Request {
            project: &project_dir,
            base,
            capture,
            capture_id: None,
            picks: &picks,
            blobs,
            merge: true,
            leave_conflicts: false,
            resolutions: &[],
        })?;
        let report = copyout::execute(
            &plan,
            &project_dir,
            &copyouts_dir,
            blobs,
            &Silent,
            &Cancel::default(),
        )?;
        ours = ours.min(start.elapsed());
        let id = report.id.ok_or("nothing was written")?;
        copyout::settle(&copyouts_dir, &id)?;
        git(&project, &["checkout", "-q", "."])?;
        git(&project, &["clean", "-qfd"])?;
        rustix::fs::sync();
        let start = Instant::now();
        git(&project, &["apply", "../patch"])?;
        rustix::fs::sync();
        theirs = theirs.min(start.elapsed());
        git(&project, &["checkout", "-q", "."])?;
        git(&project, &["clean", "-qfd"])?;
    }
    Ok(Row {
        job: "copy-out of 2,000 files, durable, planned and verified",
        ours,
        peer: "git apply + sync",
        theirs,
    })
}

/// The shortest of five runs.
fn best(mut run: impl FnMut() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn tree(blobs: &mut MemoryBlobs, edited: bool) -> Result<Tree, Failure> {
    let mut entries = Vec::new();
    for folder in 0..FILES / 100 {
        let name = format!("folder{folder}");
        entries.push(entry(&name, EntryKind::Dir, 0o755)?);
        for file in 0..100 {
            let number = folder * 100 + file;
            let edit = edited && number % (FILES / CHANGED) == 0;
            let text: String = (0..60)
                .map(|line| {
                    let mark = if edit && line % 20 == 7 {
                        "changed "
                    } else {
                        ""
                    };
                    format!("{mark}line {line} of file {number}, with some words\n")
                })
                .collect();
            let size = text.len() as u64;
            let kind = EntryKind::File {
                blob: blobs.add(text),
                size,
            };
            entries.push(entry(&format!("{name}/file{file}.txt"), kind, 0o644)?);
        }
    }
    Ok(Tree::new(entries))
}

fn entry(path: &str, kind: EntryKind, mode: u32) -> Result<Entry, Failure> {
    Ok(Entry {
        path: WorkspacePath::try_from(path)?,
        kind,
        mode,
        mtime: FileTime {
            seconds: 0,
            nanos: 0,
        },
    })
}

/// Writes a tree to the disk.
fn lay(at: &Path, tree: &Tree, blobs: &MemoryBlobs) -> Result<(), Failure> {
    std::fs::create_dir(at)?;
    for entry in tree.entries() {
        let to = at.join(entry.path.to_lossy());
        match &entry.kind {
            EntryKind::File { blob, size } => std::fs::write(to, blobs.read(blob, *size)?)?,
            _ => std::fs::create_dir(to)?,
        }
    }
    Ok(())
}

fn git(at: &Path, args: &[&str]) -> Result<(), Failure> {
    Command::new("git")
        .args(["-c", "user.name=b", "-c", "user.email=b@example.org"])
        // No gathering of objects in the background of what is measured.
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(args)
        .current_dir(at)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdout(Stdio::null())
        .status()?;
    Ok(())
}

fn print(rows: &[Row]) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!("| job | ours | peer | | ratio |\n|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {:.0} ms | {} | {:.0} ms | {:.2} |",
            row.job,
            ms(row.ours),
            row.peer,
            ms(row.theirs),
            ms(row.ours) / ms(row.theirs)
        );
    }
    let json: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "job": row.job, "ours_ms": ms(row.ours), "peer": row.peer, "peer_ms": ms(row.theirs),
            })
        })
        .collect();
    println!("{}", serde_json::Value::from(json));
}
