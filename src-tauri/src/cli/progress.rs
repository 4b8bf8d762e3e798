//! Progress on standard error, in one line that is written over; only to a terminal. Ctrl-C cancels.

use std::io::{self, Write};
use std::sync::Arc;

use sandbox_engine::Phase;
use sandbox_engine::operation::{Listener, Operation};
use sandbox_workspace::{Cancel, Step};

use super::Printer;
use super::own_terminal::Endings;

/// An operation that tells a terminal and stops at Ctrl-C or when it is told to end; the second time the
/// process ends at once.
pub fn operation(printer: &Printer) -> Operation {
    let cancel = Cancel::default();
    let stop = cancel.clone();
    // Before anything begins: a signal that nobody waits for would end the process in the middle of it.
    let mut endings = Endings::begin();
    tokio::spawn(async move {
        endings.next().await;
        stop.cancel();
        endings.next().await;
        std::process::exit(130);
    });
    let listener: Option<Listener> = printer.progress.then(|| Arc::new(show) as Listener);
    Operation::new(cancel, listener)
}

fn show(phase: Phase, step: Step) {
    let words = match phase {
        Phase::Counting => "Counting",
        Phase::Copying => "Copying",
        Phase::Baseline => "Taking the baseline",
        Phase::Image => "Preparing the environment image",
        Phase::Preparing => "Preparing",
        Phase::Starting => "Starting",
        Phase::Capturing => "Reading the workspace",
        Phase::Comparing => "Comparing",
        Phase::Staging => "Preparing the files",
        Phase::Writing => "Writing",
        Phase::Restoring => "Putting back",
        Phase::Removing => "Removing",
    };
    let count = match (step.entries, step.entries_total) {
        (0, _) => String::new(),
        (done, 0) => format!(" {done}"),
        (done, all) => format!(" {done} of {all}"),
    };
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\x1b[K{words}{count}");
    let _ = out.flush();
}

/// Takes the line away, before the answer.
pub fn clear(printer: &Printer) {
    if printer.progress {
        let mut out = io::stderr().lock();
        let _ = write!(out, "\r\x1b[K");
        let _ = out.flush();
    }
}
