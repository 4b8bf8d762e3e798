//! From what the user said to what a gateway decides by.

use sandbox_protocol::egress::{BLOCKED_HOST, Grant, PROXY_PORT, Subnet};
use sandbox_protocol::policy::{HostPattern, Policy, Reach};

use super::presets;
use crate::state::record::{NetworkMode, NetworkPolicy};
use crate::{Error, Result};

/// A change of what a sandbox may reach. Parts that are not stated stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkChange {
    /// How far.
    pub mode: Option<NetworkMode>,
    /// Rules to add; a block of the same text goes.
    pub allow: Vec<String>,
    /// Rules to add; an approval of the same text goes.
    pub block: Vec<String>,
    /// Rules to take away from both lists.
    pub forget: Vec<String>,
    /// All presets from now on.
    pub presets: Option<Vec<String>>,
    /// All opened ports of this computer from now on.
    pub services: Option<Vec<u16>>,
}

impl NetworkChange {
    /// The policy with this change made.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], naming the rule that is none.
    pub fn applied_to(&self, before: &NetworkPolicy) -> Result<NetworkPolicy> {
        let mut after = before.clone();
        let sites = !self.allow.is_empty() || self.presets.as_ref().is_some_and(|p| !p.is_empty());
        match self.mode {
            Some(mode) => after.mode = mode,
            // Approving a site says that it is to be reached.
            None if sites && after.mode == NetworkMode::Offline => {
                after.mode = NetworkMode::Approved;
            }
            None => {}
        }
        let forgotten: Vec<String> = self.forget.iter().map(|rule| usual(rule)).collect();
        after.allow.retain(|rule| !forgotten.contains(rule));
        after.block.retain(|rule| !forgotten.contains(rule));
        move_to(&self.allow, &mut after.allow, &mut after.block);
        move_to(&self.block, &mut after.block, &mut after.allow);
        if let Some(presets) = &self.presets {
            after.presets.clone_from(presets);
        }
        if let Some(services) = &self.services {
            after.services.clone_from(services);
            after.services.sort_unstable();
            after.services.dedup();
        }
        grant(&after, &[], Vec::new())?;
        Ok(after)
    }
}

fn move_to(rules: &[String], to: &mut Vec<String>, other: &mut Vec<String>) {
    for rule in rules {
        let rule = usual(rule);
        other.retain(|present| *present != rule);
        if !to.contains(&rule) {
            to.push(rule);
        }
    }
}

/// A rule in its one form; what is none stays as it is, to be refused by name.
fn usual(rule: &str) -> String {
    rule.trim()
        .parse::<HostPattern>()
        .map_or_else(|_| rule.trim().to_owned(), String::from)
}

/// What a gateway decides by; `agents` are the sites of the sandbox's agent.
///
/// # Errors
/// [`Error::InvalidRequest`], naming the rule that is none, or saying that there are too many.
pub fn grant(policy: &NetworkPolicy, agents: &[&str], refused: Vec<Subnet>) -> Result<Grant> {
    let read = |rule: &String| {
        rule.parse::<HostPattern>()
            .map_err(|error| Error::InvalidRequest {
                message: format!(
                    "\u{201c}{}\u{201d} is no site: {error}. Write a host, *.host, or either with a port: example.com, *.example.com, example.com:8443",
                    rule.escape_debug()
                ),
            })
    };
    let mut allow: Vec<HostPattern> = agents.iter().filter_map(|host| host.parse().ok()).collect();
    for id in &policy.presets {
        let preset = presets::find(id).ok_or_else(|| Error::InvalidRequest {
            message: format!(
                "there is no list of sites \u{201c}{}\u{201d}; there are {}",
                id.escape_debug(),
                presets::PRESETS.map(|preset| preset.id).join(", ")
            ),
        })?;
        for host in preset.hosts {
            allow.extend(host.parse::<HostPattern>().ok());
        }
    }
    for rule in &policy.allow {
        allow.push(read(rule)?);
    }
    let mut deny: Vec<HostPattern> = policy.block.iter().map(read).collect::<Result<_>>()?;
    deny.extend(BLOCKED_HOST.parse());
    let reach = match policy.mode {
        NetworkMode::Offline => Reach::Offline,
        NetworkMode::Approved => Reach::Approved,
        NetworkMode::Open => Reach::Open,
    };
    if policy
        .services
        .iter()
        .any(|port| [0, PROXY_PORT].contains(port))
    {
        return Err(Error::InvalidRequest {
            message: format!(
                "port {PROXY_PORT} is the sandbox's own way out and cannot be a service"
            ),
        });
    }
    let grant = Grant {
        policy: Policy { reach, allow, deny },
        refused,
        services: policy.services.clone(),
        upstream: None,
        tests: Vec::new(),
    };
    if !grant.fits() {
        return Err(Error::InvalidRequest {
            message: "there are too many rules for one sandbox: about a thousand is the most"
                .to_owned(),
        });
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sandbox_protocol::policy::{TEST_SITE, Verdict, Via};

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_rule_moves_between_the_lists_and_goes_when_it_is_forgotten() {
        let change = NetworkChange {
            allow: texts(&["Example.com.", "*.crates.io"]),
            ..NetworkChange::default()
        };
        let after = change.applied_to(&NetworkPolicy::default()).unwrap();
        assert_eq!(after.mode, NetworkMode::Approved);
        assert_eq!(after.allow, ["example.com", "*.crates.io"]);
        let change = NetworkChange {
            block: texts(&["example.com"]),
            ..NetworkChange::default()
        };
        let after = change.applied_to(&after).unwrap();
        assert_eq!((after.allow.len(), after.block.len()), (1, 1));
        let change = NetworkChange {
            forget: texts(&["EXAMPLE.com", "*.crates.io"]),
            ..NetworkChange::default()
        };
        let after = change.applied_to(&after).unwrap();
        assert!(after.allow.is_empty() && after.block.is_empty());
    }

    #[test]
    fn the_self_test_asks_for_what_is_approved_and_for_nothing_else() {
        let asked = |mode, allow: &[&str], block: &[&str]| {
            let policy = NetworkPolicy {
                mode,
                allow: texts(allow),
                block: texts(block),
                ..NetworkPolicy::default()
            };
            let policy = grant(&policy, &[], Vec::new()).unwrap().policy;
            policy.one_approved().map(|site| site.to_string())
        };
        let approved = |allow: &[&str], block: &[&str]| asked(NetworkMode::Approved, allow, block);
        assert_eq!(
            approved(&["*.a.org", "b.org"], &[]).unwrap(),
            "b.org:443",
            "a rule for many is passed over"
        );
        assert_eq!(approved(&["b.org:8443"], &[]).unwrap(), "b.org:8443");
        assert_eq!(
            approved(&["b.org", "c.org"], &["b.org"]).unwrap(),
            "c.org:443"
        );
        for none in [&[][..], &["*.a.org"], &["203.0.113.7"], &["b.org:80"]] {
            assert_eq!(approved(none, &[]), None, "{none:?}");
        }
        assert_eq!(asked(NetworkMode::Offline, &["b.org"], &[]), None);
        let open = |block: &[&str]| asked(NetworkMode::Open, &[], block);
        assert_eq!(open(&[]).unwrap(), format!("{TEST_SITE}:443"));
        assert_eq!(open(&[TEST_SITE]), None);
    }

    #[test]
    fn every_grant_blocks_what_the_self_test_expects_to_be_blocked() {
        for mode in [NetworkMode::Approved, NetworkMode::Open] {
            let policy = NetworkPolicy {
                mode,
                allow: texts(&[BLOCKED_HOST]),
                ..NetworkPolicy::default()
            };
            let grant = grant(&policy, &[], Vec::new()).unwrap();
            let site: HostPattern = BLOCKED_HOST.parse().unwrap();
            let verdict = grant.policy.decide(&site.one_name().unwrap(), Via::Tunnel);
            assert!(matches!(verdict, Verdict::Deny(_)), "{mode:?}: {verdict:?}");
        }
    }

    #[test]
    fn what_is_no_rule_is_named_and_changes_nothing() {
        for bad in [
            "",
            "*",
            "*.com",
            "http://example.com",
            "a b",
            "ex\u{e4}mple.com",
            "1.2.3",
        ] {
            let change = NetworkChange {
                allow: texts(&[bad]),
                ..NetworkChange::default()
            };
            assert!(
                change.applied_to(&NetworkPolicy::default()).is_err(),
                "{bad}"
            );
        }
        let change = NetworkChange {
            presets: Some(texts(&["cobol"])),
            ..NetworkChange::default()
        };
        let error = change.applied_to(&NetworkPolicy::default()).unwrap_err();
        assert!(error.to_string().contains("python"), "{error}");
    }
}
