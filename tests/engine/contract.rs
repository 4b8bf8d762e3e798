//! The container contract (SECURITY §2.1): by what the engine says, and from inside, each probe beside a
//! control container in which the same probe succeeds.

use std::collections::HashMap;

use bollard::models::{
    ContainerInspectResponse, DeviceMapping, HealthConfig, HostConfigCgroupnsModeEnum, MountPoint,
    RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::InspectContainerOptions;
use sandbox_engine::docker::Problem;
use sandbox_engine::docker::contract::violations;
use support::containers::Run;

pub async fn inspect(run: &Run, id: &str) -> ContainerInspectResponse {
    run.raw
        .inspect_container(id, None::<InspectContainerOptions>)
        .await
        .expect("the container is there")
}

#[tokio::test]
async fn what_the_engine_made_keeps_the_contract_and_each_widening_is_seen() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let id = run.start(&spec).await;
    let found = inspect(&run, &id).await;
    assert_eq!(
        violations(&spec, &found),
        Vec::<String>::new(),
        "as made and started"
    );

    type Widen = fn(&mut ContainerInspectResponse);
    let host: [(&str, Widen); 34] = [
        ("privileged", |f| {
            f.host_config.as_mut().unwrap().privileged = Some(true);
        }),
        ("cap add", |f| {
            f.host_config.as_mut().unwrap().cap_add = Some(vec!["NET_ADMIN".into()]);
        }),
        ("cap drop", |f| {
            f.host_config.as_mut().unwrap().cap_drop = Some(vec![]);
        }),
        ("root", |f| {
            f.host_config.as_mut().unwrap().readonly_rootfs = Some(false);
        }),
        ("bridge", |f| {
            f.host_config.as_mut().unwrap().network_mode = Some("bridge".into());
        }),
        ("seccomp", |f| {
            f.host_config.as_mut().unwrap().security_opt = Some(vec![
                "no-new-privileges:true".into(),
                "seccomp=unconfined".into(),
            ]);
        }),
        ("new privileges", |f| {
            f.host_config.as_mut().unwrap().security_opt = None;
        }),
        ("memory", |f| {
            f.host_config.as_mut().unwrap().memory = Some(0);
        }),
        ("swap", |f| {
            f.host_config.as_mut().unwrap().memory_swap = Some(-1);
        }),
        ("pids", |f| {
            f.host_config.as_mut().unwrap().pids_limit = None;
        }),
        ("ulimits", |f| {
            f.host_config.as_mut().unwrap().ulimits = None;
        }),
        ("binds", |f| {
            f.host_config.as_mut().unwrap().binds = Some(vec!["/:/host".into()]);
        }),
        ("pid", |f| {
            f.host_config.as_mut().unwrap().pid_mode = Some("host".into());
        }),
        ("ipc", |f| {
            f.host_config.as_mut().unwrap().ipc_mode = Some("container:x".into());
        }),
        ("cgroup", |f| {
            f.host_config.as_mut().unwrap().cgroupns_mode = Some(HostConfigCgroupnsModeEnum::HOST);
        }),
        ("devices", |f| {
            f.host_config.as_mut().unwrap().devices = Some(vec![DeviceMapping::default()]);
        }),
        ("masked", |f| {
            f.host_config.as_mut().unwrap().masked_paths = Some(vec![]);
        }),
        ("restart", |f| {
            f.host_config.as_mut().unwrap().restart_policy = Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::ALWAYS),
                maximum_retry_count: None,
            });
        }),
        ("mount source", |f| {
            f.host_config.as_mut().unwrap().mounts.as_mut().unwrap()[0].source = Some("/".into());
        }),
        ("groups", |f| {
            f.host_config.as_mut().unwrap().group_add = Some(vec!["docker".into()]);
        }),
        ("volumes of others", |f| {
            f.host_config.as_mut().unwrap().volumes_from = Some(vec!["x".into()]);
        }),
        ("name", |f| {
            f.host_config.as_mut().unwrap().uts_mode = Some("host".into());
        }),
        ("users", |f| {
            f.host_config.as_mut().unwrap().userns_mode = Some("host".into());
        }),
        ("device rules", |f| {
            f.host_config.as_mut().unwrap().device_cgroup_rules = Some(vec!["a *:* rwm".into()]);
        }),
        ("ports", |f| {
            f.host_config.as_mut().unwrap().publish_all_ports = Some(true);
        }),
        ("processor", |f| {
            f.host_config.as_mut().unwrap().nano_cpus = None;
        }),
        ("no killer", |f| {
            f.host_config.as_mut().unwrap().oom_kill_disable = Some(true);
        }),
        ("shared memory", |f| {
            f.host_config.as_mut().unwrap().shm_size = Some(1 << 40);
        }),
        ("storage", |f| {
            let size = HashMap::from([("size".to_owned(), "1T".to_owned())]);
            f.host_config.as_mut().unwrap().storage_opt = Some(size);
        }),
        ("memory file systems", |f| {
            let size = HashMap::from([("/tmp".to_owned(), "rw,suid,dev".to_owned())]);
            f.host_config.as_mut().unwrap().tmpfs = Some(size);
        }),
        ("log", |f| {
            f.host_config.as_mut().unwrap().log_config = None;
        }),
        ("another process 1", |f| {
            f.host_config.as_mut().unwrap().init = Some(true);
        }),
        ("removal by itself", |f| {
            f.host_config.as_mut().unwrap().auto_remove = Some(true);
        }),
        ("read-only paths", |f| {
            f.host_config.as_mut().unwrap().readonly_paths = Some(vec![]);
        }),
    ];
    let config: [(&str, Widen); 7] = [
        ("propagation", |f| {
            for mount in f.mounts.as_mut().unwrap() {
                mount.propagation = Some("rshared".into());
            }
        }),
        ("user", |f| {
            f.config.as_mut().unwrap().user = Some("0:0".into());
        }),
        ("entry", |f| {
            f.config.as_mut().unwrap().entrypoint = Some(vec!["/bin/sh".into()]);
        }),
        ("folder", |f| {
            f.config.as_mut().unwrap().working_dir = Some("/etc".into());
        }),
        ("loader", |f| {
            f.config
                .as_mut()
                .unwrap()
                .env
                .as_mut()
                .unwrap()
                .push("LD_PRELOAD=/x.so".into());
        }),
        ("health", |f| {
            f.config.as_mut().unwrap().healthcheck = Some(HealthConfig {
                test: Some(vec!["CMD".into(), "x".into()]),
                ..Default::default()
            });
        }),
        ("one more mount", |f| {
            f.mounts.as_mut().unwrap().push(MountPoint {
                destination: Some("/var/run/docker.sock".into()),
                ..Default::default()
            });
        }),
    ];
    for (what, widen) in host.into_iter().chain(config) {
        let mut wider = found.clone();
        widen(&mut wider);
        assert_ne!(
            violations(&spec, &wider),
            Vec::<String>::new(),
            "{what} is seen"
        );
    }
}

#[tokio::test]
async fn what_a_plain_container_may_do_a_sandbox_may_not() {
    let run = Run::new().await;
    let control = run.control().await;
    let sandbox = run.sandbox().await;
    for (what, script) in [
        (
            "hold a capability",
            r#"[ "$(awk '/CapEff/{print $2}' /proc/self/status)" != 0000000000000000 ]"#,
        ),
        (
            "get a capability",
            r#"[ "$(awk '/CapBnd/{print $2}' /proc/self/status)" != 0000000000000000 ]"#,
        ),
        (
            "gain privileges",
            r#"[ "$(awk '/NoNewPrivs/{print $2}' /proc/self/status)" = 0 ]"#,
        ),
        (
            "call any system call",
            r#"[ "$(awk '/^Seccomp:/{print $2}' /proc/self/status)" = 0 ]"#,
        ),
        ("be root", "[ $(id -u) = 0 ]"),
        ("write the root", "touch /probe"),
        ("write a system folder", "touch /usr/bin/probe"),
        ("write an account", "echo >> /etc/passwd"),
        ("write the name servers", "echo >> /etc/resolv.conf"),
        ("make a device", "mknod /tmp/probe c 1 3"),
        (
            "give a file away",
            "touch /tmp/given && chown 1:1 /tmp/given",
        ),
        ("make a user namespace", "unshare -Ur true"),
        (
            "have a network interface",
            r#"[ "$(ls /sys/class/net | wc -l)" -gt 1 ]"#,
        ),
        (
            "write a file above the limit",
            "head -c 20M /dev/zero > /workspace/big",
        ),
        ("dump core", "[ $(ulimit -Hc) != 0 ]"),
        ("raise its own limits", "ulimit -Hf unlimited"),
        (
            "run many processes",
            "for i in $(seq 100); do sleep 3 & done 2>/dev/null; [ $(jobs -r | wc -l) -ge 100 ]",
        ),
    ] {
        assert!(
            run.can(&control, script).await,
            "the probe works where nothing protects: {what}"
        );
        assert!(!run.can(&sandbox, script).await, "a sandbox cannot {what}");
    }
}

#[tokio::test]
async fn memory_ends_at_the_limit_and_process_1_lives_on() {
    let run = Run::new().await;
    let control = run.control().await;
    let sandbox = run.sandbox().await;
    // `tail` keeps a line without an end in memory.
    let script =
        "head -c 400M /dev/zero | tail -c +1 | tail -n 1 > /dev/null; exit ${PIPESTATUS[2]}";
    assert!(
        run.can(&control, script).await,
        "there is enough where no limit is"
    );
    assert!(!run.can(&sandbox, script).await, "it is ended at the limit");
    assert!(run.can(&sandbox, "true").await, "the sandbox goes on");
}

#[tokio::test]
async fn what_an_agent_needs_works() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    for (what, script) in [
        ("starts in the workspace", "[ $PWD = /workspace ]"),
        ("writes in the workspace", "echo hello > /workspace/made"),
        (
            "has a home of its own",
            "[ $HOME = /home/agent ] && touch ~/x && [ $(stat -c %u ~) = $(id -u) ]",
        ),
        (
            "has a name",
            "[ $(id -un) = agent ] && [ $(id -gn) = agent ]",
        ),
        (
            "runs programs in /tmp",
            "printf '#!/bin/sh\\nexit 0\\n' > /tmp/p && chmod +x /tmp/p && /tmp/p",
        ),
        (
            "has no setuid in /tmp",
            "grep -q ' /tmp tmpfs .*nosuid' /proc/mounts",
        ),
        (
            "reads UTF-8",
            "[ $LANG = C.UTF-8 ] && locale charmap | grep -q UTF-8",
        ),
        (
            "does not see the computer's name servers",
            "! grep '^nameserver' /etc/resolv.conf | grep -qv 127.0.0.1",
        ),
        (
            "has our guest as process 1",
            "[ \"$(tr '\\0' ' ' < /proc/1/cmdline)\" = '/opt/agent-sandbox/sandbox-guest init ' ]",
        ),
    ] {
        let (status, out, err) = run.sh(&sandbox, script).await;
        assert_eq!(status, 0, "it {what}: {out} {err}");
    }
    let made = std::fs::metadata(run.workspace().join("made")).expect("it is on this computer");
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&made),
        if run.docker.info().rootless {
            rustix::process::geteuid().as_raw()
        } else {
            run.owner.uid
        },
        "it belongs to the workspace's owner"
    );
}

#[tokio::test]
async fn a_runtime_that_is_missing_is_refused() {
    let run = Run::new().await;
    let mut spec = run.spec().await;
    spec.runtime = Some("no-such-runtime".to_owned());
    let error = run
        .docker
        .create_container(&spec)
        .await
        .expect_err("never another in its place");
    assert_eq!(error.problem, Problem::Unsupported);
    let left = run
        .docker
        .find(&spec.instance, &spec.sandbox)
        .await
        .expect("looks");
    assert!(left.is_none(), "nothing was made");
}

#[tokio::test]
async fn a_workspace_that_is_missing_is_an_error_and_not_a_new_folder() {
    let run = Run::new().await;
    let mut spec = run.spec().await;
    let missing = run.folder().join("missing");
    spec.workspace = missing.to_string_lossy().into_owned();
    assert!(
        run.docker.create_container(&spec).await.is_err(),
        "nothing is mounted"
    );
    assert!(!missing.exists(), "the engine made no folder of root's");
}
