//! The static guest binary, carried inside both of our binaries.

/// The guest for this machine's architecture. Empty where it was not built before: `cargo xtask guest`.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sandbox-guest"));
