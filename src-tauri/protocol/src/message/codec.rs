//! Messages in frames. Terminal bytes travel raw; everything else is JSON in its frame.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ToEngine, ToGuest};
use crate::Decoder;
use crate::frame::{FrameError, MAX_DATA, put};

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
    use super::super::*;
    use super::*;
    use crate::nearly;

    fn to_guest() -> Vec<ToGuest> {
        let open = OpenTerminal {
            name: "shell".into(),
            command: vec!["bash".into(), "-l".into()],
            env: vec![("A".into(), "b\n".into())],
            cwd: "/workspace".into(),
            cols: 80,
            rows: 24,
            agent: false,
        };
        vec![
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
        ]
    }

    fn to_engine() -> Vec<ToEngine> {
        vec![
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
        ]
    }

    #[test]
    fn messages_come_back_as_they_were() {
        let all = to_guest();
        let mut decoder = Decoder::new();
        let mut stream = Vec::new();
        all.iter().for_each(|message| message.encode(&mut stream));
        decoder.push(&stream);
        for message in all {
            assert_eq!(ToGuest::decode(&mut decoder).unwrap(), Some(message));
        }
        let all = to_engine();
        let mut stream = Vec::new();
        all.iter().for_each(|message| message.encode(&mut stream));
        decoder.push(&stream);
        for message in all {
            assert_eq!(ToEngine::decode(&mut decoder).unwrap(), Some(message));
        }
    }

    #[test]
    fn what_is_nearly_right_is_read_as_it_stands_or_refused() {
        let frames = |encode: &dyn Fn(usize, &mut Vec<u8>), count| {
            let each = (0..count).map(|at| {
                let mut out = Vec::new();
                encode(at, &mut out);
                out
            });
            each.collect::<Vec<_>>()
        };
        let (guest, engine) = (to_guest(), to_engine());
        let all = frames(&|at, out| guest[at].encode(out), guest.len());
        nearly::try_reader(&all, |bytes| {
            let mut decoder = Decoder::new();
            decoder.push(bytes);
            let message = ToGuest::decode(&mut decoder).ok()??;
            let mut out = Vec::new();
            message.encode(&mut out);
            Some(out)
        });
        let all = frames(&|at, out| engine[at].encode(out), engine.len());
        nearly::try_reader(&all, |bytes| {
            let mut decoder = Decoder::new();
            decoder.push(bytes);
            let message = ToEngine::decode(&mut decoder).ok()??;
            let mut out = Vec::new();
            message.encode(&mut out);
            Some(out)
        });
    }
}
