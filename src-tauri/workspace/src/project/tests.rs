#![allow(clippy::unwrap_used)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::blobs::{BlobSource, HashOnly};
use crate::confined::Dir;
use crate::progress::{Cancel, Silent};
use crate::rules::{Rules, Secrets};
use crate::scan::{ScanOptions, scan};
use crate::store::Store;

struct Place {
    _temp: tempfile::TempDir,
    project: PathBuf,
    workspace: PathBuf,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let [project, workspace] = ["project", "workspace"].map(|n| temp.path().join(n));
        std::fs::create_dir(&project).unwrap();
        std::fs::create_dir(&workspace).unwrap();
        let store = Store::open(&temp.path().join("store")).unwrap();
        Self {
            _temp: temp,
            project,
            workspace,
            store,
        }
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.project.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn dirs(&self) -> [Dir; 2] {
        [&self.project, &self.workspace].map(|p| Dir::open_root(p).unwrap())
    }

    fn hand_over(&self, rules: &Rules, cancel: &Cancel) -> Result<HandOver, HandOverError> {
        let options = HandOverOptions {
            rules,
            owner: None,
            totals: (0, 0),
            progress: &Silent,
            cancel,
        };
        let [from, to] = self.dirs();
        hand_over(&from, &to, &self.store, &options)
    }
}

fn tree(path: &Path) -> crate::Tree {
    let cancel = Cancel::default();
    let dir = Dir::open_root(path).unwrap();
    scan(&dir, &HashOnly, &ScanOptions::new(&cancel))
        .unwrap()
        .tree
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

fn rows(left_out: &[LeftOut]) -> Vec<(String, Reason, u64)> {
    left_out
        .iter()
        .map(|l| (l.path.to_lossy(), l.reason, l.files))
        .collect()
}

#[test]
fn large_files_are_in_their_place_among_small_ones() {
    let place = Place::new();
    for name in ["a", "d/b", "d/e/x", "d/z", "z"] {
        place.write(name, "small");
    }
    for name in ["b", "d/c", "d/y", "alone/l"] {
        place.write(name, &name.repeat(5 << 20)[..5 << 20]);
    }
    let (rules, cancel) = (Rules::default(), Cancel::default());
    let options = ReadOptions {
        rules: &rules,
        index: None,
        progress: &Silent,
        cancel: &cancel,
    };
    let [project, _] = place.dirs();
    let read = read_project(&project, &HashOnly, &options).unwrap();
    assert_eq!(read.tree, tree(&place.project));
    let done = place.hand_over(&rules, &cancel).unwrap();
    assert_eq!(done.tree, read.tree);
    assert_eq!(done.tree, tree(&place.workspace));
    assert_eq!(place.store.tree(&done.id).unwrap(), read.tree);
}

#[test]
fn the_copy_is_the_project_byte_for_byte() {
    let place = Place::new();
    place.write("crlf.txt", "a\r\nb\r\n");
    place.write(".gitattributes", "* text=auto\n");
    place.write(".gitignore", "ignored\n");
    place.write("ignored", "in all the same");
    place.write("nested/.git/HEAD", "ref: refs/heads/x\n");
    place.write("secretive", "x");
    std::fs::create_dir_all(place.project.join("empty/inner")).unwrap();
    symlink("nowhere", place.project.join("dangling")).unwrap();
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"n\n\xff");
    std::fs::write(place.project.join(odd), "odd").unwrap();
    let mode = |path: &str, mode| {
        std::fs::set_permissions(place.project.join(path), PermissionsExt::from_mode(mode))
            .unwrap();
    };
    mode("secretive", 0o640);
    mode("crlf.txt", 0o4755);
    mode("empty", 0o700);
    std::fs::write(place.project.join("large"), vec![7; 5 << 20]).unwrap();
    std::fs::hard_link(place.project.join("large"), place.project.join("linked")).unwrap();
    let done = place
        .hand_over(&Rules::default(), &Cancel::default())
        .unwrap();
    let (mut from, to) = (tree(&place.project).into_entries(), tree(&place.workspace));
    for entry in &mut from {
        entry.mode &= 0o777;
    }
    assert_eq!(to.entries(), from, "all but the setuid bit");
    assert_eq!(done.tree, to);
    assert_eq!(place.store.tree(&done.id).unwrap(), to);
    assert!(done.left_out.is_empty() && done.rewritten.is_empty() && done.warnings.is_empty());
    let inode = |p: &PathBuf| p.join("large").metadata().unwrap().ino();
    assert_ne!(inode(&place.project), inode(&place.workspace));
    assert_eq!(place.workspace.join("large").metadata().unwrap().nlink(), 1);
}

#[test]
fn what_stays_out_is_named_counted_and_out() {
    let place = Place::new();
    for (path, content) in [
        (".env", "KEY=1"),
        (".env.example", "KEY="),
        ("web/node_modules/a/index.js", "1"),
        ("web/node_modules/b.js", "22"),
        ("slides.key", "PK zip"),
        ("tls.key", "-----BEGIN PRIVATE KEY-----"),
        (".npmrc", "save-exact=true"),
        ("pkg/.npmrc", "//registry/:_authToken=abc"),
        ("build/main.c", "mine"),
        ("app/package.json", "{}"),
        ("app/.gitignore", "/build\n*.tmp\n"),
        ("app/build/out.js", "x"),
        ("app/a.tmp", "x"),
    ] {
        place.write(path, content);
    }
    let _socket = std::os::unix::net::UnixListener::bind(place.project.join("sock")).unwrap();
    let [project, _] = place.dirs();
    let rules = Rules::default();
    let before = preflight(&project, &rules, &Silent, &Cancel::default()).unwrap();
    assert_eq!(
        rows(&before.left_out),
        [
            (".env".into(), Reason::Secret, 1),
            ("app/build".into(), Reason::Rebuildable, 1),
            ("pkg/.npmrc".into(), Reason::Secret, 1),
            ("sock".into(), Reason::Special, 1),
            ("tls.key".into(), Reason::Secret, 1),
            ("web/node_modules".into(), Reason::Rebuildable, 2),
        ]
    );
    assert_eq!(before.left_out[5].bytes, 3);
    let done = place.hand_over(&rules, &Cancel::default()).unwrap();
    assert_eq!(done.left_out, before.left_out);
    assert_eq!(before.entries(), done.tree.entries().len() as u64);
    assert!(place.workspace.join("build/main.c").exists());
    for out in [".env", "web/node_modules", "tls.key", "app/build"] {
        assert!(!place.workspace.join(out).exists(), "{out}");
    }
    let later = done.rules.matcher().unwrap();
    let ask = |p: &str| later.left_out_of(&done.tree, &path(p), false);
    assert_eq!(
        ask("app/build/new.js"),
        Some(Reason::Rebuildable),
        "kept with the sandbox"
    );
    assert_eq!(ask("tls.key"), Some(Reason::Secret));
    assert_eq!(ask("other.key"), None);
    let with_ignored = Rules {
        gitignore: true,
        ..Rules::default()
    };
    let before = preflight(&project, &with_ignored, &Silent, &Cancel::default()).unwrap();
    assert!(rows(&before.left_out).contains(&("app/a.tmp".into(), Reason::Ignored, 1)));
}

#[test]
fn credentials_and_values_do_not_go_in() {
    let place = Place::new();
    place.write(
        ".git/config",
        "[remote \"o\"]\n\turl = https://u:TOKEN@h/x\n",
    );
    place.write("sub/.git", "gitdir: ../.git/modules/sub\n");
    place.write(".env", "KEY=TOKEN\n");
    let rules = Rules {
        secrets: Secrets::Placeholders,
        ..Rules::default()
    };
    let done = place.hand_over(&rules, &Cancel::default()).unwrap();
    assert_eq!(done.rewritten, [path(".env"), path(".git/config")]);
    assert!(
        done.warnings
            .contains(&Warning::LinkedRepository(path("sub/.git")))
    );
    for entry in done.tree.entries() {
        if let crate::EntryKind::File { blob, .. } = entry.kind {
            let content = BlobSource::read(&place.store, &blob, 1000).unwrap();
            assert!(!content.windows(5).any(|w| w == b"TOKEN"), "{}", entry.path);
        }
    }
    let env = std::fs::read_to_string(place.workspace.join(".env")).unwrap();
    assert_eq!(env, "KEY=placeholder\n");
}

#[test]
fn the_index_of_a_hand_over_gives_the_same_tree() {
    let place = Place::new();
    for n in 0..200 {
        place.write(&format!("d/{n}"), &"x".repeat(n * 50));
    }
    let done = place
        .hand_over(&Rules::default(), &Cancel::default())
        .unwrap();
    let cancel = Cancel::default();
    let options = ScanOptions {
        index: Some(&done.index),
        ..ScanOptions::new(&cancel)
    };
    let [_, workspace] = place.dirs();
    let again = scan(&workspace, &HashOnly, &options).unwrap();
    assert_eq!(again.tree, done.tree);
}

#[test]
fn a_stopped_or_misplaced_hand_over_leaves_nothing() {
    let place = Place::new();
    place.write("a/b", "x");
    let cancel = Cancel::default();
    cancel.cancel();
    let rules = Rules::default();
    assert!(matches!(
        place.hand_over(&rules, &cancel),
        Err(HandOverError::Cancelled)
    ));
    assert!(place.dirs()[1].list().unwrap().is_empty());
    std::fs::write(place.workspace.join("there"), "x").unwrap();
    let refused = place.hand_over(&rules, &Cancel::default());
    assert!(matches!(refused, Err(HandOverError::NotEmpty)));
    assert!(place.workspace.join("there").exists());
}

#[test]
fn what_cannot_be_a_project_is_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let at = |p: &str| temp.path().join(p);
    for folder in ["home/user/work", "home/user/data/sandboxes"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    std::fs::write(at("file"), "x").unwrap();
    symlink(at("home/user"), at("alias")).unwrap();
    let (home, data) = (at("home/user"), at("home/user/data"));
    let check = |path: &Path| check_project(path, Some(&home), &data).map(|_| ());
    assert!(check(&at("home/user/work")).is_ok());
    assert!(matches!(check(&at("none")), Err(ProjectError::Missing(_))));
    assert!(matches!(
        check(&at("file")),
        Err(ProjectError::NotAFolder(_))
    ));
    assert!(matches!(check(Path::new("/")), Err(ProjectError::Root)));
    for whole_home in ["home/user", "home", "alias"] {
        assert!(
            matches!(check(&at(whole_home)), Err(ProjectError::Home(_))),
            "{whole_home}"
        );
    }
    assert!(matches!(
        check(&at("home/user/data/sandboxes")),
        Err(ProjectError::InDataDir(_))
    ));
    let no_home = check_project(&home, None, &data).map(|_| ());
    assert!(matches!(no_home, Err(ProjectError::HoldsDataDir(_))));
    #[cfg(target_os = "linux")]
    for system in ["/proc", "/proc/self/fd", "/sys/kernel"] {
        assert!(
            matches!(check(Path::new(system)), Err(ProjectError::NoFiles(_))),
            "{system}"
        );
    }
    let huge = Preflight {
        bytes: u64::MAX / 4,
        ..Preflight::default()
    };
    let here = Dir::open_root(temp.path()).unwrap();
    assert!(matches!(
        huge.check_room(&here),
        Err(ProjectError::TooLarge { .. })
    ));
    assert!(Preflight::default().check_room(&here).is_ok());
}
