//! Paths of a workspace on the wire.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A path below a workspace. `text` is for people: what is not UTF-8 is U+FFFD in it. `raw` is the
/// exact bytes in base64, present only where they are not UTF-8. Sent back as it came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct WirePath {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[ts(optional)]
    pub raw: Option<String>,
}
