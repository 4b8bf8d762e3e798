//! A disk without room: what was there stays, what is told is true.
//!
//! Needs the right to mount a small file system; without it the tests say that they did not run.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sandbox_workspace::*;
use support::{Sandbox, witness};

/// A small file system, gone when dropped.
struct Small(PathBuf, #[allow(dead_code)] tempfile::TempDir);

impl Small {
    fn mount(options: &str) -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let at = temp.path().join("small");
        std::fs::create_dir(&at).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&at)
            .output();
        if done.is_ok_and(|o| o.status.success()) {
            return Some(Self(at, temp));
        }
        eprintln!("SKIPPED: no right to mount a small file system");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn noise(seed: u32, length: usize) -> Vec<u8> {
    let blocks =
        (0_u32..).flat_map(|n| *blake3_of(seed, n).as_slice().first_chunk::<32>().unwrap());
    blocks.take(length).collect()
}

fn blake3_of(seed: u32, n: u32) -> Vec<u8> {
    BlobId::of(&[seed.to_le_bytes(), n.to_le_bytes()].concat())
        .0
        .to_vec()
}

fn project(at: &Path, files: usize, length: usize) -> PathBuf {
    let project = at.join("project");
    for n in 0..files {
        let path = project.join(format!("d{}/f{n}", n % 5));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(n as u32, length)).unwrap();
    }
    project
}

#[test]
fn a_hand_over_that_does_not_fit_leaves_nothing() {
    let Some(small) = Small::mount("size=3m") else {
        return;
    };
    let outside = tempfile::tempdir().unwrap();
    let project = Dir::open_root(&project(outside.path(), 40, 100_000)).unwrap();
    let sandbox = Sandbox::open(&small.0);
    let cancel = Cancel::default();
    let counted = preflight(&project, &Rules::default(), &Silent, &cancel).unwrap();
    assert!(matches!(
        counted.check_room(&sandbox.workspace),
        Err(ProjectError::TooLarge { .. })
    ));
    let full = sandbox.hand_over(&project).unwrap_err();
    assert!(full.is_full(), "{full}");
    assert!(witness(&sandbox.at("")).is_empty());
    let stats = sandbox.store.stats().unwrap();
    assert!(
        stats.on_disk < 100_000,
        "the store gave the room back: {stats:?}"
    );
}

#[test]
fn a_snapshot_that_does_not_fit_never_was_and_the_next_works() {
    for options in ["size=2500k", "size=64m,nr_inodes=46"] {
        let Some(small) = Small::mount(options) else {
            return;
        };
        let sandbox = Sandbox::open(&small.0);
        sandbox.write("kept", "first");
        let (first, tree) = sandbox.snapshot();
        let mut refused = false;
        for n in 0..40 {
            let path = sandbox.at(&format!("big{n}"));
            // Full for the agent as well, at some time.
            if std::fs::write(&path, noise(n, if n == 1 { 1_100_000 } else { 100_000 })).is_err() {
                let _ = std::fs::remove_file(path);
                break;
            }
            refused |= sandbox.try_snapshot(None).is_err();
        }
        assert!(
            refused || options.contains("inodes"),
            "the probe: it did not fit"
        );
        drop(sandbox);
        let sandbox = Sandbox::open(&small.0);
        assert_eq!(sandbox.store.tree(&first).unwrap(), tree);
        assert!(
            sandbox
                .store
                .verify(&Cancel::default())
                .unwrap()
                .damaged
                .is_empty()
        );
        sandbox.workspace.remove_content().unwrap();
        let live = HashSet::from([first]);
        prune_alone(&sandbox.store, &live).unwrap();
        sandbox.write("after", "works");
        sandbox.try_snapshot(None).unwrap();
    }
}

#[test]
fn a_restore_that_does_not_fit_is_finished_when_there_is_room() {
    let Some(small) = Small::mount("size=4m") else {
        return;
    };
    let outside = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(&small.0);
    for n in 0..10 {
        sandbox.write(&format!("d/f{n}"), noise(n, 100_000));
    }
    let (id, _) = sandbox.snapshot();
    let before = witness(&sandbox.at(""));
    sandbox.workspace.remove_content().unwrap();
    // Something beside the workspace eats the disk.
    let hog = small.0.join("hog");
    let free = sandbox.workspace.free_space().unwrap().free as usize;
    std::fs::write(&hog, vec![1; free - 600_000]).unwrap();
    let full = sandbox.restore(&id).unwrap_err();
    assert!(full.is_full(), "{full}");
    assert!(restore::is_interrupted(&sandbox.journal));
    assert!(recover(&sandbox.place(), &Silent).is_err(), "still full");
    std::fs::remove_file(hog).unwrap();
    // A program that another test starts at this moment has the file open too, from its fork to its exec.
    let begun = std::time::Instant::now();
    while sandbox.workspace.free_space().unwrap().free < 1_200_000 {
        assert!(begun.elapsed() < Duration::from_secs(20), "there is room");
        std::thread::sleep(Duration::from_millis(10));
    }
    recover(&sandbox.place(), &Silent).unwrap().unwrap();
    assert_eq!(witness(&sandbox.at("")), before);
    drop(outside);
}

impl Small {
    /// More room, where it lies.
    fn grow(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,size=64m,nr_inodes=10000"])
            .arg(&self.0)
            .status();
        assert!(done.unwrap().success(), "grows");
    }
}

/// Every size from none to enough, so that the disk is full at every step; then the same with inodes.
fn all_sizes() -> impl Iterator<Item = String> {
    let bytes = (100..1_700).step_by(100).map(|k| format!("size={k}k"));
    let inodes = (2..34)
        .step_by(2)
        .map(|n| format!("size=64m,nr_inodes={n}"));
    bytes.chain(inodes)
}

/// 1.2 MB in 24 files and 8 folders.
fn tree_to_keep(sandbox: &Sandbox) {
    for n in 0..24 {
        sandbox.write(&format!("d{}/f{n}", n % 8), noise(n, 50_000));
    }
}

/// A program that another test starts at this moment has our lock too, from its fork to its exec.
fn prune_alone(store: &Store, live: &HashSet<TreeId>) -> Result<(), StoreError> {
    let mut tries = 0..500;
    loop {
        match store.prune(live, Duration::ZERO) {
            Err(StoreError::Busy) if tries.next().is_some() => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done.map(|_| ()),
        }
    }
}

#[test]
fn a_store_full_at_any_step_keeps_what_it_had_and_works_when_there_is_room() {
    let outside = tempfile::tempdir().unwrap();
    let mut sandbox = Sandbox::open(outside.path());
    sandbox.write("kept", "first");
    let first = sandbox.scan().tree;
    let (mut refused, mut taken) = (0, 0);
    for options in all_sizes() {
        let Some(small) = Small::mount(&options) else {
            return;
        };
        sandbox.workspace.remove_content().unwrap();
        sandbox.write("kept", "first");
        let Ok(store) = Store::open(&small.0) else {
            continue;
        };
        sandbox.store = store;
        let kept = sandbox.try_snapshot(None);
        tree_to_keep(&sandbox);
        match sandbox.try_snapshot(None) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
        sandbox.store = Store::open(&small.0).unwrap();
        let verified = sandbox.store.verify(&Cancel::default()).unwrap();
        assert_eq!(verified.damaged, [], "{options}");
        if let Ok((id, _)) = &kept {
            let live = HashSet::from([*id]);
            if let Err(error) = prune_alone(&sandbox.store, &live) {
                assert!(error.is_full(), "{options}: {error}");
            }
            let back = sandbox.store.tree(id).unwrap();
            assert_eq!(back.entries().len(), first.entries().len(), "{options}");
        }
        small.grow();
        sandbox.store = Store::open(&small.0).unwrap();
        let (id, tree) = sandbox.try_snapshot(None).unwrap();
        assert_eq!(sandbox.store.tree(&id).unwrap(), tree, "{options}");
    }
    assert!(
        refused > 5 && taken > 5,
        "the probe: {refused} refused, {taken} taken"
    );
}

#[test]
fn a_restore_full_at_any_step_is_finished_when_there_is_room() {
    let outside = tempfile::tempdir().unwrap();
    let mut sandbox = Sandbox::open(outside.path());
    tree_to_keep(&sandbox);
    let (id, _) = sandbox.snapshot();
    let before = witness(&sandbox.at(""));
    let (mut stopped, mut done) = (0, 0);
    for options in all_sizes() {
        let Some(small) = Small::mount(&options) else {
            return;
        };
        let there = |name: &str| std::fs::create_dir(small.0.join(name));
        if there("workspace").and_then(|()| there("trash")).is_err() {
            continue;
        }
        sandbox.root.clone_from(&small.0);
        sandbox.workspace = Dir::open_root(&sandbox.at("")).unwrap();
        sandbox.trash = Dir::open_root(&small.0.join("trash")).unwrap();
        sandbox.journal = small.0.join("restore.json");
        match sandbox.restore(&id) {
            Ok(_) => done += 1,
            Err(error) => {
                assert!(error.is_full(), "{options}: {error}");
                stopped += 1;
                small.grow();
                if recover(&sandbox.place(), &Silent).unwrap().is_none() {
                    // Not even what is wanted could be written down.
                    sandbox.restore(&id).unwrap();
                }
            }
        }
        assert_eq!(witness(&sandbox.at("")), before, "{options}");
    }
    assert!(
        stopped > 5 && done > 0,
        "the probe: {stopped} stopped, {done} done"
    );
}
