//! What the engine made, held against what was asked for (SECURITY §2.1): the list of what would be wider.

use std::collections::HashMap;

use bollard::models::{
    ContainerInspectResponse, HostConfig, HostConfigCgroupnsModeEnum, MountType, ResourcesUlimits,
    RestartPolicyNameEnum,
};
use sandbox_protocol::egress::RELAY_FOLDER;

use super::container::{ContainerSpec, GUEST, HOME, WORKSPACE};
use super::error::DockerError;
use super::{Docker, labels, podman};

impl Docker {
    /// What of the contract a container breaks; empty is right.
    pub async fn violations(
        &self,
        spec: &ContainerSpec,
        container: &str,
    ) -> Result<Vec<String>, DockerError> {
        let found = self.inspect("look at the container", container).await?;
        let found = self.as_docker_says(found, &spec.host_config());
        Ok(violations(spec, &found))
    }

    /// What this engine found, in Docker's words whatever engine it is.
    pub(super) fn as_docker_says(
        &self,
        found: ContainerInspectResponse,
        asked: &HostConfig,
    ) -> ContainerInspectResponse {
        match self.is_podman() {
            true => podman::in_dockers_words(found, asked),
            false => found,
        }
    }
}

fn empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

/// What no container of ours may have, sandbox or gateway.
pub(super) fn common(host: &HostConfig) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut want = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    want(
        host.cap_drop == Some(vec!["ALL".to_owned()]),
        "capabilities dropped",
    );
    want(empty(host.cap_add.as_ref()), "capabilities added");
    want(host.privileged != Some(true), "privileged");
    want(host.readonly_rootfs == Some(true), "read-only root");
    let security = host.security_opt.clone().unwrap_or_default();
    want(
        security
            .iter()
            .any(|o| o.starts_with("no-new-privileges") && !o.ends_with("false")),
        "no-new-privileges",
    );
    want(
        !security
            .iter()
            .any(|o| o.contains("unconfined") || o.contains("disable")),
        "confinement",
    );
    want(host.oom_kill_disable != Some(true), "out-of-memory killer");
    want(
        empty(host.devices.as_ref())
            && empty(host.device_requests.as_ref())
            && empty(host.device_cgroup_rules.as_ref()),
        "devices",
    );
    want(empty(host.group_add.as_ref()), "groups");
    want(empty(host.volumes_from.as_ref()), "volumes of others");
    want(empty(host.binds.as_ref()), "binds");
    want(
        host.port_bindings.as_ref().is_none_or(HashMap::is_empty)
            && host.publish_all_ports != Some(true)
            && empty(host.links.as_ref()),
        "published ports",
    );
    // Nothing grows on a read-only root; where it is given it would say that it is not.
    want(
        host.storage_opt.as_ref().is_none_or(HashMap::is_empty),
        "storage options",
    );
    for (mode, what) in [
        (&host.pid_mode, "processes of the host"),
        (&host.ipc_mode, "shared memory of the host"),
        (&host.uts_mode, "name of the host"),
        (&host.userns_mode, "users of the host"),
    ] {
        want(
            mode.as_deref()
                .is_none_or(|m| m != "host" && !m.starts_with("container:")),
            what,
        );
    }
    want(
        host.restart_policy.as_ref().is_none_or(|p| {
            matches!(
                p.name,
                None | Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY)
            )
        }),
        "restart policy",
    );
    want(host.auto_remove != Some(true), "removal by itself");
    want(host.init != Some(true), "another process 1");
    want(
        host.masked_paths
            .as_ref()
            .is_none_or(|paths| !paths.is_empty()),
        "masked paths",
    );
    want(
        host.readonly_paths
            .as_ref()
            .is_none_or(|paths| !paths.is_empty()),
        "read-only paths",
    );
    wrong
}

/// Holds what the engine made against what was asked for. Public for the tests' control.
pub fn violations(spec: &ContainerSpec, found: &ContainerInspectResponse) -> Vec<String> {
    let host = found.host_config.clone().unwrap_or_default();
    let expected = spec.host_config();
    let mut wrong = common(&host);
    wrong.extend(configured(spec, found));
    let mut want = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    want(host.network_mode.as_deref() == Some("none"), "network");
    let security = host.security_opt.clone().unwrap_or_default();
    want(
        spec.security()
            .iter()
            .filter(|option| option.starts_with("apparmor"))
            .all(|option| security.contains(option)),
        "AppArmor",
    );
    want(
        host.memory == expected.memory && host.memory_swap == expected.memory,
        "memory limit",
    );
    want(host.shm_size == expected.shm_size, "shared memory limit");
    want(host.nano_cpus == expected.nano_cpus, "processor limit");
    want(host.pids_limit == expected.pids_limit, "process limit");
    want(
        limits(host.ulimits.as_deref()) == limits(expected.ulimits.as_deref()),
        "limits of files",
    );
    want(host.tmpfs == expected.tmpfs, "memory file systems");
    want(host.log_config == expected.log_config, "log");
    want(
        host.cgroupns_mode != Some(HostConfigCgroupnsModeEnum::HOST),
        "control groups of the host",
    );
    want(
        spec.runtime.is_none() || host.runtime == spec.runtime,
        "runtime",
    );
    want(mounts(&host) == mounts(&expected), "mounts asked for");
    want(seen(found, &expected) == wanted(spec), "mounts");
    want(
        found.mounts.iter().flatten().all(|mount| {
            mount.destination.as_deref() != Some(WORKSPACE)
                || mount.propagation.as_deref() == Some("rprivate")
        }),
        "propagation of mounts",
    );
    wrong
}

/// What an image could have a say in, and has not.
fn configured(spec: &ContainerSpec, found: &ContainerInspectResponse) -> Vec<String> {
    let config = found.config.clone().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut want = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    want(config.user == Some(spec.user()), "user");
    want(
        config.entrypoint == Some(vec![format!("{GUEST}/sandbox-guest"), "init".to_owned()]),
        "entry point",
    );
    want(empty(config.cmd.as_ref()), "command");
    want(
        config.working_dir.as_deref() == Some(WORKSPACE),
        "working folder",
    );
    want(
        config
            .healthcheck
            .is_none_or(|h| h.test == Some(vec!["NONE".to_owned()])),
        "health check",
    );
    // A name without a value is one that we took away from the image.
    let ours = spec.environment();
    want(
        config
            .env
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .all(|(name, value)| ours.iter().any(|(n, v)| n == name && v == value)),
        "environment",
    );
    want(
        config.labels.as_ref().is_some_and(|found| {
            labels::of_sandbox(&spec.instance, &spec.sandbox, "agent")
                .iter()
                .all(|(key, value)| found.get(key) == Some(value))
        }),
        "labels",
    );
    wrong
}

/// Where something is mounted, but for the memory file systems that were asked for.
fn seen(found: &ContainerInspectResponse, expected: &HostConfig) -> Vec<String> {
    let is_tmpfs = |target: &String| {
        expected
            .tmpfs
            .as_ref()
            .is_some_and(|tmpfs| tmpfs.contains_key(target))
    };
    let mut targets: Vec<String> = found
        .mounts
        .iter()
        .flatten()
        .filter_map(|mount| mount.destination.clone())
        .filter(|target| !is_tmpfs(target))
        .collect();
    targets.sort();
    targets
}

fn wanted(spec: &ContainerSpec) -> Vec<String> {
    let mut ours = vec![WORKSPACE.to_owned(), HOME.to_owned()];
    ours.extend(spec.relay.is_some().then(|| RELAY_FOLDER.to_owned()));
    ours.sort();
    ours
}

/// Name, soft, hard.
type LimitFacts = (Option<String>, Option<i64>, Option<i64>);

/// What the limits come to, in an order that can be compared.
pub(super) fn limits(list: Option<&[ResourcesUlimits]>) -> Vec<LimitFacts> {
    let mut list: Vec<_> = list
        .unwrap_or_default()
        .iter()
        .map(|limit| (limit.name.clone(), limit.soft, limit.hard))
        .collect();
    list.sort();
    list
}

/// Type, source, target, and whether it is read-only.
type MountFacts = (Option<MountType>, Option<String>, Option<String>, bool);

/// What the mounts come to, in an order that can be compared.
fn mounts(host: &HostConfig) -> Vec<MountFacts> {
    let mut list: Vec<_> = host
        .mounts
        .clone()
        .unwrap_or_default()
        .into_iter()
        .map(|m| (m.typ, m.source, m.target, m.read_only == Some(true)))
        .collect();
    list.sort();
    list
}
