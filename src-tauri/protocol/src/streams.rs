//! Many streams over one: the engine's way to ports inside a sandbox, and a gateway's way to services of the
//! user's computer. One exec carries them all.
//!
//! Each side may be hostile to the other: the number of streams, what waits in each, and all of it together
//! are bounded, and a peer that breaks a rule loses the connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Config, Connection, Mode};

/// The abstract Unix socket of a sandbox's process 1: each stream leads to a port of the sandbox's loopback.
pub const PORTS_SOCKET: &str = "agent-sandbox-ports";
/// A gateway's: it opens streams, each to a port of the user's own computer.
pub const SERVICES_SOCKET: &str = "agent-sandbox-services";
/// In a route's place: the proxy of the user's network, where it is on the user's own computer. No provider is
/// called so.
pub const UPSTREAM_PROXY: &str = "@proxy";
/// Streams that one side opens at once; more wait.
pub const MAX_STREAMS: usize = 128;
/// Streams that a side has at all: those opened, and those that are ending.
const MAX_KNOWN: usize = 2 * MAX_STREAMS;
/// What one stream may hold unread before it is seen how fast it is; the protocol's own figure.
const WINDOW: usize = yamux::DEFAULT_CREDIT as usize;
/// What fast streams may hold beyond that, together.
const MORE: usize = 16 * 1024 * 1024;
/// How long the other side may take to reach a port.
const PATIENCE: Duration = Duration::from_secs(15);
/// Streams that the other side opened and that nobody has taken yet: all that it may open at once.
const WAITING: usize = MAX_STREAMS;

/// Which end this is. The two ends are alike otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The engine's.
    Engine,
    /// The guest's.
    Guest,
}

/// Whether the other side may open streams too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound {
    /// They are to be taken from the receiver.
    Taken,
    /// They are ended at once.
    Refused,
}

/// Opens streams. Cheap to clone; the connection ends when the last one is gone.
#[derive(Debug, Clone)]
pub struct Streams {
    wanted: mpsc::Sender<oneshot::Sender<yamux::Stream>>,
    room: Arc<Semaphore>,
}

/// One of the streams.
#[derive(Debug)]
pub struct Stream {
    inner: Compat<yamux::Stream>,
    /// Held for as long as the stream is; those that the other side opened have none.
    _room: Option<OwnedSemaphorePermit>,
}

/// Makes a connection of a byte stream. Nothing moves until the future is run; it ends with the connection.
pub fn join<T>(
    carrier: T,
    end: End,
    inbound: Inbound,
) -> (Streams, mpsc::Receiver<Stream>, impl Future<Output = ()>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut config = Config::default();
    // In this order: each holds the other against what it is now.
    config.set_max_num_streams(MAX_KNOWN);
    config.set_max_connection_receive_window(Some(MAX_KNOWN * WINDOW + MORE));
    let mode = match end {
        End::Engine => Mode::Client,
        End::Guest => Mode::Server,
    };
    let (wanted, receiver) = mpsc::channel(MAX_STREAMS);
    let (taken, takes) = mpsc::channel(WAITING);
    let driver = Driver {
        connection: Connection::new(carrier.compat(), config, mode),
        wanted: receiver,
        asking: None,
        taken: (inbound == Inbound::Taken).then_some(taken),
        closing: false,
    };
    let streams = Streams {
        wanted,
        room: Arc::new(Semaphore::new(MAX_STREAMS)),
    };
    (streams, takes, driver)
}

impl Streams {
    /// Opens a stream to a port of the other side's loopback.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] where nothing listens or the port is not opened,
    /// [`io::ErrorKind::TimedOut`], [`io::ErrorKind::NotConnected`] once the connection has ended.
    pub async fn open(&self, port: u16) -> io::Result<Stream> {
        self.open_as(&port.to_be_bytes()).await
    }

    /// Opens a stream to a server of the user's own, by the id of its credential route.
    ///
    /// # Errors
    /// As [`Self::open`], and [`io::ErrorKind::InvalidInput`] for an id that is too long.
    pub async fn open_route(&self, route: &str) -> io::Result<Stream> {
        let length = u8::try_from(route.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let asked = [&NO_PORT.to_be_bytes()[..], &[length], route.as_bytes()].concat();
        self.open_as(&asked).await
    }

    async fn open_as(&self, wanted: &[u8]) -> io::Result<Stream> {
        let opened = async {
            let mut stream = self.stream().await?;
            stream.write_all(wanted).await?;
            stream.flush().await?;
            match stream.read_u8().await? {
                REACHED => Ok(stream),
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        };
        match tokio::time::timeout(PATIENCE, opened).await {
            Ok(done) => done,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn stream(&self) -> io::Result<Stream> {
        let gone = |_| io::Error::from(io::ErrorKind::NotConnected);
        let room = self.room.clone().acquire_owned().await;
        let room = room.map_err(|_| io::ErrorKind::NotConnected)?;
        let (asker, answer) = oneshot::channel();
        let asked = self.wanted.send(asker).await;
        asked.map_err(|_| io::ErrorKind::NotConnected)?;
        Ok(Stream {
            inner: answer.await.map_err(gone)?.compat(),
            _room: Some(room),
        })
    }

    /// Comes back when the connection has ended.
    pub async fn closed(&self) {
        self.wanted.closed().await;
    }

    /// Whether it has.
    pub fn is_closed(&self) -> bool {
        self.wanted.is_closed()
    }
}

/// What stands in a port's place before the id of a route.
const NO_PORT: u16 = 0;
/// What the other side of a stream wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A port of this side's loopback.
    Port(u16),
    /// The server of a credential route.
    Route(String),
}

const REACHED: u8 = 0;
const NOT_REACHED: u8 = 1;

impl Stream {
    /// The port that the other side wants; its first two bytes.
    ///
    /// # Errors
    /// It did not say within seconds.
    pub async fn wanted_port(&mut self) -> io::Result<u16> {
        match tokio::time::timeout(PATIENCE, self.read_u16()).await {
            Ok(read) => read,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// What the other side wants, where it may be more than a port.
    ///
    /// # Errors
    /// It did not say within seconds, or not as it must.
    pub async fn wanted(&mut self) -> io::Result<Wanted> {
        match self.wanted_port().await? {
            NO_PORT => {}
            port => return Ok(Wanted::Port(port)),
        }
        let route = async {
            let mut id = vec![0; usize::from(self.read_u8().await?)];
            self.read_exact(&mut id).await?;
            String::from_utf8(id).map_err(|_| io::ErrorKind::InvalidData.into())
        };
        match tokio::time::timeout(PATIENCE, route).await {
            Ok(read) => read.map(Wanted::Route),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Tells the other side whether the port was reached; then the stream is the connection to it.
    ///
    /// # Errors
    /// The other side has left.
    pub async fn answer(&mut self, reached: bool) -> io::Result<()> {
        self.write_u8(if reached { REACHED } else { NOT_REACHED })
            .await?;
        self.flush().await
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

struct Driver<T> {
    connection: Connection<Compat<T>>,
    wanted: mpsc::Receiver<oneshot::Sender<yamux::Stream>>,
    asking: Option<oneshot::Sender<yamux::Stream>>,
    taken: Option<mpsc::Sender<Stream>>,
    closing: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if this.closing {
                let _ = ready!(this.connection.poll_close(cx));
                return Poll::Ready(());
            }
            match this.connection.poll_next_inbound(cx) {
                Poll::Ready(Some(Ok(stream))) => {
                    let stream = Stream {
                        inner: stream.compat(),
                        _room: None,
                    };
                    // One that nobody takes is dropped, which ends it.
                    if let Some(taken) = &this.taken {
                        let _ = taken.try_send(stream);
                    }
                    continue;
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if this.asking.is_none() {
                match ready!(this.wanted.poll_recv(cx)) {
                    Some(asker) => this.asking = Some(asker),
                    None => {
                        this.closing = true;
                        continue;
                    }
                }
            }
            match ready!(this.connection.poll_new_outbound(cx)) {
                Ok(stream) => {
                    if let Some(asker) = this.asking.take() {
                        // Who asked may have left; the stream then ends.
                        let _ = asker.send(stream);
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An engine's end and a guest's, whose streams answer what comes, on the ports below 9000.
    fn pair() -> Streams {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (engine, _, driver) = join(ours, End::Engine, Inbound::Refused);
        tokio::spawn(driver);
        tokio::spawn(async move {
            let (_guest, mut arrive, driver) = join(theirs, End::Guest, Inbound::Taken);
            tokio::spawn(driver);
            while let Some(stream) = arrive.recv().await {
                tokio::spawn(echo(stream));
            }
        });
        engine
    }

    async fn echo(mut stream: Stream) {
        let Ok(port) = stream.wanted_port().await else {
            return;
        };
        if stream.answer(port < 9000).await.is_err() || port >= 9000 {
            return;
        }
        let (mut from, mut to) = tokio::io::split(stream);
        let _ = tokio::io::copy(&mut from, &mut to).await;
        let _ = to.shutdown().await;
    }

    #[tokio::test]
    async fn streams_carry_bytes_both_ways_and_half_close() {
        let engine = pair();
        let mut tasks = Vec::new();
        for at in 0..MAX_STREAMS * 2 {
            let engine = engine.clone();
            tasks.push(tokio::spawn(async move {
                let stream = engine.open(80).await.unwrap();
                let (mut from, mut to) = tokio::io::split(stream);
                let sent = vec![at as u8; 100_000];
                let bytes = sent.clone();
                let writing = tokio::spawn(async move {
                    to.write_all(&bytes).await.unwrap();
                    to.shutdown().await.unwrap();
                });
                let mut read = Vec::new();
                from.read_to_end(&mut read).await.unwrap();
                writing.await.unwrap();
                assert!(read == sent, "stream {at}: {} bytes", read.len());
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_reached_is_refused_and_others_go_on() {
        let engine = pair();
        let error = engine.open(9000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(engine.open(80).await.is_ok());
    }

    /// A reader that stops must not stop the others, nor pile up.
    #[tokio::test]
    async fn one_that_is_not_read_holds_nobody_up() {
        let engine = pair();
        let mut stalled = engine.open(80).await.unwrap();
        let flood = tokio::spawn(async move {
            let mut sent = 0;
            let piece = vec![0; 64 * 1024];
            // Nobody reads the echo: it stops by itself.
            while let Ok(Ok(count)) =
                tokio::time::timeout(Duration::from_millis(500), stalled.write(&piece)).await
            {
                sent += count;
            }
            (sent, stalled)
        });
        let mut other = engine.open(80).await.unwrap();
        other.write_all(b"ping").await.unwrap();
        let mut back = [0; 4];
        other.read_exact(&mut back).await.unwrap();
        let (sent, _stalled) = flood.await.unwrap();
        assert!(sent < 8 * WINDOW, "{sent} bytes are held");
    }

    #[tokio::test]
    async fn a_hostile_peer_loses_the_connection_and_nothing_else() {
        let noise: [&[u8]; 5] = [
            b"HTTP/1.1 200 OK\r\n\r\n            ",
            &[0xff; 64],
            // Version 0, data, SYN, an even stream, 2 MiB.
            &[0, 0, 0, 1, 0, 0, 0, 2, 0, 32, 0, 0],
            // An odd stream is ours to open.
            &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
            // Twice the same.
            &[
                0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0,
            ],
        ];
        for bytes in noise {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            let (engine, _, driver) = join(ours, End::Engine, Inbound::Refused);
            let driver = tokio::spawn(driver);
            theirs.write_all(bytes).await.unwrap();
            theirs.shutdown().await.unwrap();
            let drained = tokio::spawn(async move {
                let mut sink = Vec::new();
                let _ = theirs.read_to_end(&mut sink).await;
            });
            tokio::time::timeout(Duration::from_secs(10), driver)
                .await
                .unwrap()
                .unwrap();
            assert!(engine.is_closed(), "{bytes:?}");
            assert!(engine.open(80).await.is_err());
            drained.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_the_other_side_may_not_open_is_ended() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (_engine, mut arrive, driver) = join(ours, End::Engine, Inbound::Refused);
        tokio::spawn(driver);
        let (guest, _, driver) = join(theirs, End::Guest, Inbound::Refused);
        tokio::spawn(driver);
        assert!(guest.open(80).await.is_err());
        assert!(arrive.recv().await.is_none());
        assert!(!guest.is_closed(), "the connection itself stays");
    }
}
