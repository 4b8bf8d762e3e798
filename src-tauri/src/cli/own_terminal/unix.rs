//! Linux and macOS: termios and SIGWINCH.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::mistake::Mistake;

/// Whether there is one.
pub fn check() -> Result<(), Mistake> {
    if stdin().is_terminal() && stdout().is_terminal() {
        return Ok(());
    }
    Err(Mistake::Use(
        "shell needs a terminal; without one use: agent-sandbox exec SANDBOX -- CMD".to_owned(),
    ))
}

/// Columns and rows.
pub fn size() -> (u16, u16) {
    termios::tcgetwinsize(stdout()).map_or((80, 24), |s| (s.ws_col.max(2), s.ws_row.max(2)))
}

/// Tells each time the size changed.
pub fn resizes() -> Option<Signal> {
    signal(SignalKind::window_change()).ok()
}

/// Ctrl-C, a request to end, and the terminal's closing.
pub struct Endings([Option<Signal>; 3]);

impl Endings {
    /// From now on none of them ends the process by itself, and none is lost.
    pub fn begin() -> Self {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Self(kinds.map(|kind| signal(kind).ok()))
    }

    /// Comes back at the next one.
    pub async fn next(&mut self) {
        async fn wait(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            () = wait(interrupt) => {}
            () = wait(terminate) => {}
            () = wait(hang_up) => {}
        }
    }
}

/// The user's terminal hands every key on; put back when dropped.
pub struct Raw(Termios);

impl Raw {
    /// From now on.
    pub fn begin() -> Result<Self, Mistake> {
        let failed = |e| Mistake::failed(format!("could not set the terminal: {e}"));
        let before = termios::tcgetattr(stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// What is typed is not shown; put back when dropped.
pub struct Quiet(Termios);

impl Quiet {
    /// From now on, after a word about what is to be typed.
    pub fn begin(what: &str) -> Option<Self> {
        let before = termios::tcgetattr(stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(stdin(), OptionalActions::Flush, &quiet).ok()?;
        let _ = write!(stderr(), "{what} (not shown): ");
        Some(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(stderr());
    }
}
