//! The fence is proven, not believed; and the canary tells whether folders are shared.

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::Ordering;

use sandbox_engine::docker::probe::{Guard, ProbeNetwork};
use sandbox_engine::network::rules::{self, NetworkChange};
use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Error, Operation, SandboxId};
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
    let outcomes = |network: &str| {
        let user = format!("{}:{}", run.owner.uid, run.owner.gid);
        let start = ["run", "--rm", "--cap-drop", "ALL", "--user", &user];
        let rest = ["--network", network, &image, "/sandbox-guest", "probe"];
        let words: Vec<&str> = start.into_iter().chain(rest).collect();
        let words = words.into_iter().chain(targets.iter().map(String::as_str));
        let printed = said("docker", &words.collect::<Vec<_>>());
        let lines = printed.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["outcome"].as_str().unwrap().to_owned()
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(
        outcomes(&network.0),
        ["answered", "answered", "refused"],
        "the probes work"
    );
    assert_eq!(outcomes("none"), ["no-way"; 3]);
}

/// Removed when dropped.
struct Network(String);

impl Network {
    fn new(name: &str, subnet: &str) -> Self {
        said(
            "docker",
            &["network", "create", "--ipv6", "--subnet", subnet, name],
        );
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
    run.docker.tidy_egress_network(&run.instance).await;
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

    // What was opened went with the network that it was opened in.
    let op = Operation::silent();
    house.engine.start(&id, &op).await.unwrap();
    open();
    let said = house.engine.start(&id, &op).await;
    assert!(matches!(said, Err(Error::FenceOpen { .. })), "{said:?}");
    assert!(matches!(state().await, State::Stopped));
    house.engine.remove(&id).await.unwrap();
}
