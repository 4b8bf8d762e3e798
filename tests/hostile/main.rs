//! Hostile images and hostile agents, on a real engine.
#![allow(clippy::unwrap_used)]

mod agents;
mod images;
