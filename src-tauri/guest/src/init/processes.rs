//! Process 1's duties: reap what ends, end what must, raise no hand against others when it is not process 1.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::pty::hang_up;

/// Between the polite signal and the one that nobody can ignore.
pub const GRACE: Duration = Duration::from_secs(2);

/// Signals as readable sockets.
pub struct Signals {
    /// A child ended.
    pub child: UnixStream,
    /// The sandbox is to stop.
    pub stop: UnixStream,
}

impl Signals {
    /// From now on they arrive here. Without a handler the kernel would not deliver them to process 1.
    pub fn take() -> io::Result<Self> {
        let (child, child_writer) = UnixStream::pair()?;
        let (stop, stop_writer) = UnixStream::pair()?;
        pipe::register(SIGCHLD, child_writer)?;
        pipe::register(SIGTERM, stop_writer.try_clone()?)?;
        pipe::register(SIGINT, stop_writer)?;
        child.set_nonblocking(true)?;
        stop.set_nonblocking(true)?;
        Ok(Self { child, stop })
    }
}

/// Empties a signal's socket; true if something was in it.
pub fn arrived(mut signal: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    let mut any = false;
    while signal.read(&mut bytes).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}

/// The next child that ended, with its status as shells give it.
pub fn reap() -> Option<(Pid, i32)> {
    let (pid, status) = rustix::process::wait(WaitOptions::NOHANG).ok()??;
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    Some((pid, code.unwrap_or(255)))
}

/// Whether this is a sandbox's process 1.
pub fn is_first() -> bool {
    std::process::id() == 1
}

/// Sessions that were hung up on and are killed if they do not end.
#[derive(Default)]
pub struct Ending {
    leaders: Vec<(Pid, Instant)>,
}

impl Ending {
    /// Hangs up now, kills after [`GRACE`].
    pub fn add(&mut self, leader: Pid, now: Instant) {
        hang_up(leader);
        self.leaders.push((leader, now + GRACE));
    }

    /// It ended: its number may be given to another.
    pub fn reaped(&mut self, pid: Pid) {
        self.leaders.retain(|(leader, _)| *leader != pid);
    }

    /// Kills those whose time is over.
    pub fn tick(&mut self, now: Instant) {
        self.leaders.retain(|(leader, deadline)| {
            if now >= *deadline {
                let _ = rustix::process::kill_process_group(*leader, Signal::KILL);
            }
            now < *deadline
        });
    }

    /// When [`Self::tick`] has work.
    pub fn next(&self) -> Option<Instant> {
        self.leaders.iter().map(|(_, deadline)| *deadline).min()
    }
}

/// Ends everything in the sandbox, politely first. The engine kills process 1 if this takes too long.
pub fn end_all(leaders: &[Pid]) {
    leaders.iter().copied().for_each(hang_up);
    signal_all(leaders, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Err(_) => return,
            Ok(Some(_)) => {}
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    signal_all(leaders, Signal::KILL);
}

fn signal_all(leaders: &[Pid], signal: Signal) {
    if is_first() {
        // Everybody but process 1 itself.
        let _ = rustix::process::kill_process_group(Pid::INIT, signal);
        return;
    }
    for leader in leaders {
        let _ = rustix::process::kill_process_group(*leader, signal);
    }
}
