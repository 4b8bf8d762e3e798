//! Frames: four bytes of length (little endian, kind included), one byte of kind, the payload.

use thiserror::Error;
use zeroize::Zeroize;

/// Largest frame, without its four bytes of length.
pub const MAX_FRAME: usize = 64 * 1024;
/// Most bytes of a terminal in one frame.
pub const MAX_DATA: usize = 32 * 1024;

/// Why a stream cannot be read on. There is no way to find the next frame after any of these.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`], or without a kind.
    #[error("a frame of {0} bytes; 1 to {MAX_FRAME} are allowed")]
    Length(usize),
    /// A kind that this side does not read.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    /// Too short for its kind.
    #[error("a frame of the kind {0} is cut short")]
    Short(u8),
    /// Not the JSON that was expected.
    #[error("a frame of the kind {kind} does not read: {reason}")]
    Json {
        /// The frame's kind.
        kind: u8,
        /// What the reader said.
        reason: String,
    },
}

/// Takes bytes as they come and gives whole frames. Never holds more than one frame and one piece.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was read. Take all frames before the next piece: that is what bounds it.
    pub fn push(&mut self, piece: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole frame, as kind and payload.
    pub fn frame(&mut self) -> Result<Option<(u8, &[u8])>, FrameError> {
        let Some((head, rest)) = self.bytes[self.start..].split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*head) as usize;
        if length == 0 || length > MAX_FRAME {
            return Err(FrameError::Length(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        self.start += 4 + length;
        Ok(body.split_first().map(|(kind, payload)| (*kind, payload)))
    }

    /// Wipes the frames that were taken already: one held a key.
    pub fn wipe(&mut self) {
        self.bytes[..self.start].zeroize();
    }

    /// Bytes held for a frame that is not whole yet.
    pub fn held(&self) -> usize {
        self.bytes.len() - self.start
    }
}

/// Appends a frame. Callers bound their payloads; a longer one is cut rather than breaking the stream.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.truncate(at + 4 + MAX_FRAME);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(0);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_of_no_length_and_one_too_long_are_refused() {
        for length in [0, MAX_FRAME as u32 + 1, u32::MAX] {
            let mut decoder = Decoder::new();
            decoder.push(&length.to_le_bytes());
            assert_eq!(decoder.frame(), Err(FrameError::Length(length as usize)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn frames_come_whole_however_the_bytes_are_split(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            cut in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            for (at, payload) in payloads.iter().enumerate() {
                put(&mut stream, at as u8, &[payload]);
            }
            let mut decoder = Decoder::new();
            let mut read = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.push(piece);
                while let Some((kind, payload)) = decoder.frame().unwrap() {
                    read.push((kind, payload.to_vec()));
                }
            }
            let sent: Vec<_> = payloads.into_iter().enumerate().map(|(at, p)| (at as u8, p)).collect();
            prop_assert_eq!(read, sent);
            prop_assert_eq!(decoder.held(), 0);
        }

        #[test]
        fn noise_never_panics_and_never_piles_up(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4000), 0..40),
        ) {
            let mut decoder = Decoder::new();
            // It comes behind frames that are right.
            let mut first = Vec::new();
            payloads.iter().for_each(|payload| put(&mut first, 7, &[payload]));
            decoder.push(&first);
            for payload in &payloads {
                prop_assert_eq!(decoder.frame(), Ok(Some((7, payload.as_slice()))));
            }
            for piece in noise {
                decoder.push(&piece);
                loop {
                    match decoder.frame() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                prop_assert!(decoder.held() <= MAX_FRAME + 4);
            }
        }
    }
}
