//! Where in a workspace something happened, as a hint for the next scan.
//!
//! Only a hint: events are lost, arrive late or name nothing. Where that is known, the hint is to look
//! at everything; a whole scan now and then remains the truth. Without a change nothing runs here.
//! Where the system will not let us watch (the number of watches or instances is used up, which a
//! sandbox under the same user can bring about), looking at everything now and then takes its place.

mod gather;
mod source;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::path::WorkspacePath;
use gather::Gather;
use source::{Events, Message, NotifySource, Source};

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// At these paths and what lies below them.
    Paths(Vec<WorkspacePath>),
    /// At everything.
    Everything(Why),
}

/// Why everything must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The watch began: what happened before is not known.
    Began,
    /// Events were lost: more happened at once than the system keeps.
    Overflow,
    /// More paths changed than are worth naming.
    Many,
    /// The folder itself was replaced.
    Replaced,
    /// The system cannot be asked for events; this is the time to look.
    Polling,
    /// Watching failed in a way that may have lost events.
    Failed,
}

/// How well it is watched, for the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    /// By events.
    Watching,
    /// By looking at everything now and then.
    Polling {
        /// Why, in plain words.
        reason: String,
    },
    /// The folder is gone.
    Gone,
}

/// Times of a watcher.
#[derive(Debug, Clone, Copy)]
pub struct WatchTimes {
    /// A hint is given when nothing happened for this long,
    pub quiet: Duration,
    /// or this long after the first event, whichever comes first.
    pub latest: Duration,
    /// Between two looks where events cannot be had.
    pub poll: Duration,
}

impl Default for WatchTimes {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(150),
            latest: Duration::from_millis(750),
            poll: Duration::from_secs(5),
        }
    }
}

/// Watches one folder until it is dropped. Must not be dropped from inside its own callback.
#[derive(Debug)]
pub struct Watcher {
    state: Arc<Mutex<WatchState>>,
    stop: Events,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch the folder at this path of the app's own. Cannot fail: without events it
    /// polls. The first hint, at once, is to look at everything.
    pub fn start(
        root: &Path,
        times: WatchTimes,
        on_hint: impl FnMut(Hint) + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(root, times, NotifySource, on_hint)
    }

    fn start_with(
        root: &Path,
        times: WatchTimes,
        source: impl Source + Send + 'static,
        on_hint: impl FnMut(Hint) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, messages) = channel();
        let stop = Events::new(sender);
        let state = Arc::new(Mutex::new(WatchState::Watching));
        let task = Task {
            root: root.to_owned(),
            times,
            source,
            events: stop.clone(),
            state: Arc::clone(&state),
            on_hint,
        };
        let thread = std::thread::Builder::new()
            .name("workspace-watch".to_owned())
            .spawn(move || task.run(&messages))?;
        Ok(Self {
            state,
            stop,
            thread: Some(thread),
        })
    }

    /// How well it is watched now.
    pub fn state(&self) -> WatchState {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the callback was printed by its own thread.
            let _ = thread.join();
        }
    }
}

struct Task<S, F> {
    root: PathBuf,
    times: WatchTimes,
    source: S,
    events: Events,
    state: Arc<Mutex<WatchState>>,
    on_hint: F,
}

/// Times that polling looks before it tries to watch again.
const POLLS_BEFORE_RETRY: u32 = 12;

impl<S: Source, F: FnMut(Hint)> Task<S, F> {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut why = Why::Began;
        loop {
            // Before it is watched: one that was replaced since then is told from this one.
            let identity = source::identity(&self.root);
            match self.source.watch(&self.root, self.events.clone()) {
                Ok(_) if source::identity(&self.root) != identity => why = Why::Replaced,
                Ok(watch) => {
                    self.set(WatchState::Watching);
                    (self.on_hint)(Hint::Everything(why));
                    match self.watch(messages, identity) {
                        End::Stopped => return,
                        End::Again(again) => why = again,
                        End::Polling(reason) => {
                            drop(watch);
                            if self.poll(messages, reason) {
                                return;
                            }
                            why = Why::Failed;
                        }
                    }
                }
                Err(reason) => {
                    if self.poll(messages, reason) {
                        return;
                    }
                    why = Why::Began;
                }
            }
        }
    }

    /// Takes events until told to stop, or until watching no longer works.
    fn watch(&mut self, messages: &Receiver<Message>, identity: Option<(u64, u64)>) -> End {
        let mut gather = Gather::new(&self.root);
        loop {
            let message = match gather.due(&self.times) {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            if message.is_ok() && self.events.received() {
                gather.everything(Why::Overflow);
            }
            match message {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return End::Stopped,
                Ok(Message::Event(event)) => gather.add(&event),
                Ok(Message::Failed(reason)) => gather.everything(reason),
                Ok(Message::Exhausted(reason)) => return End::Polling(reason),
                Err(RecvTimeoutError::Timeout) => {
                    if gather.root_touched() && source::identity(&self.root) != identity {
                        return End::Again(Why::Replaced);
                    }
                    if let Some(hint) = gather.take() {
                        (self.on_hint)(hint);
                    }
                }
            }
        }
    }

    /// Looks at everything now and then; true when told to stop.
    fn poll(&mut self, messages: &Receiver<Message>, reason: String) -> bool {
        tracing::warn!(root = %self.root.display(), %reason, "the workspace is polled");
        let polling = WatchState::Polling { reason };
        for _ in 0..POLLS_BEFORE_RETRY {
            let there = source::identity(&self.root).is_some();
            self.set(if there {
                polling.clone()
            } else {
                WatchState::Gone
            });
            if there {
                (self.on_hint)(Hint::Everything(Why::Polling));
            }
            let next = Instant::now() + self.times.poll;
            loop {
                let left = next.saturating_duration_since(Instant::now());
                match messages.recv_timeout(left) {
                    Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                    // Left over from the watch that failed.
                    Ok(_) => drop(self.events.received()),
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
        }
        false
    }

    fn set(&self, state: WatchState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

enum End {
    Stopped,
    Again(Why),
    Polling(String),
}
