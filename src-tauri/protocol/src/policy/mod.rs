//! Where a sandbox may connect to: one strict parser, rules, and the decision.
//!
//! Both sides use it: the engine to check what the user enters, the gateway to decide. A policy that is
//! missing, empty or broken allows nothing.

mod address;
mod host;

use serde::{Deserialize, Serialize};

use crate::egress::LOCAL_HOST;

pub use address::is_public;
pub use host::{Authority, Host, HostError, HostName, HostPattern};

/// How far a sandbox reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nowhere.
    #[default]
    Offline,
    /// To approved sites.
    Approved,
    /// To any public host that is asked for by name; to an address, and to [`UNSEEN_PORT`], only where that is approved.
    Open,
}

/// How a connection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// `CONNECT`: a tunnel whose TLS greeting is checked against the host.
    Tunnel,
    /// A plain request that only reads: `GET` or `HEAD` of an absolute `http:` address.
    PlainRead,
    /// Any other plain request.
    PlainWrite,
}

/// Rules of one sandbox. The default one denies everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How far.
    pub reach: Reach,
    /// Approved sites; without effect when offline.
    #[serde(default)]
    pub allow: Vec<HostPattern>,
    /// Blocked sites; they win over everything.
    #[serde(default)]
    pub deny: Vec<HostPattern>,
}

/// The site that the self-test asks for where the rules name none: our own environment is made from it.
pub const TEST_SITE: &str = "deb.debian.org";

/// What a policy says of one connection. It is made before any name is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Resolve, vet the addresses, connect.
    Allow,
    /// Nobody decided about this host yet: ask the user, or refuse where nobody can be asked.
    Ask,
    /// Refuse.
    Deny(Reason),
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The sandbox is offline.
    Offline,
    /// A rule blocks it.
    Blocked,
    /// A bare address that no rule names; only names can be approved by asking.
    Address,
    /// A private, local or reserved address, or the name of the user's own computer.
    NotPublic,
    /// Approved, but not this port or not this way.
    Port,
    /// A tunnel to the port of plain requests could not be looked into.
    TunnelToPlain,
}

/// SSH's port. What goes through a tunnel to it says nothing that could be held against its host, so it is open by
/// a rule that states the port, or by an answer about it: in every mode.
pub const UNSEEN_PORT: u16 = 22;

const PLAIN: u16 = 80;
const TLS: u16 = 443;

impl Policy {
    /// Reads a policy as it is handed to the gateway; anything unreadable denies all.
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// What may be done about one connection.
    pub fn decide(&self, target: &Authority, via: Via) -> Verdict {
        if self.reach == Reach::Offline {
            return Verdict::Deny(Reason::Offline);
        }
        if self
            .deny
            .iter()
            .any(|rule| rule.covers(&target.host) && rule.port_fits(target.port))
        {
            return Verdict::Deny(Reason::Blocked);
        }
        if via == Via::Tunnel && target.port == PLAIN {
            return Verdict::Deny(Reason::TunnelToPlain);
        }
        if is_inside(&target.host) {
            return Verdict::Deny(Reason::NotPublic);
        }
        // What cannot be looked into, and an address, which a block by name says nothing of, are by a rule only.
        let is_looked_into = via != Via::Tunnel || target.port != UNSEEN_PORT;
        match target.host {
            Host::Name(_) if self.reach == Reach::Open && is_looked_into => Verdict::Allow,
            _ => self.approved(target, via),
        }
    }

    /// A site that is let through, which the self-test asks for: the first one that a rule names alone, or
    /// [`TEST_SITE`] where every site is open. `None`: there is no such one.
    pub fn one_approved(&self) -> Option<Authority> {
        let usual: Option<HostPattern> = match self.reach {
            Reach::Open => TEST_SITE.parse().ok(),
            _ => None,
        };
        self.allow
            .iter()
            .chain(&usual)
            .filter_map(HostPattern::one_name)
            .find(|site| self.decide(site, Via::Tunnel) == Verdict::Allow)
    }

    fn approved(&self, target: &Authority, via: Via) -> Verdict {
        let mut rules = self
            .allow
            .iter()
            .filter(|rule| rule.covers(&target.host))
            .peekable();
        if rules.peek().is_none() {
            return match target.host {
                Host::Name(_) => Verdict::Ask,
                Host::Address(_) => Verdict::Deny(Reason::Address),
            };
        }
        if rules.any(|rule| allows(rule, target.port, via)) {
            return Verdict::Allow;
        }
        Verdict::Deny(Reason::Port)
    }
}

/// Whether it is, by what it is called, no public host.
fn is_inside(host: &Host) -> bool {
    match host {
        Host::Name(name) => name.as_str() == LOCAL_HOST,
        Host::Address(address) => !is_public(*address),
    }
}

/// A rule without a port means TLS by a tunnel and reading by a plain request, each on its own port.
fn allows(rule: &HostPattern, port: u16, via: Via) -> bool {
    match (rule.port(), via) {
        (Some(stated), _) => stated == port,
        (None, Via::Tunnel) => port == TLS,
        (None, Via::PlainRead) => port == PLAIN,
        (None, Via::PlainWrite) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn policy(reach: Reach, allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Policy {
            reach,
            allow: rules(allow),
            deny: rules(deny),
        }
    }

    #[test]
    fn a_missing_empty_or_broken_policy_denies() {
        let target = Authority::parse(b"example.com:443").unwrap();
        for text in [
            "",
            "{}",
            "null",
            "[]",
            "{\"reach\":\"open\"",
            "{\"reach\":\"wide\"}",
            "{\"reach\":\"open\",\"more\":1}",
        ] {
            let read = Policy::read(text.as_bytes());
            assert_eq!(
                read.decide(&target, Via::Tunnel),
                Verdict::Deny(Reason::Offline),
                "{text}"
            );
        }
        let open = Policy::read(b"{\"reach\":\"open\"}");
        assert_eq!(
            open.decide(&target, Via::Tunnel),
            Verdict::Allow,
            "the probe can succeed"
        );
        let empty = policy(Reach::Approved, &[], &[]);
        assert_eq!(
            empty.decide(&target, Via::Tunnel),
            Verdict::Ask,
            "an empty list approves nothing"
        );
    }

    #[test]
    fn a_policy_comes_back_as_it_was_written() {
        let policy = policy(
            Reach::Approved,
            &["example.com", "*.crates.io:443"],
            &["bad.example.com"],
        );
        let text = serde_json::to_vec(&policy).unwrap();
        assert_eq!(Policy::read(&text), policy);
    }

    #[test]
    fn decisions() {
        use Reason::*;
        use Verdict::*;
        use Via::*;
        let rules = policy(
            Reach::Approved,
            &[
                "example.com",
                "*.crates.io",
                "api.test.org:8443",
                "ssh.test.org:22",
                "plain.test.org:80",
                "93.184.216.34",
            ],
            &["evil.crates.io", "*.ads.example.com", "api.test.org:9000"],
        );
        for (target, via, expected) in [
            ("example.com:443", Tunnel, Allow),
            ("EXAMPLE.com.:443", Tunnel, Allow),
            ("example.com:80", PlainRead, Allow),
            ("example.com:80", PlainWrite, Deny(Port)),
            ("example.com:443", PlainRead, Deny(Port)),
            ("example.com:80", Tunnel, Deny(TunnelToPlain)),
            ("example.com:8443", Tunnel, Deny(Port)),
            ("example.com:22", Tunnel, Deny(Port)),
            ("www.example.com:443", Tunnel, Ask),
            ("notexample.com:443", Tunnel, Ask),
            ("example.com.evil.org:443", Tunnel, Ask),
            ("static.crates.io:443", Tunnel, Allow),
            ("a.b.crates.io:443", Tunnel, Allow),
            ("crates.io:443", Tunnel, Ask),
            ("xcrates.io:443", Tunnel, Ask),
            ("evil.crates.io:443", Tunnel, Deny(Blocked)),
            ("evil.crates.io.:80", PlainRead, Deny(Blocked)),
            ("x.ads.example.com:443", Tunnel, Deny(Blocked)),
            ("api.test.org:8443", Tunnel, Allow),
            ("api.test.org:8443", PlainWrite, Allow),
            ("api.test.org:443", Tunnel, Deny(Port)),
            ("api.test.org:9000", Tunnel, Deny(Blocked)),
            ("ssh.test.org:22", Tunnel, Allow),
            ("plain.test.org:80", PlainWrite, Allow),
            ("plain.test.org:80", Tunnel, Deny(TunnelToPlain)),
            ("93.184.216.34:443", Tunnel, Allow),
            ("93.184.216.35:443", Tunnel, Deny(Address)),
            ("127.0.0.1:443", Tunnel, Deny(NotPublic)),
            ("169.254.169.254:80", PlainRead, Deny(NotPublic)),
            ("[::1]:443", Tunnel, Deny(NotPublic)),
            ("[::ffff:10.0.0.1]:443", Tunnel, Deny(NotPublic)),
        ] {
            let parsed = Authority::parse(target.as_bytes()).unwrap();
            assert_eq!(rules.decide(&parsed, via), expected, "{target} {via:?}");
        }
        let allow = [
            "ssh.example:22",
            "tls.example",
            "1.1.1.1",
            "9.9.9.9:853",
            "[2606::1]:22",
            "host.sandbox",
            "10.1.2.3",
        ];
        let open = policy(Reach::Open, &allow, &["evil.org"]);
        for (target, via, expected) in [
            ("anything.example:443", Tunnel, Allow),
            ("anything.example:8443", Tunnel, Allow),
            ("anything.example:80", Tunnel, Deny(TunnelToPlain)),
            ("anything.example:80", PlainWrite, Allow),
            ("tls.example:8443", Tunnel, Allow),
            ("evil.org:443", Tunnel, Deny(Blocked)),
            // What an address is called nobody knows, so a block by name would not hold.
            ("8.8.8.8:443", Tunnel, Deny(Address)),
            ("8.8.8.8:80", PlainRead, Deny(Address)),
            ("[2606:4700::1111]:443", Tunnel, Deny(Address)),
            ("1.1.1.1:443", Tunnel, Allow),
            ("1.1.1.1:80", PlainRead, Allow),
            ("1.1.1.1:8443", Tunnel, Deny(Port)),
            ("9.9.9.9:853", Tunnel, Allow),
            ("9.9.9.9:443", Tunnel, Deny(Port)),
            // Nobody can look into it.
            ("anything.example:22", Tunnel, Ask),
            ("tls.example:22", Tunnel, Deny(Port)),
            ("ssh.example:22", Tunnel, Allow),
            ("anything.example:22", PlainRead, Allow),
            ("[2606::1]:22", Tunnel, Allow),
            ("1.1.1.1:22", Tunnel, Deny(Port)),
            // Never, whatever a rule says.
            ("10.1.2.3:443", Tunnel, Deny(NotPublic)),
            ("172.17.0.1:2375", Tunnel, Deny(NotPublic)),
            ("192.168.65.7:2375", Tunnel, Deny(NotPublic)),
            ("host.sandbox:443", Tunnel, Deny(NotPublic)),
            ("HOST.sandbox.:80", PlainRead, Deny(NotPublic)),
        ] {
            let parsed = Authority::parse(target.as_bytes()).unwrap();
            assert_eq!(
                open.decide(&parsed, via),
                expected,
                "open: {target} {via:?}"
            );
        }
    }
}
