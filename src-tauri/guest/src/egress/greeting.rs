//! The TLS greeting at the start of a tunnel: whom the program really speaks to.

use std::time::Duration;

use rustls::server::Acceptor;
use sandbox_protocol::policy::{Authority, Host, HostName};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest greeting, in bytes: what a thousand of them take fits into the gateway's memory.
const MAX_GREETING: usize = 32 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a tunnel began with.
#[derive(Debug, PartialEq, Eq)]
pub enum Greeting {
    /// TLS for its host: all bytes that were read, to be sent on.
    Right(Vec<u8>),
    /// It was closed, and nothing had come.
    Nothing,
    /// Not TLS, another name, no name, or not in time.
    Wrong,
}

/// Reads the greeting and holds its server name against the tunnel's host.
pub async fn check(
    from: &mut (impl AsyncRead + Unpin),
    already: Vec<u8>,
    target: &Authority,
) -> Greeting {
    let mut acceptor = Acceptor::default();
    let mut bytes = already;
    let mut fed = 0;
    let mut closed = false;
    let read = async {
        loop {
            while fed < bytes.len() {
                let mut rest = &bytes[fed..];
                let before = rest.len();
                acceptor.read_tls(&mut rest).ok()?;
                fed += before - rest.len();
                match acceptor.accept() {
                    Ok(Some(accepted)) => {
                        let hello = accepted.client_hello();
                        return names(hello.server_name(), &target.host).then_some(());
                    }
                    Ok(None) if before > rest.len() => {}
                    _ => return None,
                }
            }
            let room = MAX_GREETING.saturating_sub(bytes.len());
            if room == 0 {
                return None;
            }
            let mut some = (&mut *from).take(room as u64);
            if some.read_buf(&mut bytes).await.ok()? == 0 {
                closed = true;
                return None;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Some(())) => Greeting::Right(bytes),
        Ok(None) if closed && bytes.is_empty() => Greeting::Nothing,
        _ => Greeting::Wrong,
    }
}

fn names(stated: Option<&str>, host: &Host) -> bool {
    match (host, stated) {
        (Host::Name(name), Some(stated)) => {
            HostName::parse(stated.as_bytes()).is_ok_and(|stated| stated == *name)
        }
        // Greetings to a bare address carry no name.
        (Host::Address(_), None) => true,
        _ => false,
    }
}
