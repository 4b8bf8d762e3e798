//! Passing bytes between two sockets. What is small is copied; what turns out to be large goes through a pipe
//! within the kernel, where no byte of it is touched here.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::egress::pump::{Counts, IDLE};

/// A piece that is copied.
const PIECE: usize = 32 * 1024;
/// After so much in one direction the pipe is worth its price.
const LARGE: u64 = 512 * 1024;
/// What the pipe is asked for; the kernel gives what it has.
const PIPE: usize = 1024 * 1024;

/// What both kinds of sockets can do.
pub trait Socket: AsFd + Sync {
    /// Waits until there is something to read, or the end.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// Waits until something can be written.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// Runs it; where it would block, the next wait waits.
    fn attempt<R>(&self, interest: Interest, act: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
}

macro_rules! socket {
    ($($kind:ty),*) => { $(impl Socket for $kind {
        async fn readable(&self) -> io::Result<()> {
            <$kind>::readable(self).await
        }

        async fn writable(&self) -> io::Result<()> {
            <$kind>::writable(self).await
        }

        fn attempt<R>(&self, interest: Interest, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
            self.try_io(interest, act)
        }
    })* };
}
socket!(TcpStream, UnixStream);

/// Both ways, until both ends are done or nothing was heard for long.
pub async fn both(inside: &impl Socket, outside: &impl Socket, counts: &Counts) {
    tokio::join!(
        whole(inside, outside, counts, &counts.sent),
        whole(outside, inside, counts, &counts.received),
    );
}

/// Until the reader's end, which the writer then gets to see.
pub async fn whole(from: &impl Socket, to: &impl Socket, counts: &Counts, which: &AtomicU64) {
    at_most(from, to, u64::MAX, counts, which).await;
    let _ = rustix::net::shutdown(to, rustix::net::Shutdown::Write);
}

/// At most `most` bytes; the writer stays open.
pub async fn at_most(
    from: &impl Socket,
    to: &impl Socket,
    most: u64,
    counts: &Counts,
    which: &AtomicU64,
) {
    let mut piece = vec![0; PIECE];
    let mut passed = 0;
    while passed < most.min(LARGE) {
        let room = bounded(PIECE, most - passed);
        let read = read(from, counts, || receive(from, &mut piece[..room]));
        let Some(count) = read.await else { return };
        let mut rest = &piece[..count];
        while !rest.is_empty() {
            let send = || {
                let flags = rustix::net::SendFlags::NOSIGNAL;
                Ok(rustix::net::send(to, rest, flags)?)
            };
            let Ok(taken) = write(to, send).await else {
                return;
            };
            rest = &rest[taken..];
        }
        passed += count as u64;
        counts.count(which, count);
    }
    drop(piece);
    if passed < most {
        let _ = through_a_pipe(from, to, most - passed, counts, which).await;
    }
}

async fn through_a_pipe(
    from: &impl Socket,
    to: &impl Socket,
    most: u64,
    counts: &Counts,
    which: &AtomicU64,
) -> io::Result<()> {
    let (out, into): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // Less is fine.
    let _ = rustix::pipe::fcntl_setpipe_size(&into, PIPE);
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    let mut passed = 0;
    while passed < most {
        let room = bounded(PIPE, most - passed);
        // The pipe is empty here: what would block is the socket.
        let fill = || Ok(splice(from, None, &into, None, room, flags)?);
        let Some(count) = read(from, counts, fill).await else {
            return Ok(());
        };
        let mut left = count;
        while left > 0 {
            let taken = write(to, || Ok(splice(&out, None, to, None, left, flags)?)).await?;
            left -= taken;
        }
        passed += count as u64;
        counts.count(which, count);
    }
    Ok(())
}

fn bounded(size: usize, most: u64) -> usize {
    usize::try_from(most).map_or(size, |most| most.min(size))
}

fn receive(from: &impl Socket, piece: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(from, piece, rustix::net::RecvFlags::empty())?;
    Ok(count)
}

/// `None`: the end, a failure, or nothing for long in both directions.
async fn read(
    from: &impl Socket,
    counts: &Counts,
    mut act: impl FnMut() -> io::Result<usize>,
) -> Option<usize> {
    loop {
        match tokio::time::timeout(IDLE, from.readable()).await {
            Ok(Ok(())) => {}
            // The other direction may well be busy.
            Err(_) if counts.idle() < IDLE => continue,
            Ok(Err(_)) | Err(_) => return None,
        }
        match from.attempt(Interest::READABLE, &mut act) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

async fn write(to: &impl Socket, mut act: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        to.writable().await?;
        match to.attempt(Interest::WRITABLE, &mut act) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::Ordering;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A program at one end, a site at the other, and the passing between.
    async fn joined() -> (UnixStream, TcpStream, tokio::task::JoinHandle<(u64, u64)>) {
        let (program, inside) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let outside = TcpStream::connect(address).await.unwrap();
        let (site, _) = listener.accept().await.unwrap();
        let passing = tokio::spawn(async move {
            let counts = Counts::new();
            both(&inside, &outside, &counts).await;
            let of = |which: &AtomicU64| which.load(Ordering::Relaxed);
            (of(&counts.sent), of(&counts.received))
        });
        (program, site, passing)
    }

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..size).map(|_| next()).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_byte_arrives_in_its_order_whatever_the_size() {
        for (up, down) in [
            (1, 0),
            (5, 7),
            (PIECE * 3, 11),
            (9, 20 << 20),
            (9 << 20, 9 << 20),
        ] {
            let (program, site, passing) = joined().await;
            let (mut from_site, mut to_site) = program.into_split();
            let (mut from_program, mut to_program) = site.into_split();
            let (asks, answers) = (noise(up), noise(down));
            let (asked, answered) = (asks.clone(), answers.clone());
            let writing = tokio::spawn(async move {
                to_site.write_all(&asked).await.unwrap();
                to_site.shutdown().await.unwrap();
            });
            let answering = tokio::spawn(async move {
                to_program.write_all(&answered).await.unwrap();
                to_program.shutdown().await.unwrap();
            });
            let reading = tokio::spawn(async move {
                let mut all = Vec::new();
                from_program.read_to_end(&mut all).await.unwrap();
                all
            });
            let mut all = Vec::new();
            from_site.read_to_end(&mut all).await.unwrap();
            assert!(all == answers, "down: {} of {down}", all.len());
            let all = reading.await.unwrap();
            assert!(all == asks, "up: {} of {up}", all.len());
            writing.await.unwrap();
            answering.await.unwrap();
            let counted = passing.await.unwrap();
            assert_eq!(counted, (up as u64, down as u64), "each byte is counted");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_does_not_read_holds_its_writer_up() {
        let (program, mut site, passing) = joined().await;
        let piece = vec![0; 1 << 20];
        let mut sent = 0;
        let patience = std::time::Duration::from_millis(500);
        while let Ok(Ok(count)) = tokio::time::timeout(patience, site.write(&piece)).await {
            sent += count;
            assert!(sent < 64 << 20, "nothing holds it up");
        }
        drop((program, site));
        passing.await.unwrap();
    }
}
