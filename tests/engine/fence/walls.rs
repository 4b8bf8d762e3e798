//! What a sandbox is behind: tried from inside and from beside, with somebody who has no walls as the control.

use std::path::Path;

use sandbox_engine::docker::probe::{Beside, Guard, Hidden, Patience, ProbeNetwork};
use support::containers::Run;

use super::{Network, outcomes, said, settled};

#[tokio::test]
async fn a_fenced_container_reaches_nothing_that_an_unprotected_one_reaches() {
    let run = Run::new().await;
    let file = run.folder().join("mine");
    std::fs::write(&file, "").unwrap();
    let hidden = [
        Hidden::new("a file of mine", &file),
        Hidden::new("the socket", &run.docker.endpoint().socket),
    ];
    let prove = async |network| {
        run.docker
            .prove_fence(&run.instance, &run.guest, run.owner, network, &hidden)
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
    for what in ["a file of mine", "the socket"] {
        let seen = |o: &&String| o.starts_with(what) && o.ends_with("it was seen");
        assert_eq!(open.iter().filter(seen).count(), 1, "{what}: {open:?}");
    }

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
    let prove = async |path: &Path| {
        let mine = Hidden::new("a file of mine", path);
        let proven = run
            .docker
            .prove_fence_in(&sandbox, &mine, &Guard::Nothing, Patience::Usual);
        proven.await.expect("the probe runs").0
    };
    let file = run.folder().join("mine");
    std::fs::write(&file, "").unwrap();
    let fence = prove(&file).await;
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    // The control: what is in it is seen.
    let fence = prove(Path::new("/workspace")).await;
    assert_eq!(
        fence.open(),
        ["a file of mine (file:/workspace): it was seen"]
    );
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
        let proven =
            run.docker
                .prove_fence_beside(container, &beside, &Guard::Nothing, Patience::Usual);
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
