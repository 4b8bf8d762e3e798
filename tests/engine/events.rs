//! Events, and that they come back after the engine went away.

use std::path::Path;
use std::time::Duration;

use sandbox_engine::docker::events::{Action, EngineEvent, EngineEvents};
use sandbox_engine::docker::{Deadlines, Docker, EndpointSearch};
use support::containers::Run;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

async fn next(events: &mut EngineEvents) -> EngineEvent {
    tokio::time::timeout(Duration::from_secs(30), events.next())
        .await
        .expect("an event comes")
        .expect("the stream goes on")
}

#[tokio::test]
async fn what_happens_to_a_sandbox_is_told_in_order_and_others_are_not() {
    let (run, other) = (Run::new().await, Run::new().await);
    let spec = run.spec().await;
    let mut events = run.docker.events(&run.instance);
    assert_eq!(next(&mut events).await, EngineEvent::Connected);
    other.sandbox().await;
    let id = run.start(&spec).await;
    run.docker.pause(&id).await.expect("pauses");
    run.docker.unpause(&id).await.expect("goes on");
    run.docker.kill(&id).await.expect("ends");
    run.docker
        .remove_own(&run.instance, &id)
        .await
        .expect("removes");
    for action in [
        Action::Created,
        Action::Started,
        Action::Paused,
        Action::Resumed,
        Action::Ended,
        Action::Removed,
    ] {
        let expected = EngineEvent::Container {
            sandbox: spec.sandbox.clone(),
            action,
        };
        assert_eq!(next(&mut events).await, expected);
    }
}

/// Passes connections on to the engine until dropped: an engine that can go away.
fn relay(listener: UnixListener, engine: &Path) -> tokio::task::JoinHandle<()> {
    let engine = engine.to_owned();
    tokio::spawn(async move {
        // Aborting this task drops the set, and every connection with it.
        let mut open = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let engine = engine.clone();
            open.spawn(async move {
                if let Ok(mut far) = UnixStream::connect(engine).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    })
}

#[tokio::test]
async fn an_engine_that_comes_back_is_listened_to_again() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let socket = run.folder().join("engine.sock");
    let bind = || UnixListener::bind(&socket).expect("binds");
    let engine = run.docker.endpoint().socket.clone();
    let first = relay(bind(), &engine);
    let search = EndpointSearch {
        docker_host: Some(format!("unix://{}", socket.display())),
        ..Default::default()
    };
    let docker = Docker::connect(&search, Deadlines::default())
        .await
        .expect("connects");
    let mut events = docker.events(&run.instance);
    assert_eq!(next(&mut events).await, EngineEvent::Connected);

    first.abort();
    assert!(first.await.is_err(), "aborted");
    assert_eq!(next(&mut events).await, EngineEvent::Lost);
    std::fs::remove_file(&socket).expect("removes");
    run.docker
        .create_container(&spec)
        .await
        .expect("makes, meanwhile");
    let second = relay(bind(), &engine);
    assert_eq!(next(&mut events).await, EngineEvent::Connected);
    run.docker
        .remove_own(&run.instance, &spec.sandbox.container_name())
        .await
        .expect("removes");
    loop {
        if let EngineEvent::Container {
            action: Action::Removed,
            sandbox,
        } = next(&mut events).await
        {
            assert_eq!(sandbox, spec.sandbox);
            break;
        }
    }
    second.abort();
}
