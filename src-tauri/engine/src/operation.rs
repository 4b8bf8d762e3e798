//! Long operations: how they report, how they are stopped.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox_workspace::{Cancel, Progress, Step};

/// The parts of a long operation, as the window names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phase {
    Counting,
    Copying,
    Baseline,
    Image,
    Preparing,
    Starting,
    Capturing,
    Comparing,
    Staging,
    Writing,
    Restoring,
    Removing,
}

/// Told how far an operation is; at most about 20 times a second and at each new phase.
pub type Listener = Arc<dyn Fn(Phase, Step) + Send + Sync>;

/// One long operation. Cheap to clone; every clone is the same operation.
#[derive(Clone)]
pub struct Operation {
    cancel: Cancel,
    listener: Option<Listener>,
    last: Arc<Mutex<Option<(Phase, Instant)>>>,
}

/// Reports are not passed on more often than this within one phase.
const QUIET: Duration = Duration::from_millis(50);

impl Operation {
    /// One that tells nobody and is never cancelled.
    pub fn silent() -> Self {
        Self::new(Cancel::default(), None)
    }

    /// One that tells `listener` and stops when `cancel` is asked.
    pub fn new(cancel: Cancel, listener: Option<Listener>) -> Self {
        Self {
            cancel,
            listener,
            last: Arc::default(),
        }
    }

    /// What stops it.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Says that a phase began, and fails if the operation was cancelled.
    pub fn enter(&self, phase: Phase) -> crate::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(crate::Error::Cancelled);
        }
        self.tell(phase, Step::default());
        Ok(())
    }

    /// The reporter of one phase, to be handed to the crates below.
    pub fn phase(&self, phase: Phase) -> PhaseProgress {
        PhaseProgress {
            operation: self.clone(),
            phase,
        }
    }

    fn tell(&self, phase: Phase, step: Step) {
        let Some(listener) = &self.listener else {
            return;
        };
        let finished = step.entries_total > 0 && step.entries >= step.entries_total;
        {
            let mut last = self
                .last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = Instant::now();
            let too_soon = matches!(*last, Some((p, at)) if p == phase && now - at < QUIET);
            if too_soon && !finished {
                return;
            }
            *last = Some((phase, now));
        }
        listener(phase, step);
    }
}

/// Passes the steps of one phase on.
#[derive(Clone)]
pub struct PhaseProgress {
    operation: Operation,
    phase: Phase,
}

impl Progress for PhaseProgress {
    fn report(&self, step: Step) {
        self.operation.tell(self.phase, step);
    }
}
