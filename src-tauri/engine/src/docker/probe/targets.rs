//! What a probe tries: past the gateway, and of it.

use std::net::SocketAddr;

use bollard::query_parameters::InspectNetworkOptions;
use sandbox_protocol::egress::BLOCKED_HOST;
use sandbox_protocol::policy::Authority;

use super::Guard;
use super::fence::{Meaning, Target};
use crate::docker::Docker;
use crate::network::here;

impl Docker {
    /// All that a probe asks a gateway for, as the gateway is told: `approved` as in [`Self::prove_gateway`].
    pub(crate) async fn gateway_tests(&self, approved: Option<&str>) -> Vec<Authority> {
        let targets = self.gateway_targets(approved).await;
        targets
            .iter()
            .filter_map(|target| {
                let (_, asked) = target.argument.split_once(':')?;
                Authority::parse(asked.as_bytes()).ok()
            })
            .collect()
    }

    pub(super) async fn targets_of(&self, guard: &Guard) -> Vec<Target> {
        let mut targets = self.targets().await;
        if let Guard::Gateway { approved } = guard {
            targets.extend(self.gateway_targets(approved.as_deref()).await);
        }
        targets
    }

    /// What is tried past the gateway.
    pub(super) async fn targets(&self) -> Vec<Target> {
        let mut targets = vec![Target {
            what: "any network interface",
            argument: "links".into(),
            meaning: Meaning::Links,
        }];
        let mut outside = |what, argument: String| {
            targets.push(Target {
                what,
                argument,
                meaning: Meaning::Outside,
            });
        };
        let gateway = self
            .gateway()
            .await
            .unwrap_or_else(|| "172.17.0.1".to_owned());
        outside(
            "this computer, by the engine's bridge",
            format!("tcp:{gateway}:22"),
        );
        for address in here::own_addresses() {
            outside(
                "this computer, by its own address",
                format!("tcp:{}", SocketAddr::new(address, 22)),
            );
        }
        if let Some(address) = here::neighbour() {
            outside(
                "a neighbour on your network",
                format!("tcp:{}", SocketAddr::new(address, 80)),
            );
        }
        for (what, argument) in [
            ("a cloud's metadata", "tcp:169.254.169.254:80"),
            ("Docker Desktop's engine", "tcp:192.168.65.7:2375"),
            ("the internet", "tcp:1.1.1.1:443"),
            ("the internet by IPv6", "tcp:[2606:4700:4700::1111]:443"),
            ("a public name server", "udp:8.8.8.8:53"),
            (
                "a public name server by IPv6",
                "udp:[2001:4860:4860::8888]:53",
            ),
        ] {
            outside(what, argument.to_owned());
        }
        for (what, argument) in [
            ("the internet, by ping", "icmp:1.1.1.1"),
            (
                "the internet, by ping and IPv6",
                "icmp:2606:4700:4700::1111",
            ),
        ] {
            targets.push(Target {
                what,
                argument: argument.into(),
                meaning: Meaning::Ping,
            });
        }
        targets.push(Target {
            what: "the engine's name server",
            argument: "udp:127.0.0.11:53".into(),
            meaning: Meaning::Inside,
        });
        targets
    }

    /// What a gateway refuses whatever its policy says, and what this one lets through.
    pub(super) async fn gateway_targets(&self, approved: Option<&str>) -> Vec<Target> {
        let mut inside = vec![
            (
                "a cloud's metadata, by the gateway",
                "169.254.169.254:443".to_owned(),
            ),
            (
                "the gateway itself, by the gateway",
                "127.0.0.1:22".to_owned(),
            ),
            (
                "a blocked site, by the gateway",
                format!("{BLOCKED_HOST}:443"),
            ),
        ];
        if let Some(gateway) = self.gateway().await {
            let what = "this computer, by the gateway";
            inside.push((what, format!("{gateway}:2375")));
        }
        if let Some(address) = here::neighbour() {
            let target = SocketAddr::new(address, 443).to_string();
            inside.push(("a neighbour on your network, by the gateway", target));
        }
        let refused = inside.into_iter().map(|(what, target)| Target {
            what,
            argument: format!("proxy:{target}"),
            meaning: Meaning::Gateway,
        });
        let approved = approved.map(|site| Target {
            what: "an approved site, by the gateway",
            argument: format!("allowed:{site}"),
            meaning: Meaning::Approved,
        });
        refused.chain(approved).collect()
    }

    async fn gateway(&self) -> Option<String> {
        let call = self
            .client
            .inspect_network("bridge", None::<InspectNetworkOptions>);
        let found = self.ask("look at the bridge", call).await.ok()?;
        found.ipam?.config?.into_iter().find_map(|c| c.gateway)
    }
}

/// Names cost seconds each where nothing answers, so only `doctor` tries them.
pub(super) fn names() -> Vec<Target> {
    [
        ("this computer, by name", "name:host.docker.internal"),
        ("the internet, by name", "name:example.com"),
    ]
    .map(|(what, argument)| Target {
        what,
        argument: argument.into(),
        meaning: Meaning::Name,
    })
    .to_vec()
}
