//! What can go wrong with a terminal.

use sandbox_protocol::{FrameError, Problem, VERSION};
use thiserror::Error;

/// See the module.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// The stream to the sandbox ended, or never began.
    #[error("the connection to the sandbox's terminals is closed")]
    Closed,
    /// No answer in time.
    #[error("the sandbox did not answer in time ({0})")]
    TimedOut(&'static str),
    /// The sandbox was started by another version of the app.
    #[error(
        "the sandbox speaks version {theirs} of the terminal protocol, this app {VERSION}; stop and start it"
    )]
    Version {
        /// What it said.
        theirs: u32,
    },
    /// There is no such terminal.
    #[error("there is no terminal {0}")]
    NoTerminal(u32),
    /// All places are taken.
    #[error("too many terminals are open: {0}")]
    TooMany(String),
    /// The sandbox refused.
    #[error("{what}: {detail}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its words, cut and cleaned.
        detail: String,
    },
    /// It broke the protocol.
    #[error("the sandbox sent nonsense: {0}")]
    Frame(#[from] FrameError),
    /// It sent more than it was allowed to without acknowledgement.
    #[error("the sandbox sent more than it may")]
    Flood,
    /// It answered another question than the one asked.
    #[error("the sandbox gave an answer that does not fit ({0})")]
    Unfitting(&'static str),
}

impl TerminalError {
    pub(super) fn refused(
        what: &'static str,
        terminal: u32,
        problem: Problem,
        detail: &str,
    ) -> Self {
        let detail = sandbox_protocol::plain_text(detail.as_bytes());
        match problem {
            Problem::NoTerminal => Self::NoTerminal(terminal),
            Problem::TooMany => Self::TooMany(detail),
            Problem::Invalid | Problem::System => Self::Refused { what, detail },
        }
    }
}
