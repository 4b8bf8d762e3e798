//! The fence is proven, not believed; and the canary tells whether folders are shared.

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sandbox_engine::docker::egress_network::ranges;
use sandbox_engine::docker::labels;
use sandbox_engine::docker::probe::{Beside, Guard, ProbeNetwork};
use sandbox_engine::network::rules::{self, NetworkChange};
use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Error, Operation, SandboxId, image};
use sandbox_protocol::egress::Subnet;
use support::containers::Run;

use crate::house::House;
use crate::second_daemon::Daemon;

#[tokio::test]
async fn a_fenced_container_reaches_nothing_that_an_unprotected_one_reaches() {
    let run = Run::new().await;
    let prove = async |network| {
        run.docker
            .prove_fence(&run.instance, &run.guest, run.owner, network)
            .await
            .expect("the probe runs")
    };
    let unprotected = prove(ProbeNetwork::Unprotected).await;
    let open = unprotected.open();
    assert!(!unprotected.is_closed(), "the probe can succeed");
    assert!(
        open.iter().any(|o| o.contains("this computer")),
        "it reaches this computer: {open:?}"
    );
    assert!(
        open.iter().any(|o| o.contains("interface")),
        "it has an interface: {open:?}"
    );
    assert!(
        open.iter()
            .any(|o| o.contains("a neighbour on your network")),
        "it has a way to the router: {open:?}"
    );

    let fenced = prove(ProbeNetwork::Fenced).await;
    assert!(fenced.is_closed(), "{:?}", fenced.open());
    assert_eq!(
        fenced.findings.len(),
        unprotected.findings.len(),
        "the same was tried"
    );
    let left = run
        .docker
        .own_containers(&run.instance)
        .await
        .expect("lists");
    assert!(left.is_empty(), "the probes are gone: {left:?}");
}

#[tokio::test]
async fn a_running_sandbox_is_proven_from_inside_within_seconds() {
    let run = Run::new().await;
    let sandbox = run.sandbox().await;
    let started = std::time::Instant::now();
    let (fence, _) = run
        .docker
        .prove_fence_in(&sandbox, &Guard::Nothing)
        .await
        .expect("the probe runs");
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

/// From beside an agent has no hand in it; the control is a container that has a way out.
#[tokio::test]
async fn a_running_sandbox_is_proven_from_beside_too() {
    let run = Run::new().await;
    let beside = Beside {
        instance: &run.instance,
        guest: &run.guest,
        owner: run.owner,
    };
    let prove = async |container: &str| {
        let proven = run
            .docker
            .prove_fence_beside(container, &beside, &Guard::Nothing);
        proven.await.expect("the probe runs").0
    };
    let sandbox = run.sandbox().await;
    let fence = prove(&sandbox).await;
    assert!(fence.is_closed(), "{:?}", fence.open());
    // Whose guest is not there, and which is on a network.
    said("docker", &["network", "disconnect", "none", &sandbox]);
    said("docker", &["network", "connect", "bridge", &sandbox]);
    let open = prove(&sandbox).await.open();
    for what in ["any network interface", "this computer", "a neighbour"] {
        assert!(open.iter().any(|o| o.contains(what)), "{what}: {open:?}");
    }
}

/// What most engines' usual network has not: by IPv6, with ping and with a datagram.
#[tokio::test]
async fn by_ipv6_a_fenced_container_reaches_nothing_that_one_on_such_a_network_reaches() {
    let run = Run::new().await;
    let image = run.docker.ensure_guest_image(&run.guest).await.unwrap();
    // A range of the test's own.
    let part = u16::from_str_radix(&run.instance[5..9], 16).unwrap();
    let (subnet, here) = (format!("fd5a:{part:x}::/64"), format!("fd5a:{part:x}::1"));
    let network = Network::new(&format!("{}-six", run.instance), &subnet);
    let canary = std::net::UdpSocket::bind("[::]:0").unwrap();
    let port = canary.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((count, from)) = canary.recv_from(&mut packet) {
            let _ = canary.send_to(&packet[..count], from);
        }
    });
    let targets = [
        format!("icmp:{here}"),
        format!("udp:[{here}]:{port}"),
        format!("tcp:[{here}]:{port}"),
    ];
    let from = |network: &str| {
        let user = format!("{}:{}", run.owner.uid, run.owner.gid);
        let start = ["run", "--rm", "--cap-drop", "ALL", "--user", &user];
        let rest = ["--network", network, &image, "/sandbox-guest", "probe"];
        let words: Vec<&str> = start.into_iter().chain(rest).collect();
        let words = words.into_iter().chain(targets.iter().map(String::as_str));
        outcomes(&said("docker", &words.collect::<Vec<_>>()))
    };
    // An address is tried out by the kernel before it is used.
    settled(&["answered", "answered", "refused"], || from(&network.0));
    assert_eq!(from("none"), ["no-way"; 3]);
}

/// Waits until a probe that can succeed does.
fn settled(expected: &[&str], probe: impl Fn() -> Vec<String>) {
    let began = std::time::Instant::now();
    loop {
        let found = probe();
        if found == expected {
            return;
        }
        assert!(began.elapsed().as_secs() < 30, "{found:?}");
    }
}

/// What a probe printed.
fn outcomes(printed: &str) -> Vec<String> {
    let lines = printed.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["outcome"].as_str().unwrap().to_owned()
    });
    lines.collect()
}

/// Removed when dropped.
struct Network(String);

impl Network {
    fn new(name: &str, subnet: &str) -> Self {
        let mut words = vec!["network", "create", "--subnet", subnet];
        words.extend(subnet.contains(':').then_some("--ipv6"));
        words.push(name);
        said("docker", &words);
        Self(name.to_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["network", "rm", &self.0])
            .output();
    }
}

fn said(program: &str, args: &[&str]) -> String {
    let said = Command::new(program).args(args).output().unwrap();
    assert!(said.status.success(), "{program} {args:?}: {said:?}");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// The self-test of a gateway: the approved site is reached; one that is away is told from one that the gateway
/// refuses, and an offline computer does not fail it. Nothing is left of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_approved_site_is_reached_by_the_gateway_or_said_to_be_away() {
    let Some(daemon) = Daemon::new() else { return };
    let _heard = daemon.resolver();
    let data = tempfile::tempdir().unwrap();
    let house = House::of(support::containers::guest(), daemon.search(), data);
    let proven = async || {
        let fence = house.engine.fence().await.unwrap();
        let approved = fence.findings.iter().find(|f| f.what.contains("approved"));
        (fence.clone(), approved.unwrap().happened.clone())
    };
    let (fence, happened) = proven().await;
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert!(happened.contains("may be offline"), "{happened}");
    let refused = |what: &str| {
        let found = fence.findings.iter().find(|f| f.what.contains(what));
        found.unwrap().happened == "the gateway said no"
    };
    for what in ["a blocked site, by the gateway", "network, by the gateway"] {
        assert!(refused(what), "{what}: {fence:?}");
    }
    let left = ["ps", "network ls", "volume ls"].map(|list| {
        let mut words: Vec<&str> = list.split(' ').collect();
        words.extend(["-q", "--filter", "label=io.agent-sandbox.schema"]);
        words.extend(list.starts_with("ps").then_some("-a"));
        daemon.docker(&words).unwrap()
    });
    assert_eq!(left, ["", "", ""], "nothing is left");

    let came = daemon.site();
    let (fence, happened) = proven().await;
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert_eq!(happened, "it was reached");
    assert_eq!(came.load(Ordering::SeqCst), 1);

    // The user's rules are the ones that count: what they block is not what is asked for.
    let block = NetworkChange {
        block: vec![rules::TEST_SITE.to_owned()],
        ..NetworkChange::default()
    };
    house.engine.set_sites_for_all(&block).await.unwrap();
    let fence = house.engine.fence().await.unwrap();
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert!(!fence.findings.iter().any(|f| f.what.contains("approved")));
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

/// A gateway that lets nothing through, one that is frozen and none at all are not taken for a fence that works.
#[tokio::test]
async fn a_gateway_that_refuses_what_is_approved_or_is_not_there_fails_the_self_test() {
    let run = Run::new().await;
    let id = SandboxId::random().unwrap();
    let proven = async || {
        let (instance, relay) = (&run.instance, id.relay_volume());
        let site = Some("approved.example.org:443");
        run.docker
            .prove_gateway(instance, &run.guest, run.owner, &relay, site)
            .await
            .unwrap()
    };
    // It has no rules yet, so it refuses all.
    let gateway = run
        .docker
        .ensure_gateway(&run.instance, &id, &run.guest)
        .await
        .unwrap();
    let open = proven().await.open();
    let [only] = &open[..] else {
        panic!("{open:?}");
    };
    assert!(
        only.contains("approved site") && only.ends_with("the gateway said no"),
        "{only}"
    );
    run.docker.pause(&gateway).await.unwrap();
    let frozen = proven().await;
    assert!(!frozen.is_closed() && !frozen.lacks_only_the_gateway());
    run.docker.remove_gateway(&run.instance, &id).await.unwrap();
    let none = proven().await;
    assert!(none.lacks_only_the_gateway(), "{:?}", none.open());
}

/// Each gateway has a bridge of its own: from there no address of another one's is reached.
#[tokio::test]
async fn gateways_are_on_networks_of_their_own_and_reach_nobody_on_another() {
    let run = Run::new().await;
    let image = run.docker.ensure_guest_image(&run.guest).await.unwrap();
    let ids = [SandboxId::random().unwrap(), SandboxId::random().unwrap()];
    for id in &ids {
        run.docker
            .ensure_gateway(&run.instance, id, &run.guest)
            .await
            .unwrap();
    }
    let [here, there] = [&ids[0], &ids[1]].map(SandboxId::egress_network);
    let address = |container: &str| {
        let each = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let all = said("docker", &["inspect", "-f", each, container]);
        all.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    // Somebody who listens beside the other gateway, and on one network more.
    let part = u8::from_str_radix(&run.instance[5..7], 16).unwrap();
    let plain = Network::new(
        &format!("{}-plain", run.instance),
        &format!("10.99.{part}.0/28"),
    );
    let listens = "my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 7777) or die; while (my $c = $s->accept) { close $c }";
    let label = format!("{}={}", labels::INSTANCE, run.instance);
    let start = ["run", "-d", "--label", &label, "--network", &there];
    let program = [image::BASE, "perl", "-MIO::Socket::INET", "-e", listens];
    let canary = said("docker", &[&start[..], &program].concat());
    said("docker", &["network", "connect", &plain.0, &canary]);
    let mut targets = vec![format!("tcp:{}:7777", address(&ids[1].gateway_name())[0])];
    targets.extend(address(&canary).iter().map(|ip| format!("tcp:{ip}:7777")));
    assert_eq!(targets.len(), 3);
    let from = |network: &str| {
        let start = ["run", "--rm", "--network", network, &image];
        let words = start.into_iter().chain(["/sandbox-guest", "probe"]);
        let words = words.chain(targets.iter().map(String::as_str));
        outcomes(&said("docker", &words.collect::<Vec<_>>()))
    };
    // This computer reaches all of them, as soon as somebody listens.
    settled(&["refused", "answered", "answered"], || from("host"));
    assert_eq!(
        from(&plain.0)[2],
        "answered",
        "one on the same plain network too"
    );
    assert_eq!(from(&here), ["silent"; 3]);
    // Somebody who is on it holds a network back, and nothing else.
    run.docker
        .remove_gateway(&run.instance, &ids[1])
        .await
        .unwrap();
    let own = async || run.docker.own_networks(&run.instance).await.unwrap();
    assert!(own().await.contains(&there));
    said("docker", &["rm", "-f", &canary]);
    for id in &ids {
        run.docker.remove_gateway(&run.instance, id).await.unwrap();
    }
    assert_eq!(own().await, Vec::<String>::new());
}

/// The engine's own ranges are few, and the user's: a gateway takes eight addresses, and others where those are taken.
#[tokio::test]
async fn a_gateway_takes_a_small_range_that_nobody_has() {
    let run = Run::new().await;
    let id = SandboxId::random().unwrap();
    let wanted: Vec<String> = ranges(&id).map(|range| range.to_string()).collect();
    let subnet = || {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        said(
            "docker",
            &["network", "inspect", "-f", format, &id.egress_network()],
        )
    };
    let make = async || {
        run.docker
            .ensure_gateway(&run.instance, &id, &run.guest)
            .await
            .unwrap()
    };
    make().await;
    assert_eq!(subnet(), wanted[0]);
    run.docker.remove_gateway(&run.instance, &id).await.unwrap();
    let gone = Command::new("docker")
        .args(["network", "inspect", &id.egress_network()])
        .output();
    assert!(!gone.unwrap().status.success(), "it goes with its gateway");

    let _taken = Network::new(&format!("{}-taken", run.instance), &wanted[0]);
    let gateway = make().await;
    assert_eq!(subnet(), wanted[1]);
    let ip = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let own: IpAddr = said("docker", &["inspect", "-f", ip, &gateway])
        .parse()
        .unwrap();
    assert!(Subnet::parse(&wanted[1]).unwrap().contains(own), "{own}");
    run.docker.remove_gateway(&run.instance, &id).await.unwrap();
}

/// Also those with public addresses: a name must not lead there.
#[tokio::test]
async fn a_gateway_is_told_of_every_network_that_this_computer_is_on() {
    let run = Run::new().await;
    let refused = run.docker.refused_addresses().await.unwrap();
    let listed = said("ip", &["-o", "addr", "show", "scope", "global"]);
    let own: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    assert!(!own.is_empty(), "{listed}");
    for own in own {
        let subnet = Subnet::parse(own).unwrap();
        let IpAddr::V4(address) = subnet.address else {
            assert!(refused.iter().any(|r| r.contains(subnet.address)), "{own}");
            continue;
        };
        // The other end of the subnet.
        let most = u32::MAX.checked_shr(u32::from(subnet.bits)).unwrap_or(0);
        let last = IpAddr::from(std::net::Ipv4Addr::from(u32::from(address) | most));
        assert!(refused.iter().any(|r| r.contains(last)), "{own}: {last}");
    }
}

#[tokio::test]
async fn the_canary_comes_back_from_a_shared_folder_and_leaves_nothing() {
    let run = Run::new().await;
    let folder = run.folder().join("data");
    std::fs::create_dir(&folder).expect("makes");
    run.docker
        .canary(&run.instance, &run.guest, run.owner, &folder)
        .await
        .expect("the folder is shared");
    assert_eq!(
        std::fs::read_dir(&folder).expect("reads").count(),
        0,
        "nothing is left"
    );
}

/// A way out that somebody opens into a sandbox that runs is found when the app comes back, and by a start.
#[tokio::test(flavor = "multi_thread")]
async fn what_opens_while_nobody_looks_is_found_when_the_app_comes_back() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: opening a sandbox from outside needs root");
        return;
    }
    let house = House::new(support::containers::guest());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let open = || {
        let name = id.container_name();
        let pid = said("docker", &["inspect", "-f", "{{.State.Pid}}", &name]);
        let link = ["ip", "link", "add", "way0", "type", "veth", "peer", "name"];
        said(
            "nsenter",
            &[&["--target", &pid, "--net"], &link[..], &["way1"]].concat(),
        );
    };
    let state = async || house.engine.glimpse(&id).await.unwrap().state;
    let again = house.again(support::containers::search());
    assert!(again.prove_all().await.is_empty(), "it is closed");
    assert!(matches!(state().await, State::Running));

    open();
    let ended = again.prove_all().await;
    let [(which, Error::FenceOpen { message })] = &ended[..] else {
        panic!("{ended:?}");
    };
    assert!(*which == id && message.contains("way0"), "{message}");
    assert!(matches!(state().await, State::Stopped));
    let noted = again.activity(&id).unwrap();
    assert!(
        noted.iter().any(|note| note.what.contains("not proven")),
        "it is in the activity list"
    );

    // While it stood still.
    let op = Operation::silent();
    house.engine.start(&id, &op).await.unwrap();
    house.engine.pause(&id).await.unwrap();
    house.engine.start(&id, &op).await.unwrap();
    assert!(matches!(state().await, State::Running), "it is closed");
    house.engine.pause(&id).await.unwrap();
    open();
    let said = house.engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state().await, State::Stopped));

    // What was opened went with the network that it was opened in.
    house.engine.start(&id, &op).await.unwrap();
    open();
    let said = house.engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state().await, State::Stopped));
    house.engine.remove(&id).await.unwrap();
}

/// A proof is good while what was proven is what runs: a command is let in without another one, and not after a
/// restart of the gateway, which knows no rule by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_until_something_was_started_again() {
    let house = House::new(support::containers::guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec!["approved.example.org".to_owned()],
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let proof = || house.proof(&id);
    let first = proof();
    house.sh(&id, "true").await;
    assert_eq!(proof(), first, "it holds");
    let refused = "HTTP/1.1 403 Not approved in Agent Sandbox: tell the user which site is needed";
    let before = house.tunnel(&id, "approved.example.org").await;
    assert_ne!(before, refused, "it is approved");

    let gateway = id.gateway_name();
    said("docker", &["restart", "-t", "0", &gateway]);
    let ask = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT approved.example.org:443 HTTP/1.1\r\n\r\n' >&3; head -1 <&3";
    let past_us = said("docker", &["exec", &id.container_name(), "bash", "-c", ask]);
    assert_eq!(past_us, refused, "until it is told");
    assert_eq!(house.tunnel(&id, "approved.example.org").await, before);
    let second = proof();
    assert_ne!(second, first, "it was proven again");

    said("docker", &["restart", "-t", "0", &id.container_name()]);
    house.sh(&id, "true").await;
    let third = proof();
    assert_ne!(third, second);
    // Somebody's doing, or damage: it is none.
    std::fs::write(house.dir(&id).join("proof.json"), "{").unwrap();
    house.sh(&id, "true").await;
    assert_ne!(proof(), third);
    house.engine.remove(&id).await.unwrap();
}

/// An update of the app: what runs goes on and is proven, and the next start brings the new guest.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_of_before_an_update_goes_on_and_is_renewed_by_a_start() {
    // The same program by another hash.
    let mut other = support::containers::guest();
    other.push(0);
    let house = House::new(other);
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    house.sh(&id, "echo kept > ~/note").await;
    let name = id.container_name();
    let of = |what: &str| said("docker", &["inspect", "-f", what, &name]);
    let (made, process) = (of("{{.Id}}"), of("{{.State.Pid}}"));

    let updated = house.again(support::containers::search());
    assert!(updated.prove_all().await.is_empty(), "it is closed");
    let run = async |engine: &sandbox_engine::Engine| {
        let command = ["bash", "-c", "cat ~/note; cat /proc/self/oom_score_adj"];
        let command = command.map(str::to_owned).to_vec();
        let running = engine.exec(&id, command, Vec::new()).await.unwrap();
        let (status, out, _) = running.collect(1 << 10).await.unwrap();
        (status, String::from_utf8(out).unwrap())
    };
    assert_eq!(run(&updated).await, (0, "kept\n0\n".to_owned()));
    assert_eq!(of("{{.State.Pid}}"), process, "it goes on");
    updated.stop(&id).await.unwrap();
    updated.start(&id, &Operation::silent()).await.unwrap();
    assert_ne!(of("{{.Id}}"), made, "made anew");
    assert_eq!(run(&updated).await, (0, "kept\n500\n".to_owned()));
    updated.remove(&id).await.unwrap();
}

/// With host, port, method and bytes; but for what the self-test asks for to be told no.
#[tokio::test(flavor = "multi_thread")]
async fn every_decision_is_in_the_activity_list() {
    let house = House::new(support::containers::guest());
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec!["approved.example.org:8443".to_owned()],
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    for request in [
        "CONNECT approved.example.org:8443 HTTP/1.1",
        "GET http://refused.example.org/ HTTP/1.1\\r\\nHost: refused.example.org",
    ] {
        house.asked(&id, request).await;
    }
    house.engine.attend(&id);
    let mut noted = Vec::new();
    for _ in 0..100 {
        noted = house.engine.activity(&id).unwrap();
        if noted.iter().any(|note| note.what == "refused.example.org") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let of = |what: &str| {
        let found = noted.iter().find(|note| note.what == what);
        found.unwrap_or_else(|| panic!("{what}: {noted:?}")).clone()
    };
    let reached = of("approved.example.org:8443");
    assert_eq!(reached.decision.as_deref(), Some("Not reached"));
    assert!(reached.detail.ends_with("CONNECT"), "{}", reached.detail);
    let refused = of("refused.example.org");
    assert_eq!(refused.decision.as_deref(), Some("Refused"));
    assert!(refused.detail.ends_with("GET") && refused.time > 0);
    assert!(
        !noted.iter().any(|note| note.what.contains(".invalid")),
        "{noted:?}"
    );
    house.engine.remove(&id).await.unwrap();
}

/// A check that is killed leaves its containers: the next one takes them away, and nothing that may be at work, is a
/// sandbox's or somebody else's.
#[tokio::test]
async fn what_a_killed_check_left_is_taken_away_by_the_next() {
    let run = Run::new().await;
    let [left, known, other] = [(); 3].map(|()| SandboxId::random().unwrap());
    let stranger = format!("{}-stranger", run.instance);
    for (instance, id) in [
        (&run.instance, &left),
        (&run.instance, &known),
        (&stranger, &other),
    ] {
        run.docker
            .ensure_gateway(instance, id, &run.guest)
            .await
            .unwrap();
    }
    let control = run.control().await;
    let there = |name: &str| {
        let found = Command::new("docker").args(["inspect", name]).output();
        found.unwrap().status.success()
    };
    let sweep = async |age| {
        run.docker
            .sweep_trials(&run.instance, std::slice::from_ref(&known), age)
            .await
            .unwrap();
    };
    sweep(Duration::from_secs(3600)).await;
    assert!(there(&left.gateway_name()) && there(&control), "too young");
    sweep(Duration::ZERO).await;
    let gone = [
        left.gateway_name(),
        left.egress_network(),
        left.relay_volume(),
        control,
    ];
    for name in gone {
        assert!(!there(&name), "{name}");
    }
    for name in [known.gateway_name(), other.gateway_name()] {
        assert!(there(&name), "{name}");
    }
    for (instance, id) in [(&run.instance, &known), (&stranger, &other)] {
        run.docker.remove_gateway(instance, id).await.unwrap();
        let volume = id.relay_volume();
        run.docker
            .remove_own_volume(instance, &volume)
            .await
            .unwrap();
    }
}
