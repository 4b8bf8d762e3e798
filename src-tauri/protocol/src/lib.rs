//! sandbox-protocol
