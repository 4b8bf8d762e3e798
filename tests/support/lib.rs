//! Shared set-up of the tests: own home, data directory and labels per run.

pub mod containers;
