//! Settings; they work at once.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::sandbox::{Limits, NetworkMode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    System,
    Light,
    Dark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OnClose {
    GoOn,
    Stop,
}

/// All settings. Written whole; unknown fields of a newer version are kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Settings {
    pub theme: Theme,
    /// Percent, 100 to 200.
    pub text_size: u32,
    pub reduce_motion: bool,
    pub on_close: OnClose,
    pub notify_finished: bool,
    pub notify_waiting: bool,
    pub notify_site: bool,
    pub default_agent: String,
    pub default_network: NetworkMode,
    /// Absent: a share of what the engine has.
    pub default_limits: Option<Limits>,
    /// A local image instead of our environment.
    pub image: Option<String>,
    /// Debian packages that our environment has besides its own.
    pub packages: Vec<String>,
    /// Single-key shortcuts in the review (WCAG 2.1.4).
    pub single_keys: bool,
    pub terminal_font_size: u32,
    pub copy_on_select: bool,
    /// Days that the backups of copy-outs are kept.
    pub keep_backups_days: u32,
    /// A snapshot when the agent falls quiet after changing things.
    pub auto_snapshots: bool,
}
