//! An image that is being built says how far it is, and can be given up.

use std::process::Command;
use std::time::Duration;

use sandbox_engine::event::Event;
use sandbox_engine::image::folder::FolderImage;
use sandbox_engine::sandbox::{LimitsWanted, NewSandbox};
use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Error, Operation, image};
use sandbox_workspace::Cancel;

use crate::house::House;

/// No other test sleeps so long.
const STEP: &str = "sleep 61234";

#[tokio::test(flavor = "multi_thread")]
async fn a_build_says_how_far_it_is_and_can_be_given_up() {
    let house = House::new(support::containers::guest());
    let project = house.project();
    std::fs::create_dir_all(&project).unwrap();
    let recipe = format!("FROM {}\nRUN echo it-has-begun; {STEP}\n", image::BASE);
    std::fs::write(project.join("Dockerfile"), recipe).unwrap();
    let new = NewSandbox {
        project,
        name: None,
        agent: "shell".to_owned(),
        command: None,
        image: None,
        image_from: Some(FolderImage::Dockerfile),
        runtime: None,
        keys: Vec::new(),
        network: NetworkPolicy::default(),
        limits: LimitsWanted::default(),
        rules: sandbox_workspace::Rules::default(),
        start: true,
    };
    let cancel = Cancel::default();
    let op = Operation::new(cancel.clone(), None);
    let mut events = house.engine.events().subscribe();
    let engine = house.engine.clone();
    let creating = tokio::spawn(async move { engine.create(new, &op).await });
    let begun = async {
        loop {
            let Event::Image(progress) = events.recv().await.unwrap().event else {
                continue;
            };
            assert!(!progress.phase.is_empty());
            // The recipe itself is in the log too.
            let line = progress.line.unwrap_or_default();
            if line.trim() == "it-has-begun" {
                return;
            }
        }
    };
    let begun = tokio::time::timeout(Duration::from_secs(120), begun).await;
    begun.expect("what a step prints is told while it runs");
    assert!(runs(), "the step is at work");
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), creating).await;
    let said = ended.expect("it does not wait for the step").unwrap();
    assert!(matches!(said, Err(Error::Cancelled)), "{said:?}");
    for _ in 0..100 {
        if !runs() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!runs(), "the step was ended");
    assert!(house.engine.records().unwrap().is_empty());
    let docker = house.engine.docker().await.unwrap();
    let instance = house.engine.data().instance();
    let left = docker.own_containers(instance).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// Containers' processes are this computer's too.
fn runs() -> bool {
    let found = Command::new("pgrep").args(["-fx", STEP]).output().unwrap();
    found.status.success()
}
