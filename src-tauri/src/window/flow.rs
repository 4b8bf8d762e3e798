//! Terminal output on its way to the window: put together to few large messages, and never more on the way
//! than the window has said it can draw. What is not taken waits in the guest, and there the program waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Bytes on the way that the window has not drawn yet.
const OUTSTANDING: usize = 512 << 10;
/// The largest message.
const MESSAGE: usize = 64 << 10;
/// Output within one picture of the screen goes together.
const PICTURE: Duration = Duration::from_millis(16);

/// What one attached terminal may still send.
#[derive(Clone)]
pub struct Credit(Arc<Semaphore>);

impl Credit {
    fn full() -> Self {
        Self(Arc::new(Semaphore::new(OUTSTANDING)))
    }

    /// The window has drawn this much. It can never earn more than the whole window.
    pub fn acknowledge(&self, bytes: usize) {
        let room = OUTSTANDING - self.0.available_permits().min(OUTSTANDING);
        self.0.add_permits(bytes.min(room));
    }

    async fn spend(&self, bytes: usize) {
        let wanted = u32::try_from(bytes.min(OUTSTANDING)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        if let Ok(permit) = self.0.acquire_many(wanted).await {
            permit.forget();
        }
    }
}

/// The credits of all attached terminals, by attachment.
#[derive(Clone, Default)]
pub struct Credits(Arc<Mutex<HashMap<u32, Credit>>>);

/// Forgets its credit when the terminal is detached.
pub struct Attached {
    all: Credits,
    id: u32,
    /// What it may send.
    pub credit: Credit,
}

impl Credits {
    /// A new attachment.
    pub fn attach(&self, id: u32) -> Attached {
        let credit = Credit::full();
        self.lock().insert(id, credit.clone());
        Attached {
            all: self.clone(),
            id,
            credit,
        }
    }

    /// The window has drawn so many bytes. An attachment that is gone is no failure.
    pub fn acknowledge(&self, id: u32, bytes: usize) {
        if let Some(credit) = self.lock().get(&id) {
            credit.acknowledge(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Credit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

/// Sends everything of `output` until it ends or `send` says that nobody listens.
pub async fn forward(
    mut output: impl Stream<Item = Bytes> + Unpin,
    credit: &Credit,
    mut send: impl FnMut(Vec<u8>) -> bool,
) {
    while let Some(first) = output.next().await {
        let mut message = Vec::from(first);
        let ended = gather(&mut output, &mut message).await;
        for part in message.chunks(MESSAGE) {
            credit.spend(part.len()).await;
            if !send(part.to_vec()) {
                return;
            }
        }
        if ended {
            return;
        }
    }
}

/// Adds what comes within one picture; whether the output ended.
async fn gather(output: &mut (impl Stream<Item = Bytes> + Unpin), message: &mut Vec<u8>) -> bool {
    let until = Instant::now() + PICTURE;
    while message.len() < MESSAGE {
        match timeout_at(until, output.next()).await {
            Ok(Some(more)) => message.extend_from_slice(&more),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn small_pieces_go_together_and_in_order() {
        let pieces: Vec<Bytes> = (0..1000u32)
            .map(|n| Bytes::from(n.to_le_bytes().to_vec()))
            .collect();
        let whole: Vec<u8> = pieces.concat();
        let mut sent = Vec::new();
        forward(stream::iter(pieces), &Credit::full(), |part| {
            sent.push(part);
            true
        })
        .await;
        assert_eq!(sent.len(), 1, "each picture is one message");
        assert_eq!(sent.concat(), whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_stops_at_the_window_until_it_is_drawn() {
        let pieces = (0..64).map(|_| Bytes::from(vec![b'x'; 32 << 10]));
        let all = 64 * (32 << 10);
        let credit = Credit::full();
        let sent = AtomicUsize::new(0);
        let flood = forward(stream::iter(pieces), &credit, |part| {
            sent.fetch_add(part.len(), Ordering::Relaxed);
            true
        });
        tokio::pin!(flood);
        let stuck = tokio::time::timeout(Duration::from_secs(60), &mut flood).await;
        assert!(stuck.is_err(), "it must wait for the window");
        assert_eq!(sent.load(Ordering::Relaxed), OUTSTANDING);
        let drawing = async {
            while sent.load(Ordering::Relaxed) < all {
                credit.acknowledge(64 << 10);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(flood, drawing);
        assert_eq!(sent.load(Ordering::Relaxed), all);
    }

    #[test]
    fn more_is_never_earned_than_the_window_holds() {
        let credits = Credits::default();
        let attached = credits.attach(7);
        credits.acknowledge(7, usize::MAX);
        credits.acknowledge(8, 1);
        assert_eq!(attached.credit.0.available_permits(), OUTSTANDING);
        drop(attached);
        assert!(credits.lock().is_empty());
    }
}
