//! The two byte streams of a plain exec, as the client library gives them.

use std::io;

use bollard::container::LogOutput;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;
use tokio_util::io::StreamReader;

use super::{TerminalError, TerminalHub};

impl TerminalHub {
    /// Greets the guest over an exec of its `control` verb. What it says on standard error is logged and
    /// never taken for the protocol.
    pub async fn over_exec<S, W>(output: S, input: W) -> Result<Self, TerminalError>
    where
        S: Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let bytes = output.filter_map(|piece| async { standard_output(piece) });
        Self::connect(StreamReader::new(Box::pin(bytes)), input).await
    }
}

fn standard_output(piece: Result<LogOutput, bollard::errors::Error>) -> Option<io::Result<Bytes>> {
    match piece {
        Ok(LogOutput::StdOut { message }) => Some(Ok(message)),
        Ok(LogOutput::StdErr { message }) => {
            tracing::warn!(message = %sandbox_protocol::plain_text(&message), "terminals: the guest complains");
            None
        }
        Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}
