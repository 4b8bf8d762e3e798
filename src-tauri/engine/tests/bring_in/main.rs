//! *Bring in my latest edits* that is killed at any instant, meets a full disk, or an agent that goes on writing:
//! the project is never written, the workspace is exactly before or exactly after, nothing of the agent's is lost.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "failpoints")]
mod crash;
// The crash tests use all of it.
#[cfg_attr(not(feature = "failpoints"), allow(dead_code))]
mod desk;
mod racing;
