//! What the engine answers when a review of 2,000 of 20,000 files is opened, and the diff of its first file:
//! a table of medians, then one line of JSON. There is no peer: the window has 300 ms for this and for
//! drawing it.
//!
//! `cargo run --release -p sandbox-tests --example bench_opening [runs]`. Needs a container engine and the
//! base image (`cargo xtask bench`).

#![allow(clippy::unwrap_used)]

#[path = "../engine/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "large.rs"]
mod large;

use std::time::{Duration, Instant};

use sandbox_engine::state::record::NetworkPolicy;
use sandbox_engine::{Operation, SandboxId};
use support::containers::{guest, search};

use house::House;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let runs: usize = match std::env::args().nth(1) {
        Some(runs) => runs.parse()?,
        None => 5,
    };
    let house = House::new(guest());
    large::make(&house.project())?;
    let id = house.sandbox(NetworkPolicy::default(), false).await;
    let workspace = house.dir(&id).join("workspace");
    large::change(&workspace)?;
    let measured = measure(&house, &id, runs).await;
    house.engine.remove(&id).await?;
    let [mut first, mut again, mut diff] = measured?;
    let rows = [
        ("first", median(&mut first)),
        ("again", median(&mut again)),
        ("diff", median(&mut diff)),
    ];
    println!("opening a review of 2,000 of 20,000 files, medians of {runs}");
    for (name, took) in rows {
        println!("{name:<8} {:>8.1} ms", ms(took));
    }
    let json: serde_json::Map<_, _> = rows
        .iter()
        .map(|(name, took)| ((*name).to_owned(), ms(*took).into()))
        .collect();
    println!("{}", serde_json::Value::Object(json));
    Ok(())
}

/// By an engine that has just started and knows nothing, by one that answered before, and the first diff.
async fn measure(
    house: &House,
    id: &SandboxId,
    runs: usize,
) -> Result<[Vec<Duration>; 3], Failure> {
    let silent = Operation::silent;
    house.engine.review(id, true, &silent()).await?;
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..runs {
        let engine = house.again(search());
        // As the window does when a sandbox is looked at.
        engine.live(id)?;
        for kind in &mut took[..2] {
            let begun = Instant::now();
            let review = engine.review(id, false, &silent()).await?;
            kind.push(begun.elapsed());
            let review = review.ok_or("there is no review")?;
            let changes = review.changes();
            if changes.len() != large::FOLDERS * large::CHANGED_EACH || !review.conflicts.is_empty()
            {
                return Err(format!("{} changes", changes.len()).into());
            }
        }
        let review = engine.review(id, false, &silent()).await?.ok_or("none")?;
        let first = &review.changes()[0].path;
        let begun = Instant::now();
        engine.diff_of(id, &review.capture.id, first).await?;
        took[2].push(begun.elapsed());
    }
    Ok(took)
}

fn median(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
