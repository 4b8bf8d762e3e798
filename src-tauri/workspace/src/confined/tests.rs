#![allow(clippy::unwrap_used)]
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::sys::resolve;
use super::*;

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

/// A root, and beside it a folder that nothing may reach.
fn root_and_outside() -> (tempfile::TempDir, Dir, std::path::PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("root");
    let outside = temp.path().join("outside");
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("canary"), "alive").unwrap();
    let dir = Dir::open_root(&root).unwrap();
    (temp, dir, outside)
}

#[test]
fn no_link_is_followed_at_any_component() {
    let (temp, dir, outside) = root_and_outside();
    let root = temp.path().join("root");
    symlink(&outside, root.join("out")).unwrap();
    symlink("../outside/canary", root.join("file")).unwrap();
    std::fs::create_dir(root.join("in")).unwrap();
    std::fs::write(root.join("in/f"), "x").unwrap();
    symlink("in", root.join("inner")).unwrap();

    // The probe: by name, all of these reach.
    assert_eq!(std::fs::read(root.join("out/canary")).unwrap(), b"alive");
    assert_eq!(std::fs::read(root.join("file")).unwrap(), b"alive");

    assert!(matches!(
        dir.open_dir(&path("out")),
        Err(FsError::Escapes { .. })
    ));
    assert!(matches!(
        dir.open_file(&path("out/canary")),
        Err(FsError::Escapes { .. })
    ));
    assert!(dir.child_dir(b"out").is_err());
    assert!(matches!(
        dir.open_file(&path("file")),
        Err(FsError::NotRegular {
            kind: Kind::Symlink,
            ..
        })
    ));
    assert!(
        dir.open_file(&path("inner/f")).is_err(),
        "also not inside the root"
    );
    assert!(dir.mkdir_all(&path("out/new")).is_err());
    assert!(!outside.join("new").exists());
    assert_eq!(dir.stat(b"out").unwrap().kind, Kind::Symlink);
    assert_eq!(dir.read_link(b"file").unwrap(), b"../outside/canary");
    assert!(
        dir.open_file(&path("in/f")).is_ok(),
        "what is no link opens"
    );
}

#[test]
fn the_walk_without_openat2_refuses_the_same() {
    let (temp, dir, outside) = root_and_outside();
    let root = temp.path().join("root");
    symlink(&outside, root.join("out")).unwrap();
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    let folder = OFlags::RDONLY | OFlags::DIRECTORY;
    assert!(resolve::walk(dir.handle.as_fd(), b"a/b", folder).is_ok());
    assert!(resolve::walk(dir.handle.as_fd(), b"out", folder).is_err());
    std::fs::create_dir(outside.join("sub")).unwrap();
    assert!(resolve::walk(dir.handle.as_fd(), b"out/sub", folder).is_err());
}

#[test]
fn names_of_more_than_one_component_are_refused() {
    let (_temp, dir, outside) = root_and_outside();
    for name in [
        &b".."[..],
        b".",
        b"",
        b"../outside",
        b"/etc",
        b"a/b",
        b"a\0",
    ] {
        assert!(
            matches!(dir.stat(name), Err(FsError::BadName { .. })),
            "{name:?}"
        );
        assert!(dir.remove_tree(name).is_err());
        assert!(dir.create_new(name, 0o600).is_err());
    }
    assert!(outside.join("canary").exists());
}

#[test]
fn specials_never_block_and_are_no_files() {
    let (temp, dir, _) = root_and_outside();
    let root = temp.path().join("root");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("fifo"),
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("sock")).unwrap();
    let begun = Instant::now();
    for name in ["fifo", "sock"] {
        assert!(
            matches!(dir.open_file(&path(name)), Err(FsError::NotRegular { .. })),
            "{name}"
        );
    }
    std::fs::create_dir(root.join("d")).unwrap();
    assert!(matches!(
        dir.open_file_at(b"d"),
        Err(FsError::NotRegular {
            kind: Kind::Dir,
            ..
        })
    ));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn setuid_bits_are_dropped_and_the_umask_has_no_say() {
    let (temp, dir, _) = root_and_outside();
    let root = temp.path().join("root");
    dir.create_new(b"f", 0o4777).unwrap();
    dir.mkdir(b"d", 0o1777).unwrap();
    let mode = |name: &str| root.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("f"), 0o777);
    assert_eq!(mode("d"), 0o777);
    dir.set_mode(b"f", 0o6640).unwrap();
    assert_eq!(mode("f"), 0o640);
    symlink("f", root.join("l")).unwrap();
    assert!(
        dir.set_mode(b"l", 0o600).is_err(),
        "a link has no mode of its own"
    );
    assert_eq!(mode("f"), 0o640);
}

#[test]
fn create_new_does_not_write_through_a_dangling_link() {
    let (temp, dir, outside) = root_and_outside();
    symlink(outside.join("new"), temp.path().join("root/l")).unwrap();
    assert!(dir.create_new(b"l", 0o600).unwrap_err().is_exists());
    assert!(!outside.join("new").exists());
}

#[test]
fn renames_replace_only_where_asked() {
    let (temp, dir, _) = root_and_outside();
    let root = temp.path().join("root");
    std::fs::write(root.join("a"), "a").unwrap();
    std::fs::write(root.join("b"), "b").unwrap();
    assert!(
        dir.rename_noreplace(b"a", &dir, b"b")
            .unwrap_err()
            .is_exists()
    );
    dir.rename_exchange(b"a", &dir, b"b").unwrap();
    assert_eq!(std::fs::read(root.join("a")).unwrap(), b"b");
    dir.rename_replace(b"a", &dir, b"b").unwrap();
    assert_eq!(std::fs::read(root.join("b")).unwrap(), b"b");
    assert!(!root.join("a").exists());
}

#[test]
fn times_and_links_keep_their_own() {
    let (temp, dir, outside) = root_and_outside();
    symlink(outside.join("canary"), temp.path().join("root/l")).unwrap();
    let before = outside
        .join("canary")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    let time = crate::FileTime {
        seconds: 1_000_000_000,
        nanos: 123_456_789,
    };
    dir.set_mtime(b"l", time).unwrap();
    assert_eq!(dir.stat(b"l").unwrap().mtime, time);
    assert_eq!(
        outside
            .join("canary")
            .metadata()
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
}

#[test]
fn a_tree_3000_deep_with_long_names_opens_and_goes() {
    let (temp, dir, outside) = root_and_outside();
    let name = vec![b'n'; 255];
    dir.mkdir(b"deep", 0o755).unwrap();
    let mut here = dir.child_dir(b"deep").unwrap();
    for _ in 0..3_000 {
        here.mkdir(&name, 0o755).unwrap();
        here = here.child_dir(&name).unwrap();
    }
    here.create_new(b"leaf", 0o600).unwrap();
    let mut whole = b"deep".to_vec();
    for _ in 0..3_000 {
        whole.push(b'/');
        whole.extend_from_slice(&name);
    }
    let leaf = WorkspacePath::new(whole).unwrap().join(b"leaf").unwrap();
    assert!(dir.open_file(&leaf).is_ok(), "paths beyond PATH_MAX open");
    dir.remove_tree(b"deep").unwrap();
    assert!(dir.list().unwrap().is_empty());
    assert!(outside.join("canary").exists());
    drop(temp);
}

#[test]
fn removing_a_tree_leaves_link_targets_and_takes_closed_folders() {
    let (temp, dir, outside) = root_and_outside();
    let root = temp.path().join("root");
    std::fs::create_dir_all(root.join("t/shut/inner")).unwrap();
    std::fs::write(root.join("t/shut/inner/f"), "x").unwrap();
    symlink(&outside, root.join("t/out")).unwrap();
    for folder in ["t/shut/inner", "t/shut"] {
        std::fs::set_permissions(root.join(folder), PermissionsExt::from_mode(0o000)).unwrap();
    }
    dir.remove_tree(b"t").unwrap();
    assert!(dir.list().unwrap().is_empty());
    assert!(outside.join("canary").exists());
    assert!(dir.remove_tree(b"t").unwrap_err().is_not_found());
}

#[test]
fn a_folder_swapped_for_a_link_is_never_entered() {
    let (temp, dir, outside) = root_and_outside();
    let root = temp.path().join("root");
    std::fs::create_dir(root.join("real")).unwrap();
    std::fs::write(root.join("real/canary"), "inside").unwrap();
    symlink(&outside, root.join("link")).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, dir) = (stop.clone(), dir.try_clone().unwrap());
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                dir.rename_exchange(b"real", &dir, b"link").unwrap();
            }
        }
    });
    let (mut reached, mut refused) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(300) || reached == 0 || refused == 0 {
        match dir.open_file(&path("real/canary")) {
            Ok((file, _)) => {
                assert_eq!(std::io::read_to_string(file).unwrap(), "inside");
                reached += 1;
            }
            Err(_) => refused += 1,
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(
        reached > 0 && refused > 0,
        "the race was run: {reached} {refused}"
    );
}
