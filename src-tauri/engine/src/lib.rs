//! sandbox-engine

pub mod terminal;
