//! The sandbox's end of its way out: programs reach loopback, and the gateway's socket is behind it. It
//! understands nothing of what it passes on: all rules are the gateway's.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sandbox_protocol::egress::{PROXY_PORT, RELAY_FOLDER, RELAY_SOCKET};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;

/// Connections at once.
const MAX_CONNECTIONS: usize = 1024;
const NO_GATEWAY: &str = "Agent Sandbox: the guarded network is not running at the moment, so nothing can be \
    reached. Tell the user; starting the sandbox again brings it back.\n";

/// Relays in a thread of its own where the gateway's folder is there; an offline sandbox has none.
pub fn start() -> io::Result<()> {
    if !Path::new(RELAY_FOLDER).is_dir() {
        return Ok(());
    }
    // Bound here, so that no program of the agent's can be first.
    let listener = std::net::TcpListener::bind(("127.0.0.1", PROXY_PORT))?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("relay".to_owned())
        .spawn(move || {
            let done = runtime.block_on(async { relay(TcpListener::from_std(listener)?).await });
            if let Err(error) = done {
                eprintln!("sandbox-guest: the relay ended: {error}");
            }
        })?;
    Ok(())
}

async fn relay(listener: TcpListener) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = room
            .clone()
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(async move {
                    pass(client).await;
                    drop(permit);
                });
            }
            // Out of descriptors: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn pass(mut client: TcpStream) {
    let _ = client.set_nodelay(true);
    match UnixStream::connect(RELAY_SOCKET).await {
        Ok(mut gateway) => {
            let size = 16 * 1024;
            let copied =
                tokio::io::copy_bidirectional_with_sizes(&mut client, &mut gateway, size, size);
            let _ = copied.await;
        }
        Err(_) => {
            let answer = format!(
                "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{NO_GATEWAY}",
                NO_GATEWAY.len()
            );
            let _ = client.write_all(answer.as_bytes()).await;
        }
    }
}
