//! Many streams over one exec: to ports inside a sandbox, and from a gateway to services of this computer.

use std::io;

use bollard::container::LogOutput;
use bytes::Bytes;
use futures_util::StreamExt;
use sandbox_protocol::streams::{self, End, Inbound, Stream, Streams};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;
use tokio_util::task::AbortOnDropHandle;

use crate::docker::{Docker, DockerError, Problem};

/// A connection; dropping it ends it and all of its streams.
pub(crate) struct Joined {
    /// Opens streams.
    pub(crate) streams: Streams,
    /// Streams that the other side opened, where it may.
    pub(crate) arrive: mpsc::Receiver<Stream>,
    _driver: AbortOnDropHandle<()>,
}

/// Runs a command that joins its standard streams with a guest's socket, and speaks over it.
pub(crate) async fn connect(
    docker: &Docker,
    container: &str,
    folder: &str,
    command: &[&str],
    inbound: Inbound,
) -> Result<Joined, DockerError> {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let running = docker.exec_in(container, folder, command, Vec::new());
    let (output, input) = running.await?.into_streams();
    let Some(input) = input else {
        return Err(DockerError::new(
            Problem::Failed,
            "the stream has no way in",
        ));
    };
    let output = output.filter_map(|piece| async { standard_output(piece) });
    let carrier = tokio::io::join(StreamReader::new(Box::pin(output)), input);
    let (streams, arrive, driver) = streams::join(carrier, End::Engine, inbound);
    Ok(Joined {
        streams,
        arrive,
        _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
    })
}

/// What a guest says on standard error is logged and never taken for the protocol.
fn standard_output(piece: Result<LogOutput, bollard::errors::Error>) -> Option<io::Result<Bytes>> {
    match piece {
        Ok(LogOutput::StdOut { message }) => Some(Ok(message)),
        Ok(LogOutput::StdErr { message }) => {
            tracing::warn!(message = %sandbox_protocol::plain_text(&message), "a guest complains");
            None
        }
        Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}
