#![allow(clippy::unwrap_used)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::known::TICK;
use super::*;
use crate::blobs::HashOnly;
use crate::tree::{BlobId, EntryKind, Special, Unreadable};

pub(super) fn folder() -> (tempfile::TempDir, PathBuf, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let dir = Dir::open_root(&root).unwrap();
    (temp, root, dir)
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

pub(super) fn whole(dir: &Dir, index: Option<&Index>) -> Scan {
    let cancel = Cancel::default();
    let options = ScanOptions {
        index,
        ..ScanOptions::new(&cancel)
    };
    scan(dir, &HashOnly, &options).unwrap()
}

/// Waits until a file written now is told from one written before.
pub(super) fn let_settle(root: &Path) {
    let probe = root.parent().unwrap().join("clock");
    let begun = SystemTime::now();
    loop {
        std::fs::write(&probe, "x").unwrap();
        let now = probe.metadata().unwrap().modified().unwrap();
        if now.duration_since(begun).is_ok_and(|d| d.as_millis() > 40) {
            return;
        }
    }
}

#[test]
fn every_kind_of_entry_is_recorded_as_it_is() {
    let (_temp, root, dir) = folder();
    std::fs::create_dir_all(root.join("a/empty")).unwrap();
    std::fs::write(root.join("a/f"), "hello").unwrap();
    std::fs::set_permissions(root.join("a/f"), PermissionsExt::from_mode(0o640)).unwrap();
    symlink("/nowhere", root.join("l")).unwrap();
    std::fs::write(root.join("a-b"), "").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("s")).unwrap();
    let name = std::ffi::OsStr::new("n\n\u{202e}x");
    std::fs::write(root.join(name), "odd").unwrap();
    let tree = whole(&dir, None).tree;
    assert!(tree.is_complete());
    let order: Vec<_> = tree.entries().iter().map(|e| e.path.to_lossy()).collect();
    assert_eq!(
        order,
        ["a", "a/empty", "a/f", "a-b", "l", "n\n\u{202e}x", "s"]
    );
    let file = tree.get(&path("a/f")).unwrap();
    assert_eq!(file.mode, 0o640);
    assert_eq!(
        file.kind,
        EntryKind::File {
            blob: BlobId::of(b"hello"),
            size: 5
        }
    );
    assert_eq!(
        tree.get(&path("l")).unwrap().kind,
        EntryKind::Symlink {
            target: b"/nowhere".to_vec()
        }
    );
    assert_eq!(
        tree.get(&path("s")).unwrap().kind,
        EntryKind::Unsupported(Special::Socket)
    );
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let (_temp, root, dir) = folder();
    for n in 0..50 {
        std::fs::write(root.join(format!("f{n}")), format!("{n}")).unwrap();
    }
    let_settle(&root);
    let first = whole(&dir, None);
    assert_eq!(first.read_files, 50);
    let second = whole(&dir, Some(&first.index));
    assert_eq!((second.read_files, &second.tree), (0, &first.tree));
    std::fs::write(root.join("f7"), "new").unwrap();
    let third = whole(&dir, Some(&second.index));
    assert_eq!(third.read_files, 1);
    assert_ne!(third.tree, first.tree);
}

#[test]
fn a_forged_mtime_hides_nothing() {
    let (_temp, root, dir) = folder();
    let file = root.join("f");
    std::fs::write(&file, "good").unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    let_settle(&root);
    let first = whole(&dir, None);
    assert_eq!(
        whole(&dir, Some(&first.index)).read_files,
        0,
        "the probe: it is trusted"
    );
    std::fs::write(&file, "evil").unwrap();
    std::fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert_eq!(file.metadata().unwrap().modified().unwrap(), before);
    let second = whole(&dir, Some(&first.index));
    let found = &second.tree.get(&path("f")).unwrap().kind;
    assert_eq!(
        *found,
        EntryKind::File {
            blob: BlobId::of(b"evil"),
            size: 4
        }
    );
}

#[test]
fn a_hundred_edits_within_one_tick_are_all_seen() {
    let (_temp, root, dir) = folder();
    let mut index = Index::default();
    let mut within_the_tick = 0;
    for n in 0..100 {
        let content = format!("{n:03}");
        std::fs::write(root.join("f"), &content).unwrap();
        let scan = whole(&dir, Some(&index));
        // Newer kernels give each of these edits a time of its own, older ones do not: so what was written
        // less than a tick ago must not be known to the next scan.
        let again = whole(&dir, Some(&scan.index));
        let stat = dir.stat(b"f").unwrap();
        let written = UNIX_EPOCH + Duration::new(stat.ctime.seconds as u64, stat.ctime.nanos);
        if SystemTime::now() < written + TICK {
            within_the_tick += 1;
            assert_eq!(again.read_files, 1, "edit {n} was taken for settled");
        }
        let found = &scan.tree.get(&path("f")).unwrap().kind;
        assert_eq!(
            *found,
            EntryKind::File {
                blob: BlobId::of(content.as_bytes()),
                size: 3
            }
        );
        index = scan.index;
    }
    assert!(within_the_tick > 0, "no edit was looked at soon enough");
}

#[test]
fn skipped_folders_are_named_and_not_entered() {
    let (_temp, root, dir) = folder();
    std::fs::create_dir_all(root.join("web/node_modules/x")).unwrap();
    std::fs::write(root.join("web/index.html"), "x").unwrap();
    let cancel = Cancel::default();
    let skip = |path: &WorkspacePath, is_dir: bool| is_dir && path.file_name() == b"node_modules";
    let options = ScanOptions {
        skip: Some(&skip),
        ..ScanOptions::new(&cancel)
    };
    let found = scan(&dir, &HashOnly, &options).unwrap();
    assert_eq!(found.skipped, [path("web/node_modules")]);
    assert_eq!(found.tree.entries().len(), 2);
}

#[test]
fn a_budget_gives_a_part_that_says_so() {
    let (_temp, root, dir) = folder();
    for folder in ["a", "b", "c"] {
        std::fs::create_dir(root.join(folder)).unwrap();
        for n in 0..20 {
            std::fs::write(root.join(format!("{folder}/{n}")), "x").unwrap();
        }
    }
    type Lower = fn(&mut Budget);
    let budgets: [(&str, Lower); 5] = [
        ("entries", |budget| budget.entries = 20),
        ("bytes", |budget| budget.bytes = 5),
        ("paths", |budget| budget.path_bytes = 50),
        ("it took longer", |budget| budget.time = Duration::ZERO),
        ("the file has", |budget| budget.file = 0),
    ];
    // One folder after the other, so that some are reached before it is used up.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1);
    let one = one.build().unwrap();
    for (what, lower) in budgets {
        let cancel = Cancel::default();
        let mut options = ScanOptions::new(&cancel);
        lower(&mut options.budget);
        let found = one.install(|| scan(&dir, &HashOnly, &options)).unwrap();
        let told = |u: &Unreadable| u.reason.contains(what);
        let unread = &found.tree.unreadable;
        assert!(unread.iter().any(told), "{what}: {unread:?}");
        // What was not reached is unknown, not gone.
        for folder in ["a", "b", "c"] {
            for n in 0..20 {
                let name = path(&format!("{folder}/{n}"));
                let is_there = found.tree.get(&name).is_some();
                assert!(is_there || !found.tree.knows(&name), "{what}: {name}");
            }
        }
    }
}

#[test]
fn a_root_that_is_gone_is_no_empty_tree() {
    let (_temp, root, dir) = folder();
    std::fs::write(root.join("f"), "x").unwrap();
    let before = whole(&dir, None);
    std::fs::remove_dir_all(&root).unwrap();
    let cancel = Cancel::default();
    let options = ScanOptions::new(&cancel);
    let gone = scan(&dir, &HashOnly, &options);
    assert!(matches!(gone, Err(ScanError::Root(_))), "{gone:?}");
    let gone = rescan(&dir, before, &[path("f")], &HashOnly, &options);
    assert!(matches!(gone, Err(ScanError::Root(_))), "{gone:?}");
}

#[test]
fn cancelled_is_no_result() {
    let (_temp, _root, dir) = folder();
    let cancel = Cancel::default();
    cancel.cancel();
    let stopped = scan(&dir, &HashOnly, &ScanOptions::new(&cancel));
    assert!(matches!(stopped, Err(ScanError::Cancelled)));
}

#[test]
fn a_narrow_scan_equals_a_whole_one() {
    let (_temp, root, dir) = folder();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::create_dir_all(root.join("gone/deep")).unwrap();
    std::fs::write(root.join("gone/deep/f"), "x").unwrap();
    std::fs::write(root.join("a/b/f"), "1").unwrap();
    std::fs::write(root.join("a/same"), "same").unwrap();
    let before = whole(&dir, None);
    std::fs::write(root.join("a/b/f"), "2").unwrap();
    std::fs::create_dir_all(root.join("a/new/deeper")).unwrap();
    std::fs::write(root.join("a/new/deeper/n"), "n").unwrap();
    std::fs::remove_dir_all(root.join("gone")).unwrap();
    std::fs::write(root.join("a-z"), "z").unwrap();
    let hints = ["a/b/f", "a/new", "gone/deep/f", "a-z", "never/was"].map(path);
    let cancel = Cancel::default();
    let narrow = rescan(&dir, before, &hints, &HashOnly, &ScanOptions::new(&cancel)).unwrap();
    assert_eq!(narrow.tree, whole(&dir, None).tree);
    assert_eq!(narrow.read_files, 3);
}

#[test]
fn a_hint_in_a_folder_that_was_not_read_leaves_the_rest_of_it_unknown() {
    let (_temp, root, dir) = folder();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(root.join("a/b/f"), "1").unwrap();
    let mut before = whole(&dir, None);
    before.tree.unreadable.push(Unreadable {
        path: Some(path("a")),
        reason: "EIO".into(),
    });
    let cancel = Cancel::default();
    let options = ScanOptions::new(&cancel);
    let below = rescan(&dir, before, &[path("a/b/f")], &HashOnly, &options).unwrap();
    assert!(
        !below.tree.knows(&path("a/g")),
        "only a look at all of it tells"
    );
    let itself = rescan(&dir, below, &[path("a")], &HashOnly, &options).unwrap();
    assert!(itself.tree.knows(&path("a/g")));
    assert_eq!(itself.tree, whole(&dir, None).tree);
}

#[test]
fn a_hint_leads_to_the_first_name_on_its_way_that_is_not_entered() {
    let (_temp, root, dir) = folder();
    std::fs::create_dir_all(root.join("a/skipped/b")).unwrap();
    std::fs::write(root.join("a/file"), "1").unwrap();
    symlink("a", root.join("link")).unwrap();
    let before = whole(&dir, None);
    let skip = |path: &WorkspacePath, _: bool| path.file_name() == b"skipped";
    let cancel = Cancel::default();
    let options = ScanOptions {
        skip: Some(&skip),
        ..ScanOptions::new(&cancel)
    };
    let hints = [
        "a/skipped/b/c",
        "a/skipped/d",
        "a/file/x",
        "gone/y/z",
        "link/file",
    ]
    .map(path);
    let narrow = rescan(&dir, before, &hints, &HashOnly, &options).unwrap();
    assert_eq!(narrow.skipped, [path("a/skipped")]);
    assert_eq!(narrow.tree, scan(&dir, &HashOnly, &options).unwrap().tree);
    assert_eq!(narrow.read_files, 1, "the link is not gone through");
}

#[test]
fn a_tree_3000_deep_is_scanned_whole() {
    let (_temp, _root, dir) = folder();
    let mut here = dir.try_clone().unwrap();
    for _ in 0..3_000 {
        here.mkdir(b"d", 0o755).unwrap();
        here = here.child_dir(b"d").unwrap();
    }
    here.create_new(b"leaf", 0o600).unwrap();
    let found = whole(&dir, None).tree;
    assert!(found.is_complete(), "{:?}", found.unreadable);
    assert_eq!(found.entries().len(), 3_001);
    dir.remove_tree(b"d").unwrap();
}
