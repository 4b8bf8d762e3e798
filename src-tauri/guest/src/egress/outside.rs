//! The world behind the gateway: names, addresses, connections. Tests put their own in its place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use sandbox_protocol::egress::{Grant, LOCAL_HOST, Refusal, UpstreamProxy};
use sandbox_protocol::policy::{Authority, Host, is_public};
use sandbox_protocol::streams::UPSTREAM_PROXY;
use tokio::net::TcpStream;

use super::state::Gateway;
use super::upstream_proxy;
use super::wire::Wire;

/// What an [`Outside`] answers with.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// How long a name may take.
const LOOKUP: Duration = Duration::from_secs(10);
/// How long it may where no answer is fine too.
const QUICK_LOOKUP: Duration = Duration::from_millis(1500);
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

/// Resolves once, vets every address, connects to a vetted one. Behind a proxy of the computer's network that
/// proxy does all of it, by its own rules.
pub async fn reach(gateway: &Gateway, grant: &Grant, target: &Authority) -> Result<Wire, Refusal> {
    if let Some(proxy) = &grant.upstream {
        let wire = to_upstream(gateway, grant, proxy, target).await?;
        return upstream_proxy::tunnel(wire, proxy, target).await;
    }
    let outside = &*gateway.outside;
    let addresses = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => look_up(outside, name.as_str()).await?,
    };
    // One bad address among good ones is how a name is turned against its asker.
    if !addresses.iter().all(|address| may_reach(grant, *address)) {
        return Err(Refusal::LeadsInside);
    }
    let connected = dial(outside, addresses, target.port).await;
    connected.map(Wire::Socket).ok_or(Refusal::Unreachable)
}

/// The proxy of the computer's network, for a target that may be asked of it. Its name is not the sandbox's, and it
/// usually has a private address; this gateway's own loopback it is not: one on the user's computer is reached by
/// the engine. An address that was asked for is still vetted here: only names are the proxy's.
pub async fn to_upstream(
    gateway: &Gateway,
    grant: &Grant,
    proxy: &UpstreamProxy,
    target: &Authority,
) -> Result<Wire, Refusal> {
    match &target.host {
        Host::Address(address) if !may_reach(grant, *address) => return Err(Refusal::LeadsInside),
        Host::Name(name) if upstream_proxy::is_inside(name.as_str()) => {
            return Err(Refusal::LeadsInside);
        }
        _ => {}
    }
    if proxy.by_computer {
        if let Host::Name(name) = &target.host
            && leads_inside(&*gateway.outside, grant, name.as_str()).await
        {
            return Err(Refusal::LeadsInside);
        }
        let stream = gateway.dial_route(UPSTREAM_PROXY).await;
        let stream = stream.ok_or(Refusal::NoUpstream)?;
        return Ok(Wire::Engine(Box::new(stream)));
    }
    let outside = &*gateway.outside;
    let addresses = match proxy.host.trim_matches(['[', ']']).parse() {
        Ok(address) => vec![address],
        Err(_) => look_up(outside, &proxy.host)
            .await
            .map_err(|_| Refusal::NoUpstream)?,
    };
    if !addresses
        .iter()
        .all(|address| upstream_proxy::may_be(*address))
    {
        return Err(Refusal::NoUpstream);
    }
    let connected = dial(outside, addresses, proxy.port).await;
    connected.map(Wire::Socket).ok_or(Refusal::NoUpstream)
}

/// For a proxy on the user's computer, whose own services are nearest to it. A name that nobody here knows is the
/// proxy's; so is one that leads elsewhere by the time that the proxy asks.
async fn leads_inside(outside: &dyn Outside, grant: &Grant, name: &str) -> bool {
    let asked = tokio::time::timeout(QUICK_LOOKUP, look_up(outside, name));
    match asked.await {
        Ok(Ok(found)) => !found.iter().all(|address| may_reach(grant, *address)),
        _ => false,
    }
}

async fn look_up(outside: &dyn Outside, name: &str) -> Result<Vec<IpAddr>, Refusal> {
    if name == LOCAL_HOST {
        return Err(Refusal::LeadsInside);
    }
    let asked = outside.resolve(name.to_owned());
    match tokio::time::timeout(LOOKUP, asked).await {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        _ => Err(Refusal::NoName),
    }
}

async fn dial(outside: &dyn Outside, addresses: Vec<IpAddr>, port: u16) -> Option<TcpStream> {
    for address in addresses.into_iter().take(ADDRESSES) {
        let connecting = outside.connect(SocketAddr::new(address, port));
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, connecting).await {
            let _ = stream.set_nodelay(true);
            return Some(stream);
        }
    }
    None
}

/// Whether a grant lets anybody reach an address.
fn may_reach(grant: &Grant, address: IpAddr) -> bool {
    is_public(address) && !grant.refused.iter().any(|subnet| subnet.contains(address))
}
