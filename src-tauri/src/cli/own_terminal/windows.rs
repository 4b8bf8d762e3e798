//! Windows: not yet. The console's modes take calls that need `unsafe`.

use std::convert::Infallible;

use tokio::signal::windows::{CtrlC, ctrl_c};

use crate::cli::mistake::Mistake;

/// Says that it cannot be used yet, and what can.
pub fn check() -> Result<(), Mistake> {
    Err(Mistake::failed(
        "shell is not on Windows yet; use the window, or: agent-sandbox exec SANDBOX -- CMD",
    ))
}

/// Columns and rows of a usual terminal.
pub fn size() -> (u16, u16) {
    (80, 24)
}

/// Changes of the size.
pub struct Resizes(Infallible);

impl Resizes {
    /// The next one.
    pub async fn recv(&mut self) -> Option<()> {
        match self.0 {}
    }
}

/// None are told.
pub fn resizes() -> Option<Resizes> {
    None
}

/// Ctrl-C.
pub struct Endings(Option<CtrlC>);

impl Endings {
    /// From now on it does not end the process by itself, and none is lost.
    pub fn begin() -> Self {
        Self(ctrl_c().ok())
    }

    /// Comes back at the next one.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(ctrl_c) => drop(ctrl_c.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// A terminal that hands every key on: there is none.
pub struct Raw(#[allow(dead_code)] Infallible);

impl Raw {
    /// Never.
    pub fn begin() -> Result<Self, Mistake> {
        check()?;
        Err(Mistake::failed("the terminal cannot be set"))
    }
}

/// Typing that is not shown: there is none, so nothing is asked for in a terminal.
pub struct Quiet(#[allow(dead_code)] Infallible);

impl Quiet {
    /// Never.
    pub fn begin(_what: &str) -> Option<Self> {
        None
    }
}
