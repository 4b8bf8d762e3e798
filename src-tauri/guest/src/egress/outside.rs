//! The world behind the gateway: names, addresses, connections. Tests put their own in its place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use sandbox_protocol::egress::{Grant, Refusal};
use sandbox_protocol::policy::{Authority, Host, is_public};
use tokio::net::TcpStream;

/// What an [`Outside`] answers with.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// How long a name may take.
const LOOKUP: Duration = Duration::from_secs(10);
/// How long one address may take.
const CONNECT: Duration = Duration::from_secs(8);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// See the module.
pub trait Outside: Send + Sync + 'static {
    /// All addresses of a name. Called once for each connection, and never for a name that is refused.
    fn resolve(&self, name: String) -> Soon<'_, Vec<IpAddr>>;
    /// Connects to exactly this address.
    fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream>;
}

/// The system's resolver and network. The C library of a static build asks the servers that the container
/// engine wrote down, and nobody else.
pub struct System;

impl Outside for System {
    fn resolve(&self, name: String) -> Soon<'_, Vec<IpAddr>> {
        Box::pin(async move {
            // With its trailing dot, no search domain is tried.
            let found = tokio::net::lookup_host((format!("{name}."), 0)).await?;
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            Ok(addresses)
        })
    }

    fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream> {
        Box::pin(TcpStream::connect(to))
    }
}

/// Resolves once, vets every address, connects to a vetted one.
pub async fn reach(
    outside: &dyn Outside,
    grant: &Grant,
    target: &Authority,
) -> Result<TcpStream, Refusal> {
    let addresses = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let asked = outside.resolve(name.as_str().to_owned());
            match tokio::time::timeout(LOOKUP, asked).await {
                Ok(Ok(found)) if !found.is_empty() => found,
                _ => return Err(Refusal::NoName),
            }
        }
    };
    // One bad address among good ones is how a name is turned against its asker.
    if !addresses.iter().all(|address| may_reach(grant, *address)) {
        return Err(Refusal::LeadsInside);
    }
    for address in addresses.into_iter().take(ADDRESSES) {
        let connecting = outside.connect(SocketAddr::new(address, target.port));
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, connecting).await {
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
    }
    Err(Refusal::Unreachable)
}

fn may_reach(grant: &Grant, address: IpAddr) -> bool {
    is_public(address) && !grant.refused.iter().any(|subnet| subnet.contains(address))
}
