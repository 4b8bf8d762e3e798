//! A terminal: its program, its screen, the newest output, and what is told of it.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use sandbox_protocol::{OpenTerminal, TerminalState, plain_text};

use super::boundary::Boundary;
use super::pty::{Got, Pty, hang_up};
use super::screen::Screen;
use super::stream::Stream;

/// A terminal that printed within this time is working.
pub const QUIET_AFTER: Duration = Duration::from_secs(2);
/// Changes of one terminal are told at most this often.
const NEWS_EVERY: Duration = Duration::from_millis(100);
/// Read from a terminal before the others have their turn.
const PIECE: usize = 32 * 1024;

/// See the module.
pub struct Terminal {
    /// Given to the engine.
    pub id: u32,
    /// The program, until it is reaped.
    pub leader: Option<Pid>,
    /// `None` once all output is read.
    pub pty: Option<Pty>,
    /// The newest output.
    pub stream: Stream,
    boundary: Boundary,
    screen: Screen,
    name: String,
    agent: bool,
    /// Exit status of the program, kept until its last output is read.
    reaped: Option<i32>,
    exit: Option<i32>,
    last_output: Option<Instant>,
    told: Option<(Instant, TerminalState)>,
}

impl Terminal {
    /// Starts the program.
    pub fn open(id: u32, wanted: &OpenTerminal) -> io::Result<Self> {
        let screen = Screen::new(wanted.cols, wanted.rows);
        let (cols, rows) = screen.size();
        let (pty, leader) = Pty::start(wanted, cols, rows)?;
        Ok(Self {
            id,
            leader: Some(leader),
            pty: Some(pty),
            stream: Stream::default(),
            boundary: Boundary::default(),
            screen,
            name: plain_text(wanted.name.as_bytes()),
            agent: wanted.agent,
            reaped: None,
            exit: None,
            last_output: None,
            told: None,
        })
    }

    /// As it is told to the engine.
    pub fn state(&self, now: Instant) -> TerminalState {
        let said = self.screen.said();
        let (cols, rows) = self.screen.size();
        TerminalState {
            id: self.id,
            name: self.name.clone(),
            title: said.title.clone(),
            cols,
            rows,
            exit: self.exit,
            working: self.exit.is_none() && self.working(now),
            bells: said.bells,
            notices: said.notices,
            notice: said.notice.clone(),
            agent: self.agent,
            full_screen: self.screen.full_screen(),
        }
    }

    /// The exit status, once all output is read.
    pub fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// The program ended and its last output is not read yet.
    pub fn has_ended_program(&self) -> bool {
        self.reaped.is_some() && self.pty.is_some()
    }

    /// The program ended; its last output may still be there.
    pub fn reaped(&mut self, status: i32) {
        self.reaped = Some(status);
        self.leader = None;
        if self.pty.is_none() {
            self.exit = self.reaped;
        }
    }

    /// Takes one piece of output. True when there may be more.
    pub fn read(&mut self, now: Instant) -> bool {
        let Some(pty) = &mut self.pty else {
            return false;
        };
        let mut piece = [0; PIECE];
        match pty.read(&mut piece) {
            Got::Bytes(count) => {
                let piece = &piece[..count];
                self.stream.push(piece);
                self.boundary.push(piece);
                self.screen.push(piece);
                self.last_output = Some(now);
                return true;
            }
            Got::Nothing if self.reaped.is_none() => {}
            // The program ended and what it wrote is read. Others may hold the terminal open; they lose it.
            Got::Nothing => self.finish(),
            Got::End => self.finish(),
        }
        false
    }

    /// Nothing more will come. The program itself may have let go of its terminal and live on: it is told
    /// that the terminal is gone, and the exit follows when it ends.
    fn finish(&mut self) {
        if let Some(leader) = self.leader.filter(|_| self.reaped.is_none()) {
            hang_up(leader);
        }
        self.exit = self.reaped;
        self.pty = None;
    }

    /// What restores the screen, and the place in the stream from which on output follows it.
    pub fn snapshot(&self) -> (Vec<u8>, u64) {
        (
            self.screen.snapshot(),
            self.boundary.cut().max(self.stream.start()),
        )
    }

    /// Changes the size.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = self.screen.resize(cols, rows);
        if let Some(pty) = &self.pty {
            pty.resize(cols, rows);
        }
    }

    /// The state, if it is another than was told last and the last news is long enough ago.
    pub fn news(&mut self, now: Instant) -> Option<TerminalState> {
        let state = self.state(now);
        if let Some((at, told)) = &self.told {
            // The end is told at once.
            let early = now.duration_since(*at) < NEWS_EVERY && state.exit == told.exit;
            if *told == state || early {
                return None;
            }
        }
        self.told = Some((now, state.clone()));
        Some(state)
    }

    /// When [`Self::news`] may have something without new output.
    pub fn next_news(&self, now: Instant) -> Option<Instant> {
        let quiet = self
            .last_output
            .map(|at| at + QUIET_AFTER)
            .filter(|at| *at > now);
        let (at, told) = self.told.as_ref()?;
        let soon = (*told != self.state(now)).then_some(*at + NEWS_EVERY);
        quiet.into_iter().chain(soon).min()
    }

    fn working(&self, now: Instant) -> bool {
        self.last_output
            .is_some_and(|at| now.duration_since(at) < QUIET_AFTER)
    }
}
