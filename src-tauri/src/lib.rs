//! Agent Sandbox
