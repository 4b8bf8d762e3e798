//! The one parser of hosts, and the patterns that rules are made of.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is no host, no `host:port`, or no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HostError {
    /// Longer than 253 characters, or a label longer than 63.
    #[error("it is too long")]
    Long,
    /// Nothing, or two dots in a row.
    #[error("a part of it is empty")]
    Empty,
    /// Something else than letters, digits, hyphens and dots.
    #[error(
        "it holds a character that no host name has; write international names in their xn-- form"
    )]
    Character,
    /// A number that some programs take for an address and some do not.
    #[error("it looks like an address, but is not written as one")]
    Number,
    /// Missing, not a number, or zero.
    #[error("the port is missing or wrong")]
    Port,
    /// `*` anywhere but as the first label, or before less than two labels.
    #[error("a star stands for the first part only, before a name of at least two parts")]
    Star,
}

/// A host name in its one form: lower case, no trailing dot, ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Takes a name that is no address.
    pub fn parse(text: &[u8]) -> Result<Self, HostError> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.len() > 253 {
            return Err(HostError::Long);
        }
        text.split(|byte| *byte == b'.').try_for_each(check_label)?;
        let name: String = text
            .iter()
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect();
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(HostError::Number);
        }
        Ok(Self(name))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Below another name, not the name itself.
    fn is_below(&self, parent: &Self) -> bool {
        self.0
            .strip_suffix(&parent.0)
            .is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_label(label: &[u8]) -> Result<(), HostError> {
    if label.is_empty() {
        return Err(HostError::Empty);
    }
    if label.len() > 63 {
        return Err(HostError::Long);
    }
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let edges = label.first() != Some(&b'-') && label.last() != Some(&b'-');
    if edges && label.iter().all(inner) {
        Ok(())
    } else {
        Err(HostError::Character)
    }
}

/// What some resolver would read as (the last part of) an IPv4 address: 127.1, 0x7f.1, 017700000001.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name or a literal address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// To be resolved.
    Name(HostName),
    /// As it is.
    Address(IpAddr),
}

impl Host {
    /// A name, an IPv4 address in its usual form, or an IPv6 address in brackets without a zone.
    pub fn parse(text: &[u8]) -> Result<Self, HostError> {
        let ascii = std::str::from_utf8(text).map_err(|_| HostError::Character)?;
        if let Some(inner) = ascii.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::Character)?;
            let address = Ipv6Addr::from_str(inner).map_err(|_| HostError::Number)?;
            return Ok(Self::Address(address.into()));
        }
        match Ipv4Addr::from_str(ascii) {
            Ok(address) => Ok(Self::Address(address.into())),
            Err(_) => HostName::parse(text).map(Self::Name),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// `host:port`, both stated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// 1 to 65535.
    pub port: u16,
}

impl Authority {
    /// Takes nothing but `host:port`.
    pub fn parse(text: &[u8]) -> Result<Self, HostError> {
        let colon = text
            .iter()
            .rposition(|byte| *byte == b':')
            .ok_or(HostError::Port)?;
        Ok(Self {
            host: Host::parse(&text[..colon])?,
            port: port(&text[colon + 1..])?,
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl TryFrom<String> for Authority {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        Self::parse(text.as_bytes())
    }
}

impl From<Authority> for String {
    fn from(authority: Authority) -> Self {
        authority.to_string()
    }
}

/// Digits only: `u16::from_str` would take `+443`.
fn port(text: &[u8]) -> Result<u16, HostError> {
    let digits = !text.is_empty() && text.len() <= 5 && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok());
    number.filter(|port| *port != 0).ok_or(HostError::Port)
}

/// A rule: `host`, `*.host`, an address, each with or without `:port`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    what: What,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Exact(Host),
    Below(HostName),
}

impl HostPattern {
    /// Whether the rule is about this host, whatever the port.
    pub fn covers(&self, host: &Host) -> bool {
        match (&self.what, host) {
            (What::Exact(exact), host) => exact == host,
            (What::Below(parent), Host::Name(name)) => name.is_below(parent),
            (What::Below(_), Host::Address(_)) => false,
        }
    }

    /// The one name that it is about, with its port or that of TLS; `None`: many names, or an address.
    pub fn one_name(&self) -> Option<Authority> {
        match &self.what {
            What::Exact(host @ Host::Name(_)) => Some(Authority {
                host: host.clone(),
                port: self.port.unwrap_or(super::TLS),
            }),
            _ => None,
        }
    }

    /// The stated port.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// No port stated, or this one.
    pub fn port_fits(&self, port: u16) -> bool {
        self.port.is_none_or(|stated| stated == port)
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an IPv6 address stand within its brackets.
            Some((host, number)) if !number.ends_with(']') => {
                (host, Some(port(number.as_bytes())?))
            }
            _ => (text, None),
        };
        let what = match host.strip_prefix("*.") {
            Some(parent) => What::Below(parent_name(parent)?),
            None if host.contains('*') => return Err(HostError::Star),
            None => What::Exact(Host::parse(host.as_bytes())?),
        };
        Ok(Self { what, port })
    }
}

fn parent_name(text: &str) -> Result<HostName, HostError> {
    if text.contains('*') {
        return Err(HostError::Star);
    }
    let name = HostName::parse(text.as_bytes())?;
    // `*.com` would open half of the world.
    if name.0.contains('.') {
        Ok(name)
    } else {
        Err(HostError::Star)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Exact(host) => host.fmt(f)?,
            What::Below(parent) => write!(f, "*.{parent}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_authorities_have_one_form() {
        for (text, form) in [
            ("example.com:443", "example.com:443"),
            ("EXAMPLE.Com.:443", "example.com:443"),
            ("a-b.c-d.example:1", "a-b.c-d.example:1"),
            ("xn--bcher-kva.example:65535", "xn--bcher-kva.example:65535"),
            ("localhost:80", "localhost:80"),
            ("1.2.3.4:443", "1.2.3.4:443"),
            ("[2606:4700::1111]:443", "[2606:4700::1111]:443"),
            ("3com.example:443", "3com.example:443"),
            ("0xa.example:443", "0xa.example:443"),
        ] {
            assert_eq!(Authority::parse(text.as_bytes()).unwrap().to_string(), form);
        }
    }

    #[test]
    fn bad_authorities_are_refused() {
        let long = format!("{}.com:443", "a.".repeat(130));
        let label = format!("{}.com:443", "a".repeat(64));
        let refused: &[&[u8]] = &[
            b"",
            b":",
            b":443",
            b"example.com",
            b"example.com:",
            b"example.com:0",
            b"example.com:65536",
            b"example.com:+443",
            b"example.com:443x",
            b"example.com: 443",
            b"example.com:00443000",
            b"example.com:4 43",
            b".example.com:443",
            b"example..com:443",
            b"example.com..:443",
            b".:443",
            b"-a.com:443",
            b"a-.com:443",
            b"example.com\0:443",
            b"attacker.org\0.example.com:443",
            b"exam ple.com:443",
            b" example.com:443",
            b"example.com\t:443",
            b"example.com\r\n:443",
            b"example.com\r\nHost: x:443",
            b"user@example.com:443",
            b"user:pw@example.com:443",
            b"example.com%2e:443",
            b"example.com%00:443",
            b"example.com\\:443",
            b"example.com/:443",
            b"example.com#x:443",
            b"example.com?x:443",
            b"http://example.com:443",
            "bücher.example:443".as_bytes(),
            "ｅxample.com:443".as_bytes(),
            "example。com:443".as_bytes(),
            b"\xff.com:443",
            b"127.1:443",
            b"0x7f.1:443",
            b"0x7f000001:443",
            b"2130706433:443",
            b"017700000001:443",
            b"127.0.0.01:443",
            b"127.0.0.0x1:443",
            b"1.2.3.4.5:443",
            b"1.2.3.4.:443",
            b"256.1.1.1:443",
            b"example.123:443",
            b"0x:443",
            b"a_b.example:443",
            b"_dmarc.example:443",
            b"[::1:443",
            b"::1:443",
            b"[::1]x:443",
            b"[fe80::1%eth0]:443",
            b"[fe80::1%25eth0]:443",
            b"[::1]",
            b"[]:443",
            b"[127.0.0.1]:443",
            b"[example.com]:443",
            b"*.example.com:443",
            b"example.com,other.com:443",
            long.as_bytes(),
            label.as_bytes(),
        ];
        for text in refused {
            assert!(Authority::parse(text).is_err(), "{}", text.escape_ascii());
        }
        assert!(refused.len() >= 60, "the table has {} rows", refused.len());
    }

    #[test]
    fn rules() {
        for good in [
            "example.com",
            "*.example.com",
            "example.com:8443",
            "*.a.b:22",
            "1.2.3.4",
            "1.2.3.4:53",
            "[2606::1]:443",
            "[2606::1]",
        ] {
            assert_eq!(good.parse::<HostPattern>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.com",
            "*.*.com",
            "a.*.com",
            "a*.com",
            "**.a.b",
            "*example.com",
            "example.com:0",
            "a b.com",
            "*.1.2.3.4",
            "http://a.b",
            "a_b.example",
            "*.a_b.example",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_taken_again_in_the_same_form(text in "[a-zA-Z0-9.:\\[\\]*_-]{0,40}") {
            if let Ok(parsed) = Authority::parse(text.as_bytes()) {
                prop_assert_eq!(Authority::parse(parsed.to_string().as_bytes()), Ok(parsed));
            }
            if let Ok(rule) = text.parse::<HostPattern>() {
                prop_assert_eq!(rule.to_string().parse::<HostPattern>(), Ok(rule));
            }
        }
    }
}
