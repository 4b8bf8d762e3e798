//! A workspace with its store, trash and journal, as the engine lays them out.
#![allow(clippy::unwrap_used, dead_code)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sandbox_workspace::restore::{Place, Trashed};
use sandbox_workspace::*;

pub struct Sandbox {
    pub root: PathBuf,
    pub workspace: Dir,
    pub trash: Dir,
    pub store: Store,
    pub journal: PathBuf,
}

impl Sandbox {
    /// Opens what lies below `root`, making what is missing.
    pub fn open(root: &Path) -> Self {
        let open = |name: &str| {
            std::fs::create_dir_all(root.join(name)).unwrap();
            Dir::open_root(&root.join(name)).unwrap()
        };
        Self {
            root: root.to_owned(),
            workspace: open("workspace"),
            trash: open("trash"),
            store: Store::open(&root.join("store")).unwrap(),
            journal: root.join("restore.json"),
        }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join("workspace").join(path)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), content).unwrap();
    }

    pub fn scan(&self) -> Scan {
        let cancel = Cancel::default();
        scan(&self.workspace, &HashOnly, &ScanOptions::new(&cancel)).unwrap()
    }

    pub fn snapshot(&self) -> (TreeId, Tree) {
        self.try_snapshot(None).unwrap()
    }

    pub fn try_snapshot(&self, index: Option<&Index>) -> Result<(TreeId, Tree), String> {
        let cancel = Cancel::default();
        let writer = self.store.writer().map_err(|e| e.to_string())?;
        let options = ScanOptions {
            index,
            ..ScanOptions::new(&cancel)
        };
        let tree = scan(&self.workspace, &writer, &options)
            .map_err(|e| e.to_string())?
            .tree;
        let id = writer.put_tree(&tree).map_err(|e| e.to_string())?;
        Ok((id, tree))
    }

    pub fn place(&self) -> Place<'_> {
        Place {
            workspace: &self.workspace,
            trash: &self.trash,
            journal: &self.journal,
            store: &self.store,
        }
    }

    pub fn restore(&self, wanted: &TreeId) -> Result<Restored, RestoreError> {
        self.restore_with(wanted, &[], &[])
    }

    pub fn restore_with(
        &self,
        wanted: &TreeId,
        skipped: &[WorkspacePath],
        bring_back: &[Trashed],
    ) -> Result<Restored, RestoreError> {
        self.restore_between(&self.scan().tree, wanted, skipped, bring_back)
    }

    /// From what a scan saw before, whatever lies there by now.
    pub fn restore_from(&self, current: &Tree, wanted: &TreeId) -> Result<Restored, RestoreError> {
        self.restore_between(current, wanted, &[], &[])
    }

    fn restore_between(
        &self,
        current: &Tree,
        wanted: &TreeId,
        skipped: &[WorkspacePath],
        bring_back: &[Trashed],
    ) -> Result<Restored, RestoreError> {
        let options = RestoreOptions {
            owner: None,
            skipped,
            bring_back,
            only: None,
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        restore(&self.place(), current, wanted, &options)
    }

    /// Copies a project in, by the usual rules.
    pub fn hand_over(&self, project: &Dir) -> Result<HandOver, HandOverError> {
        let options = HandOverOptions {
            rules: &Rules::default(),
            owner: None,
            totals: (0, 0),
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        hand_over(project, &self.workspace, &self.store, &options)
    }
}

/// Everything about a tree that `find` and `cat` see, without any code of ours.
pub fn witness(root: &Path) -> Vec<String> {
    let mut seen = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let what = if meta.is_symlink() {
                format!("-> {:?}", std::fs::read_link(&path).unwrap())
            } else if meta.is_dir() {
                open.push(path.clone());
                format!("folder {:o}", meta.permissions().mode())
            } else {
                let content = std::fs::read(&path).unwrap();
                format!(
                    "{:o} {} {:?}",
                    meta.permissions().mode(),
                    content.len(),
                    BlobId::of(&content)
                )
            };
            let name = path.strip_prefix(root).unwrap().to_owned();
            seen.push(format!(
                "{name:?} {what} {}.{}",
                meta.mtime(),
                meta.mtime_nsec()
            ));
        }
    }
    seen.sort();
    seen
}
