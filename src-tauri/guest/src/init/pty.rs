//! One pseudo-terminal with the program in it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use sandbox_protocol::OpenTerminal;

/// Typed or pasted bytes that the program did not read yet; more is dropped.
const PENDING: usize = 1024 * 1024;
const CTRL_C: u8 = 3;

/// What a read gave.
pub enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// Nobody holds the other end any more.
    End,
}

/// The master's end.
pub struct Pty {
    master: File,
    pending: Vec<u8>,
}

impl Pty {
    /// Starts a program in a new terminal; gives the leader of its session too.
    pub fn start(wanted: &OpenTerminal, cols: u16, rows: u16) -> io::Result<(Self, Pid)> {
        let (master, other_end) = open_pair()?;
        rustix::termios::tcsetwinsize(&master, winsize(cols, rows))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("session")
            .args(&wanted.command)
            .current_dir(&wanted.cwd);
        command
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor");
        command.envs(wanted.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::from(other_end.try_clone()?));
        command
            .stdout(Stdio::from(other_end.try_clone()?))
            .stderr(Stdio::from(other_end));
        // Reaped with all others by process 1's own loop, so the handle is let go.
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the program has no process id"))?;
        rustix::io::ioctl_fionbio(&master, true)?;
        Ok((
            Self {
                master: File::from(master),
                pending: Vec::new(),
            },
            pid,
        ))
    }

    /// For polling.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Something waits to be written.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes the next output.
    pub fn read(&mut self, into: &mut [u8]) -> Got {
        match self.master.read(into) {
            Ok(0) => Got::End,
            Ok(count) => Got::Bytes(count),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Got::Nothing,
                _ => Got::End,
            },
        }
    }

    /// Hands input to the program, now or when it reads. Ctrl-C overtakes a paste that nobody reads.
    pub fn input(&mut self, bytes: &[u8]) {
        if bytes.contains(&CTRL_C) {
            self.pending.clear();
        }
        let room = PENDING - self.pending.len().min(PENDING);
        self.pending
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.write_pending();
    }

    /// Writes what the terminal takes.
    pub fn write_pending(&mut self) {
        while !self.pending.is_empty() {
            match self.master.write(&self.pending) {
                Ok(0) => return,
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pending.clear(),
            }
        }
    }

    /// Tells the program its new size.
    pub fn resize(&self, cols: u16, rows: u16) {
        let _ = rustix::termios::tcsetwinsize(&self.master, winsize(cols, rows));
    }
}

/// Hangs up on a session's first group and wakes it if it is stopped.
pub fn hang_up(leader: Pid) {
    let _ = rustix::process::kill_process_group(leader, Signal::HUP);
    let _ = rustix::process::kill_process_group(leader, Signal::CONT);
}

fn open_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let other_end = match rustix::pty::ioctl_tiocgptpeer(&master, flags) {
        // gVisor knows it by its name only.
        Err(Errno::NOTTY | Errno::INVAL) => {
            let name = rustix::pty::ptsname(&master, Vec::new())?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(name.as_c_str(), flags, Mode::empty())?
        }
        opened => opened?,
    };
    let mut modes = rustix::termios::tcgetattr(&other_end)?;
    // Erasing a character erases all of its bytes.
    modes.input_modes |= rustix::termios::InputModes::IUTF8;
    rustix::termios::tcsetattr(&other_end, rustix::termios::OptionalActions::Now, &modes)?;
    Ok((master, other_end))
}

fn winsize(cols: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: cols,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
