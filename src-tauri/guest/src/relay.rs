//! The sandbox's end of its way out: programs reach loopback, and the gateway's socket is behind it. It
//! understands nothing of what it passes on: all rules are the gateway's.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sandbox_protocol::egress::{
    LOCAL_HOST, PROXY_PORT, RELAY_FOLDER, RELAY_SOCKET, SERVICES_VARIABLE,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;

use crate::bulk;
use crate::egress::pump::Counts;

/// Connections at once.
const MAX_CONNECTIONS: usize = 1024;
/// A program that is told no may send on for so long.
const LINGER: Duration = Duration::from_secs(2);
/// By this header the probe knows whose words they are.
pub const NO_GATEWAY_MARK: &str = "X-Agent-Sandbox: no gateway";
const NO_GATEWAY: &str = "Agent Sandbox: the guarded network is not running at the moment, so nothing can be \
    reached. Tell the user; starting the sandbox again brings it back.\n";

/// Relays in a thread of its own where the gateway's folder is there; an offline sandbox has none.
pub fn start() -> io::Result<()> {
    if !Path::new(RELAY_FOLDER).is_dir() {
        return Ok(());
    }
    // Bound here, so that no program of the agent's can be first.
    let proxy = listen(PROXY_PORT)?;
    let services: Vec<_> = services()
        .filter_map(|port| Some((port, listen(port).ok()?)))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("relay".to_owned())
        .spawn(move || {
            let done = runtime.block_on(async {
                let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
                for (port, listener) in services {
                    let listener = TcpListener::from_std(listener)?;
                    tokio::spawn(relay(listener, Some(port), room.clone()));
                }
                relay(TcpListener::from_std(proxy)?, None, room).await
            });
            if let Err(error) = done {
                eprintln!("sandbox-guest: the relay ended: {error}");
            }
        })?;
    Ok(())
}

fn listen(port: u16) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Ports of the user's own computer that are opened: here they are on this loopback.
fn services() -> impl Iterator<Item = u16> {
    let text = std::env::var(SERVICES_VARIABLE).unwrap_or_default();
    let ports: Vec<u16> = text
        .split(',')
        .filter_map(|port| port.parse().ok())
        .filter(|port| *port != PROXY_PORT)
        .collect();
    ports.into_iter()
}

async fn relay(
    listener: TcpListener,
    service: Option<u16>,
    room: Arc<Semaphore>,
) -> io::Result<()> {
    loop {
        let permit = room
            .clone()
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(async move {
                    pass(client, service).await;
                    drop(permit);
                });
            }
            // Out of descriptors: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn pass(mut client: TcpStream, service: Option<u16>) {
    let _ = client.set_nodelay(true);
    match UnixStream::connect(RELAY_SOCKET).await {
        Ok(mut gateway) => {
            if let Some(port) = service
                && !is_opened(&mut gateway, port).await
            {
                // As a port that nothing listens on: what the program speaks is not known here.
                return;
            }
            bulk::both(&client, &gateway, &Counts::new()).await;
        }
        Err(_) if service.is_none() => say_no_gateway(&mut client).await,
        Err(_) => {}
    }
}

/// What the program is still sending is read away: closed before, it would not see the words.
async fn say_no_gateway(client: &mut TcpStream) {
    let answer = format!(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         {NO_GATEWAY_MARK}\r\nConnection: close\r\n\r\n{NO_GATEWAY}",
        NO_GATEWAY.len()
    );
    if client.write_all(answer.as_bytes()).await.is_err() || client.shutdown().await.is_err() {
        return;
    }
    let mut piece = [0; 4096];
    let rest = async { while let Ok(1..) = client.read(&mut piece).await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// Asks the gateway for a service of the user's computer.
async fn is_opened(gateway: &mut UnixStream, port: u16) -> bool {
    let ask = format!("CONNECT {LOCAL_HOST}:{port} HTTP/1.1\r\n\r\n");
    if gateway.write_all(ask.as_bytes()).await.is_err() {
        return false;
    }
    // Byte by byte: what follows the head is the service's.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 1024 {
        match gateway.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    head.starts_with(b"HTTP/1.1 200 ")
}
