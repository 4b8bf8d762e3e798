//! What crosses the boundary to the window: typed commands, answers, events and errors.
//!
//! The TypeScript counterparts in `ui/src/ipc/generated` are made from these types by the tests;
//! a test fails when they are stale. Domain types are converted here and are never wire types.

pub mod activity;
pub mod app;
pub mod error;
pub mod event;
pub mod from;
pub mod handover;
pub mod keys;
pub mod network;
pub mod path;
pub mod ports;
pub mod review;
pub mod sandbox;
pub mod settings;
pub mod snapshot;
pub mod terminal;
