//! All terminals of one sandbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox_protocol::{
    GuestReport, Hello, MAX_DATA, MAX_TERMINALS, MAX_WINDOW, OpenTerminal, Reply, Request,
    TerminalState, ToEngine, ToGuest, VERSION,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::attachment::Attachment;
use super::connection::{Asker, Incoming, Shared, read, write};
use super::{TerminalError, TerminalId};
use crate::agents::doing::{Doing, Signs, is_typed};

/// For an answer. A paused sandbox gives none.
const DEADLINE: Duration = Duration::from_secs(10);
/// Commands that may wait for the stream.
const QUEUE: usize = 256;

/// What happened to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    /// It is new, or its title, bell, size, exit or whether it works changed.
    Changed(TerminalState),
    /// It was closed and forgotten.
    Closed(TerminalId),
}

/// The connection to a sandbox's terminals. Dropping it ends the connection and no terminal.
pub struct TerminalHub {
    commands: mpsc::Sender<ToGuest>,
    shared: Arc<Shared>,
    closed: CancellationToken,
    _ends_tasks: DropGuard,
}

impl TerminalHub {
    /// Greets the guest. The streams are standard output and input of its `control` verb.
    pub async fn connect<R, W>(from: R, to: W) -> Result<Self, TerminalError>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (commands, waiting) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let ends_tasks = stop.clone().drop_guard();
        tokio::spawn(stop.clone().run_until_cancelled_owned(write(to, waiting)));
        let _ = commands.send(ToGuest::Hello(Hello::default())).await;
        let mut incoming = Incoming::new(from);
        greeted(&mut incoming).await?;

        let shared = Arc::new(Shared::new());
        let closed = CancellationToken::new();
        let (task_shared, task_closed, weak) =
            (Arc::clone(&shared), closed.clone(), commands.downgrade());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            let why = read(incoming, &task_shared, &weak).await;
            tracing::debug!(%why, "terminals: the connection ended");
            task_shared.close();
            task_closed.cancel();
        }));
        let hub = Self {
            commands,
            shared,
            closed,
            _ends_tasks: ends_tasks,
        };
        hub.list().await?;
        Ok(hub)
    }

    /// Starts a program in a new terminal.
    pub async fn open(&self, wanted: OpenTerminal) -> Result<TerminalState, TerminalError> {
        match self
            .ask("open a terminal", 0, Request::Open(wanted))
            .await?
        {
            Reply::Opened { terminal } => {
                let terminal = terminal.cleaned();
                self.shared.state().opened(&terminal);
                Ok(terminal)
            }
            _ => Err(TerminalError::Unfitting("open a terminal")),
        }
    }

    /// All terminals, ended ones included, by id.
    pub async fn list(&self) -> Result<Vec<TerminalState>, TerminalError> {
        let Reply::Terminals { terminals } =
            self.ask("list the terminals", 0, Request::List).await?
        else {
            return Err(TerminalError::Unfitting("list the terminals"));
        };
        let terminals: Vec<_> = terminals
            .into_iter()
            .take(MAX_TERMINALS)
            .map(TerminalState::cleaned)
            .collect();
        let known = terminals
            .iter()
            .map(|terminal| (terminal.id, terminal.clone()))
            .collect();
        let mut state = self.shared.state();
        state.found(&terminals);
        state.terminals = known;
        drop(state);
        Ok(terminals)
    }

    /// As last told, without asking.
    pub fn known(&self) -> Vec<TerminalState> {
        let mut terminals: Vec<_> = self.shared.state().terminals.values().cloned().collect();
        terminals.sort_by_key(|terminal| terminal.id);
        terminals
    }

    /// From now on these tell what the sandbox's agent does; also of what was there before.
    pub fn tell_by(&self, signs: Signs) {
        let mut state = self.shared.state();
        state.signs = signs;
        let terminals: Vec<_> = state.terminals.values().cloned().collect();
        state.found(&[]);
        state.found(&terminals);
    }

    /// What each does, as last told, without asking.
    pub fn doing(&self) -> Vec<(TerminalState, Doing)> {
        let known = self.known();
        let state = self.shared.state();
        let with = |terminal: TerminalState| {
            let doing = state.doing(&terminal);
            (terminal, doing)
        };
        known.into_iter().map(with).collect()
    }

    /// When a terminal will have been quiet for so long that its agent waits; `None`: it does not depend on that.
    pub(crate) fn quiet_at(&self, terminal: TerminalId) -> Option<Instant> {
        self.shared.state().quiet_at(terminal)
    }

    /// Whether it has been, just now.
    pub(crate) fn has_fallen_quiet(&self, terminal: TerminalId) -> bool {
        self.shared.state().look(terminal)
    }

    /// Begins to read a terminal: its screen first, then its output. An earlier reader of the same
    /// terminal on this hub ends.
    pub async fn attach(&self, terminal: TerminalId) -> Result<Attachment, TerminalError> {
        const WHAT: &str = "attach to a terminal";
        let (sender, answer) = oneshot::channel();
        let request = Request::Attach {
            terminal,
            window: MAX_WINDOW,
        };
        let _asked = self
            .send_request(Asker::Attach(terminal, sender), request)
            .await?;
        match in_time(WHAT, answer).await? {
            Ok(attachment) => Ok(attachment),
            Err(Reply::Failed { problem, detail }) => {
                Err(TerminalError::refused(WHAT, terminal, problem, &detail))
            }
            Err(_) => Err(TerminalError::Unfitting(WHAT)),
        }
    }

    /// Types or pastes. Waits while the stream is full.
    pub async fn input(&self, terminal: TerminalId, bytes: &[u8]) -> Result<(), TerminalError> {
        if is_typed(bytes) {
            let changed = self.shared.state().typed(terminal);
            if let Some(state) = changed {
                let _ = self.shared.events.send(TerminalEvent::Changed(state));
            }
        }
        for piece in bytes.chunks(MAX_DATA) {
            self.send(ToGuest::Input {
                terminal,
                bytes: piece.to_vec(),
            })
            .await?;
        }
        Ok(())
    }

    /// Changes the size.
    pub async fn resize(
        &self,
        terminal: TerminalId,
        cols: u16,
        rows: u16,
    ) -> Result<(), TerminalError> {
        self.done(
            "resize a terminal",
            terminal,
            Request::Resize {
                terminal,
                cols,
                rows,
            },
        )
        .await
    }

    /// Ends the program and forgets the terminal.
    pub async fn close(&self, terminal: TerminalId) -> Result<(), TerminalError> {
        self.done("close a terminal", terminal, Request::Close { terminal })
            .await
    }

    /// Space and listening ports, as the guest sees them.
    pub async fn report(&self) -> Result<GuestReport, TerminalError> {
        match self.ask("report", 0, Request::Report).await? {
            Reply::Report { report } => Ok(report),
            _ => Err(TerminalError::Unfitting("report")),
        }
    }

    /// News of all terminals, from now on. A reader that was too slow asks [`Self::known`].
    pub fn events(&self) -> broadcast::Receiver<TerminalEvent> {
        self.shared.events.subscribe()
    }

    /// Waits for the end of the connection: the sandbox stopped, or the container engine is gone.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether the connection ended.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    async fn done(
        &self,
        what: &'static str,
        terminal: u32,
        request: Request,
    ) -> Result<(), TerminalError> {
        match self.ask(what, terminal, request).await? {
            Reply::Done => Ok(()),
            _ => Err(TerminalError::Unfitting(what)),
        }
    }

    async fn ask(
        &self,
        what: &'static str,
        terminal: u32,
        request: Request,
    ) -> Result<Reply, TerminalError> {
        let (sender, answer) = oneshot::channel();
        let _asked = self.send_request(Asker::Plain(sender), request).await?;
        match in_time(what, answer).await? {
            Reply::Failed { problem, detail } => {
                Err(TerminalError::refused(what, terminal, problem, &detail))
            }
            reply => Ok(reply),
        }
    }

    async fn send_request(
        &self,
        asker: Asker,
        request: Request,
    ) -> Result<Asked<'_>, TerminalError> {
        if self.is_closed() {
            return Err(TerminalError::Closed);
        }
        let id = {
            let mut state = self.shared.state();
            // 0 is for requests whose answer nobody waits for.
            state.next_request = state.next_request.wrapping_add(1).max(1);
            let id = state.next_request;
            state.askers.insert(id, asker);
            id
        };
        let asked = Asked {
            shared: &self.shared,
            id,
        };
        self.send(ToGuest::Request { id, request }).await?;
        Ok(asked)
    }

    async fn send(&self, message: ToGuest) -> Result<(), TerminalError> {
        let sent = tokio::time::timeout(DEADLINE, self.commands.send(message)).await;
        sent.map_err(|_| TerminalError::TimedOut("send"))?
            .map_err(|_| TerminalError::Closed)
    }
}

/// A question whose answer is waited for. Once nobody does, nothing is kept for it: a paused sandbox is asked again and
/// again, for days.
struct Asked<'a> {
    shared: &'a Shared,
    id: u32,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.shared.state().askers.remove(&self.id);
    }
}

async fn greeted<R: AsyncRead + Unpin>(incoming: &mut Incoming<R>) -> Result<(), TerminalError> {
    let first = tokio::time::timeout(DEADLINE, incoming.next()).await;
    match first.map_err(|_| TerminalError::TimedOut("greet"))?? {
        ToEngine::Hello(Hello { version: VERSION }) => Ok(()),
        ToEngine::Hello(Hello { version }) => Err(TerminalError::Version { theirs: version }),
        _ => Err(TerminalError::Unfitting("greet")),
    }
}

async fn in_time<T>(what: &'static str, answer: oneshot::Receiver<T>) -> Result<T, TerminalError> {
    let answer = tokio::time::timeout(DEADLINE, answer).await;
    answer
        .map_err(|_| TerminalError::TimedOut(what))?
        .map_err(|_| TerminalError::Closed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sandbox_protocol::Decoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Greets, tells of no terminals, and says nothing more.
    async fn falls_silent(mut stream: tokio::io::DuplexStream) {
        let mut decoder = Decoder::new();
        let mut piece = [0; 1024];
        loop {
            let count = stream.read(&mut piece).await.unwrap_or(0);
            if count == 0 {
                return;
            }
            decoder.push(&piece[..count]);
            while let Ok(Some(message)) = ToGuest::decode(&mut decoder) {
                let mut out = Vec::new();
                match message {
                    ToGuest::Hello(_) => ToEngine::Hello(Hello::default()).encode(&mut out),
                    ToGuest::Request {
                        id,
                        request: Request::List,
                    } => {
                        let terminals = Vec::new();
                        let reply = Reply::Terminals { terminals };
                        ToEngine::Reply { id, reply }.encode(&mut out);
                    }
                    _ => {}
                }
                let _ = stream.write_all(&out).await;
            }
        }
    }

    #[tokio::test]
    async fn a_question_without_an_answer_leaves_nothing_behind() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(falls_silent(theirs));
        let (from, to) = tokio::io::split(ours);
        let hub = TerminalHub::connect(from, to).await.unwrap();
        let soon = Duration::from_millis(50);
        for _ in 0..3 {
            let asked = tokio::time::timeout(soon, hub.report()).await;
            assert!(asked.is_err(), "no answer comes: {asked:?}");
            let asked = tokio::time::timeout(soon, hub.attach(1)).await;
            assert!(asked.is_err());
        }
        assert_eq!(hub.shared.state().askers.len(), 0);
        assert_eq!(hub.list().await.unwrap(), [], "it goes on");
    }
}
