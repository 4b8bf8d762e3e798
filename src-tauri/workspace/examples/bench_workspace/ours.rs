//! Our side: a sandbox's files as the engine keeps them.

use std::path::{Path, PathBuf};

use sandbox_workspace::restore::Place;
use sandbox_workspace::*;

use super::{Done, peers};

/// A sandbox, with the index and the last tree between the scans as a window has them.
pub struct Sandbox {
    root: PathBuf,
    pub workspace: Dir,
    trash: Dir,
    pub store: Store,
    last: std::cell::RefCell<Option<Scan>>,
}

impl Sandbox {
    pub fn open(root: &Path) -> Done<Self> {
        let store = Store::open(&root.join("store"))?;
        Self::with_store(root, store)
    }

    pub fn with_store(root: &Path, store: Store) -> Done<Self> {
        let open = |name: &str| -> Done<Dir> {
            std::fs::create_dir_all(root.join(name))?;
            Ok(Dir::open_root(&root.join(name))?)
        };
        let (workspace, trash) = (open("workspace")?, open("trash")?);
        Ok(Self {
            root: root.to_owned(),
            workspace,
            trash,
            store,
            last: None.into(),
        })
    }

    pub fn hand_over(&self, project: &Path) -> Done<TreeId> {
        let rules = Rules {
            secrets: Secrets::AsIs,
            keep_rebuildable: true,
            ..Rules::default()
        };
        let options = HandOverOptions {
            rules: &rules,
            owner: None,
            totals: (0, 0),
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        let done = hand_over(
            &Dir::open_root(project)?,
            &self.workspace,
            &self.store,
            &options,
        )?;
        done.index.save(&self.index())?;
        Ok(done.id)
    }

    /// A whole scan, with the index from the disk, as a command does.
    pub fn snapshot(&self) -> Done<TreeId> {
        let writer = self.store.writer()?;
        let (found, known) = self.scan(&writer)?;
        if !found.index.is_same(&known) {
            found.index.save(&self.index())?;
        }
        let id = writer.put_tree(&found.tree)?;
        *self.last.borrow_mut() = Some(found);
        Ok(id)
    }

    /// Where the watcher says, with the index and the tree in memory, as the window does.
    pub fn snapshot_at(&self, hints: &[WorkspacePath]) -> Done<TreeId> {
        let cancel = Cancel::default();
        let writer = self.store.writer()?;
        let before = self.last.borrow_mut().take().ok_or("no scan before")?;
        let options = ScanOptions::new(&cancel);
        let found = rescan(&self.workspace, before, hints, &writer, &options)?;
        let id = writer.put_tree(&found.tree)?;
        *self.last.borrow_mut() = Some(found);
        Ok(id)
    }

    /// What differs from a stored tree: the list without the contents, as git's.
    pub fn changes(&self, base: &TreeId) -> Done<usize> {
        let base = self.store.tree(base)?;
        let (found, _) = self.scan(&HashOnly)?;
        Ok(differences(&base, &found.tree))
    }

    /// With the scan that a reset begins with.
    pub fn restore(&self, wanted: &TreeId) -> Done<()> {
        let (found, _) = self.scan(&HashOnly)?;
        let place = Place {
            workspace: &self.workspace,
            trash: &self.trash,
            journal: &self.root.join("restore.json"),
            store: &self.store,
        };
        let options = RestoreOptions {
            owner: None,
            skipped: &[],
            bring_back: &[],
            only: None,
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        let done = restore(&place, &found.tree, wanted, &options)?;
        let mut index = found.index;
        index.extend(done.index);
        index.save(&self.index())?;
        Ok(())
    }

    /// The files that a scan just found.
    pub fn files(&self) -> Vec<WorkspacePath> {
        let last = self.last.borrow();
        let entries = last.iter().flat_map(|scan| scan.tree.entries());
        entries
            .filter(|e| matches!(e.kind, EntryKind::File { .. }))
            .map(|e| e.path.clone())
            .collect()
    }

    fn scan(&self, sink: &dyn BlobSink) -> Done<(Scan, Index)> {
        let cancel = Cancel::default();
        let index = Index::load(&self.index());
        let options = ScanOptions {
            index: Some(&index),
            ..ScanOptions::new(&cancel)
        };
        let found = scan(&self.workspace, sink, &options)?;
        Ok((found, index))
    }

    fn index(&self) -> PathBuf {
        self.root.join("index")
    }
}

fn differences(old: &Tree, new: &Tree) -> usize {
    let (mut old, mut new) = (
        old.entries().iter().peekable(),
        new.entries().iter().peekable(),
    );
    let mut count = 0;
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return count,
            (Some(a), Some(b)) if a.path == b.path => {
                count += usize::from(a.kind != b.kind || a.mode != b.mode);
                old.next();
                new.next();
            }
            (Some(a), Some(b)) if a.path < b.path => {
                count += 1;
                old.next();
            }
            (Some(_), None) => {
                count += 1;
                old.next();
            }
            _ => {
                count += 1;
                new.next();
            }
        }
    }
}

/// Each job once, in a process of its own, which says how much memory it took at most.
pub fn alone(project: &Path, at: &Path) -> Done<()> {
    let sandbox = Sandbox::open(at)?;
    let baseline = sandbox.hand_over(project)?;
    sandbox.snapshot()?;
    sandbox.changes(&baseline)?;
    sandbox.workspace.remove_content()?;
    sandbox.restore(&baseline)?;
    println!("{}", peers::high_water("/proc/self/status"));
    Ok(())
}

/// Watches a folder in which nothing happens; says how many microseconds of a processor that took.
pub fn idle(folder: &Path) -> Done<()> {
    let (sender, hints) = std::sync::mpsc::channel();
    let _watcher = Watcher::start(folder, WatchTimes::default(), move |hint| {
        let _ = sender.send(hint);
    })?;
    // It watches from here on.
    hints.recv()?;
    let before = peers::processor_time()?;
    std::thread::sleep(super::jobs::IDLE);
    println!("{}", (peers::processor_time()? - before).as_micros());
    Ok(())
}
