//! An engine that reaches no containers, and sandboxes that were never started.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sandbox_engine::docker::{Deadlines, EndpointSearch};
use sandbox_engine::sandbox::{Config, LimitsWanted, NewSandbox};
use sandbox_engine::state::record::{NetworkPolicy, Owner};
use sandbox_engine::{Engine, Operation, SandboxId};

/// A moment, in milliseconds, at which clocks of tests begin.
pub const NOW: i64 = 1_800_000_000_000;

/// Opens that data folder, with that clock.
pub fn engine(data_dir: PathBuf, clock: Arc<AtomicI64>) -> Engine {
    let opened = Engine::open(Config {
        data_dir,
        home: None,
        endpoints: EndpointSearch::default(),
        deadlines: Deadlines::default(),
        process: Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        },
        certificates: Vec::new(),
        guest: &[],
        keychain: None,
        proxy: None,
        near: Arc::new(sandbox_engine::network::near),
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
    });
    opened.unwrap()
}

/// Hands a folder over, whole.
pub async fn hand_over(engine: &Engine, project: PathBuf) -> SandboxId {
    let new = NewSandbox {
        project,
        name: None,
        agent: "shell".to_owned(),
        command: None,
        image: None,
        image_from: None,
        runtime: None,
        keys: Vec::new(),
        network: NetworkPolicy::default(),
        limits: LimitsWanted::default(),
        rules: sandbox_workspace::Rules::default(),
        start: false,
    };
    engine.create(new, &Operation::silent()).await.unwrap()
}
