//! Keys of model providers: everything but the keys.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    Keychain,
    /// That only the user can read.
    File,
    /// Until the window is closed for good.
    Session,
    /// The server wants no key.
    Nowhere,
}

/// One provider, with or without a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeyRow {
    pub provider: String,
    pub name: String,
    /// `Claude models`.
    pub what: String,
    /// Where its keys are made; empty for the user's own server.
    pub page: String,
    pub kept: Option<KeyKept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeyKept {
    pub place: KeyPlace,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub since: i64,
    /// The address of the user's own server.
    pub server: Option<String>,
    pub model: Option<String>,
}

/// All providers, and whether the system's keychain answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeyList {
    pub rows: Vec<KeyRow>,
    /// Why the keychain does not answer; absent: it does.
    pub no_keychain: Option<String>,
}

/// A log-in that is used in several sandboxes of one agent; never what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogInRow {
    pub agent: String,
    /// The agent, for people.
    pub name: String,
    pub place: KeyPlace,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub since: i64,
    /// The sandbox that it was read from, by the name it had.
    pub from: String,
}

/// What can be done with the log-in of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogInState {
    /// The agent, for people.
    pub agent: String,
    /// It is known where that agent keeps its log-in.
    pub possible: bool,
    /// The one of that agent that is kept.
    pub kept: Option<LogInRow>,
    /// Why the keychain does not answer; absent: it does.
    pub no_keychain: Option<String>,
}

/// A key to keep. It goes one way only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeySet {
    pub provider: String,
    /// Absent: the server wants none (`nowhere`), or the one that is kept stays, with its address; only the model
    /// changes then.
    pub key: Option<String>,
    pub place: KeyPlace,
    pub server: Option<String>,
    pub model: Option<String>,
}
