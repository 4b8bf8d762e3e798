//! What the engine asks of process 1.

use std::io;
use std::time::Instant;

use sandbox_protocol::{
    Event, MAX_TERMINALS, OpenTerminal, Problem, Reply, Request, TerminalState, ToEngine, ToGuest,
    VERSION,
};

use super::Init;
use super::attachment::Attachment;
use super::terminal::Terminal;

/// Arguments and environment of one terminal, together. The frame bounds it too.
const MAX_COMMAND: usize = 512;

impl Init {
    /// Does everything that a client's last piece asked for.
    pub(super) fn answer(&mut self, at: usize) {
        while let Some(message) = self.clients[at].message() {
            match message {
                ToGuest::Hello(hello) => {
                    self.clients[at].greeted = hello.version == VERSION;
                    if hello.version != VERSION {
                        self.clients[at].drop_it();
                        return;
                    }
                }
                _ if !self.clients[at].greeted => {
                    self.clients[at].drop_it();
                    return;
                }
                ToGuest::Request { id, request } => self.reply(at, id, request),
                ToGuest::Input { terminal, bytes } => {
                    if let Some(pty) = self
                        .find(terminal)
                        .and_then(|terminal| terminal.pty.as_mut())
                    {
                        pty.input(&bytes);
                    }
                }
                ToGuest::Ack {
                    terminal,
                    attachment,
                    bytes,
                } => {
                    let readers = self.clients[at].attachments.iter_mut();
                    let mut readers =
                        readers.filter(|r| r.terminal == terminal && r.id == attachment);
                    if let Some(reader) = readers.next() {
                        reader.acknowledge(bytes, Instant::now());
                    }
                }
            }
        }
    }

    fn reply(&mut self, at: usize, id: u32, request: Request) {
        let done = match request {
            Request::Open(wanted) => self.open(&wanted),
            Request::List => Ok(Reply::Terminals {
                terminals: self.states(),
            }),
            Request::Attach { terminal, window } => self.attach(at, terminal, window),
            Request::Detach { terminal } => {
                self.clients[at]
                    .attachments
                    .retain(|reader| reader.terminal != terminal);
                Ok(Reply::Done)
            }
            Request::Resize {
                terminal,
                cols,
                rows,
            } => self
                .known(terminal)
                .map(|terminal| terminal.resize(cols, rows))
                .map(|()| Reply::Done),
            Request::Close { terminal } => self.close(terminal),
            Request::Report => Ok(Reply::Report {
                report: crate::report::report(),
            }),
        };
        let reply = done.unwrap_or_else(|(problem, detail)| Reply::Failed { problem, detail });
        self.clients[at].send(&ToEngine::Reply { id, reply });
    }

    fn open(&mut self, wanted: &OpenTerminal) -> Result<Reply, Failure> {
        if wanted.command.is_empty() || wanted.command.len() + wanted.env.len() > MAX_COMMAND {
            return Err((Problem::Invalid, "no command, or too many words".to_owned()));
        }
        self.make_room()?;
        let terminal = Terminal::open(self.next_terminal, wanted).map_err(refused)?;
        self.next_terminal += 1;
        let state = terminal.state(Instant::now());
        self.terminals.push(terminal);
        Ok(Reply::Opened { terminal: state })
    }

    /// Where all places are taken, the oldest ended terminal goes.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.terminals.len() < MAX_TERMINALS {
            return Ok(());
        }
        let ended = self
            .terminals
            .iter()
            .find(|terminal| terminal.exit().is_some())
            .map(|terminal| terminal.id);
        let ended = ended.ok_or((
            Problem::TooMany,
            format!("{MAX_TERMINALS} terminals are open"),
        ))?;
        self.close(ended).map(|_| ())
    }

    fn attach(&mut self, at: usize, terminal: u32, window: u32) -> Result<Reply, Failure> {
        let attachment = self.next_attachment;
        let known = self.known(terminal)?;
        let reader = Attachment::new(known, attachment, window, Instant::now());
        self.next_attachment = self.next_attachment.wrapping_add(1);
        let readers = &mut self.clients[at].attachments;
        readers.retain(|reader| reader.terminal != terminal);
        readers.push(reader);
        Ok(Reply::Attached { attachment })
    }

    fn close(&mut self, id: u32) -> Result<Reply, Failure> {
        if let Some(leader) = self.known(id)?.leader {
            self.ending.add(leader, Instant::now());
        }
        self.terminals.retain(|terminal| terminal.id != id);
        let event = ToEngine::Event(Event::Closed { terminal: id });
        for client in &mut self.clients {
            client.attachments.retain(|reader| reader.terminal != id);
            client.send(&event);
        }
        Ok(Reply::Done)
    }

    fn states(&self) -> Vec<TerminalState> {
        let now = Instant::now();
        self.terminals
            .iter()
            .map(|terminal| terminal.state(now))
            .collect()
    }

    fn find(&mut self, id: u32) -> Option<&mut Terminal> {
        self.terminals.iter_mut().find(|terminal| terminal.id == id)
    }

    fn known(&mut self, id: u32) -> Result<&mut Terminal, Failure> {
        self.find(id)
            .ok_or((Problem::NoTerminal, format!("there is no terminal {id}")))
    }
}

type Failure = (Problem, String);

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn refused(error: io::Error) -> Failure {
    (Problem::System, error.to_string())
}
