//! sandbox-review
