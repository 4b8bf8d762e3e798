//! The hand-over sheet: preflight, choices, agents, creating.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::path::WirePath;
use super::sandbox::{Limits, NetworkMode};

/// What would go in and what would stay out, with the choices so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Preflight {
    pub project: String,
    pub suggested_name: String,
    /// Top-level entries, largest first; more than 200 are summed into `goes_in_more`.
    pub goes_in: Vec<GoesIn>,
    pub goes_in_more: u32,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    pub stays_out: Vec<StaysOut>,
    #[ts(type = "number")]
    pub out_files: u64,
    #[ts(type = "number")]
    pub out_bytes: u64,
    /// A `.gitignore` is there: offered as a switch.
    pub has_gitignore: bool,
    /// Said above the lists: a linked worktree, a very large folder, an unreadable part.
    pub warnings: Vec<String>,
    #[ts(type = "number")]
    pub free: u64,
    pub default_limits: Limits,
    pub default_network: NetworkMode,
    pub default_agent: String,
    /// What was chosen for the files of secrets when this folder was handed over before.
    pub remembered: Vec<PutInChoice>,
    /// What its own Dockerfile and devcontainer.json ask for; only what is there.
    pub folder_images: Vec<FolderImage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GoesIn {
    pub path: WirePath,
    pub is_dir: bool,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    /// For instance `never copied out` beside `.git`.
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StaysOutReason {
    Secret,
    PrivateKey,
    Rebuildable,
    GitIgnored,
    Excluded,
    Special,
    Unreadable,
}

/// How one left-out path is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PutIn {
    LeaveOut,
    /// A file of settings such as `.env` with its values replaced.
    Placeholders,
    AsIs,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StaysOut {
    pub path: WirePath,
    pub is_dir: bool,
    pub reason: StaysOutReason,
    /// In words: `may hold passwords`, `can be rebuilt`.
    pub why: String,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    /// False: never goes in (a socket, a device).
    pub switchable: bool,
    pub placeholders_possible: bool,
}

/// The switches the user moved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct HandOverChoices {
    pub put_in: Vec<PutInChoice>,
    pub exclude: Vec<String>,
    pub use_gitignore: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PutInChoice {
    pub path: WirePath,
    pub how: PutIn,
}

/// An agent card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AgentCard {
    pub id: String,
    pub name: String,
    /// `Needs nothing`, `Anthropic key, saved`.
    pub needs: String,
    /// Of no use while offline.
    pub needs_network: bool,
    pub available: bool,
    /// Why not, where it is not available yet.
    pub unavailable_reason: Option<String>,
    /// The least memory that it works in, in bytes; 0: no wish.
    #[ts(type = "number")]
    pub memory: u64,
    /// What is installed; absent: nothing is, or the image brings it.
    pub version: Option<String>,
    /// The version that was tried with this app, where another one was taken.
    pub tried: Option<String>,
    /// Providers whose keys it uses by itself.
    pub keys: Vec<String>,
}

/// Why agents of the user's own are not as they were written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AgentProblem {
    /// The file: `/home/mira/.local/share/agent-sandbox/agents.toml`.
    pub path: String,
    /// Where in it, from 1; absent: all of it.
    pub line: Option<u32>,
    /// `the agent mine: "latest" is no version, for instance 1.2.3`.
    pub what: String,
    /// What to do.
    pub fix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CreateRequest {
    /// Made by the window; progress events carry it, `cancel_operation` takes it.
    pub operation: String,
    pub project: String,
    pub name: String,
    pub choices: HandOverChoices,
    pub agent: String,
    /// For the agent `own`.
    pub command: Option<String>,
    pub network: NetworkMode,
    pub limits: Limits,
    /// Another runtime of the engine; absent: its own.
    pub runtime: Option<String>,
    /// Providers whose keys it uses beside those of its agent.
    pub keys: Vec<String>,
    pub image: Option<String>,
    /// The folder's own file that says what the image is; beats `image`.
    pub image_from: Option<FolderImageKind>,
}

/// Which file of the folder says what the image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FolderImageKind {
    Dockerfile,
    Devcontainer,
}

/// An image that the folder's own files ask for. Off until it is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FolderImage {
    pub kind: FolderImageKind,
    /// The file.
    pub file: WirePath,
    /// The image it names; absent: one is built.
    pub image: Option<String>,
    /// What else it asks for, by key; none of it is done.
    pub not_obeyed: Vec<String>,
    /// Why it cannot be chosen, where it cannot.
    pub unusable: Option<String>,
}

/// Phases of long operations, in the order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Counting,
    Copying,
    Baseline,
    Image,
    Preparing,
    Starting,
    Capturing,
    Comparing,
    Staging,
    Writing,
    Restoring,
    Removing,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProgressReport {
    pub operation: String,
    pub phase: Phase,
    #[ts(type = "number")]
    pub entries: u64,
    /// 0 while not known; so for bytes.
    #[ts(type = "number")]
    pub entries_total: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub bytes_total: u64,
    /// Absent until it can be told honestly.
    pub seconds_left: Option<u32>,
}
