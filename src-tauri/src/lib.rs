//! Agent Sandbox: what both faces share.

pub mod cli;
pub mod engine_app;
pub mod guest;
pub mod host;
pub mod ipc;
pub mod keychain;
pub mod place;
