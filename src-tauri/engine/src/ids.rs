//! Identifiers that cannot be wrong after the door.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one sandbox for ever: 12 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxId(String);

/// Not 12 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a sandbox id: 12 lower-case hexadecimal digits")]
pub struct BadId;

impl SandboxId {
    /// A new one at random.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 6];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex(&bytes)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the sandbox's container is called.
    pub fn container_name(&self) -> String {
        format!("agent-sandbox-{}", self.0)
    }

    /// What its gateway is called.
    pub fn gateway_name(&self) -> String {
        format!("agent-sandbox-{}-gateway", self.0)
    }

    /// What the network is called that its gateway alone is on.
    pub fn egress_network(&self) -> String {
        format!("agent-sandbox-{}-egress", self.0)
    }

    /// What the volume with the gateway's socket is called.
    pub fn relay_volume(&self) -> String {
        format!("agent-sandbox-{}-relay", self.0)
    }

    /// What the container is called that copies its home.
    pub fn home_copier_name(&self) -> String {
        format!("agent-sandbox-{}-home-copier", self.0)
    }

    /// What the sandbox's home volume is called.
    pub fn home_volume(&self) -> String {
        format!("agent-sandbox-{}-home", self.0)
    }
}

/// Lower-case hexadecimal digits of these bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

impl TryFrom<String> for SandboxId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        let fits = text.len() == 12
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self(text)) } else { Err(BadId) }
    }
}

impl From<SandboxId> for String {
    fn from(id: SandboxId) -> Self {
        id.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_become_ids() {
        assert!(SandboxId::try_from("0123456789ab".to_owned()).is_ok());
        for bad in [
            "",
            "0123456789a",
            "0123456789AB",
            "../../../../x",
            "0123456789abc",
        ] {
            assert_eq!(SandboxId::try_from(bad.to_owned()), Err(BadId), "{bad}");
        }
    }
}
