#![allow(clippy::unwrap_used)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::progress::Silent;
use crate::scan::Scan;
use crate::tree::{EntryKind, Unreadable};

struct Sandbox {
    temp: tempfile::TempDir,
    workspace: Dir,
    trash: Dir,
    journal: PathBuf,
    store: Store,
}

impl Sandbox {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            std::fs::create_dir(temp.path().join(name)).unwrap();
            Dir::open_root(&temp.path().join(name)).unwrap()
        };
        let (workspace, trash) = (open("workspace"), open("trash"));
        let store = Store::open(&temp.path().join("store")).unwrap();
        let journal = temp.path().join("restore.json");
        Self {
            temp,
            workspace,
            trash,
            journal,
            store,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.temp.path().join("workspace").join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), content).unwrap();
    }

    fn scan(&self) -> Scan {
        let cancel = Cancel::default();
        let skip = |path: &WorkspacePath, _: bool| path.file_name() == b"node_modules";
        let options = ScanOptions {
            skip: Some(&skip),
            ..ScanOptions::new(&cancel)
        };
        scan(&self.workspace, &self.store.writer().unwrap(), &options).unwrap()
    }

    fn snapshot(&self) -> (TreeId, Tree) {
        let cancel = Cancel::default();
        let skip = |path: &WorkspacePath, _: bool| path.file_name() == b"node_modules";
        let options = ScanOptions {
            skip: Some(&skip),
            ..ScanOptions::new(&cancel)
        };
        let writer = self.store.writer().unwrap();
        let tree = scan(&self.workspace, &writer, &options).unwrap().tree;
        (writer.put_tree(&tree).unwrap(), tree)
    }

    fn place(&self) -> Place<'_> {
        Place {
            workspace: &self.workspace,
            trash: &self.trash,
            journal: &self.journal,
            store: &self.store,
        }
    }

    fn restore(&self, wanted: &TreeId) -> Result<Restored, RestoreError> {
        self.restore_with(wanted, None, &[])
    }

    fn restore_with(
        &self,
        wanted: &TreeId,
        only: Option<&[WorkspacePath]>,
        bring_back: &[Trashed],
    ) -> Result<Restored, RestoreError> {
        let current = self.scan();
        let options = RestoreOptions {
            owner: None,
            skipped: &current.skipped,
            bring_back,
            only,
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        restore(&self.place(), &current.tree, wanted, &options)
    }
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::try_from(text).unwrap()
}

fn hostile(sandbox: &Sandbox) {
    sandbox.write("crlf", b"a\r\nb");
    sandbox.write("dir/file", b"content");
    sandbox.write("dir/deep/er/file", b"more");
    sandbox.write("large", &vec![5; 5 << 20]);
    sandbox.write(".git/HEAD", b"ref");
    std::fs::create_dir_all(sandbox.at("empty/inner")).unwrap();
    symlink("../..", sandbox.at("link")).unwrap();
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"n\n\xff");
    std::fs::write(sandbox.at("").join(odd), "odd").unwrap();
    std::fs::set_permissions(sandbox.at("dir/file"), PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::set_permissions(sandbox.at("dir/deep"), PermissionsExt::from_mode(0o500)).unwrap();
}

#[test]
fn everything_deleted_comes_back_as_it_was() {
    let sandbox = Sandbox::new();
    hostile(&sandbox);
    let (id, before) = sandbox.snapshot();
    let root = sandbox.at("").metadata().unwrap().ino();
    sandbox.workspace.remove_content().unwrap();
    let done = sandbox.restore(&id).unwrap();
    assert_eq!(sandbox.scan().tree, before);
    assert_eq!(
        sandbox.at("").metadata().unwrap().ino(),
        root,
        "a mount stays valid"
    );
    assert!(done.failed.is_empty() && done.removed == 0);
    assert!(!is_interrupted(&sandbox.journal));
}

#[test]
fn any_mess_is_put_right_and_the_rest_is_not_touched() {
    let sandbox = Sandbox::new();
    hostile(&sandbox);
    sandbox.write("same", b"same");
    let (id, before) = sandbox.snapshot();
    let untouched = sandbox.at("same").metadata().unwrap();
    sandbox.write("crlf", b"other");
    std::fs::remove_file(sandbox.at("large")).unwrap();
    std::fs::create_dir(sandbox.at("large")).unwrap();
    sandbox.write("large/inside", b"x");
    std::fs::remove_dir_all(sandbox.at("empty")).unwrap();
    symlink("/etc", sandbox.at("empty")).unwrap();
    std::fs::remove_file(sandbox.at("link")).unwrap();
    symlink("elsewhere", sandbox.at("link")).unwrap();
    sandbox.write("added/a/b", b"new");
    std::fs::set_permissions(sandbox.at("dir/file"), PermissionsExt::from_mode(0o777)).unwrap();
    sandbox.restore(&id).unwrap();
    assert_eq!(sandbox.scan().tree, before);
    let after = sandbox.at("same").metadata().unwrap();
    assert_eq!(
        (after.ino(), after.ctime_nsec()),
        (untouched.ino(), untouched.ctime_nsec())
    );
    let again = sandbox.restore(&id).unwrap();
    assert_eq!((again.written, again.removed, again.touched), (0, 0, 0));
}

#[test]
fn some_paths_alone_come_back_with_their_parents() {
    let sandbox = Sandbox::new();
    hostile(&sandbox);
    let (id, before) = sandbox.snapshot();
    sandbox.workspace.remove_content().unwrap();
    sandbox.write("new", b"stays");
    sandbox
        .restore_with(&id, Some(&[path("dir/deep/er")]), &[])
        .unwrap();
    let found = sandbox.scan().tree;
    let names: Vec<_> = found.entries().iter().map(|e| e.path.to_lossy()).collect();
    assert_eq!(
        names,
        ["dir", "dir/deep", "dir/deep/er", "dir/deep/er/file", "new"]
    );
    for folder in ["dir/deep", "dir/deep/er", "dir/deep/er/file"] {
        assert_eq!(found.get(&path(folder)), before.get(&path(folder)));
    }
}

#[test]
fn rebuildable_folders_go_to_the_trash_and_come_back_on_undo() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"1");
    let (baseline, _) = sandbox.snapshot();
    sandbox.write("a", b"2");
    sandbox.write("web/node_modules/x/index.js", b"installed");
    let (safety, mess) = sandbox.snapshot();
    let done = sandbox.restore(&baseline).unwrap();
    assert!(!sandbox.at("web").exists());
    assert_eq!(done.trashed.len(), 1);
    sandbox.write("web/node_modules/other", b"made again since");
    let undone = sandbox.restore_with(&safety, None, &done.trashed).unwrap();
    assert!(
        undone.not_brought_back.is_empty(),
        "{:?}",
        undone.not_brought_back
    );
    assert_eq!(sandbox.scan().tree, mess);
    assert_eq!(
        std::fs::read(sandbox.at("web/node_modules/x/index.js")).unwrap(),
        b"installed"
    );
    assert!(!sandbox.at("web/node_modules/other").exists());
    assert_eq!(
        undone.trashed.len(),
        1,
        "what was made since is not lost either"
    );
}

#[test]
fn what_could_not_be_read_halts_before_anything_is_touched() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"1");
    let (id, _) = sandbox.snapshot();
    sandbox.write("a", b"2");
    let mut current = sandbox.scan().tree;
    current.unreadable.push(Unreadable {
        path: Some(path("closed")),
        reason: "EIO".into(),
    });
    let cancel = Cancel::default();
    let options = RestoreOptions {
        owner: None,
        skipped: &[],
        bring_back: &[],
        only: None,
        progress: &Silent,
        cancel: &cancel,
    };
    let halted = restore(&sandbox.place(), &current, &id, &options);
    assert!(matches!(halted, Err(RestoreError::Unknown { .. })));
    assert_eq!(std::fs::read(sandbox.at("a")).unwrap(), b"2");
    let only = [path("a")];
    let options = RestoreOptions {
        only: Some(&only),
        ..options
    };
    restore(&sandbox.place(), &current, &id, &options).unwrap();
    assert_eq!(
        std::fs::read(sandbox.at("a")).unwrap(),
        b"1",
        "elsewhere it is not in the way"
    );
}

#[test]
fn a_cancelled_restore_touches_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"1");
    let (id, _) = sandbox.snapshot();
    sandbox.write("a", b"2");
    sandbox.write("web/node_modules/x", b"x");
    let current = sandbox.scan();
    let cancel = Cancel::default();
    cancel.cancel();
    let options = RestoreOptions {
        owner: None,
        skipped: &current.skipped,
        bring_back: &[],
        only: None,
        progress: &Silent,
        cancel: &cancel,
    };
    let stopped = restore(&sandbox.place(), &current.tree, &id, &options);
    assert!(matches!(stopped, Err(RestoreError::Cancelled)));
    assert_eq!(sandbox.scan().tree, current.tree);
    assert!(!is_interrupted(&sandbox.journal) && sandbox.trash.list().unwrap().is_empty());
}

#[test]
fn a_damaged_content_is_named_and_all_else_restored() {
    let sandbox = Sandbox::new();
    sandbox.write("big", &vec![1; 5 << 20]);
    sandbox.write("small", b"fine");
    let (id, tree) = sandbox.snapshot();
    let EntryKind::File { blob, .. } = tree.get(&path("big")).unwrap().kind else {
        panic!()
    };
    let hex = blob.to_hex();
    let kept = sandbox
        .temp
        .path()
        .join("store/large")
        .join(&hex[..2])
        .join(&hex);
    std::fs::write(kept, vec![2; 5 << 20]).unwrap();
    sandbox.workspace.remove_content().unwrap();
    let done = sandbox.restore(&id).unwrap();
    assert_eq!(done.failed.len(), 1);
    assert_eq!(done.failed[0].0, path("big"));
    assert!(!sandbox.at("big").exists(), "no wrong bytes are left");
    assert_eq!(std::fs::read(sandbox.at("small")).unwrap(), b"fine");
}

#[test]
fn a_restore_that_was_written_down_is_finished_at_the_next_start() {
    let sandbox = Sandbox::new();
    hostile(&sandbox);
    let (id, before) = sandbox.snapshot();
    sandbox.workspace.remove_content().unwrap();
    sandbox.write("web/node_modules/x", b"x");
    let options = RestoreOptions {
        owner: None,
        skipped: &[path("web/node_modules")],
        bring_back: &[],
        only: None,
        progress: &Silent,
        cancel: &Cancel::default(),
    };
    assert!(recover(&sandbox.place(), &Silent).unwrap().is_none());
    Journal::new(&id, &options)
        .unwrap()
        .write(&sandbox.journal)
        .unwrap();
    sandbox.write("dir/file", b"half wri");
    let done = recover(&sandbox.place(), &Silent).unwrap().unwrap();
    assert_eq!(done.trashed.len(), 1);
    assert_eq!(sandbox.scan().tree, before);
    assert!(recover(&sandbox.place(), &Silent).unwrap().is_none());
    std::fs::write(&sandbox.journal, "{}").unwrap();
    assert!(
        recover(&sandbox.place(), &Silent).is_err(),
        "damage is not guessed at"
    );
}
