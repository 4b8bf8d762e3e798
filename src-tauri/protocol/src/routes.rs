//! Credential routes: keys that a gateway adds to requests, so that no sandbox ever holds one.
//!
//! A program in the sandbox asks `http://127.0.0.1:3128/keys/PROVIDER/…` and sends a placeholder; its gateway
//! takes what looks like a credential out, puts the key in and passes the request on to that provider only.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Below this path the gateway adds keys; a provider's id follows.
pub const ROUTE_PATH: &str = "/keys/";
/// What programs in the sandbox are given in a key's place, so that they start.
pub const PLACEHOLDER: &str = "kept-by-agent-sandbox";
/// Put behind the method in what a gateway writes down of a request with a key.
pub const WITH_KEY: &str = "+key";
/// Routes of one sandbox.
pub const MAX_ROUTES: usize = 16;
/// Longest key, in bytes.
pub const MAX_KEY: usize = 4096;
/// Shortest key: what is shorter cannot be told from ordinary text when it is masked.
pub const MIN_KEY: usize = 8;
/// Certificates that one stream may hand over, in bytes.
pub const MAX_TRUST: usize = 4 * 1024 * 1024;
/// Certificates travel in pieces of this many bytes.
pub const TRUST_PIECE: usize = 32 * 1024;

/// A key. Shown as dots, and wiped when it is let go.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a key as it is sent in a header: visible ASCII, without spaces. `None`: it is none.
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let fits = (MIN_KEY..=MAX_KEY).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(text))
    }

    /// The key itself: for the request, for the mask, and for where it is kept.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(\u{2022}\u{2022}\u{2022})")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Never the text itself: an error may be shown.
        Self::new(text).ok_or_else(|| serde::de::Error::custom("a key that is none"))
    }
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Upstream {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Over TLS, checked against the certificates of the user's computer.
    pub tls: bool,
    /// By the user's own computer: it, or something on its network. Else by the gateway, with the address
    /// vetted as for every other site.
    #[serde(default)]
    pub by_computer: bool,
}

/// How a key is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The header's name, in small letters.
    pub header: String,
    /// Put before the key: `Bearer `.
    #[serde(default)]
    pub prefix: String,
    /// The key.
    pub key: Secret,
}

/// One provider's route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The provider's id, as it stands in the path.
    pub id: String,
    /// Where it leads.
    pub upstream: Upstream,
    /// Put before the path; empty, or `/…` without a slash at its end.
    #[serde(default)]
    pub base: String,
    /// Paths behind the id that may be asked for, by their beginning; empty: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// What is added; absent: the server wants none.
    pub credential: Option<Credential>,
}

/// All routes of a sandbox. The default one has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routes {
    /// By provider, each once.
    pub list: Vec<Route>,
    /// Providers whose key is kept and cannot be had by who hands over: what the gateway has of them stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub as_before: Vec<String>,
}

impl Routes {
    /// Reads what was handed over; anything unreadable is no route at all.
    pub fn read(bytes: &[u8]) -> Self {
        let read: Self = serde_json::from_slice(bytes).unwrap_or_default();
        if read.list.len() + read.as_before.len() > MAX_ROUTES {
            return Self::default();
        }
        read
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_what_fits_into_a_header_and_is_never_shown() {
        let key = Secret::new("sk-canary-123".to_owned()).unwrap();
        assert_eq!(key.expose(), "sk-canary-123");
        assert!(!format!("{key:?}").contains("canary"));
        for wrong in [
            "",
            "short",
            "with a space",
            "line\nbreak-key",
            "k\u{e4}nary-key",
            "tab\tin-key",
        ] {
            assert!(Secret::new(wrong.to_owned()).is_none(), "{wrong:?}");
        }
        assert!(Secret::new("x".repeat(MAX_KEY + 1)).is_none());
        let error = serde_json::from_str::<Secret>("\"canary key\"").unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn routes_that_do_not_read_are_none() {
        for text in [
            "",
            "{",
            "[]",
            "{\"list\":[{\"id\":\"x\"}]}",
            "{\"list\":[],\"more\":1}",
        ] {
            assert_eq!(Routes::read(text.as_bytes()), Routes::default(), "{text}");
        }
        let good = br#"{"list":[{"id":"x","upstream":{"host":"a.test","port":443,"tls":true},"credential":null}]}"#;
        assert_eq!(Routes::read(good).list.len(), 1, "the probe can succeed");
    }
}
