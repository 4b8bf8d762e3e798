//! What becomes of sandboxes when their engine dies and comes back; and that they ask no name server.

use sandbox_engine::docker::gateway;
use sandbox_engine::sandbox::{Side, State};
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Error, Operation, SandboxId};

use crate::house::House;
use crate::second_daemon::{Daemon, Heard};

const APPROVED: &str = "approved.example.org";
const OTHER: &str = "other.example.org";
/// Let through and looked up, and nobody is at the address that the test's name server gives.
const REACHED_NOBODY: &str = "HTTP/1.1 504 Gateway Timeout";
const REFUSED: &str =
    "HTTP/1.1 403 Not approved in Agent Sandbox: tell the user which site is needed";

fn guarded() -> NetworkPolicy {
    NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec![APPROVED.to_owned()],
        ..NetworkPolicy::default()
    }
}

fn house(daemon: &Daemon) -> House {
    let guest = support::containers::guest();
    House::of(guest, daemon.search(), tempfile::tempdir().unwrap())
}

fn names(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut *heard.lock().unwrap())
}

async fn state(house: &House, id: &SandboxId) -> State {
    house.engine.glimpse(id).await.unwrap().state
}

/// A question for a name, as bytes for `printf`.
fn question(name: &str) -> String {
    let labels: String = name
        .split('.')
        .map(|label| format!("\\x{:02x}{label}", label.len()))
        .collect();
    format!(
        "\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00{labels}\\x00\\x00\\x01\\x00\\x01"
    )
}

/// Engines ask the name server of their computer for their containers where it is on loopback (CVE-2024-29018).
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_makes_nobody_ask_a_name_server_by_any_path() {
    let Some(daemon) = Daemon::new() else { return };
    let heard = daemon.resolver();
    // The control: an ordinary network of this engine.
    daemon.docker(&["network", "create", "plain"]).unwrap();
    let run = [
        "run",
        "--rm",
        "--network",
        "plain",
        "agent-sandbox/base:trixie",
    ];
    let ask = |script: &str| daemon.docker(&[&run[..], &["bash", "-c", script]].concat());
    ask("getent hosts control-1.example.org").unwrap();
    let raw = format!(
        "printf '{}' > /dev/udp/127.0.0.11/53; sleep 1",
        question("control-2.example.org")
    );
    ask(&raw).unwrap();
    let controls = names(&heard);
    for control in ["control-1.example.org", "control-2.example.org"] {
        assert!(
            controls.iter().any(|name| name == control),
            "{control}: {controls:?}"
        );
    }

    let house = house(&daemon);
    let plain = "{{(index .IPAM.Config 0).Gateway}}";
    let mut servers = vec!["127.0.0.11".to_owned(), "127.0.0.53".to_owned()];
    servers.push(
        daemon
            .docker(&["network", "inspect", "-f", plain, "plain"])
            .unwrap(),
    );
    servers.push(
        daemon
            .docker(&["network", "inspect", "-f", plain, "bridge"])
            .unwrap(),
    );
    for network in [NetworkPolicy::default(), guarded()] {
        let offline = network.mode == NetworkMode::Offline;
        let id = house.sandbox(network, true).await;
        // The self-test asked for the approved site, and for nothing else.
        let mut asked = names(&heard);
        asked.dedup();
        let expected: &[&str] = if offline { &[] } else { &[APPROVED] };
        assert_eq!(asked, expected);
        let mut script =
            "getent hosts leak-1.example.org; getent ahosts leak-2.example.org;".to_owned();
        for server in &servers {
            let asked = question("leak-3.example.org");
            script +=
                &format!("printf '{asked}' > /dev/udp/{server}/53; : > /dev/tcp/{server}/53;");
        }
        house
            .sh(&id, &format!("{{ {script} }} 2>/dev/null; sleep 1"))
            .await;
        for request in [
            "CONNECT leak-4.example.org:443 HTTP/1.1",
            "CONNECT leak-5.example.org.:443 HTTP/1.1",
            "GET http://leak-6.example.org/ HTTP/1.1\\r\\nHost: leak-6.example.org",
            "GET http://approved.example.org/ HTTP/1.1\\r\\nHost: leak-7.example.org",
            "CONNECT approved.example.org@leak-8.example.org:443 HTTP/1.1",
            "CONNECT leak-9.example.org:53 HTTP/1.1",
        ] {
            let said = house.asked(&id, request).await;
            assert!(
                offline || said.starts_with("HTTP/1.1 40"),
                "{request}: {said}"
            );
        }
        assert_eq!(names(&heard), Vec::<String>::new(), "offline: {offline}");
        if !offline {
            // The way there is looked at: an approved name is asked for, and nothing else.
            assert_eq!(house.tunnel(&id, APPROVED).await, REACHED_NOBODY);
            let mut asked = names(&heard);
            asked.dedup();
            assert_eq!(asked, [APPROVED]);
        }
        house.engine.remove(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_takes_nothing_along_and_the_fence_is_proven_again() {
    let Some(mut daemon) = Daemon::new() else {
        return;
    };
    let _heard = daemon.resolver();
    let house = house(&daemon);
    let (engine, op) = (&house.engine, Operation::silent());
    let id = house.sandbox(guarded(), true).await;
    let (name, gateway) = (id.container_name(), id.gateway_name());
    house.sh(&id, "echo two >> a.txt; echo kept > ~/note").await;
    assert_eq!(house.tunnel(&id, APPROVED).await, REACHED_NOBODY);
    assert_eq!(house.tunnel(&id, OTHER).await, REFUSED);

    // Away: said, and what needs no container works.
    daemon.kill();
    assert!(matches!(state(&house, &id).await, State::Unknown));
    let said = engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::Engine(_))), "{said:?}");

    // Back, without what ran.
    daemon.start(false);
    assert!(matches!(state(&house, &id).await, State::Stopped));
    let seen = engine
        .changes(&id, Side::Base, Side::Live, &op)
        .await
        .unwrap();
    assert_eq!(seen.changes.list.len(), 1, "its work is there");

    // Started by somebody else: the gateway knows no rule, and lets nothing through.
    let past_us = |daemon: &Daemon| {
        let ask = format!(
            "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {APPROVED}:443 HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3"
        );
        let said = daemon.docker(&["exec", &name, "bash", "-c", &ask]).unwrap();
        said.trim_end_matches('\r').to_owned()
    };
    daemon.docker(&["start", &gateway]).unwrap();
    daemon.docker(&["start", &name]).unwrap();
    assert_eq!(past_us(&daemon), REFUSED);
    // A command of ours is not run in it before it is proven: the gateway has its rules by then.
    assert_eq!(house.tunnel(&id, APPROVED).await, REACHED_NOBODY);
    daemon
        .docker(&["stop", "-t", "1", &name, &gateway])
        .unwrap();
    // A way out that it was started with is found by the first command: it is ended, and that is noted.
    daemon
        .docker(&["network", "disconnect", "none", &name])
        .unwrap();
    daemon
        .docker(&["network", "connect", "bridge", &name])
        .unwrap();
    daemon.docker(&["start", &name]).unwrap();
    let command = vec!["true".to_owned()];
    let said = engine.exec(&id, command, Vec::new()).await.map(|_| ());
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state(&house, &id).await, State::Stopped));
    let noted = engine.activity(&id).unwrap();
    assert!(noted.iter().any(|note| note.what.contains("not proven")));

    // A start finds it before anything of the agent's runs.
    let said = engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state(&house, &id).await, State::Stopped));
    daemon
        .docker(&["network", "disconnect", "bridge", &name])
        .unwrap();
    daemon
        .docker(&["network", "connect", "none", &name])
        .unwrap();

    engine.start(&id, &op).await.unwrap();
    assert_eq!(
        house.tunnel(&id, APPROVED).await,
        REACHED_NOBODY,
        "its rules are back"
    );
    assert_eq!(
        house.sh(&id, "cat ~/note; tail -1 a.txt").await.1,
        "kept\ntwo"
    );

    // The other kind of engine: what runs goes on without it, and is adopted.
    engine.stop(&id).await.unwrap();
    daemon.kill();
    daemon.start(true);
    engine.start(&id, &op).await.unwrap();
    house
        .sh(
            &id,
            "setsid sleep 600 >/dev/null 2>&1 & echo $! > /tmp/mark",
        )
        .await;
    let pid = daemon.docker(&["inspect", "-f", "{{.State.Pid}}", &name]);
    let proof = || house.proof(&id);
    let proven = proof();
    house.sh(&id, "true").await;
    assert_eq!(proof(), proven, "with the same engine it holds");
    daemon.kill();
    assert!(matches!(state(&house, &id).await, State::Unknown));
    daemon.start(true);
    assert!(matches!(state(&house, &id).await, State::Running));
    assert_eq!(
        daemon.docker(&["inspect", "-f", "{{.State.Pid}}", &name]),
        pid
    );
    assert_eq!(
        house.sh(&id, "kill -0 $(cat /tmp/mark)").await,
        (0, String::new())
    );
    assert_ne!(proof(), proven, "by the new one it was proven again first");
    assert_eq!(
        house.tunnel(&id, OTHER).await,
        REFUSED,
        "nothing was opened meanwhile"
    );
    // Its gateway died while nobody looked: it is brought back, and the fence is proven before it is trusted.
    daemon.docker(&["kill", &gateway]).unwrap();
    engine.attend(&id);
    let mut said = String::new();
    for _ in 0..100 {
        said = house.tunnel(&id, APPROVED).await;
        if said == REACHED_NOBODY {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(said, REACHED_NOBODY);
    engine.remove(&id).await.unwrap();
    assert_eq!(daemon.docker(&["ps", "-aq"]), Ok(String::new()));
}

/// The kernel ends what uses up its memory: then nothing goes out, the sandbox lives, a start repairs it.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_runs_out_of_memory_lets_nothing_out_and_comes_back() {
    let house = House::new(support::containers::guest());
    let id = house.sandbox(guarded(), true).await;
    let gateway = id.gateway_name();
    let docker = |args: &[&str]| {
        let said = std::process::Command::new("docker")
            .args(args)
            .output()
            .unwrap();
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat())
            .trim()
            .to_owned()
    };
    assert_eq!(house.tunnel(&id, OTHER).await, REFUSED, "it decides");
    let limit = docker(&[
        "inspect",
        "-f",
        "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}",
        &gateway,
    ]);
    assert_eq!(limit, format!("{0} {0}", gateway::MEMORY));
    house
        .sh(
            &id,
            "setsid sleep 600 >/dev/null 2>&1 & echo $! > /tmp/mark",
        )
        .await;

    // With what it has it holds as many half-asked questions as it takes; with a tenth of it, it cannot.
    let flood = "big=$(head -c 16000 /dev/zero | tr '\\0' a); for i in $(seq 1000); do \
                 exec {fd}<>/dev/tcp/127.0.0.1/3128 && printf 'CONNECT %s' \"$big\" >&$fd; done 2>/dev/null; sleep 2; true";
    let oom = "{{.State.Running}} {{.State.OOMKilled}}";
    house.sh(&id, flood).await;
    assert_eq!(docker(&["inspect", "-f", oom, &gateway]), "true false");
    let less = (gateway::MEMORY / 12).to_string();
    let done = docker(&[
        "update",
        "--memory",
        &less,
        "--memory-swap",
        &less,
        &gateway,
    ]);
    assert_eq!(done, gateway);
    house.sh(&id, flood).await;
    assert_eq!(docker(&["inspect", "-f", oom, &gateway]), "false true");

    let said = house
        .asked(&id, &format!("GET http://{APPROVED}/ HTTP/1.1"))
        .await;
    assert!(!said.contains("200") && !said.contains("504"), "{said}");
    assert!(matches!(state(&house, &id).await, State::Running));
    assert_eq!(house.sh(&id, "kill -0 $(cat /tmp/mark)").await.0, 0);
    house.engine.start(&id, &Operation::silent()).await.unwrap();
    assert_eq!(house.tunnel(&id, OTHER).await, REFUSED, "it decides again");
    let limit = docker(&["inspect", "-f", "{{.HostConfig.Memory}}", &gateway]);
    assert_eq!(limit, gateway::MEMORY.to_string(), "with all of its memory");
    house.engine.remove(&id).await.unwrap();
}
