//! Settings of the app, in `settings.json`. Fields that this version does not know are kept.

use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;
use super::json_file;
use super::record::{Limits, NetworkMode};
use crate::Result;
use crate::credentials::Place;
use crate::image::packages::PackageName;
use crate::network::upstream::UpstreamProxy;

/// How the window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// What happens to running sandboxes when the window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum OnClose {
    #[default]
    GoOn,
    Stop,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light, dark, or the system's.
    pub theme: Theme,
    /// Percent, 100 to 200.
    pub text_size: u32,
    /// No motion, whatever the system says.
    pub reduce_motion: bool,
    /// What happens when the window closes.
    pub on_close: OnClose,
    /// Notify when an agent finishes.
    pub notify_finished: bool,
    /// Notify when an agent waits for an answer.
    pub notify_waiting: bool,
    /// Notify when an agent asks for a site.
    pub notify_site: bool,
    /// The recipe that is chosen for a new sandbox.
    pub default_agent: String,
    /// The network of a new sandbox.
    pub default_network: NetworkMode,
    /// Limits of a new sandbox; absent: a share of what the engine has.
    pub default_limits: Option<Limits>,
    /// A local image instead of our environment.
    pub image: Option<String>,
    /// Debian packages that our environment has besides its own.
    pub packages: Vec<PackageName>,
    /// The proxy that this computer's network makes everybody use: gateways ask it for every connection.
    pub upstream_proxy: Option<UpstreamProxy>,
    /// Who that proxy is shown; its password is kept elsewhere.
    pub upstream_user: Option<ProxyUser>,
    /// Single-key shortcuts in the review.
    pub single_keys: bool,
    /// In pixels.
    pub terminal_font_size: u32,
    /// Selecting text in a terminal copies it.
    pub copy_on_select: bool,
    /// Days that the backups of copy-outs are kept.
    pub keep_backups_days: u32,
    /// Snapshots by the app itself.
    pub auto_snapshots: bool,
    /// The first-start check was passed.
    pub checked_before: bool,
    /// What a newer version wrote.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            text_size: 100,
            reduce_motion: false,
            on_close: OnClose::GoOn,
            notify_finished: true,
            notify_waiting: true,
            notify_site: true,
            default_agent: "shell".to_owned(),
            default_network: NetworkMode::Offline,
            default_limits: None,
            image: None,
            packages: Vec::new(),
            upstream_proxy: None,
            upstream_user: None,
            single_keys: true,
            terminal_font_size: 12,
            copy_on_select: false,
            keep_backups_days: 30,
            auto_snapshots: true,
            checked_before: false,
            unknown: serde_json::Map::new(),
        }
    }
}

/// A name that the proxy of this computer's network is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyUser {
    /// The name.
    pub name: String,
    /// Where the password is: in the keychain or a file.
    pub kept: Place,
}

impl Settings {
    /// Reads them; the defaults where there are none.
    pub fn load(data: &DataDir) -> Result<Self> {
        Ok(json_file::read(&data.root().join("settings.json"))?.unwrap_or_default())
    }

    /// Writes them.
    pub fn save(&self, data: &DataDir) -> Result<()> {
        json_file::write(&data.root().join("settings.json"), self)
    }
}
