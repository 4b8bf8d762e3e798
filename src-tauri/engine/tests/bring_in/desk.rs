//! A project, a sandbox of it that was never started, and edits of both sides.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use sandbox_engine::sandbox::Side;
use sandbox_engine::{Engine, Operation, SandboxId};
use sandbox_workspace::snapshots::SnapshotKind;

use crate::common;

/// Kind, permission bits, content or target; of files and links when they last changed.
pub type Picture = BTreeMap<PathBuf, (char, u32, Vec<u8>, i64)>;

pub struct Desk {
    pub home: tempfile::TempDir,
    pub engine: Engine,
    pub id: SandboxId,
}

pub fn open(home: &Path) -> Engine {
    common::engine(home.join("data"), Arc::new(AtomicI64::new(common::NOW)))
}

impl Desk {
    /// Both sides as they were handed over.
    pub async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("site");
        for (name, content) in [
            ("poem", "1\n2\n3\n4\n5\n"),
            ("both", "base\n"),
            ("gone", "old\n"),
            ("kept", "old\n"),
            ("run.sh", "echo\n"),
            ("docs/old/page", "page\n"),
            ("to-folder", "was a file\n"),
            ("to-file/inside", "was a folder\n"),
        ] {
            write(&project, name, content);
        }
        symlink("poem", project.join("link")).unwrap();
        let engine = open(home.path());
        let id = common::hand_over(&engine, project).await;
        Self { home, engine, id }
    }

    /// And as both went on: apart, at the same places, and of every kind.
    pub async fn edited() -> Self {
        let desk = Self::new().await;
        let (project, workspace) = (desk.project(), desk.workspace());
        write(&workspace, "poem", "1\n2\n3\n4\nagent\n");
        write(&workspace, "both", "agent\n");
        write(&workspace, "kept", "agent\n");
        write(&workspace, "new", "agent\n");

        write(&project, "poem", "user\n2\n3\n4\n5\n");
        write(&project, "both", "user\n");
        fs::remove_file(project.join("gone")).unwrap();
        fs::remove_file(project.join("kept")).unwrap();
        write(&project, "deep/er/file", "user\n");
        write(&project, "added", "user\n");
        fs::set_permissions(project.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_dir_all(project.join("docs")).unwrap();
        fs::remove_file(project.join("to-folder")).unwrap();
        write(&project, "to-folder/inside", "now a folder\n");
        fs::remove_dir_all(project.join("to-file")).unwrap();
        write(&project, "to-file", "now a file\n");
        fs::remove_file(project.join("link")).unwrap();
        symlink("run.sh", project.join("link")).unwrap();
        desk
    }

    pub fn project(&self) -> PathBuf {
        self.home.path().join("site")
    }

    pub fn workspace(&self) -> PathBuf {
        self.engine.data().sandbox(&self.id).workspace()
    }

    /// What bringing in wrote, with what it displaced.
    pub fn kept(&self) -> PathBuf {
        self.engine.data().sandbox(&self.id).bring_ins()
    }

    /// The engine of the next start.
    pub fn restarted(self) -> Self {
        let engine = open(self.home.path());
        Self { engine, ..self }
    }

    /// The paths of the changes that a review would show.
    pub async fn changed(&self) -> Vec<String> {
        let op = Operation::silent();
        let found = self.engine.changes(&self.id, Side::Base, Side::Live, &op);
        let list = found.await.unwrap().changes.list;
        list.iter().map(|change| change.path.to_lossy()).collect()
    }

    /// The newest snapshot from before something, by its name.
    pub fn safety(&self) -> Option<String> {
        let (list, unread) = self.engine.snapshots(&self.id).unwrap();
        assert!(unread.is_empty(), "{unread:?}");
        let newest = list.iter().rev().find(|s| s.kind == SnapshotKind::Safety);
        newest.map(|found| found.id.as_str().to_owned())
    }
}

pub fn write(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// All that lies in a folder.
pub fn picture(root: &Path) -> Picture {
    let mut all = Picture::new();
    look(root, root, &mut all);
    all
}

fn look(root: &Path, folder: &Path, all: &mut Picture) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::symlink_metadata(&path).unwrap();
        let (kind, content) = if found.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            ('l', target.into_os_string().into_encoded_bytes())
        } else if found.is_dir() {
            look(root, &path, all);
            ('d', Vec::new())
        } else {
            ('f', fs::read(&path).unwrap())
        };
        // A folder's own time follows from what happens in it.
        let time = match kind {
            'd' => 0,
            _ => found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        };
        let name = path.strip_prefix(root).unwrap().to_owned();
        all.insert(name, (kind, found.mode() & 0o777, content, time));
    }
}

/// Without the times: those of what was merged or brought are of now.
pub fn timeless(picture: &Picture) -> Picture {
    let mut picture = picture.clone();
    picture.values_mut().for_each(|found| found.3 = 0);
    picture
}
