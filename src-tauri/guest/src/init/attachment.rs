//! One reader of one terminal: how far it was sent, how far it acknowledged, and when it is given up on.

use std::time::{Duration, Instant};

use sandbox_protocol::{Event, MAX_DATA, MAX_WINDOW, ToEngine};

use super::stream::CAPACITY;
use super::terminal::Terminal;

/// A reader that is alive holds its program up, so that nothing is lost to it; one that acknowledges
/// nothing for this long no longer does, and is brought up to date by a new snapshot.
const PATIENCE: Duration = Duration::from_secs(2);
/// The program is held up before a live reader's next byte leaves the stream.
const HOLD_UP: u64 = (CAPACITY - 128 * 1024) as u64;

/// See the module.
pub struct Attachment {
    pub terminal: u32,
    pub id: u32,
    window: u64,
    snapshot: Vec<u8>,
    snapshot_sent: Option<usize>,
    sent: u64,
    acknowledged: u64,
    heard: Instant,
    ended: bool,
}

impl Attachment {
    /// Begins with a snapshot.
    pub fn new(terminal: &Terminal, id: u32, window: u32, now: Instant) -> Self {
        let (snapshot, sent) = terminal.snapshot();
        Self {
            terminal: terminal.id,
            id,
            window: u64::from(window.clamp(1, MAX_WINDOW)),
            snapshot,
            snapshot_sent: Some(0),
            sent,
            acknowledged: sent,
            heard: now,
            ended: false,
        }
    }

    /// The engine used up so many bytes.
    pub fn acknowledge(&mut self, bytes: u32, now: Instant) {
        // Never beyond what was sent: a wrong count must not open the window.
        self.acknowledged = (self.acknowledged + u64::from(bytes)).min(self.sent);
        self.heard = now;
    }

    /// The next frame, if the window and the terminal have one.
    pub fn next(&mut self, terminal: &Terminal, now: Instant) -> Option<ToEngine> {
        if self.snapshot_sent.is_some() {
            return Some(self.next_of_snapshot());
        }
        let room = self.window.saturating_sub(self.sent - self.acknowledged);
        let most = usize::try_from(room).unwrap_or(MAX_DATA).min(MAX_DATA);
        if self.sent < terminal.stream.end() {
            if most == 0 {
                return None;
            }
            let Some(bytes) = terminal.stream.read(self.sent, most) else {
                *self = Self::new(
                    terminal,
                    self.id,
                    u32::try_from(self.window).unwrap_or(MAX_WINDOW),
                    now,
                );
                return Some(self.next_of_snapshot());
            };
            if self.sent == self.acknowledged {
                self.heard = now;
            }
            self.sent += bytes.len() as u64;
            return Some(ToEngine::Output {
                terminal: self.terminal,
                attachment: self.id,
                bytes,
            });
        }
        let exit = terminal.exit().filter(|_| !self.ended)?;
        self.ended = true;
        Some(ToEngine::Event(Event::Ended {
            terminal: self.terminal,
            attachment: self.id,
            exit,
        }))
    }

    /// This reader is alive and so far behind that the program has to wait for it.
    pub fn holds_up(&self, terminal: &Terminal, now: Instant) -> bool {
        terminal.stream.end() - self.acknowledged > HOLD_UP && !self.lags(now)
    }

    /// When it may stop to hold up.
    pub fn patience_ends(&self) -> Instant {
        self.heard + PATIENCE
    }

    fn lags(&self, now: Instant) -> bool {
        now >= self.patience_ends()
    }

    fn next_of_snapshot(&mut self) -> ToEngine {
        let from = self.snapshot_sent.unwrap_or(0);
        let to = self.snapshot.len().min(from + MAX_DATA);
        let last = to == self.snapshot.len();
        let bytes = self.snapshot[from..to].to_vec();
        self.snapshot_sent = (!last).then_some(to);
        if last {
            self.snapshot = Vec::new();
        }
        ToEngine::Snapshot {
            terminal: self.terminal,
            attachment: self.id,
            last,
            bytes,
        }
    }
}
