//! A sandbox's gateway: a small container with a way out, which shares one socket with the sandbox.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, Mount, MountType,
    MountVolumeOptions, NetworkCreateRequest, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectNetworkOptions, ListNetworksOptionsBuilder,
};
use sandbox_protocol::egress::{RELAY_FOLDER, Subnet};

use super::container::{OPEN_FILES, one_log, ulimit};
use super::error::{DockerError, Problem};
use super::{Docker, contract, labels, lifecycle};
use crate::SandboxId;
use crate::network::here;

/// Where the guest lies in its own image.
pub const GUEST_ONLY: &str = "/sandbox-guest";
/// Whom gateways run as; the folder of the socket belongs to them.
pub const GATEWAY_USER: u32 = 10_002;
/// Enough for a thousand connections, in bytes.
pub const MEMORY: i64 = 128 * 1024 * 1024;
const PROCESSES: i64 = 64;

/// The volume with the socket, as a sandbox or its gateway sees it.
pub(crate) fn relay_mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(RELAY_FOLDER.to_owned()),
        read_only: Some(read_only),
        // The gateway's image gives the folder its owner; a sandbox's image gives nothing.
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(read_only),
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Docker {
    /// Makes a sandbox's gateway run; gives its id. One that runs already is left alone.
    ///
    /// # Errors
    /// A container, volume or network of that name that is somebody else's.
    pub async fn ensure_gateway(
        &self,
        instance: &str,
        sandbox: &SandboxId,
        guest: &[u8],
    ) -> Result<String, DockerError> {
        let image = self.ensure_guest_image(guest).await?;
        let wanted = self.image(&image).await?.and_then(|found| found.id);
        if let Some(found) = self.find_gateway(instance, sandbox).await? {
            if found.state.is_up() && Some(&found.image) == wanted.as_ref() {
                self.unpause(&found.id).await?;
                return Ok(found.id);
            }
            // Another version's, or ended: nothing lives in it that is not handed over again.
            self.remove_own(instance, &found.id).await?;
        }
        let network = self.ensure_egress_network(instance).await?;
        let volume = self.ensure_relay(instance, sandbox).await?;
        let body = body(instance, sandbox, &image, &network, &volume);
        let name = sandbox.gateway_name();
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let asked = body.host_config.clone().unwrap_or_default();
        let call = self.client.create_container(Some(options), body);
        let made = self.change("make the gateway", call).await?;
        let found = self.inspect("look at the gateway", &made.id).await?;
        let found = self.as_docker_says(found, &asked);
        let wrong = violations(&found, &network, &volume);
        if !wrong.is_empty() {
            self.remove_own(instance, &made.id).await?;
            return Err(DockerError::new(
                Problem::Failed,
                format!(
                    "the gateway came out wider than asked for: {}",
                    wrong.join("; ")
                ),
            ));
        }
        self.start(&made.id).await?;
        Ok(made.id)
    }

    /// Makes the volume with the gateway's socket; else the engine would, without our labels.
    pub(crate) async fn ensure_relay(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<String, DockerError> {
        let volume = sandbox.relay_volume();
        self.ensure_volume(&volume, labels::of_sandbox(instance, sandbox, "relay"))
            .await?;
        Ok(volume)
    }

    /// The sandbox's gateway, only with our labels.
    pub async fn find_gateway(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<Option<lifecycle::Found>, DockerError> {
        self.find_named(instance, &sandbox.gateway_name()).await
    }

    /// Takes the gateways' network away unless another sandbox's gateway is on it. A start at the same
    /// moment may win: then it stays for the next time.
    pub async fn tidy_egress_network(&self, instance: &str) {
        let name = network_name(instance);
        let call = self
            .client
            .inspect_network(&name, None::<InspectNetworkOptions>);
        match self.ask("look at the gateways' network", call).await {
            Ok(found) if found.containers.as_ref().is_none_or(HashMap::is_empty) => {}
            _ => return,
        }
        if let Err(error) = self.remove_own_network(instance, &name).await {
            tracing::warn!(%error, "the gateways' network stays for now");
        }
    }

    /// Takes a sandbox's gateway away; none is fine.
    pub async fn remove_gateway(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<(), DockerError> {
        if let Some(found) = self.find_gateway(instance, sandbox).await? {
            self.remove_own(instance, &found.id).await?;
        }
        Ok(())
    }

    /// One bridge for all gateways of a data directory: on it they cannot see each other. One for each would
    /// use up the engine's few address ranges.
    async fn ensure_egress_network(&self, instance: &str) -> Result<String, DockerError> {
        let name = network_name(instance);
        let call = self
            .client
            .inspect_network(&name, None::<InspectNetworkOptions>);
        match self.ask("look at the gateways' network", call).await {
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
        let mut labels = labels::shared("egress");
        labels.insert(labels::INSTANCE.to_owned(), instance.to_owned());
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(false),
            enable_ipv6: Some(false),
            options: Some(self.apart()),
            labels: Some(labels),
            ..Default::default()
        };
        let call = self.client.create_network(request);
        match self.change("make the gateways' network", call).await {
            // Another start was first.
            Err(error) if error.problem == Problem::Conflict => Ok(name),
            Err(error) => Err(error),
            Ok(_) => Ok(name),
        }
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

    /// Addresses that a gateway must not lead to, whatever a name says: the engine's networks, and those that
    /// this computer is on, with this computer itself.
    pub async fn refused_addresses(&self) -> Result<Vec<Subnet>, DockerError> {
        let call = self
            .client
            .list_networks(None::<bollard::query_parameters::ListNetworksOptions>);
        let networks = self.ask("list the networks", call).await?;
        let mut refused: Vec<Subnet> = networks
            .into_iter()
            .filter_map(|network| network.ipam?.config)
            .flatten()
            .filter_map(|config| Subnet::parse(&config.subnet?))
            .collect();
        refused.extend(here::on_link());
        // Also where the interfaces could not be listed.
        refused.extend(here::own_addresses().into_iter().map(|address| Subnet {
            address,
            bits: if address.is_ipv4() { 32 } else { 128 },
        }));
        Ok(refused)
    }
}

impl Docker {
    /// What keeps containers of one bridge, or bridges, from each other. Podman knows only the latter, and refuses
    /// Docker's word for the former: its gateways could reach each other, where nothing listens.
    fn apart(&self) -> HashMap<String, String> {
        let (name, value) = match self.is_podman() {
            true => ("isolate", "true"),
            false => ("com.docker.network.bridge.enable_icc", "false"),
        };
        HashMap::from([(name.to_owned(), value.to_owned())])
    }
}

fn network_name(instance: &str) -> String {
    let short: String = instance
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(12)
        .collect();
    format!("agent-sandbox-egress-{short}")
}

/// A thousand connections have two ends each, and a large one a pipe each way beside.
fn limits() -> Vec<ResourcesUlimits> {
    vec![ulimit("nofile", OPEN_FILES), ulimit("core", 0)]
}

/// Forwards nothing from one network to another.
fn sysctls() -> HashMap<String, String> {
    HashMap::from([("net.ipv4.ip_forward".to_owned(), "0".to_owned())])
}

fn body(
    instance: &str,
    sandbox: &SandboxId,
    image: &str,
    network: &str,
    volume: &str,
) -> ContainerCreateBody {
    ContainerCreateBody {
        hostname: Some("gateway".to_owned()),
        image: Some(image.to_owned()),
        user: Some(format!("{GATEWAY_USER}:{GATEWAY_USER}")),
        entrypoint: Some(vec![GUEST_ONLY.to_owned(), "egress".to_owned()]),
        cmd: Some(Vec::new()),
        labels: Some(labels::of_sandbox(instance, sandbox, "gateway")),
        stop_timeout: Some(1),
        host_config: Some(HostConfig {
            mounts: Some(vec![relay_mount(volume, false)]),
            network_mode: Some(network.to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            pids_limit: Some(PROCESSES),
            sysctls: Some(sysctls()),
            ulimits: Some(limits()),
            log_config: Some(one_log("1m")),
            init: Some(false),
            ipc_mode: Some("private".to_owned()),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            auto_remove: Some(false),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What of a gateway is wider than asked for; empty is right. Public for the tests' control.
pub fn violations(found: &ContainerInspectResponse, network: &str, volume: &str) -> Vec<String> {
    let host = found.host_config.clone().unwrap_or_default();
    let config = found.config.clone().unwrap_or_default();
    let mut wrong = contract::common(&host);
    let mut want = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    want(
        config.user == Some(format!("{GATEWAY_USER}:{GATEWAY_USER}")),
        "user",
    );
    want(
        host.memory == Some(MEMORY) && host.memory_swap == Some(MEMORY),
        "memory limit",
    );
    want(host.pids_limit == Some(PROCESSES), "process limit");
    want(
        contract::limits(host.ulimits.as_deref()) == contract::limits(Some(&limits())),
        "limits of files",
    );
    want(host.sysctls == Some(sysctls()), "forwarding");
    want(host.network_mode.as_deref() == Some(network), "network");
    want(host.log_config == Some(one_log("1m")), "log");
    let mounts = found.mounts.clone().unwrap_or_default();
    let ours = mounts.iter().all(|mount| {
        mount.name.as_deref() == Some(volume) && mount.destination.as_deref() == Some(RELAY_FOLDER)
    });
    want(ours && mounts.len() == 1, "mounts");
    wrong
}
