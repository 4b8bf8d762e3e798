//! Watchers of workspaces, which keep the live lists so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sandbox_workspace::{Hint, WatchState, WatchTimes, Watcher, WorkspacePath};

use super::Engine;
use crate::event::Event;
use crate::{Result, SandboxId};

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
        engine.remember_looks(id);
        let watcher = Watcher::start(&root, WatchTimes::default(), move |hint| match hint {
            Hint::Paths(paths) => look_again(&engine, &sandbox, Some(&paths)),
            Hint::Everything(_) => look_again(&engine, &sandbox, None),
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
        self.engine.forget_looks(id);
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

/// Looks at these paths, or at everything, and tells.
pub(super) fn look_again(engine: &Engine, id: &SandboxId, hints: Option<&[WorkspacePath]>) {
    let before = engine.last_look(id).map(|live| live.changes.list.len());
    let looked = match hints {
        Some(hints) => engine.look_at(id, hints),
        None => engine.look(id),
    };
    match looked {
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
