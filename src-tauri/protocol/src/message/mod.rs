//! The messages, each way. How they travel is in [`codec`].

mod codec;

use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::terminal::{OpenTerminal, TerminalState};

/// The first frame of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's [`VERSION`].
    pub version: u32,
}

impl Default for Hello {
    fn default() -> Self {
        Self { version: VERSION }
    }
}

/// What the engine asks for. Each is answered by one [`Reply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// Starts a terminal.
    Open(OpenTerminal),
    /// All terminals, ended ones included.
    List,
    /// Sends the screen, then the output as it comes. A second one on the same stream replaces the first.
    Attach {
        /// Which.
        terminal: u32,
        /// Bytes of output that may be on their way without acknowledgement.
        window: u32,
    },
    /// Stops the output of this stream's attachment.
    Detach {
        /// Which.
        terminal: u32,
    },
    /// Changes the size.
    Resize {
        /// Which.
        terminal: u32,
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Ends the program (hang-up, then kill) and forgets the terminal.
    Close {
        /// Which.
        terminal: u32,
    },
    /// Space and listening ports.
    Report,
}

/// Free space of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Space {
    /// Size in bytes.
    pub total: u64,
    /// Bytes that the agent may still use.
    pub free: u64,
}

/// What the guest sees of its sandbox. A claim, like everything from inside.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuestReport {
    /// The workspace's file system.
    pub workspace: Option<Space>,
    /// The home folder's.
    pub home: Option<Space>,
    /// TCP ports that something listens on, ascending, at most 64.
    pub ports: Vec<u16>,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// There is no such terminal.
    NoTerminal,
    /// As many terminals as allowed are open.
    TooMany,
    /// The request makes no sense.
    Invalid,
    /// The sandbox's system refused.
    System,
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// The terminal that was opened.
    Opened {
        /// As it is now.
        terminal: TerminalState,
    },
    /// All of them.
    Terminals {
        /// By id.
        terminals: Vec<TerminalState>,
    },
    /// Screen and output follow under this number.
    Attached {
        /// Tells the frames of this attachment from an earlier one's.
        attachment: u32,
    },
    /// Space and ports.
    Report {
        /// As found now.
        report: GuestReport,
    },
    /// It could not be done.
    Failed {
        /// The kind.
        problem: Problem,
        /// In words.
        detail: String,
    },
}

/// What the guest tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A terminal is new or something of its state changed. At most ten a second for each.
    Changed {
        /// As it is now.
        terminal: TerminalState,
    },
    /// A terminal was closed and forgotten.
    Closed {
        /// Which.
        terminal: u32,
    },
    /// The program ended and all of its output was sent to this attachment.
    Ended {
        /// Which.
        terminal: u32,
        /// The attachment.
        attachment: u32,
        /// The exit status.
        exit: i32,
    },
}

/// Engine to guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToGuest {
    /// First.
    Hello(Hello),
    /// A question with the number its answer will carry.
    Request {
        /// Chosen by the engine.
        id: u32,
        /// The question.
        request: Request,
    },
    /// What was typed or pasted; at most [`crate::MAX_DATA`] bytes.
    Input {
        /// Which.
        terminal: u32,
        /// Raw.
        bytes: Vec<u8>,
    },
    /// So much output was used up.
    Ack {
        /// Which.
        terminal: u32,
        /// The attachment.
        attachment: u32,
        /// Bytes since the last one.
        bytes: u32,
    },
}

/// Guest to engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToEngine {
    /// First.
    Hello(Hello),
    /// The answer to the request of that number.
    Reply {
        /// The request's.
        id: u32,
        /// The answer.
        reply: Reply,
    },
    /// News.
    Event(Event),
    /// A piece of what restores the screen. Not acknowledged.
    Snapshot {
        /// Which.
        terminal: u32,
        /// The attachment.
        attachment: u32,
        /// No more pieces follow: the terminal is reset and all of it written.
        last: bool,
        /// Raw.
        bytes: Vec<u8>,
    },
    /// Output; to be acknowledged.
    Output {
        /// Which.
        terminal: u32,
        /// The attachment.
        attachment: u32,
        /// Raw, at most [`crate::MAX_DATA`] bytes.
        bytes: Vec<u8>,
    },
}
