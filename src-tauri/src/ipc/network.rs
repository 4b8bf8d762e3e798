//! What a sandbox may reach, and what it asks for.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::sandbox::NetworkMode;

/// A site that a sandbox asks for, while its connection waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SiteAsk {
    #[ts(type = "number")]
    pub id: u64,
    pub sandbox: String,
    pub host: String,
    pub port: u16,
    /// What the program calls itself: a claim from inside.
    pub claim: Option<String>,
    /// `Python packages`; absent: on no list.
    pub known_for: Option<String>,
    /// Seconds that a connection waits for the answer.
    #[ts(type = "number")]
    pub patience: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SiteAnswer {
    /// Until the sandbox stops.
    Once,
    Always,
    Block,
}

/// Rules of every sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SitesForAll {
    pub allow: Vec<String>,
    pub block: Vec<String>,
}

/// A list of sites that can be allowed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SitePreset {
    pub id: String,
    pub name: String,
    pub what: String,
    pub hosts: Vec<String>,
    pub on: bool,
    /// A new sandbox with approved sites has it.
    pub usual: bool,
}

/// What a sandbox may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SiteRules {
    pub mode: NetworkMode,
    pub presets: Vec<SitePreset>,
    pub allow: Vec<String>,
    pub block: Vec<String>,
    /// Ports of this computer that are opened.
    pub services: Vec<u16>,
}

/// A change of it; what is empty or absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SiteChange {
    pub mode: Option<NetworkMode>,
    pub presets: Option<Vec<String>>,
    pub services: Option<Vec<u16>>,
    pub allow: Vec<String>,
    pub block: Vec<String>,
    /// Rules to take away.
    pub forget: Vec<String>,
}

/// The proxy of this computer's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProxyState {
    /// That gateways go by.
    pub used: Option<String>,
    /// That this computer's own programs are told to use.
    pub offered: Option<String>,
    /// Why the one that this computer names cannot be used.
    pub unusable: Option<String>,
}
