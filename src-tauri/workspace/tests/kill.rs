//! The process dies at every write point, and at any moment: the next start finds a whole state.
//!
//! Each case runs this test binary again as a child that aborts at the n-th passing of a point (no
//! destructor runs, as with `kill -9`), until a child comes through; then looks at what is left.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sandbox_workspace::*;
use support::{Sandbox, witness};

const POINTS_OF_STORE: &[&str] = &[
    "store-pack-found",
    "store-pack",
    "store-pack-synced",
    "store-index",
    "store-large",
    "store-before-manifest",
    "durable-new",
    "durable-named",
    "store-after-manifest",
];
const POINTS_OF_PRUNE: &[&str] = &[
    "store-prune-tree",
    "store-prune-marked",
    "store-pack-made",
    "store-pack",
    "store-pack-synced",
    "store-index",
    "store-prune-rewritten",
    "store-prune-pack",
    "store-prune-large",
];
const POINTS_OF_RESTORE: &[&str] = &[
    "durable-named",
    "restore-journaled",
    "restore-trashed",
    "restore-remove",
    "restore-removed",
    "restore-folders",
    "restore-write",
    "restore-rename",
    "restore-applied",
];

/// What a child does; no test of its own when there is no job.
#[test]
fn child() {
    let Ok(job) = std::env::var("KILL_JOB") else {
        return;
    };
    let root = std::env::var("KILL_ROOT").unwrap();
    if let (Ok(point), Ok(nth)) = (std::env::var("KILL_POINT"), std::env::var("KILL_NTH")) {
        let left = AtomicU32::new(nth.parse().unwrap());
        fail::cfg_callback(point, move || {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                std::process::abort();
            }
        })
        .unwrap();
    }
    let sandbox = Sandbox::open(Path::new(&root));
    let tree = |name: &str| -> TreeId { read_id(Path::new(&root), name) };
    match job.as_str() {
        "snapshot" => {
            let (id, _) = sandbox.snapshot();
            write_id(Path::new(&root), "new", &id);
        }
        "restore" => {
            let skipped = [WorkspacePath::try_from("web/node_modules").unwrap()];
            let current = sandbox.scan();
            let options = RestoreOptions {
                owner: None,
                skipped: &skipped,
                bring_back: &[],
                only: None,
                progress: &Silent,
                cancel: &Cancel::default(),
            };
            let entries = current.tree.into_entries().into_iter();
            let kept = entries
                .filter(|e| !e.path.starts_with(&skipped[0]))
                .collect();
            restore(&sandbox.place(), &Tree::new(kept), &tree("old"), &options).unwrap();
        }
        "prune" => {
            let live = HashSet::from([tree("live")]);
            sandbox.store.prune(&live, Duration::ZERO).unwrap();
        }
        "writes" => write_trees(&sandbox, &std::env::var("KILL_NTH").unwrap()),
        "prunes" => {
            let live = HashSet::from([tree("live")]);
            for _ in 0..40 {
                match sandbox.store.prune(&live, Duration::from_secs(3600)) {
                    Ok(_) | Err(StoreError::Busy) => {}
                    Err(error) => panic!("{error}"),
                }
                assert!(sandbox.store.tree(&tree("live")).is_ok());
            }
        }
        "meets" => meet_over_a_new_pack(&sandbox, Path::new(&root)),
        "syncs" => name_what_another_commits(&sandbox),
        other => panic!("no job {other}"),
    }
}

/// Twenty trees one after the other, each read back at once.
fn write_trees(sandbox: &Sandbox, name: &str) {
    let number: u32 = name.parse().unwrap();
    for round in 0..20 {
        let writer = sandbox.store.writer().unwrap();
        let entries = (0..20).map(|n| {
            // Half of it is the same in both processes.
            let seed = if n % 2 == 0 {
                n
            } else {
                10_000 * (number + 1) + 100 * round + n
            };
            let content = noise(seed);
            Entry {
                path: WorkspacePath::try_from(format!("f{n:02}").as_str()).unwrap(),
                kind: EntryKind::File {
                    blob: writer.put_bytes(&content).unwrap(),
                    size: content.len() as u64,
                },
                mode: 0o644,
                mtime: FileTime {
                    seconds: i64::from(round),
                    nanos: 0,
                },
            }
        });
        let tree = Tree::new(entries.collect());
        let id = writer.put_tree(&tree).unwrap();
        drop(writer);
        assert_eq!(sandbox.store.tree(&id).unwrap(), tree);
        for entry in tree.entries() {
            let EntryKind::File { blob, size } = entry.kind else {
                continue;
            };
            assert_eq!(
                BlobSource::read(&sandbox.store, &blob, size).unwrap().len() as u64,
                size
            );
        }
        write_id(&sandbox.root, &format!("last{name}"), &id);
    }
}

fn write_id(root: &Path, name: &str, id: &TreeId) {
    std::fs::write(root.join(name), serde_json::to_vec(id).unwrap()).unwrap();
}

fn read_id(root: &Path, name: &str) -> TreeId {
    serde_json::from_slice(&std::fs::read(root.join(name)).unwrap()).unwrap()
}

fn command(job: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--test-threads=1"]);
    command.env("KILL_JOB", job).env("KILL_ROOT", root);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(job: &str, root: &Path, point: &str, nth: u32) -> ExitStatus {
    let mut command = command(job, root);
    command
        .env("KILL_POINT", point)
        .env("KILL_NTH", nth.to_string());
    command.status().unwrap()
}

/// Kills at the first passings of each point, then at rarer ones, until a child comes through.
fn each_kill(job: &str, points: &[&str], prepare: impl Fn(&Path), check: impl Fn(&Path, &str)) {
    for point in points {
        let mut killed = 0;
        for nth in [1, 2, 3, 5, 9, 17, 33, 65, 129, 100_000] {
            let temp = tempfile::tempdir().unwrap();
            prepare(temp.path());
            let status = run(job, temp.path(), point, nth);
            let aborted = status.signal() == Some(6);
            assert!(aborted || status.success(), "{job} at {point}: {status}");
            check(temp.path(), &format!("{job}, {point}, {nth}"));
            if !aborted {
                break;
            }
            killed += 1;
        }
        assert!(killed > 0, "{job} passes {point}");
    }
}

fn noise(n: u32) -> Vec<u8> {
    (0..64_u32)
        .flat_map(|m| BlobId::of(&[n.to_le_bytes(), m.to_le_bytes()].concat()).0)
        .collect()
}

fn fill(sandbox: &Sandbox) {
    for n in 0..60 {
        sandbox.write(&format!("d{}/e/f{n}", n % 6), noise(n));
    }
    sandbox.write("large", vec![7; 5 << 20]);
    sandbox.write("large too", vec![8; 5 << 20]);
    std::os::unix::fs::symlink("nowhere", sandbox.at("link")).unwrap();
    std::fs::create_dir_all(sandbox.at("empty/inner")).unwrap();
}

#[test]
fn a_snapshot_exists_whole_or_not_at_all() {
    let prepare = |root: &Path| {
        let sandbox = Sandbox::open(root);
        sandbox.write("before", "old");
        write_id(root, "old", &sandbox.snapshot().0);
        fill(&sandbox);
        for n in 0..200 {
            sandbox.write(&format!("many/{n}"), noise(1000 + n).repeat(10));
        }
    };
    each_kill("snapshot", POINTS_OF_STORE, prepare, |root, case| {
        let sandbox = Sandbox::open(root);
        let old = read_id(root, "old");
        assert_eq!(
            sandbox.store.tree(&old).unwrap().entries().len(),
            1,
            "{case}"
        );
        let verified = sandbox.store.verify(&Cancel::default()).unwrap();
        assert!(
            verified.damaged.is_empty(),
            "{case}: {:?}",
            verified.damaged
        );
        let (id, tree) = sandbox.snapshot();
        assert_eq!(sandbox.store.tree(&id).unwrap(), tree, "{case}");
        assert!(
            sandbox
                .store
                .verify(&Cancel::default())
                .unwrap()
                .damaged
                .is_empty(),
            "{case}"
        );
        let live = HashSet::from([old, id]);
        sandbox.store.prune(&live, Duration::ZERO).unwrap();
        let names = std::fs::read_dir(root.join("store/trees")).unwrap();
        assert_eq!(names.count(), 2, "{case}: nothing half written is left");
    });
}

#[test]
fn a_restore_is_finished_at_the_next_start() {
    let prepare = |root: &Path| {
        let sandbox = Sandbox::open(root);
        fill(&sandbox);
        write_id(root, "old", &sandbox.snapshot().0);
        std::fs::write(root.join("witness"), witness(&sandbox.at("")).join("\n")).unwrap();
        for n in 0..40 {
            sandbox.write(&format!("d{}/e/f{n}", n % 6), "changed");
            sandbox.write(&format!("added/{n}/f"), "added");
        }
        std::fs::remove_dir_all(sandbox.at("d5")).unwrap();
        std::fs::remove_file(sandbox.at("large")).unwrap();
        sandbox.write("web/node_modules/m/index.js", "made again");
    };
    each_kill("restore", POINTS_OF_RESTORE, prepare, |root, case| {
        let sandbox = Sandbox::open(root);
        recover(&sandbox.place(), &Silent).unwrap();
        assert!(
            recover(&sandbox.place(), &Silent).unwrap().is_none(),
            "{case}"
        );
        let wanted = std::fs::read_to_string(root.join("witness")).unwrap();
        assert_eq!(witness(&sandbox.at("")).join("\n"), wanted, "{case}");
        let trashed = sandbox.trash.list().unwrap();
        assert_eq!(
            trashed.len(),
            1,
            "{case}: what a snapshot does not hold is not lost"
        );
    });
}

#[test]
fn a_prune_loses_nothing_that_lives() {
    let prepare = |root: &Path| {
        let sandbox = Sandbox::open(root);
        fill(&sandbox);
        sandbox.snapshot();
        for n in 0..50 {
            std::fs::remove_file(sandbox.at(&format!("d{}/e/f{n}", n % 6))).unwrap();
        }
        std::fs::remove_file(sandbox.at("large")).unwrap();
        write_id(root, "live", &sandbox.snapshot().0);
    };
    each_kill("prune", POINTS_OF_PRUNE, prepare, |root, case| {
        let sandbox = Sandbox::open(root);
        let live = read_id(root, "live");
        for _ in 0..2 {
            let tree = sandbox.store.tree(&live).unwrap();
            assert_eq!(tree, sandbox.scan().tree, "{case}");
            let damaged = sandbox.store.verify(&Cancel::default()).unwrap().damaged;
            assert!(damaged.is_empty(), "{case}: {damaged:?}");
            sandbox
                .store
                .prune(&HashSet::from([live]), Duration::ZERO)
                .unwrap();
        }
        assert_eq!(sandbox.store.trees().unwrap(), [live], "{case}");
    });
}

#[test]
fn killed_at_any_moment_the_next_start_finds_a_whole_state() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    fill(&sandbox);
    let (old, _) = sandbox.snapshot();
    write_id(temp.path(), "old", &old);
    write_id(temp.path(), "live", &old);
    let wanted = witness(&sandbox.at(""));
    drop(sandbox);
    let mut seed = std::process::id();
    for round in 0..36_u32 {
        let sandbox = Sandbox::open(temp.path());
        sandbox.workspace.remove_content().unwrap();
        sandbox.write("mess", noise(round));
        // What the next prune takes away.
        sandbox.snapshot();
        drop(sandbox);
        let job = ["snapshot", "restore", "prune"][round as usize % 3];
        let mut child = command(job, temp.path()).spawn().unwrap();
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Any moment will do: the length of the pause is the random choice, nothing is waited for.
        std::thread::sleep(Duration::from_micros(u64::from(seed >> 16) % 30_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let sandbox = Sandbox::open(temp.path());
        let was_interrupted = restore::is_interrupted(&sandbox.journal);
        recover(&sandbox.place(), &Silent).unwrap();
        if was_interrupted {
            assert_eq!(witness(&sandbox.at("")), wanted, "round {round}");
        }
        assert!(
            sandbox
                .store
                .verify(&Cancel::default())
                .unwrap()
                .damaged
                .is_empty()
        );
        sandbox.restore(&old).unwrap();
        assert_eq!(witness(&sandbox.at("")), wanted, "round {round}");
    }
}

/// What another process does at the same time.
#[test]
fn processes_at_once_lose_nothing_of_each_other() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    fill(&sandbox);
    let (live, tree) = sandbox.snapshot();
    write_id(temp.path(), "live", &live);
    let mut children: Vec<_> = ["writes", "writes", "prunes"]
        .iter()
        .enumerate()
        .map(|(n, job)| {
            let mut command = command(job, temp.path());
            // What one of them fails with is worth seeing.
            command.arg("--nocapture").stderr(Stdio::inherit());
            command.env("KILL_NTH", n.to_string()).spawn().unwrap()
        })
        .collect();
    let statuses: Vec<_> = children.iter_mut().map(|c| c.wait().unwrap()).collect();
    assert!(statuses.iter().all(ExitStatus::success), "{statuses:?}");
    let store = Store::open(&temp.path().join("store")).unwrap();
    assert_eq!(store.tree(&live).unwrap(), tree);
    for writer in 0..2 {
        let id = read_id(temp.path(), &format!("last{writer}"));
        let last = store.tree(&id).unwrap();
        assert_eq!(last.entries().len(), 20, "of writer {writer}");
    }
    let found = store.verify(&Cancel::default()).unwrap();
    assert_eq!(found.damaged, []);
}

fn one_file(writer: &store::Writer, name: &str) -> TreeId {
    let content = noise(name.len() as u32);
    let entry = Entry {
        path: WorkspacePath::try_from(name).unwrap(),
        kind: EntryKind::File {
            blob: writer.put_bytes(&content).unwrap(),
            size: content.len() as u64,
        },
        mode: 0o644,
        mtime: FileTime {
            seconds: 0,
            nanos: 0,
        },
    };
    writer.put_tree(&Tree::new(vec![entry])).unwrap()
}

/// Two writers at the two instants at which a new pack is there and not locked.
fn meet_over_a_new_pack(sandbox: &Sandbox, root: &Path) {
    use std::sync::{Arc, Mutex};
    // One finds the pack that another has just made.
    let quicker = Arc::new(Mutex::new(None));
    let (kept, store, at) = (quicker.clone(), sandbox.store.clone(), root.to_owned());
    fail::cfg_callback("store-pack-made", move || {
        fail::remove("store-pack-made");
        // On a thread of its own: the encoder of this one is in use.
        let (store, at) = (store.clone(), at.clone());
        let put = std::thread::spawn(move || {
            let writer = store.writer().unwrap();
            write_id(&at, "quicker", &one_file(&writer, "q"));
            writer
        });
        *kept.lock().unwrap() = Some(put.join().unwrap());
    })
    .unwrap();
    let writer = sandbox.store.writer().unwrap();
    write_id(root, "slower", &one_file(&writer, "sl"));
    assert!(quicker.lock().unwrap().is_some(), "the control: they met");

    // One has opened a pack that another gives up before it is locked.
    let gives_up = sandbox.store.writer().unwrap();
    gives_up.put_bytes(&noise(77)).unwrap();
    let gives_up = Arc::new(Mutex::new(Some(gives_up)));
    let given = gives_up.clone();
    fail::cfg_callback("store-pack-found", move || {
        drop(given.lock().unwrap().take());
    })
    .unwrap();
    let writer = sandbox.store.writer().unwrap();
    write_id(root, "finder", &one_file(&writer, "fin"));
    assert!(gives_up.lock().unwrap().is_none(), "the control: they met");
}

#[test]
fn writers_that_meet_over_a_new_pack_lose_nothing() {
    let temp = tempfile::tempdir().unwrap();
    drop(Sandbox::open(temp.path()));
    let mut meet = command("meets", temp.path());
    meet.arg("--nocapture").stderr(Stdio::inherit());
    assert!(meet.status().unwrap().success());
    let store = Store::open(&temp.path().join("store")).unwrap();
    for name in ["quicker", "slower", "finder"] {
        let tree = store.tree(&read_id(temp.path(), name)).expect(name);
        assert_eq!(tree.entries().len(), 1, "{name}");
    }
    assert_eq!(store.verify(&Cancel::default()).unwrap().damaged, []);
}

/// Of a batch that was written and not yet synced, another makes a tree. All trees are of the same content, which goes
/// by the length of their names.
fn name_what_another_commits(sandbox: &Sandbox) {
    use std::sync::Arc;
    let synced = Arc::new(AtomicU32::new(0));
    let counted = synced.clone();
    fail::cfg_callback("store-others", move || {
        counted.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    let named = |store: &Store, name: &'static str| {
        let store = store.clone();
        let name = move || one_file(&store.writer().unwrap(), name);
        std::thread::spawn(name).join().unwrap()
    };
    let (store, met) = (sandbox.store.clone(), synced.clone());
    fail::cfg_callback("store-index", move || {
        fail::remove("store-index");
        named(&store, "others");
        assert_eq!(met.load(Ordering::Relaxed), 1, "the other's index");
    })
    .unwrap();
    let writer = sandbox.store.writer().unwrap();
    one_file(&writer, "itsown");
    assert_eq!(synced.load(Ordering::Relaxed), 1, "not its own");
    drop(writer);
    named(&sandbox.store, "nobody");
    assert_eq!(synced.load(Ordering::Relaxed), 1, "nobody is at work");
}

#[test]
fn a_tree_is_named_when_what_others_commit_is_on_the_disk() {
    let temp = tempfile::tempdir().unwrap();
    let mut job = command("syncs", temp.path());
    job.arg("--nocapture").stderr(Stdio::inherit());
    assert!(job.status().unwrap().success());
}
