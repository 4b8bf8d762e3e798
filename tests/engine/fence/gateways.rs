//! The one way out: what a gateway refuses and lets through, what it is on, what it tells, and what is left of it.

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sandbox_engine::docker::egress_network::ranges;
use sandbox_engine::docker::labels;
use sandbox_engine::network::near;
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{SandboxId, image};
use sandbox_protocol::egress::Subnet;
use sandbox_protocol::policy::TEST_SITE;
use support::containers::Run;

use super::{Network, outcomes, said, settled};
use crate::house::House;
use crate::second_daemon::Daemon;

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
        block: vec![TEST_SITE.to_owned()],
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
    // Other sandboxes of this computer may have a range that it would get.
    let others = run.docker.refused_addresses(near()).await.unwrap();
    let has_first_two = |id: &SandboxId| {
        let mut first = ranges(id).take(2);
        first.all(|range| others.iter().all(|other| !other.overlaps(&range)))
    };
    let mut ids = std::iter::repeat_with(|| SandboxId::random().unwrap());
    let id = ids.find(has_first_two).unwrap();
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
    let refused = run.docker.refused_addresses(near()).await.unwrap();
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

/// With host, port, method and bytes; what the self-test asked for is one entry.
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
    let tested = noted
        .iter()
        .find(|note| note.what == "The fence was tested");
    let detail = tested.map(|note| note.detail.as_str()).unwrap_or_default();
    assert!(detail.contains("nothing was carried"), "{noted:?}");
    let asked: Vec<&str> = noted
        .iter()
        .filter(|note| note.decision.is_some())
        .map(|note| note.what.as_str())
        .collect();
    assert_eq!(asked.len(), 2, "no other site: {asked:?}");
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

/// Far more connections than a gateway allows, straight to its socket: each stays in the midst of asking, or of the
/// greeting behind. Prints how many were answered.
const FLOOD: &str = r#"
use Socket; use IO::Handle;
my ($many, $ask, $piece) = @ARGV;
$ask =~ s/\\r\\n/\r\n/g;
my $record = pack 'CCCn', 22, 3, 1, 16384;
my $greeting = $record . pack('C4', 1, 0, 255, 0);
$greeting .= 'a' x 16380 . $record . 'a' x $piece if $piece;
my ($answered, @held) = (0);
my $until = time + 4;
while (@held < $many && time < $until) {
    socket(my $one, PF_UNIX, SOCK_STREAM, 0) or die $!;
    $one->blocking(0);
    if (!connect $one, pack_sockaddr_un('/run/agent-sandbox/egress.sock')) {
        select undef, undef, undef, 0.01;
        next;
    }
    syswrite $one, $ask;
    push @held, $one;
}
my @waits = @held;
$until = time + 6;
while (time < $until) {
    my @more;
    for my $one (@waits) {
        my $count = sysread $one, my $said, 4096;
        if (!defined $count) { push @more, $one; next }
        next if $said !~ / 200 /;
        $answered++;
        syswrite $one, $greeting;
    }
    @waits = @more;
    select undef, undef, undef, 0.1;
}
print scalar(@held), ' ', $answered;
"#;

/// What it holds is bounded, whatever is thrown at it and by what way; afterwards it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn far_more_connections_than_a_gateway_allows_harm_nobody() {
    const ALLOWED: usize = 1024;
    const MANY: usize = 3000;
    let Some(daemon) = Daemon::new() else { return };
    let _heard = daemon.resolver();
    let _came = daemon.site();
    let data = tempfile::tempdir().unwrap();
    let house = House::of(support::containers::guest(), daemon.search(), data);
    let site = NetworkPolicy {
        mode: NetworkMode::Approved,
        allow: vec!["flood.example.org".to_owned()],
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(site, true).await;
    let gateway = id.gateway_name();
    let state = "{{.State.Running}} {{.State.OOMKilled}} {{.Id}} {{.State.StartedAt}}";
    let now = || daemon.docker(&["inspect", "-f", state, &gateway]).unwrap();
    let before = now();
    assert!(before.starts_with("true false "), "{before}");
    let volume = format!("{}:/run/agent-sandbox:ro", id.relay_volume());
    let flood = |ask: &str, piece: usize| {
        let (many, piece) = (MANY.to_string(), piece.to_string());
        let start = [
            "run",
            "--rm",
            "--network",
            "none",
            "--ulimit",
            "nofile=8192",
        ];
        let rest = [
            "-v",
            &volume,
            image::BASE,
            "perl",
            "-e",
            FLOOD,
            &many,
            ask,
            &piece,
        ];
        let said = daemon.docker(&[&start[..], &rest].concat()).unwrap();
        let mut numbers = said
            .split(' ')
            .map(|number| number.parse::<usize>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let ask = "CONNECT flood.example.org:443 HTTP/1.1\\r\\n\\r\\n";
    let half = format!("CONNECT {}", "a".repeat(15_000));
    for (asks, piece) in [(half.as_str(), 0), (ask, 0), (ask, 15_000)] {
        let (held, answered) = flood(asks, piece);
        assert!(held > ALLOWED, "it is tried: {held}");
        assert_eq!(now(), before, "{held} held, {answered} answered");
        if asks == ask {
            assert_eq!(answered, ALLOWED, "{held} held, {piece} more each");
        }
        let said = house.tunnel(&id, "flood.example.org").await;
        assert_eq!(said, "HTTP/1.1 200 Connection established");
    }
    house.engine.remove(&id).await.unwrap();
}
