//! The review of one capture: changes, diffs, decisions, copy-out.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::path::WirePath;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStatus {
    Added,
    Modified,
    Deleted,
    Renamed,
    Mode,
    Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    File,
    Dir,
    Symlink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RiskClass {
    RunsByItself,
    RunsOnBuild,
    SteersAgents,
    Executable,
    EscapingLink,
    HiddenCharacters,
    Secret,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WireRisk {
    pub class: RiskClass,
    /// In plain words: `VS Code runs these tasks when the folder is opened.`
    pub reason: String,
}

/// What the user decided about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Undecided,
    Accepted,
    /// Some hunks or lines only.
    Partly,
    Rejected,
}

/// Why the disk of the user's folder cannot take a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// It takes the name for that of another file.
    SameName,
    /// It holds no such name, or no symbolic links.
    CannotHold,
}

/// A changed file of the review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReviewFile {
    pub path: WirePath,
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_path: Option<WirePath>,
    /// Of an added file the one that it began as a copy of.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<WirePath>,
    pub status: ChangeStatus,
    pub kind: ChangeKind,
    pub binary: bool,
    /// Lines; absent for binary.
    pub additions: Option<u32>,
    pub deletions: Option<u32>,
    #[ts(type = "number")]
    pub old_size: u64,
    #[ts(type = "number")]
    pub new_size: u64,
    pub risks: Vec<WireRisk>,
    /// May never be copied out, with the reason (`.git`, a device).
    pub refused: Option<String>,
    /// The disk of the user's folder cannot take it; no choice between versions settles that.
    #[ts(optional)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Unfit>,
    /// The project's file is neither base nor capture.
    pub conflict: bool,
    /// Both changed, and the hunks merge cleanly.
    pub merges_cleanly: bool,
    /// Written to while it was captured: capture again before copying out.
    pub torn: bool,
    pub decision: Decision,
    pub viewed: bool,
    pub comments: u32,
}

/// A capture with its changes and the decisions so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Review {
    pub capture: String,
    /// What the capture is compared with; another after each copy-out.
    pub base: String,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub taken: i64,
    pub project: String,
    pub files: Vec<ReviewFile>,
    pub left_out: u32,
    pub incomplete: bool,
    /// Files that changed again since the capture; grows live.
    pub changed_since: u32,
    pub filters: ReviewFilters,
}

/// Which changes the user wants to see; kept with the review.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ReviewFilters {
    /// Words in the path.
    pub query: String,
    pub only: ReviewOnly,
    /// Of all kinds where there are none.
    pub status: Vec<ShownStatus>,
    pub risky: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOnly {
    #[default]
    All,
    Unviewed,
    Undecided,
}

/// As what a change is shown: a conflict hides the kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ShownStatus {
    Added,
    Modified,
    Deleted,
    Renamed,
    Mode,
    Type,
    Conflict,
}

/// The program that wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// A lock file.
    PackageManager,
    /// Generated or minified.
    Generator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    Context,
    Deleted,
    Added,
}

/// One line of a hunk. `text` has no line ending; hidden characters are in it and are drawn visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DiffLine {
    pub kind: LineKind,
    pub old: Option<u32>,
    pub new: Option<u32>,
    pub text: String,
    /// Changed words as ranges of UTF-16 units in `text`.
    pub words: Vec<(u32, u32)>,
    /// False where this line is decided against; context lines follow their hunk.
    pub accepted: bool,
    /// No newline at the end of this, the last line.
    pub no_newline: bool,
    /// Longer than 2,000 characters and cut; the whole length.
    pub cut: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DiffHunk {
    /// Stable while the content of the hunk is the same.
    pub id: String,
    pub old_start: u32,
    pub old_lines: u32,
    pub new_start: u32,
    pub new_lines: u32,
    /// The line the hunk lies under, for instance a function's head.
    pub heading: String,
    pub lines: Vec<DiffLine>,
    pub decision: Decision,
}

/// The diff of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum FileDiff {
    Text {
        hunks: Vec<DiffHunk>,
        old_total: u32,
        new_total: u32,
        /// Hunks not in this answer; ask with `from_hunk`.
        more_hunks: u32,
        /// Said above the diff: `Line endings change from CRLF to LF`, `Mode 644 → 755`.
        notes: Vec<String>,
        /// Hidden or bidirectional characters were found, by line.
        hidden: Vec<u32>,
        /// Changed lines of the whole file that are left out since only white space differs in them; 0 where
        /// they are asked for.
        left_out: u32,
        /// A program wrote it: folded at first, with its counts.
        made_by: Option<MadeBy>,
    },
    Binary {
        description: String,
        #[ts(type = "number")]
        old_size: u64,
        #[ts(type = "number")]
        new_size: u64,
        /// BLAKE3 of each side, in hexadecimal.
        old_hash: Option<String>,
        new_hash: Option<String>,
    },
    /// Ask `review_image` for each side.
    Image {
        old: bool,
        new: bool,
        #[ts(type = "number")]
        old_size: u64,
        #[ts(type = "number")]
        new_size: u64,
    },
    Symlink {
        old: Option<String>,
        new: Option<String>,
        leaves: bool,
    },
    /// Only mode, kind or a folder: said in words.
    Facts { notes: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DiffOptions {
    pub ignore_whitespace: bool,
    /// Unchanged lines around a change; 3 as a rule.
    pub context: u32,
    pub from_hunk: u32,
    /// 0 is the server's own limit.
    pub max_hunks: u32,
}

/// Unchanged lines for a fold that is opened; both sides have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UnchangedLines {
    pub lines: Vec<DiffLine>,
}

/// One decision of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "on",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum Decide {
    /// All but conflicts, risky and refused ones.
    All {
        accept: bool,
    },
    File {
        path: WirePath,
        accept: bool,
    },
    Hunk {
        path: WirePath,
        hunk: String,
        accept: bool,
    },
    /// Lines of a hunk by their index in it.
    Lines {
        path: WirePath,
        hunk: String,
        lines: Vec<u32>,
        accept: bool,
    },
    Viewed {
        path: WirePath,
        viewed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    Risky,
    Refused,
    Unsupported,
    LeftOut,
    Same,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Skipped {
    pub path: WirePath,
    pub reason: SkipReason,
}

/// What a copy-out or an undo of one did. With conflicts nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CopyOutReport {
    /// Its name, to undo exactly this one; absent where nothing was written.
    pub id: Option<String>,
    pub capture: Option<String>,
    pub applied: Vec<WirePath>,
    pub merged: Vec<WirePath>,
    pub conflicts: Vec<WirePath>,
    pub skipped: Vec<Skipped>,
}

/// A new branch of the project's repository with one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SavedBranch {
    pub name: String,
    /// In hexadecimal.
    pub commit: String,
    pub files: u32,
    /// Those of them that were merged with the last commit's version.
    pub merged: Vec<WirePath>,
}

/// What came from the user's folder into the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BroughtIn {
    pub brought: Vec<WirePath>,
    /// Those of them that were merged with the agent's changes.
    pub merged: Vec<WirePath>,
    /// Changed on both sides: the workspace keeps the agent's, and the review asks.
    pub conflicts: Vec<WirePath>,
    /// Changed files of git's own, which stay as they are in the workspace.
    pub of_git: u32,
    /// The workspace as it was; absent where nothing was written.
    pub safety: Option<String>,
}

/// Both sides of a conflict and what they had in common. Texts are whole; absent where the side has no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConflictView {
    pub path: WirePath,
    pub text: bool,
    pub yours: Option<String>,
    /// When the user's file was last changed, in milliseconds since 1970; absent where there is none.
    #[ts(type = "number | null")]
    pub yours_changed: Option<i64>,
    pub agents: Option<String>,
    pub base: Option<String>,
    /// The merge in pieces, top to bottom.
    pub pieces: Vec<MergePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum MergePiece {
    Same {
        lines: Vec<String>,
    },
    /// Taken from one side without asking; can be changed.
    Clean {
        from: MergeSide,
        lines: Vec<String>,
        base: Vec<String>,
    },
    Conflict {
        yours: Vec<String>,
        agents: Vec<String>,
        base: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MergeSide {
    Yours,
    Agents,
}

/// How a conflict is settled. `Merged` is the whole new text of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    tag = "take",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum Resolution {
    Yours,
    Agents,
    Merged { text: String },
}

/// One finished copy-out that can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CopyOutEntry {
    pub id: String,
    #[ts(type = "number")]
    pub time: i64,
    pub files: u32,
    pub undone: bool,
}
