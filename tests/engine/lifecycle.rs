//! Start, pause, stop, remove: each may be said twice, and nobody else's container is touched.

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptions,
};
use sandbox_engine::docker::Problem;
use sandbox_engine::docker::lifecycle::ContainerState;
use support::containers::Run;

#[tokio::test]
async fn each_step_may_be_said_twice_and_tells_the_truth() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let docker = &run.docker;
    let state = async || {
        let found = docker
            .find(&spec.instance, &spec.sandbox)
            .await
            .expect("looks");
        found.map_or(ContainerState::Missing, |f| f.state)
    };
    assert_eq!(state().await, ContainerState::Missing);
    let id = docker.create_container(&spec).await.expect("makes");
    assert_eq!(state().await, ContainerState::Created);
    for _ in 0..2 {
        docker.start(&id).await.expect("starts");
        assert_eq!(state().await, ContainerState::Running);
    }
    docker.pause(&id).await.expect("pauses");
    assert_eq!(state().await, ContainerState::Paused);
    for _ in 0..2 {
        docker.unpause(&id).await.expect("goes on");
        assert_eq!(state().await, ContainerState::Running);
    }
    for _ in 0..2 {
        docker.stop(&id, 2).await.expect("stops");
        assert!(matches!(state().await, ContainerState::Exited { .. }));
    }
    docker.start(&id).await.expect("starts again");
    for _ in 0..2 {
        docker.kill(&id).await.expect("ends");
        assert_eq!(
            state().await,
            ContainerState::Exited {
                code: 137,
                out_of_memory: false
            }
        );
    }
    for _ in 0..2 {
        docker
            .remove_own(&spec.instance, &id)
            .await
            .expect("removes");
        assert_eq!(state().await, ContainerState::Missing);
    }
}

#[tokio::test]
async fn home_outlives_the_container_and_goes_with_its_volume() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let first = run.start(&spec).await;
    assert!(run.can(&first, "echo kept > ~/note").await);
    run.docker
        .remove_own(&spec.instance, &first)
        .await
        .expect("removes");
    let second = run.start(&spec).await;
    assert_eq!(
        run.sh(&second, "cat ~/note").await.1,
        "kept",
        "home is a volume"
    );
    run.docker
        .remove_own(&spec.instance, &second)
        .await
        .expect("removes");
    for _ in 0..2 {
        run.docker
            .remove_own_volume(&spec.instance, &spec.home)
            .await
            .expect("removes the volume");
    }
    let left = run.docker.own_volumes(&spec.instance).await.expect("lists");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_stranger_of_the_same_name_is_left_alone() {
    let run = Run::new().await;
    let spec = run.spec().await;
    let name = spec.sandbox.container_name();
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: Some(vec!["true".to_owned()]),
        ..Default::default()
    };
    let stranger = run
        .raw
        .create_container(Some(options), body)
        .await
        .expect("somebody else's")
        .id;
    let found = run.docker.find(&spec.instance, &spec.sandbox).await;
    let made = run.docker.create_container(&spec).await;
    let removed = run.docker.remove_own(&spec.instance, &name).await;
    let there = run
        .raw
        .inspect_container(&stranger, None::<InspectContainerOptions>)
        .await
        .is_ok();
    run.raw
        .remove_container(&stranger, None::<RemoveContainerOptions>)
        .await
        .expect("the test's own");
    assert_eq!(found.expect_err("not ours").problem, Problem::Conflict);
    assert_eq!(
        made.expect_err("the name is taken").problem,
        Problem::Conflict
    );
    assert!(removed.is_ok() && there, "it is still there");
}

#[tokio::test]
async fn only_this_instances_containers_are_listed() {
    let (mine, other) = (Run::new().await, Run::new().await);
    let spec = mine.spec().await;
    let id = mine.docker.create_container(&spec).await.expect("makes");
    let listed = mine
        .docker
        .own_containers(&mine.instance)
        .await
        .expect("lists");
    assert_eq!(listed, [(id, spec.sandbox.container_name())]);
    assert!(
        other
            .docker
            .own_containers(&other.instance)
            .await
            .expect("lists")
            .is_empty()
    );
}
