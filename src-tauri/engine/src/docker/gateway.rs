//! A sandbox's gateway: a small container with a way out, which shares one socket with the sandbox.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, Mount, MountType,
    MountVolumeOptions, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use sandbox_protocol::egress::RELAY_FOLDER;

use super::container::{OPEN_FILES, one_log, ulimit};
use super::error::{DockerError, Problem};
use super::{Docker, contract, labels, lifecycle};
use crate::SandboxId;

/// Where the guest lies in its own image.
pub const GUEST_ONLY: &str = "/sandbox-guest";
/// Whom gateways run as; the folder of the socket belongs to them.
pub const GATEWAY_USER: u32 = 10_002;
/// Enough for a thousand connections, in bytes.
pub const MEMORY: i64 = 128 * 1024 * 1024;
const PROCESSES: i64 = 64;
/// One processor, in billionths: what a sandbox lets it do is not beyond every limit.
const PROCESSORS: i64 = 1_000_000_000;

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
        let network = self.ensure_egress_network(instance, sandbox).await?;
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

    /// Takes a sandbox's gateway away, and its network; none is fine.
    pub async fn remove_gateway(
        &self,
        instance: &str,
        sandbox: &SandboxId,
    ) -> Result<(), DockerError> {
        if let Some(found) = self.find_gateway(instance, sandbox).await? {
            self.remove_own(instance, &found.id).await?;
        }
        let network = sandbox.egress_network();
        // Somebody else's container on it is theirs to take away.
        if let Err(error) = self.remove_own_network(instance, &network).await {
            tracing::warn!(%error, "a gateway's network stays");
        }
        Ok(())
    }
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
            nano_cpus: Some(PROCESSORS),
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
    want(host.nano_cpus == Some(PROCESSORS), "processor limit");
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
