//! The fence is proven, not believed; and the canary tells whether folders are shared.

use std::process::Command;

use sandbox_engine::docker::probe::ProbeNetwork;
use sandbox_engine::sandbox::State;
use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Error, Operation};
use support::containers::Run;

use crate::house::House;

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
    let fence = run
        .docker
        .prove_fence_in(&sandbox, false)
        .await
        .expect("the probe runs");
    assert!(fence.is_closed(), "{:?}", fence.open());
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
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
        let said = |program: &str, args: &[&str]| {
            let said = Command::new(program).args(args).output().unwrap();
            assert!(said.status.success(), "{program} {args:?}: {said:?}");
            String::from_utf8_lossy(&said.stdout).trim().to_owned()
        };
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
