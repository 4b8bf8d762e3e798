//! What listens in a sandbox, and the previews that lead there.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One port of a sandbox: something listens on it, as it says itself, or it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortRow {
    pub number: u16,
    pub listens: bool,
    /// A page of it is open in the browser, or was.
    pub previewed: bool,
    /// A log-in may come back to it, by the same port on this computer.
    pub awaits_log_in: bool,
}
