//! The address of a model server of the user's own, as a person writes it.

use std::net::IpAddr;

use sandbox_protocol::policy::{Authority, Host, is_public};
use sandbox_protocol::routes::Upstream;

use crate::{Error, Result};

/// Names that only a local network knows.
const LOCAL_NAMES: [&str; 7] = [
    ".local",
    ".lan",
    ".home",
    ".internal",
    ".localdomain",
    ".home.arpa",
    ".intranet",
];

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub upstream: Upstream,
    /// Put before every path: empty, or `/v1`.
    pub base: String,
}

impl Server {
    /// Reads `http://localhost:11434/v1`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]: no address, one with a password or a query in it, or http to a public host.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::InvalidRequest {
            message: format!(
                "\u{201c}{}\u{201d} is no model server: {why}. Write for instance http://localhost:11434/v1",
                text.escape_debug()
            ),
        };
        let text = text.trim();
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong("it begins with http:// or https://")),
        };
        let (authority, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let base = base.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !base.bytes().all(plain)
            || base.contains("//")
            || base.split('/').any(|part| part == ".." || part == ".")
        {
            return Err(wrong("its path has signs that it cannot have"));
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.ends_with(']'));
        let authority = match (has_port, tls) {
            (true, _) => authority.to_owned(),
            (false, true) => format!("{authority}:443"),
            (false, false) => format!("{authority}:80"),
        };
        let target =
            Authority::parse(authority.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        let by_computer = is_local(&target.host);
        if !tls && !by_computer {
            return Err(wrong(
                "without TLS (https) a key would be sent in the clear",
            ));
        }
        let upstream = Upstream {
            host: host_text(&target.host),
            port: target.port,
            tls,
            by_computer,
        };
        Ok(Self {
            upstream,
            base: base.to_owned(),
        })
    }
}

/// As [`Authority`] reads it again.
fn host_text(host: &Host) -> String {
    match host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        other => other.to_string(),
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Address(address) => !is_public(*address),
        Host::Name(name) => {
            let name = name.as_str();
            !name.contains('.') || LOCAL_NAMES.iter().any(|end| name.ends_with(end))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_says_where_and_who_connects() {
        for (text, host, port, tls, by_computer, base) in [
            (
                "http://localhost:11434/v1",
                "localhost",
                11434,
                false,
                true,
                "/v1",
            ),
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, false, true, ""),
            (
                "http://192.168.1.5:8000/v1/",
                "192.168.1.5",
                8000,
                false,
                true,
                "/v1",
            ),
            (
                "https://nas.local/llm",
                "nas.local",
                443,
                true,
                true,
                "/llm",
            ),
            (
                "https://llm.example.com/v1",
                "llm.example.com",
                443,
                true,
                false,
                "/v1",
            ),
            (
                "https://llm.example.com:8443",
                "llm.example.com",
                8443,
                true,
                false,
                "",
            ),
        ] {
            let server = Server::parse(text).unwrap();
            let found = &server.upstream;
            assert_eq!(
                (
                    found.host.as_str(),
                    found.port,
                    found.tls,
                    found.by_computer,
                    server.base.as_str()
                ),
                (host, port, tls, by_computer, base),
                "{text}"
            );
        }
        for text in [
            "",
            "localhost:11434",
            "ftp://x",
            "http://",
            "http://llm.example.com/v1",
            "http://8.8.8.8/v1",
            "https://user:pass@llm.example.com",
            "https://llm.example.com/v1?key=x",
            "https://llm.example.com/../x",
            "https://llm.example.com/#x",
            "https://exa mple.com",
            "http://localhost:0/v1",
        ] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }
}
