//! The one event stream.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::activity::ActivityEntry;
use super::app::{EngineState, ImageState};
use super::handover::ProgressReport;
use super::network::SiteAsk;
use super::sandbox::SandboxRow;
use super::settings::Settings;
use super::terminal::TerminalRow;

/// An event with its place in the stream. A gap means: read everything again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Numbered {
    #[ts(type = "number")]
    pub seq: u64,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "snake_case"
)]
pub enum Event {
    Engine {
        state: EngineState,
    },
    Image {
        state: ImageState,
    },
    /// A line of the image's build log.
    ImageLog {
        line: String,
    },
    /// New or changed.
    Sandbox {
        row: Box<SandboxRow>,
    },
    SandboxRemoved {
        sandbox: String,
    },
    Progress {
        report: ProgressReport,
    },
    /// The workspace differs from what was last read: read the open folders and the change list again.
    Workspace {
        sandbox: String,
    },
    Terminal {
        sandbox: String,
        terminal: TerminalRow,
    },
    TerminalClosed {
        sandbox: String,
        terminal: u32,
    },
    /// Added to the list, in their order.
    Activity {
        sandbox: String,
        entries: Vec<ActivityEntry>,
    },
    /// Snapshots were added or removed.
    Snapshots {
        sandbox: String,
    },
    /// Decisions, copy-outs or the capture changed from elsewhere.
    Review {
        sandbox: String,
    },
    /// A sandbox asks for a site while its connection waits.
    Ask {
        ask: SiteAsk,
    },
    /// The question needs no answer any more.
    AskEnded {
        sandbox: String,
        #[ts(type = "number")]
        ask: u64,
    },
    /// What listens in a sandbox, or a preview of it, may have changed: read it again.
    Ports {
        sandbox: String,
    },
    Settings {
        settings: Settings,
    },
}

/// Files dragged over the window, or dropped on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Dropped {
    pub over: bool,
    pub paths: Option<Vec<String>>,
}
