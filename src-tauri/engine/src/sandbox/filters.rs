//! Which changes of a review are shown: the window's wish, kept beside its ticks.

use serde::{Deserialize, Serialize};

/// What the user wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filters {
    /// Words in the path.
    pub query: String,
    /// By what is still to be done.
    pub only: Only,
    /// Of these kinds; of all where there are none.
    pub status: Vec<Shown>,
    /// Only what acts on the user's machine.
    pub risky: bool,
}

/// What is still to be done about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Only {
    #[default]
    All,
    Unviewed,
    Undecided,
}

/// As what a change is shown: a conflict hides the kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Shown {
    Added,
    Modified,
    Deleted,
    Renamed,
    Mode,
    Type,
    Conflict,
}
