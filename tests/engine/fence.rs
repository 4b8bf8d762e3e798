//! The fence is proven, not believed; and the canary tells whether folders are shared.

use sandbox_engine::docker::probe::ProbeNetwork;
use support::containers::Run;

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
