//! Services of this computer that the user opened to a sandbox: its gateway opens streams, and each is joined
//! with a port on this computer's loopback.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use sandbox_protocol::streams::{
    Inbound, MAX_STREAMS, SERVICES_SOCKET, Stream, UPSTREAM_PROXY, Wanted,
};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Engine;
use crate::docker::Docker;
use crate::docker::gateway::GUEST_ONLY;
use crate::network::streams;
use crate::{Result, SandboxId};

const PIECE: usize = 64 * 1024;
/// How long it may take until something of this computer, or of its network, is connected.
const CONNECT: Duration = Duration::from_secs(10);

/// Serves a gateway until it ends.
pub(super) async fn serve(engine: Engine, id: SandboxId, docker: Docker, gateway: String) {
    let command = [GUEST_ONLY, "control", "--socket", SERVICES_SOCKET];
    let joined = streams::connect(&docker, &gateway, "/", &command, Inbound::Taken).await;
    let mut joined = match joined {
        Ok(joined) => joined,
        Err(error) => {
            tracing::warn!(%error, sandbox = %id, "services of this computer are not reached");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(MAX_STREAMS));
    while let Some(stream) = joined.arrive.recv().await {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        let (engine, id) = (engine.clone(), id.clone());
        tokio::spawn(async move {
            if let Err(error) = pass(&engine, &id, stream).await {
                tracing::debug!(%error, sandbox = %id, "a service's connection ended");
            }
            drop(permit);
        });
    }
}

/// Only a port that the user opened, whatever the gateway says, and only on loopback; or a server that the user
/// wrote down.
async fn pass(engine: &Engine, id: &SandboxId, mut stream: Stream) -> Result<()> {
    let broken =
        |error: std::io::Error| crate::Error::io("serve", "a service of this computer", error);
    let wanted = timeout(CONNECT, stream.wanted()).await;
    let wanted = wanted
        .map_err(|late| broken(late.into()))?
        .map_err(broken)?;
    let (_, record) = engine.load(id)?;
    let connect = async {
        match wanted {
            Wanted::Port(port) if record.network.services.contains(&port) => {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()
            }
            Wanted::Port(_) => None,
            Wanted::Route(route) if route == UPSTREAM_PROXY => own_proxy(engine).await,
            Wanted::Route(route) => engine.own_server(id, &route).await.ok(),
        }
    };
    let service = timeout(CONNECT, connect).await.ok().flatten();
    let Some(mut service) = service else {
        return stream.answer(false).await.map_err(broken);
    };
    let _ = service.set_nodelay(true);
    stream.answer(true).await.map_err(broken)?;
    tokio::io::copy_bidirectional_with_sizes(&mut stream, &mut service, PIECE, PIECE)
        .await
        .map(drop)
        .map_err(broken)
}

/// The proxy of this computer's network where it listens on this computer, as the user wrote it down.
async fn own_proxy(engine: &Engine) -> Option<TcpStream> {
    let proxy = engine.settings().ok()?.upstream_proxy?;
    TcpStream::connect(proxy.here()?).await.ok()
}
