//! Terminals: the engine's end of the one stream that all terminals of a sandbox share.
//!
//! The pseudo-terminals live in the sandbox, with `guest init`; they outlive the app. [`TerminalHub`] speaks
//! with it over any pair of byte streams: in the app the standard input and output of a plain exec of
//! `sandbox-guest control`, in tests a child process. What comes back was made by an untrusted program:
//! frames, windows and texts are bounded here once more, and no decision rests on them.

mod attachment;
mod connection;
mod error;
mod exec;
mod filter;
mod hub;

pub use attachment::{Attachment, Piece};
pub use error::TerminalError;
pub use filter::TerminalFilter;
pub use hub::{TerminalEvent, TerminalHub};
pub use sandbox_protocol::{GuestReport, OpenTerminal, TerminalState};

/// A terminal's number within its sandbox.
pub type TerminalId = u32;

/// The command that is run in a sandbox to reach its terminals, without a terminal of its own.
pub const CONTROL_VERB: &str = "control";
