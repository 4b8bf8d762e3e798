//! Where events come from: the system, by `notify`; in a test, whatever the test wants.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use notify::{Config, ErrorKind, RecursiveMode, Watcher as _};

use super::Why;
use crate::system::{self, is_exhausted};

/// What reaches the watcher's thread.
#[derive(Debug)]
pub(super) enum Message {
    Event(notify::Event),
    /// Something was lost, but watching goes on.
    Failed(Why),
    /// Watching does not go on.
    Exhausted(String),
    Stop,
}

/// Events that wait for the watcher's thread at most: while it looks at everything, an agent can make
/// any number of them.
const WAITING: usize = 32_768;

/// The way of messages to the watcher's thread. Beyond a number of them they are lost, and that is told.
#[derive(Debug, Clone)]
pub(super) struct Events {
    to: Sender<Message>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicBool>,
}

impl Events {
    pub fn new(to: Sender<Message>) -> Self {
        Self {
            to,
            waiting: Arc::default(),
            lost: Arc::default(),
        }
    }

    pub fn send(&self, message: Message) {
        let one_of_many = matches!(message, Message::Event(_));
        if one_of_many && self.waiting.load(Ordering::Acquire) >= WAITING {
            self.lost.store(true, Ordering::Release);
            return;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        // The thread is gone: so is the wish to know.
        let _ = self.to.send(message);
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// To be called for every message that was received; true where some before it were lost.
    pub fn received(&self) -> bool {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.lost.swap(false, Ordering::AcqRel)
    }
}

/// Makes watches.
pub(super) trait Source {
    /// Kept as long as the watch is wanted.
    type Watch;

    /// Watches a folder and all below it; says in plain words why it cannot.
    fn watch(&mut self, root: &Path, events: Events) -> Result<Self::Watch, String>;
}

/// The system's own events.
pub(super) struct NotifySource;

impl Source for NotifySource {
    type Watch = notify::RecommendedWatcher;

    fn watch(&mut self, root: &Path, events: Events) -> Result<Self::Watch, String> {
        start(root, move |event| pass_on(event, &events))
    }
}

/// Watches a folder and all below it; every event goes to `handler`, on the thread that reads them.
pub(super) fn start(
    root: &Path,
    handler: impl FnMut(notify::Result<notify::Event>) + Send + 'static,
) -> Result<notify::RecommendedWatcher, String> {
    let config = Config::default().with_follow_symlinks(false);
    let mut watcher = notify::RecommendedWatcher::new(handler, config).map_err(|e| words(&e))?;
    watcher
        .watch(root, RecursiveMode::Recursive)
        .map_err(|e| words(&e))?;
    Ok(watcher)
}

/// What of an event is told.
pub(super) fn pass_on(event: notify::Result<notify::Event>, events: &Events) {
    let message = match event {
        // What we cause ourselves by reading. A writer through memory is told by its close alone.
        Ok(event) if event.kind.is_access() && !ends_a_write(&event) => return,
        Ok(event) => Message::Event(event),
        Err(error) => failure(&error),
    };
    events.send(message);
}

fn ends_a_write(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode};
    event.kind == notify::EventKind::Access(AccessKind::Close(AccessMode::Write))
}

fn failure(error: &notify::Error) -> Message {
    match &error.kind {
        ErrorKind::MaxFilesWatch => Message::Exhausted(words(error)),
        ErrorKind::Io(io) if is_exhausted(io) => Message::Exhausted(words(error)),
        _ => Message::Failed(Why::Failed),
    }
}

fn words(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "the system's number of watched folders is used up (fs.inotify.max_user_watches)"
                .to_owned()
        }
        ErrorKind::Io(io) if is_exhausted(io) => {
            "the system's number of watchers is used up (fs.inotify.max_user_instances)".to_owned()
        }
        _ => format!("the folder cannot be watched: {error}"),
    }
}

/// Device and inode of the folder itself; `None` where none is.
pub(super) fn identity(root: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(root).ok()?;
    metadata.is_dir().then(|| system::identity(&metadata))
}
