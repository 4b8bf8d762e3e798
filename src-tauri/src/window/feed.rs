//! The one event stream of the window: what the engine tells, in the window's words, with numbers without gaps.

use std::sync::atomic::{AtomicU64, Ordering};

use agent_sandbox::ipc::event::{Event, Numbered};
use tokio::sync::broadcast;

/// Events kept for a slow page; one that missed some reads everything again.
const KEPT: usize = 1024;

/// The sending end.
pub struct Feed {
    sender: broadcast::Sender<Numbered>,
    next: AtomicU64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(KEPT).0,
            next: AtomicU64::new(1),
        }
    }
}

impl Feed {
    /// Tells the page.
    pub fn tell(&self, event: Event) {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        // Nobody listening is no failure.
        let _ = self.sender.send(Numbered { seq, event });
    }

    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Numbered> {
        self.sender.subscribe()
    }
}
