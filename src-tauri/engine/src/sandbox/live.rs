//! The workspace as it is at this moment: what changed, looked at again whenever the watcher says so.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sandbox_review::Changes;
use sandbox_workspace::{
    BlobId, BlobSource, Dir, EntryKind, Store, Tree, WatchState, WatchTimes, Watcher, WorkspacePath,
};

use super::Engine;
use crate::event::Event;
use crate::operation::Operation;
use crate::{Result, SandboxId};

/// Larger files are listed without counting their lines.
const COUNTED: u64 = 8 << 20;

/// What was last seen of a workspace.
#[derive(Debug)]
pub struct Live {
    /// What differs from the base.
    pub changes: Changes,
    /// Whether a part could not be read.
    pub incomplete: bool,
}

/// The last look at each sandbox.
pub(super) type Cache = Mutex<HashMap<SandboxId, Arc<Live>>>;

impl Engine {
    /// The changes as last seen; looks where nobody did yet.
    pub fn live(&self, id: &SandboxId) -> Result<Arc<Live>> {
        match self.last_look(id) {
            Some(live) => Ok(live),
            None => self.look(id),
        }
    }

    /// Looks at the workspace. Takes no lock, stores nothing, stops nobody: a file that changes meanwhile
    /// is seen by the next look.
    pub fn look(&self, id: &SandboxId) -> Result<Arc<Live>> {
        let (dir, record) = self.load(id)?;
        let base = self.store().tree(&record.base)?;
        let found = self.glance(&dir, &record, &base)?;
        let op = Operation::silent();
        let contents = Contents {
            store: self.store(),
            workspace: Dir::open_root(&dir.workspace())?,
            paths: places(&found.tree),
        };
        let counted = self.differences_in(&record, &base, &found.tree, Some(&contents), &op);
        // A file that changed between the look and the count: the list is right, the counts come next time.
        let mut changes = match counted {
            Ok(changes) => changes,
            Err(_) => self.differences(&record, &base, &found.tree, false, &op)?,
        };
        changes.left_out += found.skipped.len() as u64;
        let live = Arc::new(Live {
            changes,
            incomplete: !found.tree.is_complete(),
        });
        self.looks().insert(id.clone(), live.clone());
        Ok(live)
    }

    /// Looks again, and tells, where somebody has seen the list of before.
    pub(super) fn look_where_seen(&self, id: &SandboxId) {
        if self.last_look(id).is_some() {
            look_again(self, id);
        }
    }

    pub(super) fn last_look(&self, id: &SandboxId) -> Option<Arc<Live>> {
        self.looks().get(id).cloned()
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Arc<Live>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn places(tree: &Tree) -> HashMap<BlobId, WorkspacePath> {
    let files = tree.entries().iter().filter_map(|entry| match entry.kind {
        EntryKind::File { blob, size } if size <= COUNTED => Some((blob, entry.path.clone())),
        _ => None,
    });
    files.collect()
}

/// Contents of the store, and of the workspace where the store has not got them.
struct Contents<'a> {
    store: &'a Store,
    workspace: Dir,
    paths: HashMap<BlobId, WorkspacePath>,
}

impl BlobSource for Contents<'_> {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.store.open(id) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let path = self.paths.get(id).ok_or(io::ErrorKind::NotFound)?;
        let (file, _) = self
            .workspace
            .open_file(path)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let mut content = Vec::new();
        file.take(COUNTED + 1).read_to_end(&mut content)?;
        if BlobId::of(&content) == *id {
            Ok(Box::new(Cursor::new(content)))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// Watches the workspaces of sandboxes and looks again after each change. Ends when dropped.
pub struct Watching {
    engine: Engine,
    watchers: Mutex<HashMap<SandboxId, Watcher>>,
}

impl Watching {
    /// Watches nothing yet.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            watchers: Mutex::default(),
        }
    }

    /// Watches a sandbox; one that is watched already is fine.
    pub fn watch(&self, id: &SandboxId) -> Result<()> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.contains_key(id) {
            return Ok(());
        }
        let root = self.engine.data().sandbox(id).workspace();
        let (engine, sandbox) = (self.engine.clone(), id.clone());
        let watcher = Watcher::start(&root, WatchTimes::default(), move |_| {
            look_again(&engine, &sandbox);
        })
        .map_err(|error| crate::Error::io("watch", &root, error))?;
        watchers.insert(id.clone(), watcher);
        Ok(())
    }

    /// Stops to watch one.
    pub fn forget(&self, id: &SandboxId) {
        let gone = self
            .watchers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        // Ends its thread, which may be in the middle of a look: not under the lock.
        drop(gone);
        self.engine.looks().remove(id);
    }

    /// Where the list is less than live: why, in plain words.
    pub fn note(&self, id: &SandboxId) -> Option<String> {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        match watchers.get(id)?.state() {
            WatchState::Watching => None,
            WatchState::Polling { reason } => Some(reason),
            WatchState::Gone => Some("The workspace folder is gone.".to_owned()),
        }
    }
}

fn look_again(engine: &Engine, id: &SandboxId) {
    let before = engine.last_look(id).map(|live| live.changes.list.len());
    match engine.look(id) {
        Ok(live) => {
            engine.events().send(Event::Workspace(id.clone()));
            if before != Some(live.changes.list.len()) {
                engine.events().send(Event::Sandbox(id.clone()));
            }
        }
        Err(crate::Error::NotFound { .. }) => {}
        Err(error) => tracing::warn!(%error, "the workspace could not be looked at"),
    }
}
