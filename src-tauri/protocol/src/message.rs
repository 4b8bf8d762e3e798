//! The messages, each way. Terminal bytes travel raw; everything else is JSON in its frame.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::frame::{FrameError, MAX_DATA, put};
use crate::terminal::{OpenTerminal, TerminalState};
use crate::{Decoder, VERSION};

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
    /// What was typed or pasted; at most [`MAX_DATA`] bytes.
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
        /// Raw, at most [`MAX_DATA`] bytes.
        bytes: Vec<u8>,
    },
}

#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    id: u32,
    body: T,
}

const HELLO: u8 = 1;
const REQUEST: u8 = 2;
const INPUT: u8 = 3;
const ACK: u8 = 4;
const REPLY: u8 = 66;
const EVENT: u8 = 67;
const SNAPSHOT: u8 = 68;
const OUTPUT: u8 = 69;

impl ToGuest {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => put_json(out, HELLO, hello),
            Self::Request { id, request } => put_json(
                out,
                REQUEST,
                &Numbered {
                    id: *id,
                    body: request,
                },
            ),
            Self::Input { terminal, bytes } => {
                put(
                    out,
                    INPUT,
                    &[&terminal.to_le_bytes(), &bytes[..bytes.len().min(MAX_DATA)]],
                );
            }
            Self::Ack {
                terminal,
                attachment,
                bytes,
            } => {
                put(
                    out,
                    ACK,
                    &[
                        &terminal.to_le_bytes(),
                        &attachment.to_le_bytes(),
                        &bytes.to_le_bytes(),
                    ],
                );
            }
        }
    }

    /// The next whole message.
    pub fn decode(from: &mut Decoder) -> Result<Option<Self>, FrameError> {
        let Some((kind, payload)) = from.frame()? else {
            return Ok(None);
        };
        let mut rest = Payload {
            kind,
            rest: payload,
        };
        Ok(Some(match kind {
            HELLO => Self::Hello(rest.json()?),
            REQUEST => {
                let Numbered { id, body } = rest.json()?;
                Self::Request { id, request: body }
            }
            INPUT => Self::Input {
                terminal: rest.number()?,
                bytes: rest.rest.to_vec(),
            },
            ACK => Self::Ack {
                terminal: rest.number()?,
                attachment: rest.number()?,
                bytes: rest.number()?,
            },
            other => return Err(FrameError::Kind(other)),
        }))
    }
}

impl ToEngine {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => put_json(out, HELLO, hello),
            Self::Reply { id, reply } => put_json(
                out,
                REPLY,
                &Numbered {
                    id: *id,
                    body: reply,
                },
            ),
            Self::Event(event) => put_json(out, EVENT, event),
            Self::Snapshot {
                terminal,
                attachment,
                last,
                bytes,
            } => {
                let head = [
                    &terminal.to_le_bytes()[..],
                    &attachment.to_le_bytes(),
                    &[u8::from(*last)],
                ]
                .concat();
                put(out, SNAPSHOT, &[&head, &bytes[..bytes.len().min(MAX_DATA)]]);
            }
            Self::Output {
                terminal,
                attachment,
                bytes,
            } => {
                let bytes = &bytes[..bytes.len().min(MAX_DATA)];
                put(
                    out,
                    OUTPUT,
                    &[&terminal.to_le_bytes(), &attachment.to_le_bytes(), bytes],
                );
            }
        }
    }

    /// The next whole message.
    pub fn decode(from: &mut Decoder) -> Result<Option<Self>, FrameError> {
        let Some((kind, payload)) = from.frame()? else {
            return Ok(None);
        };
        let mut rest = Payload {
            kind,
            rest: payload,
        };
        Ok(Some(match kind {
            HELLO => Self::Hello(rest.json()?),
            REPLY => {
                let Numbered { id, body } = rest.json()?;
                Self::Reply { id, reply: body }
            }
            EVENT => Self::Event(rest.json()?),
            SNAPSHOT => Self::Snapshot {
                terminal: rest.number()?,
                attachment: rest.number()?,
                last: rest.byte()? != 0,
                bytes: rest.rest.to_vec(),
            },
            OUTPUT => Self::Output {
                terminal: rest.number()?,
                attachment: rest.number()?,
                bytes: rest.rest.to_vec(),
            },
            other => return Err(FrameError::Kind(other)),
        }))
    }
}

fn put_json(out: &mut Vec<u8>, kind: u8, value: &impl Serialize) {
    // Our own plain structs always serialise.
    put(out, kind, &[&serde_json::to_vec(value).unwrap_or_default()]);
}

struct Payload<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl Payload<'_> {
    fn json<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        serde_json::from_slice(self.rest).map_err(|error| FrameError::Json {
            kind: self.kind,
            reason: error.to_string(),
        })
    }

    fn number(&mut self) -> Result<u32, FrameError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<4>()
            .ok_or(FrameError::Short(self.kind))?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*head))
    }

    fn byte(&mut self) -> Result<u8, FrameError> {
        let (head, rest) = self
            .rest
            .split_first()
            .ok_or(FrameError::Short(self.kind))?;
        self.rest = rest;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back_as_they_were() {
        let open = OpenTerminal {
            name: "shell".into(),
            command: vec!["bash".into(), "-l".into()],
            env: vec![("A".into(), "b\n".into())],
            cwd: "/workspace".into(),
            cols: 80,
            rows: 24,
            agent: false,
        };
        let all = [
            ToGuest::Hello(Hello::default()),
            ToGuest::Request {
                id: 7,
                request: Request::Open(open),
            },
            ToGuest::Request {
                id: 8,
                request: Request::Attach {
                    terminal: 3,
                    window: 9,
                },
            },
            ToGuest::Input {
                terminal: 3,
                bytes: vec![0, 255, 3],
            },
            ToGuest::Ack {
                terminal: 3,
                attachment: 2,
                bytes: u32::MAX,
            },
        ];
        let mut decoder = Decoder::new();
        let mut stream = Vec::new();
        all.iter().for_each(|message| message.encode(&mut stream));
        decoder.push(&stream);
        for message in all {
            assert_eq!(ToGuest::decode(&mut decoder).unwrap(), Some(message));
        }
        let all = [
            ToEngine::Reply {
                id: 1,
                reply: Reply::Failed {
                    problem: Problem::TooMany,
                    detail: "x".into(),
                },
            },
            ToEngine::Event(Event::Ended {
                terminal: 1,
                attachment: 2,
                exit: 130,
            }),
            ToEngine::Snapshot {
                terminal: 1,
                attachment: 2,
                last: true,
                bytes: vec![27],
            },
            ToEngine::Output {
                terminal: 1,
                attachment: 2,
                bytes: vec![1; MAX_DATA],
            },
        ];
        let mut stream = Vec::new();
        all.iter().for_each(|message| message.encode(&mut stream));
        decoder.push(&stream);
        for message in all {
            assert_eq!(ToEngine::decode(&mut decoder).unwrap(), Some(message));
        }
    }

    proptest! {
        #[test]
        fn any_frame_is_read_or_refused(kind in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut stream = Vec::new();
            put(&mut stream, kind, &[&payload]);
            let mut decoder = Decoder::new();
            decoder.push(&stream);
            let _ = ToGuest::decode(&mut decoder);
            let mut decoder = Decoder::new();
            decoder.push(&stream);
            let _ = ToEngine::decode(&mut decoder);
        }
    }
}
