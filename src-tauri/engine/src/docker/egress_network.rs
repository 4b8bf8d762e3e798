//! The networks of gateways: a small bridge for each, on which nobody else is.
//!
//! Left to themselves engines give each network thousands of addresses, and have about thirty such ranges. So each
//! gateway gets a range of eight that is chosen here.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    InspectNetworkOptions, ListNetworksOptions, ListNetworksOptionsBuilder,
};
use sandbox_protocol::egress::Subnet;

use super::error::{DockerError, Problem};
use super::{Docker, labels};
use crate::SandboxId;
use crate::network::here;

/// Addresses of one range: the bridge, the gateway, and what each range has by itself.
const BITS: u8 = 29;
/// Ranges that are tried before it is left to the engine.
const TRIES: u32 = 24;

impl Docker {
    /// Makes the network of a sandbox's gateway; gives its name. One that is there already must carry our label.
    pub(super) async fn ensure_egress_network(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<String, DockerError> {
        let name = sandbox.egress_network();
        let call = self
            .client
            .inspect_network(&name, None::<InspectNetworkOptions>);
        match self.ask("look at a gateway's network", call).await {
            Ok(found) => {
                let ours = found.labels.unwrap_or_default();
                if ours.get(labels::INSTANCE).map(String::as_str) == Some(instance) {
                    return Ok(name);
                }
                return Err(DockerError::new(
                    Problem::Conflict,
                    format!("a network named {name} is there and was not made by this app"),
                ));
            }
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
        let mut taken = self.network_ranges().await?;
        taken.extend(here::on_link());
        taken.extend(here::routes());
        let free = ranges(sandbox).filter(|range| is_free(range, &taken));
        // The last one has what the engine gives.
        for range in free.map(Some).chain([None]) {
            let request = NetworkCreateRequest {
                name: name.clone(),
                driver: Some("bridge".to_owned()),
                internal: Some(false),
                enable_ipv6: Some(false),
                options: Some(self.apart()),
                labels: Some(labels::of_sandbox(instance, sandbox, "egress")),
                ipam: range.map(|range| Ipam {
                    config: Some(vec![IpamConfig {
                        subnet: Some(range.to_string()),
                        ..Default::default()
                    }]),
                    ..Default::default()
                }),
                ..Default::default()
            };
            let call = self.client.create_network(request);
            match self.change("make a gateway's network", call).await {
                // Taken meanwhile, or by what is not seen from here.
                Err(error) if range.is_some() && is_taken(&error) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(name),
            }
        }
        Ok(name)
    }

    /// The ranges of all networks of the engine, whoever made them.
    async fn network_ranges(&self) -> Result<Vec<Subnet>, DockerError> {
        let call = self.client.list_networks(None::<ListNetworksOptions>);
        let networks = self.ask("list the networks", call).await?;
        Ok(networks
            .into_iter()
            .filter_map(|network| network.ipam?.config)
            .flatten()
            .filter_map(|config| Subnet::parse(&config.subnet?))
            .collect())
    }

    /// Addresses that a gateway must not lead to, whatever a name says: the engine's networks, and those that are
    /// [`crate::network::near`] this computer.
    pub async fn refused_addresses(&self, near: Vec<Subnet>) -> Result<Vec<Subnet>, DockerError> {
        let mut refused = self.network_ranges().await?;
        refused.extend(near);
        Ok(refused)
    }

    /// Names of this instance's networks.
    pub async fn own_networks(&self, instance: &str) -> Result<Vec<String>, DockerError> {
        let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
        let options = ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let call = self.client.list_networks(Some(options));
        let found = self.ask("list the networks", call).await?;
        Ok(found
            .into_iter()
            .filter_map(|network| network.name)
            .collect())
    }

    /// Removes a network of this instance; a missing one is fine.
    pub async fn remove_own_network(&self, instance: &str, name: &str) -> Result<(), DockerError> {
        if !self
            .own_networks(instance)
            .await?
            .iter()
            .any(|own| own == name)
        {
            return Ok(());
        }
        let call = self.client.remove_network(name);
        match self.change("remove a network", call).await {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    /// What keeps bridges from each other, and containers of one bridge. Docker keeps bridges apart by itself;
    /// Podman does so when asked, and refuses Docker's word for the latter.
    fn apart(&self) -> HashMap<String, String> {
        let (name, value) = match self.is_podman() {
            true => ("isolate", "true"),
            false => ("com.docker.network.bridge.enable_icc", "false"),
        };
        HashMap::from([(name.to_owned(), value.to_owned())])
    }
}

/// In Docker's words, and in Podman's.
fn is_taken(error: &DockerError) -> bool {
    ["overlap", "already used"]
        .iter()
        .any(|words| error.message.contains(words))
}

/// The ranges that a sandbox's gateway may get, in the order in which they are tried. Private, and none that engines
/// give by themselves or that homes usually have. Public for the tests.
pub fn ranges(sandbox: &SandboxId) -> impl Iterator<Item = Subnet> {
    let name = sandbox.as_str().to_owned();
    (0..TRIES).map(move |attempt| {
        let hash = blake3::hash(format!("egress {attempt} {name}").as_bytes());
        let [a, b, c, ..] = *hash.as_bytes();
        let address = match attempt % 4 {
            3 => Ipv4Addr::new(172, 16, b, c & 0xf8),
            _ => Ipv4Addr::new(10, a | 0x80, b, c & 0xf8),
        };
        Subnet {
            address: address.into(),
            bits: BITS,
        }
    })
}

/// Whether a range has no address in common with any of these. What leads everywhere does not count: it is the
/// usual route.
fn is_free(range: &Subnet, taken: &[Subnet]) -> bool {
    taken
        .iter()
        .filter(|other| other.bits > 1)
        .all(|other| !range.overlaps(other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn ranges_are_private_small_and_differ() {
        let (one, other) = (SandboxId::random().unwrap(), SandboxId::random().unwrap());
        let all: Vec<Subnet> = ranges(&one).collect();
        assert_eq!(all, ranges(&one).collect::<Vec<_>>(), "always the same");
        assert_ne!(all[0], ranges(&other).next().unwrap());
        for range in &all {
            let IpAddr::V4(address) = range.address else {
                panic!("{range:?}");
            };
            assert!(
                address.is_private() && address.octets()[3] % 8 == 0,
                "{address}"
            );
            assert_eq!(range.bits, 29);
            // What Docker gives by itself, and what homes have.
            for theirs in [
                "172.17.0.0/16",
                "172.18.0.0/15",
                "192.168.0.0/16",
                "10.0.0.0/9",
            ] {
                assert!(
                    !range.overlaps(&Subnet::parse(theirs).unwrap()),
                    "{address}"
                );
            }
        }
    }

    #[test]
    fn a_range_that_somebody_has_is_not_free() {
        let range = Subnet::parse("10.200.7.8/29").unwrap();
        let free = |taken: &str| is_free(&range, &[Subnet::parse(taken).unwrap()]);
        for taken in [
            "10.0.0.0/8",
            "10.200.7.0/24",
            "10.200.7.8/29",
            "10.200.7.9/32",
            "10.200.7.8/30",
        ] {
            assert!(!free(taken), "{taken}");
        }
        for taken in [
            "10.200.7.0/29",
            "10.200.7.16/29",
            "192.168.0.0/16",
            "fd00::/8",
            "0.0.0.0/0",
            "0.0.0.0/1",
        ] {
            assert!(free(taken), "{taken}");
        }
    }
}
