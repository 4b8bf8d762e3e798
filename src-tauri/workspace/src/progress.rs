//! How long operations say how far they are, and how they are stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Told what has been done so far. Called from several threads, at any rate: implementations throttle.
pub trait Progress: Send + Sync {
    /// `done` of `total` entries and bytes of the current phase; a total of 0 is not known yet.
    fn report(&self, step: Step);
}

/// How far one phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Entries finished.
    pub entries: u64,
    /// Entries there are; 0 while not known.
    pub entries_total: u64,
    /// Bytes finished.
    pub bytes: u64,
    /// Bytes there are; 0 while not known.
    pub bytes_total: u64,
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Step) {}
}

/// Asks an operation to stop. Cheap to clone; every clone is the same request.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks. The operation puts back the state before it and returns its `Cancelled` error.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
