//! Labels: state on the engine's side. Only what carries our instance's label is ever touched.

use std::collections::HashMap;

use crate::SandboxId;

/// Which data directory made it.
pub const INSTANCE: &str = "io.agent-sandbox.instance";
/// Which sandbox it belongs to.
pub const SANDBOX: &str = "io.agent-sandbox.sandbox";
/// What it is for: `agent`, `home`, `home-copier`, `gateway`, `relay`, `probe`, `image`.
pub const ROLE: &str = "io.agent-sandbox.role";
/// Version of these labels.
pub const SCHEMA: &str = "io.agent-sandbox.schema";

/// The labels of a sandbox's object.
pub fn of_sandbox(instance: &str, sandbox: &SandboxId, role: &str) -> HashMap<String, String> {
    let mut labels = shared(role);
    labels.insert(INSTANCE.to_owned(), instance.to_owned());
    labels.insert(SANDBOX.to_owned(), sandbox.as_str().to_owned());
    labels
}

/// The labels of an object that all data directories share (images, probes of them).
pub fn shared(role: &str) -> HashMap<String, String> {
    HashMap::from([
        (ROLE.to_owned(), role.to_owned()),
        (SCHEMA.to_owned(), "1".to_owned()),
    ])
}
