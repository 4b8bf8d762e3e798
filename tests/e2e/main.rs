//! The main job through the real window, on a real engine: a folder is handed over, a program works on the
//! copy, its change is read, accepted, copied out and undone; a snapshot, a disaster, a reset. And the review:
//! by keys, with comments, again and again, with hostile names, and of 5,000 files; a preview, and what is chosen in
//! sheets; sandboxes that take all they can get, and a window that is killed. A picture of each step is kept in
//! `artifacts/e2e`.
#![allow(clippy::unwrap_used)]

mod contained;
mod display;
mod engine;
mod fence;
mod killed;
mod main_job;
#[path = "../command_line/model/mod.rs"]
mod model;
mod ordinary;
mod other_disk;
mod page;
mod preview;
mod review;
mod review_scale;
mod sheets;
mod site_prompt;
mod stage;

use std::path::{Path, PathBuf};

/// The project's own root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}
