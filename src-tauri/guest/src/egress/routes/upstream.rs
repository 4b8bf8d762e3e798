//! The connection to a provider: exactly its host and port, vetted as every other, over TLS.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use sandbox_protocol::egress::Refusal;
use sandbox_protocol::policy::{Authority, Policy, Reason, Verdict, Via};
use sandbox_protocol::routes::Route;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::egress::outside;
use crate::egress::state::Gateway;

/// How long TLS may take to begin.
const GREETING: Duration = Duration::from_secs(15);

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why a route led nowhere.
pub enum Failed {
    /// As for every other connection.
    Refused(Refusal),
    /// The other end could not prove who it is, or does not speak TLS.
    Tls(io::Error),
    /// No certificates of the computer were handed over.
    NoTrust,
}

/// Where a route leads, read by the one parser.
pub fn target(route: &Route) -> Option<Authority> {
    let text = format!("{}:{}", route.upstream.host, route.upstream.port);
    Authority::parse(text.as_bytes()).ok()
}

/// Connects, while [`may`] says that one may.
pub async fn connect(
    gateway: &Gateway,
    route: &Route,
    target: &Authority,
) -> Result<Box<dyn Stream>, Failed> {
    let plain: Box<dyn Stream> = if route.upstream.by_computer {
        let stream = gateway.dial_route(&route.id).await;
        Box::new(stream.ok_or(Failed::Refused(Refusal::Unreachable))?)
    } else {
        let reached = outside::reach(gateway, &gateway.grant(), target).await;
        Box::new(reached.map_err(Failed::Refused)?)
    };
    if !route.upstream.tls {
        // A key goes out in the clear to the user's own computer only, whatever was handed over.
        return match route.upstream.by_computer {
            true => Ok(plain),
            false => Err(Failed::NoTrust),
        };
    }
    let config = gateway.routes.tls().ok_or(Failed::NoTrust)?;
    let name = ServerName::try_from(target.host.to_string())
        .map_err(|error| Failed::Tls(io::Error::other(error)))?;
    let greeting = TlsConnector::from(config).connect(name, plain);
    match tokio::time::timeout(GREETING, greeting).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(Failed::Tls(error)),
        Err(_) => Err(Failed::Refused(Refusal::Unreachable)),
    }
}

/// Whether the rules let a route be used. That the user keeps a key for it approves the host; a rule that blocks it
/// goes before, and so does a sandbox that is offline.
pub fn may(policy: &Policy, route: &Route, target: &Authority) -> Result<(), Refusal> {
    match policy.decide(target, Via::Tunnel) {
        Verdict::Deny(reason @ (Reason::Blocked | Reason::Offline)) => Err(Refusal::Policy(reason)),
        Verdict::Deny(Reason::NotPublic) if !route.upstream.by_computer => {
            Err(Refusal::Policy(Reason::NotPublic))
        }
        _ => Ok(()),
    }
}
