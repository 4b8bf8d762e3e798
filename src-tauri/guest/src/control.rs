//! `control`: joins standard input and output with process 1's socket. It understands nothing of it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

/// Process 1 listens within milliseconds of its start.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends when process 1 closes the socket.
pub fn run(name: &str) -> io::Result<()> {
    // Nothing that the agent runs may trace it: it speaks for the engine.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let socket = connect(name)?;
    let to_init = socket.try_clone()?;
    // Not joined: it waits for input that may never come.
    thread::spawn(move || {
        let _ = copy(io::stdin(), &to_init);
        let _ = to_init.shutdown(Shutdown::Write);
    });
    match copy(&socket, io::stdout()) {
        // Process 1 ended, or the engine let go: both are the usual end.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

fn connect(name: &str) -> io::Result<UnixStream> {
    let address = SocketAddr::from_abstract_name(name)?;
    let started = Instant::now();
    loop {
        match UnixStream::connect_addr(&address) {
            Err(error)
                if started.elapsed() < PATIENCE
                    && error.kind() == io::ErrorKind::ConnectionRefused =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// Passes on each piece at once: `io::copy` to standard output would wait for a line's end.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&piece[..count])?;
        to.flush()?;
    }
}
