//! One reader of one terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use sandbox_protocol::{MAX_DATA, MAX_WINDOW, Request, ToGuest};
use tokio::sync::mpsc;

use super::{TerminalError, TerminalId};

/// Acknowledged together, so that single key strokes cost no frame back.
const ACK_STEP: u32 = 16 * 1024;
/// The largest screen with its history; the guest's own bound is below it.
const MAX_SCREEN: usize = 8 * 1024 * 1024;
/// Screens that may wait for the reader.
const MAX_SCREENS: u32 = 2;

/// What a terminal shows next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Reset the view, then write this: history, screen, cursor and modes. The first piece, and again
    /// whenever the reader fell too far behind. Needs no acknowledgement.
    Screen(Bytes),
    /// Output that follows. To be acknowledged when it is used up.
    Output(Bytes),
    /// The program ended with this status and everything it wrote was given.
    Ended(i32),
}

/// The reader's end. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    pub(super) terminal: TerminalId,
    pub(super) id: u32,
    pub(super) pieces: mpsc::UnboundedReceiver<Piece>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) commands: mpsc::Sender<ToGuest>,
    pub(super) unsent_ack: u32,
    pub(super) replaced: Arc<AtomicU32>,
}

/// What was given to a reader and is not used up.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: AtomicU32,
    screens: AtomicU32,
}

impl Attachment {
    /// The terminal.
    pub fn terminal(&self) -> TerminalId {
        self.terminal
    }

    /// The next piece; `None` when the terminal was closed, the connection is gone, or another attachment
    /// took this one's place. May be dropped while waiting without loss.
    pub async fn next(&mut self) -> Option<Piece> {
        let piece = self.pieces.recv().await?;
        if matches!(piece, Piece::Screen(_)) {
            self.waiting.screens.fetch_sub(1, Ordering::Relaxed);
        }
        Some(piece)
    }

    /// So many bytes of output were used up: drawn, or written on. More may then come.
    pub async fn ack(&mut self, bytes: usize) -> Result<(), TerminalError> {
        let given = self.waiting.bytes.load(Ordering::Relaxed);
        let used = u32::try_from(bytes).unwrap_or(u32::MAX).min(given);
        self.waiting.bytes.fetch_sub(used, Ordering::Relaxed);
        self.unsent_ack += used;
        if self.unsent_ack < ACK_STEP {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.unsent_ack);
        let ack = ToGuest::Ack {
            terminal: self.terminal,
            attachment: self.id,
            bytes,
        };
        self.commands
            .send(ack)
            .await
            .map_err(|_| TerminalError::Closed)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // A newer attachment of the same terminal has taken its place: that one must not be detached.
        if self.replaced.load(Ordering::Relaxed) == self.id {
            let request = Request::Detach {
                terminal: self.terminal,
            };
            let _ = self.commands.try_send(ToGuest::Request { id: 0, request });
        }
    }
}

/// The connection's end of an attachment.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) id: u32,
    pub(super) pieces: mpsc::UnboundedSender<Piece>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) screen: Vec<u8>,
}

impl Feed {
    pub(super) fn snapshot(&mut self, bytes: &[u8], last: bool) -> Result<(), TerminalError> {
        self.screen.extend_from_slice(bytes);
        if self.screen.len() > MAX_SCREEN {
            return Err(TerminalError::Flood);
        }
        if last {
            if self.waiting.screens.fetch_add(1, Ordering::Relaxed) >= MAX_SCREENS {
                return Err(TerminalError::Flood);
            }
            let screen = std::mem::take(&mut self.screen);
            let _ = self.pieces.send(Piece::Screen(screen.into()));
        }
        Ok(())
    }

    pub(super) fn output(&mut self, bytes: Vec<u8>) -> Result<(), TerminalError> {
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let before = self.waiting.bytes.fetch_add(count, Ordering::Relaxed);
        // Bytes already used up but not yet acknowledged are not counted, so this is never too strict.
        if bytes.len() > MAX_DATA || before > MAX_WINDOW {
            return Err(TerminalError::Flood);
        }
        if !bytes.is_empty() {
            let _ = self.pieces.send(Piece::Output(bytes.into()));
        }
        Ok(())
    }
}
