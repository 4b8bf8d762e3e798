//! The proxy of a network that lets nobody out but by it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use percent_encoding::percent_decode_str;
use sandbox_protocol::egress;
use sandbox_protocol::policy::{Authority, Host};
use sandbox_protocol::routes::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

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
    /// A name and password in it, where other programs would see them.
    #[error(
        "a name and password do not belong into the proxy\u{2019}s address: every program here could read them. Say --user NAME, and the password is asked for"
    )]
    Password,
    /// A name and password that cannot be sent.
    #[error(
        "that is no name and password for a proxy: the name has no colon, and both have no control characters and are not longer than 1000 bytes"
    )]
    LogIn,
}

/// Who a proxy is shown. The password goes to where keys are kept, and to gateways.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyLogIn {
    name: String,
    password: Zeroizing<String>,
}

impl ProxyLogIn {
    /// Takes them.
    ///
    /// # Errors
    /// [`NoProxy::LogIn`], which repeats neither.
    pub fn new(name: &str, password: Zeroizing<String>) -> Result<Self, NoProxy> {
        let fits =
            |text: &str| (1..=1000).contains(&text.len()) && !text.chars().any(char::is_control);
        // Shorter could not be told from ordinary text where it is masked.
        let is_long_enough = name.len() + password.len() >= 4;
        if !fits(name) || name.contains(':') || !fits(&password) || !is_long_enough {
            return Err(NoProxy::LogIn);
        }
        Ok(Self {
            name: name.to_owned(),
            password,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// As a gateway sends it.
    pub(crate) fn basic(&self) -> Option<Secret> {
        let both = Zeroizing::new(format!("{}:{}", self.name, *self.password));
        Secret::new(STANDARD.encode(both.as_bytes()))
    }
}

impl fmt::Debug for ProxyLogIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyLogIn({})", self.name)
    }
}

impl UpstreamProxy {
    /// An address as this computer's own programs are told it: a name and password may stand in it.
    ///
    /// # Errors
    /// Never with the text in it.
    pub fn with_log_in(text: &str) -> Result<(Self, Option<ProxyLogIn>), NoProxy> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("http", text),
        };
        let Some((who, place)) = rest.rsplit_once('@') else {
            return Ok((text.parse()?, None));
        };
        let proxy = format!("{scheme}://{place}").parse()?;
        let (name, password) = who.split_once(':').ok_or(NoProxy::LogIn)?;
        let plain = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(String::from).map_err(|_| NoProxy::LogIn)
        };
        let log_in = ProxyLogIn::new(&plain(name)?, Zeroizing::new(plain(password)?))?;
        Ok((proxy, Some(log_in)))
    }

    /// Whether it is on this computer's own loopback: gateways reach it by the engine only.
    pub fn is_here(&self) -> bool {
        let place = Authority::parse(self.place().as_bytes());
        place.is_ok_and(|place| match &place.host {
            Host::Name(name) => {
                name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
            }
            Host::Address(address) => address.is_loopback(),
        })
    }

    /// `HOST:PORT`.
    fn place(&self) -> &str {
        self.0.strip_prefix("http://").unwrap_or(&self.0)
    }

    /// Where on this computer it listens. `None`: elsewhere.
    pub(crate) fn here(&self) -> Option<(&str, u16)> {
        let (host, port) = self.place().rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']);
        // Names below `localhost` are known to browsers only.
        let host = match host.ends_with("localhost") {
            true => "localhost",
            false => host,
        };
        (self.is_here()).then_some((host, port.parse().ok()?))
    }
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
        match &place.host {
            Host::Address(address) if address.is_unspecified() => Err(NoProxy::Form),
            _ => Ok(Self(format!("http://{place}"))),
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
        let place = proxy.place();
        // Its port was read when it was taken.
        let (host, port) = place.rsplit_once(':').unwrap_or((place, "0"));
        Self {
            host: host.to_owned(),
            port: port.parse().unwrap_or(0),
            by_computer: proxy.is_here(),
            log_in: None,
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
            ("0.0.0.0:3128", NoProxy::Form),
            ("http://[::]:3128", NoProxy::Form),
        ] {
            assert_eq!(text.parse::<UpstreamProxy>(), Err(why), "{text}");
        }
        assert!(!NoProxy::Password.to_string().contains("secret"));
    }
    #[test]
    fn a_log_in_is_split_off_and_shown_nowhere() {
        let (proxy, log_in) =
            UpstreamProxy::with_log_in("http://me%40work:p%3Ass%20w@proxy.example.com:3128/")
                .unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.example.com:3128");
        let log_in = log_in.unwrap();
        assert_eq!(
            (log_in.name(), log_in.password()),
            ("me@work", "p:ss w"),
            "percent signs are read"
        );
        let sent = log_in.basic().unwrap();
        assert_eq!(sent.expose(), "bWVAd29yazpwOnNzIHc=");
        assert!(!format!("{log_in:?} {sent:?}").contains("ss w"));
        let (_, none) = UpstreamProxy::with_log_in("proxy.example.com:3128").unwrap();
        assert_eq!(none, None);
        for (text, why) in [
            ("http://me@proxy.example.com:3128", NoProxy::LogIn),
            ("http://:canary@proxy.example.com:3128", NoProxy::LogIn),
            ("http://me:@proxy.example.com:3128", NoProxy::LogIn),
            ("http://a:b@proxy.example.com:3128", NoProxy::LogIn),
            ("http://me:can%0aary@proxy.example.com:3128", NoProxy::LogIn),
            ("http://me:%ff%ff%ff@proxy.example.com:3128", NoProxy::LogIn),
            ("https://me:canary@proxy.example.com:3128", NoProxy::Scheme),
            ("http://me:canary@proxy.example.com", NoProxy::Form),
        ] {
            assert_eq!(UpstreamProxy::with_log_in(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_proxy_on_this_computer_is_known_as_such() {
        for (text, here) in [
            ("http://localhost:3128", Some(("localhost", 3128))),
            ("http://cntlm.localhost:3128", Some(("localhost", 3128))),
            ("127.0.0.1:3128", Some(("127.0.0.1", 3128))),
            ("http://[::1]:3128", Some(("::1", 3128))),
            ("http://10.1.2.3:3128", None),
            ("http://notlocalhost:3128", None),
        ] {
            let proxy: UpstreamProxy = text.parse().unwrap();
            assert_eq!(proxy.here(), here, "{text}");
            assert_eq!(
                egress::UpstreamProxy::from(proxy).by_computer,
                here.is_some(),
                "{text}"
            );
        }
    }
}
