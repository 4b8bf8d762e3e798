//! The stream to a gateway: grants go in, decisions and questions come out.

use std::time::Duration;

use bollard::container::LogOutput;
use futures_util::StreamExt;
use sandbox_protocol::egress::{FromGateway, GATEWAY_SOCKET, Grant, ToGateway};
use sandbox_protocol::routes::{Routes, TRUST_PIECE};
use sandbox_protocol::{Decoder, Hello, VERSION};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use crate::docker::exec::Streams;
use crate::docker::gateway::GUEST_ONLY;
use crate::docker::{Docker, DockerError, Problem};

/// A gateway answers within milliseconds once it runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) struct Link {
    streams: Streams,
    decoder: Decoder,
}

impl Link {
    /// Connects to a gateway that runs.
    pub(crate) async fn open(docker: &Docker, gateway: &str) -> Result<Self, DockerError> {
        let command = [GUEST_ONLY, "control", "--socket", GATEWAY_SOCKET].map(str::to_owned);
        let running = docker.exec_in(gateway, "/", command.to_vec(), Vec::new());
        let mut link = Self {
            streams: running.await?.into_streams(),
            decoder: Decoder::new(),
        };
        link.send(&ToGateway::Hello(Hello::default())).await?;
        match link.next_soon().await? {
            FromGateway::Hello(hello) if hello.version == VERSION => Ok(link),
            _ => Err(lost("the gateway is of another version")),
        }
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &ToGateway) -> Result<(), DockerError> {
        // Among them are keys.
        let mut bytes = Zeroizing::new(Vec::new());
        message.encode(&mut bytes);
        let Some(input) = &mut self.streams.1 else {
            return Err(lost("the gateway's stream has no way in"));
        };
        let written = async {
            input.write_all(&bytes).await?;
            input.flush().await
        };
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(lost("the gateway does not read")),
        }
    }

    /// Puts a grant in force, and comes back when it is. One that is too long would be cut, and deny all: it is refused.
    pub(crate) async fn grant(&mut self, grant: &Grant) -> Result<(), DockerError> {
        if !grant.fits() {
            return Err(lost("there are too many rules for one gateway"));
        }
        self.send(&ToGateway::Grant(grant.clone())).await?;
        loop {
            if self.next_soon().await? == FromGateway::Granted {
                return Ok(());
            }
        }
    }

    /// Puts keys in force, and comes back when they are.
    pub(crate) async fn routes(
        &mut self,
        certificates: &[u8],
        routes: Routes,
    ) -> Result<(), DockerError> {
        if !routes.list.is_empty() {
            for piece in certificates.chunks(TRUST_PIECE) {
                self.send(&ToGateway::Trust(piece.to_vec())).await?;
            }
        }
        self.send(&ToGateway::Routes(routes)).await?;
        loop {
            if self.next_soon().await? == FromGateway::Granted {
                return Ok(());
            }
        }
    }

    async fn next_soon(&mut self) -> Result<FromGateway, DockerError> {
        match tokio::time::timeout(PATIENCE, self.next()).await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(lost("the gateway ended")),
            Err(_) => Err(DockerError::new(
                Problem::TimedOut,
                "the gateway does not answer",
            )),
        }
    }

    /// The next message; `None` when the stream ended or makes no sense. Safe to abandon and call again.
    pub(crate) async fn next(&mut self) -> Option<FromGateway> {
        loop {
            match FromGateway::decode(&mut self.decoder) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a gateway makes no sense");
                    return None;
                }
            }
            match self.streams.0.next().await?.ok()? {
                LogOutput::StdOut { message } => self.decoder.push(&message),
                LogOutput::StdErr { message } => {
                    tracing::warn!(message = %sandbox_protocol::plain_text(&message), "a gateway complains");
                }
                LogOutput::StdIn { .. } | LogOutput::Console { .. } => {}
            }
        }
    }
}

fn lost(why: &str) -> DockerError {
    DockerError::new(Problem::Failed, why)
}
