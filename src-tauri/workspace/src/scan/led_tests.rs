//! A scan led by what the last one knew finds what a scan that knows nothing finds.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::tests::{folder, let_settle, whole};
use super::*;

/// Names in use: few, so that they meet often.
const PLACES: [&str; 8] = ["a", "b", "a/c", "a/d", "b/c", "a/c/e", "b/c/f", "b/g"];

/// What an agent does to a folder; each names one or two of [`PLACES`].
#[derive(Debug, Clone)]
enum Step {
    /// Of one length, so that only times tell.
    Write(usize, u8),
    /// Likewise, with the mtime that the file had before, or its folder.
    Forge(usize, u8),
    /// Removed and made again at once: the inode's number is likely to be the same.
    Remake(usize, u8),
    Folder(usize),
    /// A folder in the place of another, with its mtime.
    Replace(usize),
    Link(usize, usize),
    HardLink(usize, usize),
    Move(usize, usize),
    Swap(usize, usize),
    Mode(usize, bool),
    Remove(usize),
    Settle,
    /// What is known goes over the disk.
    Save,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..PLACES.len();
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, n)| Step::Write(at, n)),
        2 => (at(), any::<u8>()).prop_map(|(at, n)| Step::Forge(at, n)),
        1 => (at(), any::<u8>()).prop_map(|(at, n)| Step::Remake(at, n)),
        2 => at().prop_map(Step::Folder),
        1 => at().prop_map(Step::Replace),
        1 => (at(), at()).prop_map(|(at, to)| Step::Link(at, to)),
        1 => (at(), at()).prop_map(|(at, to)| Step::HardLink(at, to)),
        2 => (at(), at()).prop_map(|(at, to)| Step::Move(at, to)),
        2 => (at(), at()).prop_map(|(at, to)| Step::Swap(at, to)),
        1 => (at(), any::<bool>()).prop_map(|(at, x)| Step::Mode(at, x)),
        1 => at().prop_map(Step::Remove),
        4 => Just(Step::Settle),
        1 => Just(Step::Save),
    ]
}

/// What cannot be done (a folder that is not there) is not done.
fn apply(root: &Path, step: &Step) {
    let place = |at: usize| root.join(PLACES[at]);
    let write = |path: &PathBuf, n: u8| fs::write(path, format!("{n:03}"));
    let mtime = |path: &Path| path.symlink_metadata().and_then(|m| m.modified());
    let set_mtime = |path: &Path, time| fs::File::open(path).and_then(|f| f.set_modified(time));
    let _ = match *step {
        Step::Write(at, n) => write(&place(at), n),
        Step::Forge(at, n) => {
            let path = place(at);
            let parent = path.parent().unwrap();
            let before = (mtime(&path), mtime(parent));
            let done = write(&path, n);
            for (path, time) in [(&*path, before.0), (parent, before.1)] {
                let _ = time.and_then(|time| set_mtime(path, time));
            }
            done
        }
        Step::Remake(at, n) => {
            let path = place(at);
            fs::remove_file(&path).and_then(|()| write(&path, n))
        }
        Step::Folder(at) => fs::create_dir(place(at)),
        Step::Replace(at) => {
            let path = place(at);
            let before = mtime(&path);
            let _ = fs::remove_dir_all(&path);
            let done = fs::create_dir(&path).and_then(|()| write(&path.join("new"), 1));
            let _ = before.and_then(|time| set_mtime(&path, time));
            done
        }
        Step::Link(at, to) => symlink(PLACES[to], place(at)),
        Step::HardLink(at, to) => fs::hard_link(place(at), place(to)),
        Step::Move(at, to) => fs::rename(place(at), place(to)),
        Step::Swap(at, to) => {
            let flags = RenameFlags::EXCHANGE;
            renameat_with(CWD, place(at), CWD, place(to), flags).map_err(Into::into)
        }
        Step::Mode(at, executable) => {
            let mode = if executable { 0o755 } else { 0o700 };
            fs::set_permissions(place(at), PermissionsExt::from_mode(mode))
        }
        Step::Remove(at) => fs::remove_file(place(at)).or_else(|_| fs::remove_dir_all(place(at))),
        Step::Settle | Step::Save => Ok(()),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_led_scan_equals_one_that_knows_nothing(steps in prop::collection::vec(step(), 1..40)) {
        let (temp, root, dir) = folder();
        for name in ["a", "a/c", "b", "b/c"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        for name in ["a/d", "a/c/e", "b/g"] {
            fs::write(root.join(name), "000").unwrap();
        }
        let_settle(&root);
        let mut index = whole(&dir, None).index;
        for step in &steps {
            apply(&root, step);
            match step {
                Step::Settle => let_settle(&root),
                Step::Save => {
                    let file = temp.path().join("index");
                    index.save(&file).unwrap();
                    index = Index::load(&file);
                }
                _ => {}
            }
            let led = whole(&dir, Some(&index));
            prop_assert_eq!(&led.tree, &whole(&dir, None).tree, "after {:?}", step);
            index = led.index;
        }
    }
}

#[test]
fn what_did_not_change_is_neither_listed_nor_made_anew() {
    let (_temp, root, dir) = folder();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/b/f"), "x").unwrap();
    let_settle(&root);
    let first = whole(&dir, None);
    let second = whole(&dir, Some(&first.index));
    assert_eq!(second.tree, first.tree);
    assert!(
        second.index.is_same(&first.index),
        "the very same folders: a listing would have made others"
    );
    fs::write(root.join("a/b/g"), "y").unwrap();
    let third = whole(&dir, Some(&second.index));
    assert!(!third.index.is_same(&second.index));
    assert_eq!(third.read_files, 1, "what stayed is known by its name");
}

#[test]
fn a_folder_with_a_forged_mtime_is_listed() {
    let (_temp, root, dir) = folder();
    let inner = root.join("a");
    fs::create_dir(&inner).unwrap();
    let before = inner.metadata().unwrap().modified().unwrap();
    let_settle(&root);
    let first = whole(&dir, None);
    assert!(
        whole(&dir, Some(&first.index)).index.is_same(&first.index),
        "the probe: it is trusted"
    );
    fs::write(inner.join("hidden"), "x").unwrap();
    fs::File::open(&inner)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert_eq!(inner.metadata().unwrap().modified().unwrap(), before);
    let second = whole(&dir, Some(&first.index));
    assert_eq!(second.tree, whole(&dir, None).tree);
    assert_eq!(second.tree.entries().len(), 2);
}

#[test]
fn a_hundred_names_made_within_one_tick_are_all_seen() {
    let (_temp, root, dir) = folder();
    let mut index = Index::default();
    // One name at a time: a scan of it is quicker than a tick.
    for n in 0..100 {
        let name = format!("{n}");
        fs::write(root.join(&name), "").unwrap();
        let scan = whole(&dir, Some(&index));
        let found: Vec<_> = scan
            .tree
            .entries()
            .iter()
            .map(|e| e.path.to_lossy())
            .collect();
        assert_eq!(found, std::slice::from_ref(&name));
        index = scan.index;
        fs::remove_file(root.join(&name)).unwrap();
    }
}

#[test]
fn a_moved_folder_and_a_file_met_alone_are_not_read_again() {
    let (_temp, root, dir) = folder();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/f"), "x").unwrap();
    let_settle(&root);
    let first = whole(&dir, None);
    fs::rename(root.join("a"), root.join("z")).unwrap();
    assert_eq!(whole(&dir, Some(&first.index)).read_files, 0);
    // As a hand-over or a restore knows it: by its inode, without a folder.
    let stat = dir.stat_path(&WorkspacePath::try_from("z/f").unwrap());
    let stat = stat.unwrap();
    let blob = first.index.find(&stat).unwrap();
    let mut alone = Index::default();
    alone.remember(&stat, blob, std::time::SystemTime::now());
    assert_eq!(whole(&dir, Some(&alone)).read_files, 0);
}
