//! What the engine tells everybody who listens: one broadcast stream of one tagged enum.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

use crate::SandboxId;
use crate::state::activity::ActivityEntry;

/// An event with its place in the stream, counted from 1.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// Grows by one; a gap means that the reader was too slow and reads everything again.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The container engine came, went, or is another one.
    Engine,
    /// The environment image's preparation moved on.
    Image(ImageProgress),
    /// A preparation ended, well or not: of the environment, of packages, or of an agent's layer.
    ImageEnded,
    /// A sandbox is new, or its row changed.
    Sandbox(SandboxId),
    /// A sandbox is gone.
    SandboxRemoved(SandboxId),
    /// The workspace may differ from what was last read.
    Workspace(SandboxId),
    /// A terminal is new, or its title, state or exit changed.
    Terminal(SandboxId, u32),
    /// A terminal was closed.
    TerminalClosed(SandboxId, u32),
    /// Entries were added to the activity list, in their order.
    Activity(SandboxId, Vec<ActivityEntry>),
    /// Snapshots were added or removed.
    Snapshots(SandboxId),
    /// The capture, the decisions or the copy-outs changed.
    Review(SandboxId),
    /// A sandbox asks for a site while its connection waits.
    Ask(SandboxId, sandbox_protocol::egress::Ask),
    /// The question of that number needs no answer any more.
    AskEnded(SandboxId, u64),
    /// What listens in a sandbox, or a preview of it, may have changed.
    Ports(SandboxId),
    /// The settings were saved.
    Settings,
}

/// How far the environment image is.
#[derive(Debug, Clone, Default)]
pub struct ImageProgress {
    /// What is being done, in words.
    pub phase: String,
    /// 0 to 1; `None` while it cannot be told.
    pub fraction: Option<f64>,
    /// A line of the build's log.
    pub line: Option<String>,
}

/// The sending end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    sender: broadcast::Sender<Numbered>,
    next: Arc<AtomicU64>,
}

/// Events kept for a slow reader before it has to read everything again.
const CAPACITY: usize = 1024;

impl Default for Events {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(CAPACITY).0,
            next: Arc::new(AtomicU64::new(1)),
        }
    }
}

impl Events {
    /// Tells everybody.
    pub fn send(&self, event: Event) {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        // Nobody listening is no failure.
        let _ = self.sender.send(Numbered { seq, event });
    }

    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Numbered> {
        self.sender.subscribe()
    }
}
