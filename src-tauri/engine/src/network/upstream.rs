//! The proxy of a network that lets nobody out but by it.

use std::fmt;
use std::str::FromStr;

use sandbox_protocol::egress;
use sandbox_protocol::policy::{Authority, Host};
use serde::{Deserialize, Serialize};

/// `http://HOST:PORT`: asked for tunnels by CONNECT, from the gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UpstreamProxy(String);

/// Why a text names no proxy that gateways can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoProxy {
    /// It is not of the form.
    #[error("a proxy is written http://HOST:PORT, for instance http://proxy.example.com:3128")]
    Form,
    /// `https://`, `socks5://`.
    #[error(
        "only proxies whose address begins with http:// can be used; they carry encrypted sites as well"
    )]
    Scheme,
    /// A name and password in it.
    #[error(
        "a proxy that wants a name and password cannot be used yet; a forwarder on your network that adds them can"
    )]
    Password,
    /// `localhost`.
    #[error(
        "the gateways of sandboxes do not reach this computer\u{2019}s own localhost; name the proxy by its address on your network"
    )]
    Loopback,
}

impl FromStr for UpstreamProxy {
    type Err = NoProxy;

    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(NoProxy::Scheme),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(NoProxy::Password);
        }
        let place = Authority::parse(rest.as_bytes()).map_err(|_| NoProxy::Form)?;
        let is_here = match &place.host {
            Host::Name(name) => {
                name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
            }
            Host::Address(address) => address.is_loopback() || address.is_unspecified(),
        };
        match is_here {
            true => Err(NoProxy::Loopback),
            false => Ok(Self(format!("http://{place}"))),
        }
    }
}

impl TryFrom<String> for UpstreamProxy {
    type Error = NoProxy;

    fn try_from(text: String) -> Result<Self, NoProxy> {
        text.parse()
    }
}

impl From<UpstreamProxy> for String {
    fn from(proxy: UpstreamProxy) -> Self {
        proxy.0
    }
}

impl From<UpstreamProxy> for egress::UpstreamProxy {
    fn from(proxy: UpstreamProxy) -> Self {
        let place = proxy.0.strip_prefix("http://").unwrap_or(&proxy.0);
        // Its port was read when it was taken.
        let (host, port) = place.rsplit_once(':').unwrap_or((place, "0"));
        Self {
            host: host.to_owned(),
            port: port.parse().unwrap_or(0),
        }
    }
}

impl fmt::Display for UpstreamProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_names_a_proxy_is_taken_in_one_form() {
        for (text, taken, host, port) in [
            (
                "http://proxy.example.com:3128",
                "http://proxy.example.com:3128",
                "proxy.example.com",
                3128,
            ),
            (
                "HTTP://Proxy.Example.com.:3128/",
                "http://proxy.example.com:3128",
                "proxy.example.com",
                3128,
            ),
            ("10.1.2.3:8080", "http://10.1.2.3:8080", "10.1.2.3", 8080),
            (
                "http://[fd00::1]:8080",
                "http://[fd00::1]:8080",
                "[fd00::1]",
                8080,
            ),
        ] {
            let proxy: UpstreamProxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), taken);
            let told = egress::UpstreamProxy::from(proxy);
            assert_eq!((told.host.as_str(), told.port), (host, port), "{text}");
        }
    }

    #[test]
    fn what_does_not_is_refused_with_the_reason() {
        for (text, why) in [
            ("", NoProxy::Form),
            ("http://proxy.example.com", NoProxy::Form),
            ("http://proxy.example.com:0", NoProxy::Form),
            ("http://proxy.example.com:3128/path", NoProxy::Form),
            ("http://a b:3128", NoProxy::Form),
            ("https://proxy.example.com:3128", NoProxy::Scheme),
            ("socks5://proxy.example.com:1080", NoProxy::Scheme),
            ("http://me:secret@proxy.example.com:3128", NoProxy::Password),
            ("http://localhost:3128", NoProxy::Loopback),
            ("127.0.0.1:3128", NoProxy::Loopback),
            ("http://[::1]:3128", NoProxy::Loopback),
            ("0.0.0.0:3128", NoProxy::Loopback),
        ] {
            assert_eq!(text.parse::<UpstreamProxy>(), Err(why), "{text}");
        }
        assert!(!NoProxy::Password.to_string().contains("secret"));
    }
}
