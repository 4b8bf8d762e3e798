//! The built command line, from outside: answers, exit statuses, and the main job on a real engine.
//! `AGENT_SANDBOX_PROGRAM` names the binary; `cargo xtask test` sets it.
#![allow(clippy::unwrap_used)]

mod agent_versions;
mod agents;
mod back;
mod bad_input;
mod bench_of_one;
mod bring_in;
mod copy_out;
mod images;
mod keys;
mod main_job;
mod model;
mod network;
mod presets;
mod proxy;
mod repository;
mod saving;
mod store;
mod tools;
mod vim;
mod ways_out;
mod without_engine;
