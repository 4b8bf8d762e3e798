//! `init`: process 1 of a sandbox. One thread, one poll loop; every buffer is bounded.

mod attachment;
mod boundary;
mod client;
mod processes;
mod pty;
mod requests;
mod screen;
mod stream;
mod terminal;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use sandbox_protocol::{Event, ToEngine};

pub use client::from_outside;

use client::Client;
use processes::{Ending, Signals};
use terminal::Terminal;

/// Streams of control at once: the window, the command line, and some to spare.
const MAX_CLIENTS: usize = 8;
/// Orphans of commands that the engine started end unannounced at the latest after this.
const ROUND: Duration = Duration::from_secs(30);

/// Runs until it is told to stop.
pub fn run(name: &str) -> io::Result<()> {
    // Nothing that the agent runs may trace process 1.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let signals = Signals::take()?;
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    if let Err(error) = crate::relay::start() {
        // Without it nothing goes out: closed, not open.
        eprintln!("sandbox-guest: no relay: {error}");
    }
    if let Err(error) = crate::ports::start(name) {
        eprintln!("sandbox-guest: ports are not reached from outside: {error}");
    }
    let mut init = Init {
        signals,
        listener,
        clients: Vec::new(),
        terminals: Vec::new(),
        ending: Ending::default(),
        next_terminal: 1,
        next_attachment: 1,
    };
    while !init.turn()? {}
    let leaders: Vec<_> = init
        .terminals
        .iter()
        .filter_map(|terminal| terminal.leader)
        .collect();
    drop(init);
    processes::end_all(&leaders);
    Ok(())
}

struct Init {
    signals: Signals,
    listener: UnixListener,
    clients: Vec<Client>,
    terminals: Vec<Terminal>,
    ending: Ending,
    next_terminal: u32,
    next_attachment: u32,
}

/// What a poll found.
struct Ready {
    clients: Vec<(bool, bool)>,
    terminals: Vec<bool>,
}

impl Init {
    /// Waits once and does what there is to do. True when it is time to stop.
    fn turn(&mut self) -> io::Result<bool> {
        let ready = self.wait()?;
        if processes::arrived(&self.signals.stop) {
            return Ok(true);
        }
        self.reap();
        self.accept();
        // Input comes before output: Ctrl-C acts at once while a terminal floods.
        for (at, (readable, writable)) in ready.clients.iter().enumerate() {
            if *readable {
                self.clients[at].read();
                self.answer(at);
            }
            if *writable {
                self.clients[at].write();
            }
        }
        self.read_terminals(&ready.terminals);
        self.ending.tick(Instant::now());
        self.tell();
        self.send_output();
        self.clients.retain(|client| !client.gone());
        Ok(false)
    }

    fn wait(&self) -> io::Result<Ready> {
        let now = Instant::now();
        let mut fds = vec![
            PollFd::new(&self.signals.child, PollFlags::IN),
            PollFd::new(&self.signals.stop, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        let fixed = fds.len();
        for client in &self.clients {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, client.listens());
            wanted.set(PollFlags::OUT, client.has_output());
            fds.push(PollFd::from_borrowed_fd(client.fd(), wanted));
        }
        let mut polled = Vec::new();
        for (at, terminal) in self.terminals.iter().enumerate() {
            let Some(pty) = &terminal.pty else { continue };
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, !self.held_up(terminal, now));
            wanted.set(PollFlags::OUT, pty.has_pending());
            // An ended program's terminal reports its end for ever: not asked while it is held up.
            if !wanted.is_empty() {
                polled.push(at);
                fds.push(PollFd::from_borrowed_fd(pty.fd(), wanted));
            }
        }
        match rustix::event::poll(&mut fds, Some(&self.timeout(now))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let clients = fds[fixed..fixed + self.clients.len()].iter();
        let clients = clients
            .map(|fd| {
                let found = fd.revents();
                (
                    found.intersects(!PollFlags::OUT),
                    found.contains(PollFlags::OUT),
                )
            })
            .collect();
        let mut terminals = vec![false; self.terminals.len()];
        for (at, fd) in polled.into_iter().zip(&fds[fixed + self.clients.len()..]) {
            terminals[at] = !fd.revents().is_empty();
        }
        Ok(Ready { clients, terminals })
    }

    /// Until the next thing that happens by itself.
    fn timeout(&self, now: Instant) -> Timespec {
        let news = self
            .terminals
            .iter()
            .filter_map(|terminal| terminal.next_news(now));
        let patience = self.clients.iter().flat_map(|client| &client.attachments);
        let patience = patience
            .map(attachment::Attachment::patience_ends)
            .filter(|at| *at > now);
        let next = news.chain(patience).chain(self.ending.next()).min();
        let left = next
            .map_or(ROUND, |at| at.saturating_duration_since(now))
            .min(ROUND);
        // One millisecond more: rounded down it would turn without effect.
        let left = left + Duration::from_millis(1);
        Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: i64::from(left.subsec_nanos()),
        }
    }

    fn reap(&mut self) {
        processes::arrived(&self.signals.child);
        while let Some((pid, status)) = processes::reap() {
            self.ending.reaped(pid);
            if let Some(terminal) = self
                .terminals
                .iter_mut()
                .find(|terminal| terminal.leader == Some(pid))
            {
                terminal.reaped(status);
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            if self.clients.len() < MAX_CLIENTS && from_outside(&socket) {
                self.clients.extend(Client::new(socket));
            }
        }
    }

    fn read_terminals(&mut self, ready: &[bool]) {
        let now = Instant::now();
        for at in 0..self.terminals.len() {
            let held_up = self.held_up(&self.terminals[at], now);
            let terminal = &mut self.terminals[at];
            if let Some(pty) = &mut terminal.pty {
                pty.write_pending();
            }
            let ended = terminal.has_ended_program();
            if (ready.get(at) == Some(&true) || ended) && !held_up {
                terminal.read(now);
            }
        }
    }

    /// A live reader of it is too far behind.
    fn held_up(&self, terminal: &Terminal, now: Instant) -> bool {
        let readers = self.clients.iter().flat_map(|client| &client.attachments);
        readers
            .filter(|reader| reader.terminal == terminal.id)
            .any(|reader| reader.holds_up(terminal, now))
    }

    fn tell(&mut self) {
        let now = Instant::now();
        for terminal in &mut self.terminals {
            let Some(state) = terminal.news(now) else {
                continue;
            };
            let event = ToEngine::Event(Event::Changed { terminal: state });
            self.clients
                .iter_mut()
                .filter(|client| client.greeted)
                .for_each(|client| client.send(&event));
        }
    }

    /// Prepares output for everybody who takes some, terminal by terminal in turn.
    fn send_output(&mut self) {
        let now = Instant::now();
        for client in &mut self.clients {
            let mut readers = std::mem::take(&mut client.attachments);
            loop {
                let before = client.has_room();
                let mut any = false;
                for reader in &mut readers {
                    let Some(terminal) = self.terminals.iter().find(|t| t.id == reader.terminal)
                    else {
                        continue;
                    };
                    if !client.has_room() {
                        break;
                    }
                    if let Some(message) = reader.next(terminal, now) {
                        client.send(&message);
                        any = true;
                    }
                }
                client.write();
                if !any || !before || !client.has_room() {
                    break;
                }
            }
            client.attachments = readers;
        }
    }
}
