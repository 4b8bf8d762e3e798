//! `egress`: the gateway of a sandbox, its only way out. It knows no rule of its own: until the engine
//! hands it a grant it lets nothing through, and after a restart it waits for the next one.

mod asks;
mod connection;
mod control;
mod decisions;
mod greeting;
mod outside;
pub(crate) mod pump;
mod request;
mod routes;
mod services;
mod state;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
mod upstream_proxy;
mod wire;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandbox_protocol::egress::{GATEWAY_SOCKET, RELAY_SOCKET};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;

use outside::System;
use state::Gateway;

/// Connections of the sandbox at once; what comes beyond waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
/// Threads that look names up.
const LOOKUPS: usize = 16;

/// Serves until it is ended.
pub fn run() -> io::Result<()> {
    // Keys lie in this memory: nobody may trace it or have it written to a file.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(LOOKUPS)
        .enable_all()
        .build()?;
    runtime.block_on(serve())
}

async fn serve() -> io::Result<()> {
    let gateway = Gateway::new(Arc::new(System));
    let control = control_listener()?;
    let services = services::listener()?;
    let relay = relay_listener(Path::new(RELAY_SOCKET))?;
    tokio::spawn(control::listen(gateway.clone(), control));
    tokio::spawn(services::listen(gateway.clone(), services));
    tokio::spawn(decisions::tell_regularly(gateway.clone()));
    // Process 1 without a handler would not hear that it is to stop.
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        () = accept(gateway, relay) => Ok(()),
        _ = stop.recv() => Ok(()),
    }
}

fn control_listener() -> io::Result<UnixListener> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(GATEWAY_SOCKET)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Anyone in the sandbox may connect: whoever does is held to the same rules.
fn relay_listener(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

async fn accept(gateway: Arc<Gateway>, relay: UnixListener) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        match relay.accept().await {
            Ok((client, _)) => {
                let gateway = gateway.clone();
                tokio::spawn(async move {
                    connection::serve(&gateway, client).await;
                    drop(permit);
                });
            }
            // Out of descriptors: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
