//! sandbox-engine
