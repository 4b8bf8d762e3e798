//! The other end of a connection: a socket of the gateway's own, or a stream that the engine joins with the
//! user's computer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sandbox_protocol::streams::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::pump::{Counts, one_way};
use crate::bulk;

/// See the module.
pub enum Wire {
    /// Large things go through a pipe of the kernel.
    Socket(TcpStream),
    /// Everything is copied.
    Engine(Box<Stream>),
}

impl Wire {
    /// Both ways, until both ends are done or nothing was heard for long.
    pub async fn join(self, client: &mut UnixStream, counts: &Counts) {
        match self {
            Self::Socket(socket) => bulk::both(&*client, &socket, counts).await,
            Self::Engine(stream) => {
                let (from_client, to_client) = client.split();
                let (from_there, to_there) = tokio::io::split(stream);
                tokio::join!(
                    one_way(from_client, to_there, counts, &counts.sent),
                    one_way(from_there, to_client, counts, &counts.received),
                );
            }
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut (dyn Both + Unpin + '_)> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket as &mut (dyn Both + Unpin)),
            Self::Engine(stream) => Pin::new(&mut **stream),
        }
    }
}

trait Both: AsyncRead + AsyncWrite {}
impl Both for TcpStream {}
impl Both for Stream {}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
