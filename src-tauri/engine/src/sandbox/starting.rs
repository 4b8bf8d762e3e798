//! Sandboxes that are being started: a container that runs already is not there for anybody before its fence is proven.

use std::collections::HashSet;

use tokio::sync::watch;

use super::Engine;
use crate::SandboxId;

/// Those that are being started by this process.
#[derive(Default)]
pub(super) struct Starting(watch::Sender<HashSet<SandboxId>>);

/// One of them, until it is dropped.
pub(super) struct Begun {
    engine: Engine,
    id: SandboxId,
}

impl Starting {
    /// Waits until a sandbox is not being started (any more).
    pub async fn over(&self, id: &SandboxId) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|all| !all.contains(id)).await;
    }
}

impl Engine {
    /// Begins to start one. The caller holds its lock: there is never a second.
    pub(super) fn starting(&self, id: &SandboxId) -> Begun {
        self.0.starting.0.send_modify(|all| {
            all.insert(id.clone());
        });
        Begun {
            engine: self.clone(),
            id: id.clone(),
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let all = &self.engine.0.starting.0;
        all.send_modify(|all| {
            all.remove(&self.id);
        });
    }
}
