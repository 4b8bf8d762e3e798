//! Agent Sandbox: what both faces share.

pub mod guest;
pub mod ipc;
