//! The rows of SECURITY §2.1, one by one, from inside a sandbox: what `contract.rs` holds against the engine's
//! word is measured here. The probes that need one have a control in which they succeed.
//!
//! | row | on inspect | from inside |
//! |---|---|---|
//! | `User` | "user" | `contract`: be root; has a name |
//! | `CapDrop`, `CapAdd` | "cap drop", "cap add" | `contract`: hold, get a capability |
//! | `SecurityOpt` | "seccomp", "new privileges" | `contract`: gain privileges, call any system call |
//! | `Privileged`, `Devices`, the modes, `GroupAdd`, `VolumesFrom`, the engine's socket | each by name | here: the first two tests |
//! | `ReadonlyRootfs`, `Tmpfs` | "root", "memory file systems" | `contract`: write the root; here: sizes and flags |
//! | `Mounts` | "binds", "mount source", "one more mount", "propagation" | here: the list of mounts |
//! | `PidsLimit`, `Memory`, `NanoCpus`, `ShmSize` | each by name | `contract`: many processes, memory; here: the rest |
//! | `Ulimits` | "ulimits" | `contract`: large file, core; here: open files |
//! | `StorageOpt` | "storage" | here: the last test |
//! | `LogConfig` | "log" | here: nothing inside reaches process 1's output |
//! | `Init` | "another process 1" | `contract`: our guest as process 1; here: reaped, not traced |
//! | `RestartPolicy`, `AutoRemove` | "restart", "removal by itself" | `lifecycle` |
//! | `MaskedPaths`, `ReadonlyPaths` | "masked", "read-only paths" | here: the first test |
//! | `Runtime` | "runtime" | `contract`: one that is missing is refused |
//! | `Sysctls` | the gateway's, here | no interface but loopback: `fence` |
//! | image config | each by name | `hostile/images` |
//! | `exec` | here: the user of a command | `contract`: starts in the workspace |

use std::collections::HashMap;

use crate::contract::inspect;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, DeviceMapping, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};
use sandbox_engine::SandboxId;
use sandbox_engine::docker::gateway;
use sandbox_engine::image;
use support::containers::{LIMITS, Run};

/// Beside one that was given what a plain container is refused as well.
#[tokio::test]
async fn what_a_wider_container_may_do_a_sandbox_may_not() {
    let run = Run::new().await;
    let wide = HostConfig {
        binds: Some(vec![format!("{}:/workspace", run.workspace().display())]),
        masked_paths: Some(Vec::new()),
        readonly_paths: Some(Vec::new()),
        devices: Some(vec![DeviceMapping {
            path_on_host: Some("/dev/kmsg".to_owned()),
            path_in_container: Some("/dev/kmsg".to_owned()),
            cgroup_permissions: Some("r".to_owned()),
        }]),
        group_add: Some(vec!["27".to_owned()]),
        pid_mode: Some("host".to_owned()),
        uts_mode: Some("host".to_owned()),
        ipc_mode: Some("host".to_owned()),
        ..Default::default()
    };
    let control = run.control_of(image::BASE, wide).await;
    let sandbox = run.sandbox().await;
    for (what, script) in [
        (
            "see what of the kernel is masked",
            "! grep -q ' /proc/keys ' /proc/self/mountinfo",
        ),
        (
            "find the kernel's settings writable",
            "! grep -q ' /proc/sys ro' /proc/self/mountinfo",
        ),
        (
            "see devices of the computer",
            "[ $(ls -d /dev/* | grep -vxE '/dev/(console|core|fd|full|mqueue|null|ptmx|pts|random|shm|stderr|stdin|stdout|tty|urandom|zero)' | wc -l) -gt 0 ]",
        ),
        (
            "share memory with the computer",
            "[ $(df -B1 --output=size /dev/shm | tail -1) != 268435456 ]",
        ),
        ("be in another group", "[ \"$(id -G)\" != \"$(id -g)\" ]"),
        (
            "see processes of the computer",
            "tr '\\0' ' ' < /proc/1/cmdline | grep -qv sandbox-guest",
        ),
        ("have the computer's name", "[ $(hostname) != sandbox ]"),
    ] {
        assert!(
            run.can(&control, script).await,
            "the probe works where nothing protects: {what}"
        );
        assert!(!run.can(&sandbox, script).await, "a sandbox cannot {what}");
    }
    let sockets = "find / -xdev -name 'docker.sock' -o -xdev -name 'containerd.sock' 2>/dev/null";
    assert_eq!(run.sh(&sandbox, sockets).await.1, "", "an engine's socket");
}

#[tokio::test]
async fn what_it_may_use_is_what_was_asked_for() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let (memory, cpus) = (LIMITS.memory, LIMITS.cpu_millis);
    for (what, script) in [
        (
            "a quarter of its memory for /tmp",
            format!("[ $(df -B1 --output=size /tmp | tail -1) = {} ]", memory / 4),
        ),
        (
            "256 MB of shared memory",
            "[ $(df -B1 --output=size /dev/shm | tail -1) = 268435456 ]".to_owned(),
        ),
        (
            "/tmp without devices and setuid, with programs",
            "grep ' /tmp tmpfs ' /proc/mounts | grep nosuid | grep nodev | grep -qv noexec".to_owned(),
        ),
        (
            "16,384 open files, and not one more",
            "[ $(ulimit -Hn) = 16384 ] && [ $(ulimit -n) = 16384 ] && ! ulimit -Hn 16385 2>/dev/null".to_owned(),
        ),
        (
            "its share of the processor",
            format!(
                "cd /sys/fs/cgroup; if [ -e cpu.max ]; then [ \"$(cat cpu.max)\" = '{cpus}00 100000' ]; \
                 else [ $(cat cpu/cpu.cfs_quota_us) = {cpus}00 ]; fi"
            ),
        ),
        (
            "no swap beside its memory",
            format!(
                "cd /sys/fs/cgroup; if [ -e memory.swap.max ]; then [ $(cat memory.swap.max) = 0 ]; \
                 elif [ -e memory/memory.memsw.limit_in_bytes ]; then [ $(cat memory/memory.memsw.limit_in_bytes) = {memory} ]; \
                 else [ $(cat memory/memory.limit_in_bytes) = {memory} ]; fi"
            ),
        ),
    ] {
        let (status, out, err) = run.sh(&sandbox, &script).await;
        assert_eq!(status, 0, "it has {what}: {out} {err}");
    }
}

#[tokio::test]
async fn its_mounts_are_ours_and_nothing_of_them_travels() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let (_, mounted, _) = run
        .sh(
            &sandbox,
            // What the runtime mounts by itself: kernel file systems, devices, names.
            "awk '{print $5}' /proc/self/mountinfo | grep -vE '^/(proc|sys|dev)(/|$)|^/etc/(hosts|hostname|resolv.conf)$|^/$' | sort",
        )
        .await;
    let lines: Vec<&str> = mounted.lines().collect();
    assert_eq!(lines, ["/home/agent", "/tmp", "/workspace"]);
    // What is mounted in here does not get out. What the computer mounts into a volume of its own may get in.
    let travels = "grep -E ' shared:' /proc/self/mountinfo; grep ' /workspace ' /proc/self/mountinfo | grep master:";
    assert_eq!(run.sh(&sandbox, travels).await.1, "", "mounts are private");
}

/// The log driver keeps what process 1 prints: nothing inside may make it print.
#[tokio::test]
async fn process_1_is_reached_by_nobody_inside_and_reaps() {
    let run = Run::new().await;
    // The control runs as its own process 1's user too, and is not ours.
    let control = run.control().await;
    let sandbox = run.sandbox().await;
    for (what, script) in [
        ("write to its output", "echo planted > /proc/1/fd/1"),
        ("read its environment", "cat /proc/1/environ"),
        ("read its memory", "head -c 0 /proc/1/mem"),
    ] {
        assert!(run.can(&control, script).await, "the probe works: {what}");
        assert!(!run.can(&sandbox, script).await, "a sandbox cannot {what}");
    }
    let orphan = "(sh -c 'sleep 0.1 & exec true'); sleep 0.3; for i in $(seq 20); do \
                  grep -qs '^State:.Z' /proc/[0-9]*/status || exit 0; sleep 0.05; done; exit 1";
    assert!(
        !run.can(&control, orphan).await,
        "one that does not reap is seen"
    );
    assert!(run.can(&sandbox, orphan).await, "what ended is reaped");
}

#[tokio::test]
async fn a_command_is_the_sandboxs_own_user_and_nothing_more() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let found = inspect(&run, &sandbox).await;
    let user = found.config.and_then(|config| config.user);
    let script = "[ $(id -u) = $(stat -c %u /proc/1) ] && grep -q '^CapEff:.*0000000000000000' /proc/self/status \
                  && grep -q '^NoNewPrivs:.*1' /proc/self/status && grep -q '^Seccomp:.*2' /proc/self/status";
    let command = ["bash", "-c", script].map(str::to_owned).to_vec();
    let running = run
        .docker
        .exec(&sandbox, command, Vec::new())
        .await
        .expect("starts");
    let (status, _, err) = running.collect(1 << 16).await.expect("ends");
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&err));
    assert_eq!(
        user.as_deref(),
        Some(format!("{}:{}", run.owner.uid, run.owner.gid).as_str())
    );
}

/// Also that a thousand connections have descriptors enough, and that a wider gateway is seen.
#[tokio::test]
async fn a_gateway_keeps_its_own_contract() {
    let run = Run::new().await;
    let sandbox = SandboxId::random().expect("random bytes");
    let id = run
        .docker
        .ensure_gateway(&run.instance, &sandbox, &run.guest)
        .await
        .expect("it runs");
    let found = inspect(&run, &id).await;
    let host = found.host_config.clone().expect("has a configuration");
    let network = host.network_mode.clone().expect("has a network");
    let volume = sandbox.relay_volume();
    let wider = |found: &ContainerInspectResponse| gateway::violations(found, &network, &volume);
    assert_eq!(wider(&found), Vec::<String>::new());
    let pid = found.state.as_ref().and_then(|state| state.pid);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.expect("it runs")));
    let limits = limits.expect("this computer sees it");
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<&str> = files.expect("is told").split_whitespace().collect();
    assert_eq!(files[3..5], ["16384", "16384"], "soft and hard");

    type Widen = fn(&mut HostConfig);
    let each: [(&str, Widen); 8] = [
        ("limits of files", |host| host.ulimits = None),
        ("forwarding", |host| host.sysctls = None),
        ("memory", |host| host.memory_swap = Some(-1)),
        ("processes", |host| host.pids_limit = None),
        ("groups", |host| host.group_add = Some(vec!["0".to_owned()])),
        ("new privileges", |host| host.security_opt = None),
        ("network", |host| {
            host.network_mode = Some("host".to_owned());
        }),
        ("log", |host| host.log_config = None),
    ];
    for (what, widen) in each {
        let mut other = found.clone();
        widen(other.host_config.as_mut().expect("has one"));
        assert_ne!(wider(&other), Vec::<String>::new(), "{what} is seen");
    }
    run.docker
        .remove_gateway(&run.instance, &sandbox)
        .await
        .expect("removes");
}

/// Most engines cannot bound a container's disk, and where one can it would bound the root, which is read-only,
/// and never the workspace. So it is not asked for; what stands in its place is asserted elsewhere: the root
/// (`contract`), the largest file (`contract`), the watermark (`housekeeping`).
#[tokio::test]
async fn a_size_of_the_disk_is_not_asked_for_since_it_would_bound_nothing_here() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let found = inspect(&run, &sandbox).await;
    let host = found.host_config.expect("has a configuration");
    assert!(host.storage_opt.is_none_or(|options| options.is_empty()));
    assert_eq!(host.readonly_rootfs, Some(true));

    let body = ContainerCreateBody {
        image: Some(image::BASE.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        host_config: Some(HostConfig {
            storage_opt: Some(HashMap::from([("size".to_owned(), "1G".to_owned())])),
            ..Default::default()
        }),
        ..Default::default()
    };
    match run
        .raw
        .create_container(None::<CreateContainerOptions>, body)
        .await
    {
        Err(error) => assert!(error.to_string().contains("storage-opt"), "{error}"),
        Ok(made) => {
            // It can here: then the bound is on the root alone.
            let removed = run
                .raw
                .remove_container(&made.id, None::<RemoveContainerOptions>)
                .await;
            removed.expect("the test's own");
        }
    }
}
