//! Windows: not yet. The console's modes take calls that need `unsafe`.

use std::convert::Infallible;

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

/// Comes back at Ctrl-C.
pub async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
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
