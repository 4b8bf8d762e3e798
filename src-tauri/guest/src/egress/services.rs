//! The way to services of the user's own computer: the engine connects and keeps the connection; each program
//! of the sandbox that wants such a service gets a stream of it.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;

use sandbox_protocol::streams::{End, Inbound, SERVICES_SOCKET, join};
use tokio::net::UnixListener;

use super::state::Gateway;

/// Only the engine can connect: no other process shares this network namespace.
pub fn listener() -> io::Result<UnixListener> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(SERVICES_SOCKET)?;
    let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Takes every engine that connects; the newest one is asked.
pub async fn listen(gateway: Arc<Gateway>, listener: UnixListener) {
    loop {
        if let Ok((engine, _)) = listener.accept().await {
            let (streams, _, driver) = join(engine, End::Guest, Inbound::Refused);
            gateway.served_by(streams);
            tokio::spawn(driver);
        }
    }
}
