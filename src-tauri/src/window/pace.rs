//! How long an operation still takes, and what its phases are called in the window.

use std::time::{Duration, Instant};

use agent_sandbox::ipc::handover::Phase;
use sandbox_engine::Phase as EnginePhase;
use sandbox_workspace::Step;

/// As the page calls it.
pub fn wire_phase(phase: EnginePhase) -> Phase {
    match phase {
        EnginePhase::Counting => Phase::Counting,
        EnginePhase::Copying => Phase::Copying,
        EnginePhase::Baseline => Phase::Baseline,
        EnginePhase::Image => Phase::Image,
        EnginePhase::Preparing => Phase::Preparing,
        EnginePhase::Starting => Phase::Starting,
        EnginePhase::Capturing => Phase::Capturing,
        EnginePhase::Comparing => Phase::Comparing,
        EnginePhase::Staging => Phase::Staging,
        EnginePhase::Writing => Phase::Writing,
        EnginePhase::Restoring => Phase::Restoring,
        EnginePhase::Removing => Phase::Removing,
    }
}

/// How fast a phase goes.
#[derive(Default)]
pub struct Pace {
    phase: Option<(EnginePhase, Instant)>,
}

impl Pace {
    /// Nothing before two seconds and a tenth of the way: earlier it would be a guess.
    pub fn seconds_left(&mut self, phase: EnginePhase, step: Step) -> Option<u32> {
        let since = match self.phase {
            Some((known, since)) if known == phase => since,
            _ => {
                let now = Instant::now();
                self.phase = Some((phase, now));
                now
            }
        };
        let (done, total) = if step.bytes_total > 0 {
            (step.bytes, step.bytes_total)
        } else {
            (step.entries, step.entries_total)
        };
        let elapsed = since.elapsed();
        if elapsed < Duration::from_secs(2) || done == 0 || done < total / 10 || done >= total {
            return None;
        }
        let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
        Some(left.ceil() as u32)
    }
}
