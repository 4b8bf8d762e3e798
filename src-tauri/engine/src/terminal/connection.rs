//! The stream's two tasks: one writes what is asked, one sorts what comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sandbox_protocol::{Decoder, Event, MAX_TERMINALS, Reply, TerminalState, ToEngine, ToGuest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::attachment::{Attachment, Feed, Piece, Waiting};
use super::{TerminalError, TerminalEvent, TerminalId};
use crate::agents::doing::{Doing, Signs, Watched};

const PIECE: usize = 64 * 1024;

/// Who waits for an answer.
pub(super) enum Asker {
    /// Takes the answer as it is.
    Plain(oneshot::Sender<Reply>),
    /// Becomes a reader with the answer, before anything that follows it is read.
    Attach(TerminalId, oneshot::Sender<Result<Attachment, Reply>>),
}

#[derive(Default)]
pub(super) struct State {
    pub(super) askers: HashMap<u32, Asker>,
    pub(super) next_request: u32,
    pub(super) terminals: HashMap<TerminalId, TerminalState>,
    /// How the sandbox's agent tells what it does.
    pub(super) signs: Signs,
    watched: HashMap<TerminalId, Watched>,
    feeds: HashMap<TerminalId, Feed>,
    newest: HashMap<TerminalId, Arc<AtomicU32>>,
}

/// What the hub and its tasks share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) events: broadcast::Sender<TerminalEvent>,
}

impl State {
    /// It was told how a terminal is now.
    fn saw(&mut self, terminal: &TerminalState) {
        let now = Instant::now();
        let watched = self.watched.entry(terminal.id);
        let watched = watched.or_insert_with(|| Watched::new(now));
        watched.see(&self.signs, terminal, now);
    }

    /// What there was before anybody looked.
    pub(super) fn found(&mut self, terminals: &[TerminalState]) {
        let now = Instant::now();
        for terminal in terminals {
            let found = || Watched::found(&self.signs, terminal, now);
            self.watched.entry(terminal.id).or_insert_with(found);
        }
        self.watched
            .retain(|id, _| terminals.iter().any(|terminal| terminal.id == *id));
    }

    pub(super) fn opened(&mut self, terminal: &TerminalState) {
        self.saw(terminal);
        self.terminals.insert(terminal.id, terminal.clone());
    }

    /// Its user typed. Gives its state where that made another thing of what it does.
    pub(super) fn typed(&mut self, id: TerminalId) -> Option<TerminalState> {
        let state = self.terminals.get(&id)?;
        let watched = self.watched.get_mut(&id)?;
        let before = watched.doing(state);
        watched.typed();
        (watched.doing(state) != before).then(|| state.clone())
    }

    /// When [`Self::look`] may find that a terminal has been quiet for long enough.
    pub(super) fn quiet_at(&self, id: TerminalId) -> Option<Instant> {
        self.watched.get(&id)?.quiet_at(&self.signs)
    }

    /// Whether it waits from now on, for it has been quiet.
    pub(super) fn look(&mut self, id: TerminalId) -> bool {
        let watched = self.watched.get_mut(&id);
        watched.is_some_and(|watched| watched.look(&self.signs, Instant::now()))
    }

    pub(super) fn doing(&self, terminal: &TerminalState) -> Doing {
        match self.watched.get(&terminal.id) {
            Some(watched) => watched.doing(terminal),
            None => Watched::new(Instant::now()).doing(terminal),
        }
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            events: broadcast::channel(256).0,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody who waits learns that nothing will come.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.askers.clear();
        state.feeds.clear();
    }
}

/// Writes until the hub is gone or the stream breaks.
pub(super) async fn write(mut to: impl AsyncWrite + Unpin, mut commands: mpsc::Receiver<ToGuest>) {
    let mut bytes = Vec::new();
    while let Some(command) = commands.recv().await {
        command.encode(&mut bytes);
        while let Some(more) = (bytes.len() < PIECE)
            .then(|| commands.try_recv().ok())
            .flatten()
        {
            more.encode(&mut bytes);
        }
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
        bytes.clear();
    }
}

/// Reads the stream's messages, one after the other.
pub(super) struct Incoming<R> {
    from: R,
    decoder: Decoder,
    piece: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            decoder: Decoder::new(),
            piece: vec![0; PIECE],
        }
    }

    pub(super) async fn next(&mut self) -> Result<ToEngine, TerminalError> {
        loop {
            if let Some(message) = ToEngine::decode(&mut self.decoder)? {
                return Ok(message);
            }
            match self.from.read(&mut self.piece).await {
                Ok(count) if count > 0 => self.decoder.push(&self.piece[..count]),
                _ => return Err(TerminalError::Closed),
            }
        }
    }
}

/// Sorts what comes until the stream ends or breaks the rules; tells why.
pub(super) async fn read<R: AsyncRead + Unpin>(
    mut from: Incoming<R>,
    shared: &Shared,
    commands: &mpsc::WeakSender<ToGuest>,
) -> TerminalError {
    loop {
        let sorted = match from.next().await {
            Ok(message) => shared.sort(message, commands),
            Err(error) => Err(error),
        };
        if let Err(error) = sorted {
            return error;
        }
    }
}

impl Shared {
    fn sort(
        &self,
        message: ToEngine,
        commands: &mpsc::WeakSender<ToGuest>,
    ) -> Result<(), TerminalError> {
        match message {
            ToEngine::Hello(_) => Ok(()),
            ToEngine::Reply { id, reply } => {
                self.answer(id, reply, commands);
                Ok(())
            }
            ToEngine::Event(event) => {
                self.take_event(event);
                Ok(())
            }
            ToEngine::Snapshot {
                terminal,
                attachment,
                last,
                bytes,
            } => self.with_feed(terminal, attachment, |feed| feed.snapshot(&bytes, last)),
            ToEngine::Output {
                terminal,
                attachment,
                bytes,
            } => self.with_feed(terminal, attachment, |feed| feed.output(bytes)),
        }
    }

    /// Frames of an attachment that is no more are dropped.
    fn with_feed(
        &self,
        terminal: TerminalId,
        attachment: u32,
        take: impl FnOnce(&mut Feed) -> Result<(), TerminalError>,
    ) -> Result<(), TerminalError> {
        match self
            .state()
            .feeds
            .get_mut(&terminal)
            .filter(|feed| feed.id == attachment)
        {
            Some(feed) => take(feed),
            None => Ok(()),
        }
    }

    fn answer(&self, id: u32, reply: Reply, commands: &mpsc::WeakSender<ToGuest>) {
        let mut state = self.state();
        match (state.askers.remove(&id), reply) {
            (Some(Asker::Plain(asker)), reply) => drop(asker.send(reply)),
            (Some(Asker::Attach(terminal, asker)), Reply::Attached { attachment }) => {
                if let Some(commands) = commands.upgrade() {
                    let _ = asker.send(Ok(state.attach(terminal, attachment, commands)));
                }
            }
            (Some(Asker::Attach(_, asker)), reply) => drop(asker.send(Err(reply))),
            (None, _) => {}
        }
    }

    fn take_event(&self, event: Event) {
        let mut state = self.state();
        let told = match event {
            Event::Changed { terminal } => {
                let terminal = terminal.cleaned();
                let known = state.terminals.contains_key(&terminal.id);
                if !known && state.terminals.len() >= 2 * MAX_TERMINALS {
                    return;
                }
                state.opened(&terminal);
                TerminalEvent::Changed(terminal)
            }
            Event::Closed { terminal } => {
                state.terminals.remove(&terminal);
                state.feeds.remove(&terminal);
                state.newest.remove(&terminal);
                state.watched.remove(&terminal);
                TerminalEvent::Closed(terminal)
            }
            Event::Ended {
                terminal,
                attachment,
                exit,
            } => {
                if let Some(feed) = state
                    .feeds
                    .get(&terminal)
                    .filter(|feed| feed.id == attachment)
                {
                    let _ = feed.pieces.send(Piece::Ended(exit));
                    state.feeds.remove(&terminal);
                }
                return;
            }
        };
        drop(state);
        // Nobody listening is no failure.
        let _ = self.events.send(told);
    }
}

impl State {
    /// The reader's end; an earlier reader of the same terminal ends.
    fn attach(
        &mut self,
        terminal: TerminalId,
        id: u32,
        commands: mpsc::Sender<ToGuest>,
    ) -> Attachment {
        let (sender, pieces) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let replaced = Arc::clone(self.newest.entry(terminal).or_default());
        replaced.store(id, Ordering::Relaxed);
        let feed = Feed {
            id,
            pieces: sender,
            waiting: Arc::clone(&waiting),
            screen: Vec::new(),
        };
        self.feeds.insert(terminal, feed);
        Attachment {
            terminal,
            id,
            pieces,
            waiting,
            commands,
            unsent_ack: 0,
            replaced,
        }
    }
}
