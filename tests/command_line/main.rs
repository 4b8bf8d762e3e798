//! The built command line, from outside: answers, exit statuses, and the main job on a real engine.
//! `AGENT_SANDBOX_PROGRAM` names the binary; `cargo xtask test` sets it.
#![allow(clippy::unwrap_used)]

mod agents;
mod bad_input;
mod bench_of_one;
mod bring_in;
mod copy_out;
mod main_job;
mod network;
mod saving;
mod without_engine;
