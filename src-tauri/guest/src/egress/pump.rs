//! Passing bytes both ways, counted, until both ends are done or nothing was heard for long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A connection on which nothing came for this long is ended.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// Two of these for each connection: a thousand of them fit into the gateway's memory.
const PIECE: usize = 32 * 1024;

/// What went through one connection.
pub struct Counts {
    /// From the sandbox.
    pub sent: AtomicU64,
    /// To the sandbox.
    pub received: AtomicU64,
    started: Instant,
    /// Seconds after the start at which the last byte came.
    last: AtomicU64,
}

impl Counts {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            started: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Counts bytes in one of the directions.
    pub fn count(&self, which: &AtomicU64, bytes: usize) {
        which.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last
            .store(self.started.elapsed().as_secs(), Ordering::Relaxed);
    }

    /// Since the last byte, in either direction.
    pub fn idle(&self) -> Duration {
        let last = Duration::from_secs(self.last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }
}

/// Passes on all bytes; shuts the writer down at the reader's end.
pub async fn one_way(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counts: &Counts,
    which: &AtomicU64,
) {
    pass_on(from, &mut to, counts, which).await;
    let _ = to.shutdown().await;
}

/// Passes on all bytes; the writer stays open.
pub async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    counts: &Counts,
    which: &AtomicU64,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let count = match tokio::time::timeout(IDLE, from.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => count,
            // The other direction may well be busy.
            Err(_) if counts.idle() < IDLE => continue,
            Err(_) => break,
        };
        if to.write_all(&piece[..count]).await.is_err() || to.flush().await.is_err() {
            break;
        }
        counts.count(which, count);
    }
}
