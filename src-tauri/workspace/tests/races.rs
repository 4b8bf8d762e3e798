//! The agent works against us while we read and write: nothing outside is reached.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandbox_workspace::*;
use support::{Sandbox, witness};

/// Does something over and over until it is dropped.
struct Hostile(Arc<AtomicBool>, Option<std::thread::JoinHandle<u64>>);

impl Hostile {
    fn start(mut act: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut times = 0;
            while !seen.load(Ordering::Relaxed) {
                act();
                times += 1;
            }
            times
        });
        Self(stop, Some(thread))
    }

    fn times(mut self) -> u64 {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap()
    }
}

fn swap(dir: &Path, a: &str, b: &str) {
    let dir = Dir::open_root(dir).unwrap();
    let _ = dir.rename_exchange(a.as_bytes(), &dir, b.as_bytes());
}

fn outside(temp: &Path) -> std::path::PathBuf {
    let outside = temp.join("outside");
    std::fs::create_dir(&outside).unwrap();
    for n in 0..20 {
        std::fs::write(outside.join(format!("f{n}")), "CANARY").unwrap();
    }
    outside
}

#[test]
fn a_scan_never_reads_through_a_swapped_folder() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let outside = outside(temp.path());
    for n in 0..20 {
        sandbox.write(&format!("d/f{n}"), "inside");
    }
    symlink(&outside, sandbox.at("evil")).unwrap();
    assert_eq!(
        std::fs::read(sandbox.at("evil/f0")).unwrap(),
        b"CANARY",
        "the probe reaches it"
    );
    let (canary, inside) = (BlobId::of(b"CANARY"), BlobId::of(b"inside"));
    let root = sandbox.at("");
    let hostile = Hostile::start(move || swap(&root, "d", "evil"));
    let begun = Instant::now();
    let mut read_inside = 0;
    while begun.elapsed() < Duration::from_millis(800) || read_inside == 0 {
        let scan = sandbox.scan();
        for entry in scan.tree.entries() {
            if let EntryKind::File { blob, .. } = entry.kind {
                assert_ne!(blob, canary, "{}", entry.path);
                read_inside += u32::from(blob == inside);
            }
        }
    }
    assert!(hostile.times() > 100, "the race was run");
}

#[test]
fn a_file_swapped_for_a_fifo_blocks_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    sandbox.write("file", "x");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = sandbox.at("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let root = sandbox.at("");
    let hostile = Hostile::start(move || swap(&root, "file", "fifo"));
    let begun = Instant::now();
    let mut scans = 0;
    while begun.elapsed() < Duration::from_millis(500) || scans <= 20 {
        sandbox.scan();
        scans += 1;
    }
    assert!(scans > 20 && hostile.times() > 20);
}

#[test]
fn a_fifo_put_in_a_files_place_after_the_scan_holds_up_no_restore() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    for name in ["replaced", "touched", "removed"] {
        sandbox.write(name, "as it was");
    }
    std::fs::remove_file(sandbox.at("removed")).unwrap();
    let (id, _) = sandbox.snapshot();
    sandbox.write("replaced", "another");
    sandbox.write("removed", "came since");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(sandbox.at("touched"), mode).unwrap();
    let current = sandbox.scan().tree;
    for name in ["replaced", "touched", "removed"] {
        std::fs::remove_file(sandbox.at(name)).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, sandbox.at(name), fifo, mode, 0).unwrap();
    }
    sandbox.restore_from(&current, &id).unwrap();
    assert_eq!(std::fs::read(sandbox.at("replaced")).unwrap(), b"as it was");
    assert!(!sandbox.at("removed").exists());
    // What only the next look can see is put right by the next restore.
    sandbox.restore(&id).unwrap();
    assert_eq!(std::fs::read(sandbox.at("touched")).unwrap(), b"as it was");
}

#[test]
fn a_restore_never_writes_through_a_swapped_folder() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let outside = outside(temp.path());
    for n in 0..20 {
        sandbox.write(&format!("d/f{n}"), "good");
    }
    let (id, _) = sandbox.snapshot();
    symlink(&outside, sandbox.at("evil")).unwrap();
    let before = witness(&outside);
    let root = sandbox.at("");
    let hostile = Hostile::start(move || swap(&root, "d", "evil"));
    let begun = Instant::now();
    let (mut done, mut refused) = (0, 0);
    while begun.elapsed() < Duration::from_millis(1500) || done + refused <= 5 {
        for n in 0..20 {
            // By name, as the agent would: also through the link, which must be no test of ours.
            if !sandbox.at("d").is_symlink() {
                let _ = std::fs::remove_file(sandbox.at(&format!("d/f{n}")));
            }
        }
        restore_outside(&outside);
        match sandbox.restore(&id) {
            Ok(_) => done += 1,
            Err(_) => refused += 1,
        }
        let _ = std::fs::remove_file(&sandbox.journal);
        for line in witness(&outside) {
            assert!(
                line.contains(" 6 "),
                "only canaries of six bytes are there: {line}"
            );
        }
    }
    assert!(
        hostile.times() > 100 && done + refused > 5,
        "{done} {refused}"
    );
    let names = |seen: &[String]| seen.len();
    assert_eq!(names(&witness(&outside)), names(&before));
}

/// The race of the test's own deletions can take canaries: they are put back.
fn restore_outside(outside: &Path) {
    for n in 0..20 {
        std::fs::write(outside.join(format!("f{n}")), "CANARY").unwrap();
    }
}

#[test]
fn a_tree_that_grows_while_it_is_removed_never_leads_outside() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let outside = outside(temp.path());
    let before = witness(&outside);
    let (root, target) = (sandbox.at(""), outside.clone());
    let mut n = 0_u64;
    let hostile = Hostile::start(move || {
        n += 1;
        let folder = root.join(format!("t/{}", n % 7));
        let _ = std::fs::create_dir_all(&folder);
        let _ = symlink(&target, folder.join("out"));
        let _ = symlink(&target, root.join(format!("t/l{}", n % 5)));
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(500) {
        let _ = sandbox.workspace.remove_tree(b"t");
    }
    assert!(hostile.times() > 100);
    assert_eq!(witness(&outside), before);
}

#[test]
fn a_file_that_never_rests_is_torn_and_said_so() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let long = vec![b'x'; 3 << 20];
    sandbox.write("busy", &long);
    let path = sandbox.at("busy");
    let mut n = 0_u8;
    let hostile = Hostile::start(move || {
        n = n.wrapping_add(1);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[n; 64], u64::from(n) * 1000).unwrap();
    });
    let begun = Instant::now();
    let mut torn = false;
    while !torn && begun.elapsed() < Duration::from_secs(20) {
        torn = !sandbox.scan().tree.torn.is_empty();
    }
    hostile.times();
    assert!(torn);
    assert!(sandbox.scan().tree.torn.is_empty(), "at rest it is whole");
}

fn hand_over_of(sandbox: &Sandbox, project: &Path) -> Result<HandOver, HandOverError> {
    sandbox.workspace.remove_content().unwrap();
    sandbox.hand_over(&Dir::open_root(project).unwrap())
}

#[test]
fn a_project_that_changes_while_it_is_copied_is_read_again_or_said_to_be_torn() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let project = temp.path().join("project");
    std::fs::create_dir(&project).unwrap();
    // One that is copied in memory, and one that is streamed.
    for (name, length) in [("small", 3 << 20), ("large", 6 << 20)] {
        std::fs::write(project.join(name), vec![b'x'; length]).unwrap();
    }
    let files = ["small", "large"].map(|name| project.join(name));
    let mut n = 0_u8;
    let hostile = Hostile::start(move || {
        n = n.wrapping_add(1);
        for path in &files {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &[n; 64], u64::from(n) * 1000).unwrap();
        }
    });
    let begun = Instant::now();
    let mut torn = std::collections::BTreeSet::new();
    while torn.len() < 2 && begun.elapsed() < Duration::from_secs(30) {
        let done = hand_over_of(&sandbox, &project).unwrap();
        assert_eq!(
            sandbox.scan().tree.entries(),
            done.tree.entries(),
            "the baseline is the copy"
        );
        let said = done.warnings.iter().filter_map(|warning| match warning {
            project::Warning::Torn(path) => Some(path.clone()),
            _ => None,
        });
        let mut said: Vec<_> = said.collect();
        said.sort();
        assert_eq!(said, done.tree.torn);
        torn.extend(done.tree.torn);
    }
    assert!(hostile.times() > 100, "the race was run");
    assert_eq!(torn.len(), 2, "{torn:?}");
    let at_rest = hand_over_of(&sandbox, &project).unwrap();
    assert!(at_rest.tree.torn.is_empty() && at_rest.warnings.is_empty());
    for name in ["small", "large"] {
        let [from, to] = [project.join(name), sandbox.at(name)].map(|p| std::fs::read(p).unwrap());
        assert!(from == to, "{name}");
    }
}

#[test]
fn a_hand_over_never_reads_through_a_swapped_folder_and_no_fifo_holds_it_up() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    let outside = outside(temp.path());
    let project = temp.path().join("project");
    std::fs::create_dir_all(project.join("d")).unwrap();
    for n in 0..20 {
        std::fs::write(project.join(format!("d/f{n}")), "inside").unwrap();
    }
    symlink(&outside, project.join("evil")).unwrap();
    std::fs::write(project.join("file"), "x").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = project.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(
        std::fs::read(project.join("evil/f0")).unwrap(),
        b"CANARY",
        "the probe reaches it"
    );
    let root = project.clone();
    let hostile = Hostile::start(move || {
        swap(&root, "d", "evil");
        swap(&root, "file", "fifo");
    });
    let (canary, inside) = (BlobId::of(b"CANARY"), BlobId::of(b"inside"));
    let begun = Instant::now();
    let mut read_inside = 0;
    while begun.elapsed() < Duration::from_millis(800) || read_inside == 0 {
        let done = hand_over_of(&sandbox, &project).unwrap();
        for entry in done.tree.entries() {
            if let EntryKind::File { blob, .. } = entry.kind {
                assert_ne!(blob, canary, "{}", entry.path);
                read_inside += u32::from(blob == inside);
            }
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing is waited for"
        );
    }
    assert!(hostile.times() > 100, "the race was run");
}
