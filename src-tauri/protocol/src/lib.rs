//! What the engine and the guest say to each other: length-framed, versioned, bounded messages.
//!
//! The guest runs with the agent's own user, so the engine treats every byte of it as hostile: a frame is
//! at most [`MAX_FRAME`] bytes, a text is cut, and no decision rests on what it says.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod egress;
mod frame;
pub mod home;
pub mod login;
mod message;
#[cfg(test)]
mod nearly;
pub mod policy;
pub mod routes;
pub mod streams;
mod terminal;

pub use frame::{Decoder, FrameError, MAX_DATA, MAX_FRAME};
pub use message::{Event, GuestReport, Hello, Problem, Reply, Request, Space, ToEngine, ToGuest};
pub use terminal::{MAX_TERMINALS, MAX_TEXT, MAX_WINDOW, OpenTerminal, TerminalState, plain_text};

/// Raised when a message changes so that an older reader would misread it.
pub const VERSION: u32 = 1;

/// The abstract Unix socket that `guest init` listens on. Abstract: nobody can delete or replace it, and
/// it belongs to the sandbox's own network namespace.
pub const CONTROL_SOCKET: &str = "agent-sandbox-control";
