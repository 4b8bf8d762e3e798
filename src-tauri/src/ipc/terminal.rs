//! Terminals. Output comes as raw bytes over a channel, acknowledged by the window.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One terminal tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TerminalRow {
    pub id: u32,
    /// What was started: the agent's or the shell's name.
    pub name: String,
    /// Set by the program inside; untrusted, shown as text.
    pub title: Option<String>,
    pub running: bool,
    pub exit_code: Option<i32>,
    /// True for the agent's own terminal.
    pub agent: bool,
    pub doing: Doing,
}

/// What the program in a terminal does, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    Working,
    /// For the user; agents only.
    Waiting,
    Idle,
    Finished,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OpenTerminal {
    pub sandbox: String,
    /// `shell`, or `agent` for the sandbox's recipe.
    pub what: String,
    pub cols: u16,
    pub rows: u16,
}
