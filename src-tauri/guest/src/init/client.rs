//! One stream of control: what came, what waits to be sent.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use sandbox_protocol::{Decoder, Hello, ToEngine, ToGuest};

use super::attachment::Attachment;

/// Output is not prepared beyond this: what waits stays in the terminals' streams.
const ENOUGH: usize = 64 * 1024;
/// Questions are not read while so many bytes of answers wait.
const TOO_MUCH: usize = 256 * 1024;
/// A client that lets so much wait takes nothing any more and is cut off.
const FAR_TOO_MUCH: usize = 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// See the module.
pub struct Client {
    socket: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
    /// Said hello in our version.
    pub greeted: bool,
    /// Its readers, one for each terminal at most.
    pub attachments: Vec<Attachment>,
    gone: bool,
}

impl Client {
    /// Greets at once: an engine of another version can then say so.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let mut client = Self {
            socket,
            decoder: Decoder::new(),
            out: Vec::new(),
            greeted: false,
            attachments: Vec::new(),
            gone: false,
        };
        client.send(&ToEngine::Hello(Hello::default()));
        Ok(client)
    }

    /// For polling.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// It is to be forgotten.
    pub fn gone(&self) -> bool {
        self.gone
    }

    /// Ends it.
    pub fn drop_it(&mut self) {
        self.gone = true;
    }

    /// Whether to read from it.
    pub fn listens(&self) -> bool {
        self.out.len() < TOO_MUCH
    }

    /// Whether there is something to write.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Whether more output may be prepared.
    pub fn has_room(&self) -> bool {
        self.out.len() < ENOUGH
    }

    /// Prepares a message.
    pub fn send(&mut self, message: &ToEngine) {
        message.encode(&mut self.out);
        self.gone |= self.out.len() > FAR_TOO_MUCH;
    }

    /// Reads one piece; what it brought is then taken with [`Self::message`].
    pub fn read(&mut self) {
        let mut piece = vec![0; PIECE];
        match self.socket.read(&mut piece) {
            Ok(0) => self.gone = true,
            Ok(count) => self.decoder.push(&piece[..count]),
            Err(error) => self.gone |= !passing(&error),
        }
    }

    /// The next whole message. A broken one ends the client.
    pub fn message(&mut self) -> Option<ToGuest> {
        match ToGuest::decode(&mut self.decoder) {
            Ok(message) => message,
            Err(error) => {
                eprintln!("sandbox-guest: a control stream was cut: {error}");
                self.gone = true;
                None
            }
        }
    }

    /// Writes what the socket takes.
    pub fn write(&mut self) {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) => {
                    self.gone |= !passing(&error);
                    return;
                }
            }
        }
    }
}

fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Whether the other end came from outside of the sandbox: a process that the engine put in has no parent
/// inside, the agent's all have. Not asked where this is not process 1 (tests).
pub fn from_outside(socket: &impl AsFd) -> bool {
    if !super::processes::is_first() {
        return true;
    }
    let Ok(peer) = rustix::net::sockopt::socket_peercred(socket) else {
        return false;
    };
    let path = format!("/proc/{}/status", peer.pid.as_raw_nonzero());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    status.lines().any(|line| {
        line.strip_prefix("PPid:")
            .is_some_and(|parent| parent.trim() == "0")
    })
}
