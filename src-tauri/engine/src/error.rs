//! What can go wrong, with a closed code.

use std::io;
use std::path::{Path, PathBuf};

use sandbox_review::ReviewError;
use sandbox_review::copyout::CopyOutError;
use sandbox_workspace::project::{HandOverError, ProjectError};
use sandbox_workspace::snapshots::SnapshotsError;
use sandbox_workspace::{FsError, RestoreError, RulesError, ScanError, StoreError};

use crate::agents::RecipeError;
use crate::docker::{DockerError, Problem};
pub use crate::home::HomeError;
use crate::sandbox::{Became, Untold};
use crate::terminal::TerminalError;

/// The engine's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of a failure. Closed: the window and the command line decide by it, nobody matches on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Code {
    InvalidRequest,
    ProjectUnusable,
    NotFound,
    Ambiguous,
    NameTaken,
    Busy,
    Cancelled,
    Conflict,
    DiskFull,
    EngineNotInstalled,
    EngineNotRunning,
    EngineNoPermission,
    EngineUnsupported,
    EngineTimeout,
    EngineFailed,
    NotRunning,
    ImageUnavailable,
    NotSupported,
    FenceOpen,
    DataDamaged,
    Io,
    Internal,
}

/// A failure, in words for a person. Display says what happened; [`Error::safe`] and [`Error::fix`] the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that cannot be right.
    #[error("{message}")]
    InvalidRequest {
        /// Which, and why.
        message: String,
    },
    /// The folder cannot be handed over.
    #[error("{message}")]
    ProjectUnusable {
        /// Why.
        message: String,
    },
    /// No such sandbox, snapshot, capture or path.
    #[error("there is no {what} \u{201c}{name}\u{201d}")]
    NotFound {
        /// `sandbox`, `snapshot`…
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The beginning of several ids.
    #[error("\u{201c}{name}\u{201d} is the beginning of several sandbox ids: {candidates}")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What it could mean.
        candidates: String,
    },
    /// Two sandboxes cannot have one name.
    #[error("there is a sandbox named \u{201c}{name}\u{201d} already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Another operation holds the sandbox.
    #[error("another operation is at work on the sandbox {sandbox}")]
    Busy {
        /// Its name.
        sandbox: String,
    },
    /// Stopped by the user; the state before it is back.
    #[error("cancelled; everything is as it was before")]
    Cancelled,
    /// No room.
    #[error("the disk is full: {message}")]
    DiskFull {
        /// Where, and how much is wanted.
        message: String,
    },
    /// The sandbox must run for this.
    #[error("the sandbox \u{201c}{name}\u{201d} is not running")]
    NotRunning {
        /// Its name.
        name: String,
    },
    /// The user paused it.
    #[error("the sandbox \u{201c}{name}\u{201d} is paused")]
    Paused {
        /// Its name.
        name: String,
    },
    /// Asked for, and not there yet.
    #[error("{message}")]
    NotSupported {
        /// What, and what happens instead: nothing.
        message: String,
    },
    /// The fence is not proven closed.
    #[error("the fence self-test failed, so nothing was started: {message}")]
    FenceOpen {
        /// What could be reached.
        message: String,
    },
    /// Whether the fence is closed was not found out in time. What ran is paused, and nothing is lost.
    #[error("the fence could not be tried out, so the sandbox is paused: {message}")]
    FenceUnclear {
        /// What kept it from being tried.
        message: String,
    },
    /// Rules or keys were changed and written down, and gateways could not be told.
    #[error("the change is written down, but not in force in {}", listed(.0))]
    NotInForce(Vec<Untold>),
    /// A state file that cannot be used.
    #[error("the file {} cannot be used: {reason}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Part of the workspace could not be read: nothing that could delete is done.
    #[error("part of the workspace could not be read: {message}")]
    Incomplete {
        /// Which part.
        message: String,
    },
    /// A file operation failed.
    #[error("could not {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file operation in the workspace, the project or the app's own data failed.
    #[error(transparent)]
    Files(FsError),
    /// The store of contents failed or is damaged.
    #[error(transparent)]
    Store(StoreError),
    /// The records of snapshots failed.
    #[error(transparent)]
    Snapshots(SnapshotsError),
    /// A change could not be looked at.
    #[error(transparent)]
    Review(ReviewError),
    /// The container engine could not do it, or is not there.
    #[error(transparent)]
    Engine(#[from] DockerError),
    /// A copy-out, its undo or its recovery stopped; the project is as before unless it says otherwise.
    #[error(transparent)]
    CopyOut(CopyOutError),
    /// A terminal of the sandbox failed.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The home folder was not taken or not put back.
    #[error(transparent)]
    Home(HomeError),
    /// A mistake of ours.
    #[error("internal error: {message}")]
    Internal {
        /// For a report.
        message: String,
    },
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        if is_full(&source) {
            return Self::DiskFull {
                message: format!("could not {operation} {}", path.display()),
            };
        }
        Self::Io {
            operation,
            path,
            source,
        }
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidRequest { .. } => Code::InvalidRequest,
            Self::ProjectUnusable { .. } => Code::ProjectUnusable,
            Self::NotFound { .. } => Code::NotFound,
            Self::Ambiguous { .. } => Code::Ambiguous,
            Self::NameTaken { .. } => Code::NameTaken,
            Self::Busy { .. } => Code::Busy,
            Self::Cancelled => Code::Cancelled,
            Self::DiskFull { .. } => Code::DiskFull,
            Self::NotRunning { .. } | Self::Paused { .. } => Code::NotRunning,
            Self::NotSupported { .. } => Code::NotSupported,
            Self::FenceOpen { .. } | Self::FenceUnclear { .. } => Code::FenceOpen,
            Self::NotInForce(_) => Code::EngineFailed,
            Self::Damaged { .. } => Code::DataDamaged,
            Self::Incomplete { .. }
            | Self::Io { .. }
            | Self::Files(_)
            | Self::Review(_)
            | Self::Home(_) => Code::Io,
            Self::Store(_) | Self::Snapshots(_) => Code::DataDamaged,
            Self::Engine(error) => match error.problem {
                Problem::NotInstalled => Code::EngineNotInstalled,
                Problem::NotRunning => Code::EngineNotRunning,
                Problem::NoPermission => Code::EngineNoPermission,
                Problem::TooOld | Problem::Unsupported => Code::EngineUnsupported,
                Problem::TimedOut => Code::EngineTimeout,
                Problem::Missing => Code::ImageUnavailable,
                Problem::Conflict | Problem::BuildFailed | Problem::Failed => Code::EngineFailed,
            },
            Self::CopyOut(CopyOutError::Cancelled) => Code::Cancelled,
            Self::CopyOut(error) if error.is_full() => Code::DiskFull,
            Self::CopyOut(CopyOutError::Nothing(_)) => Code::NotFound,
            Self::CopyOut(CopyOutError::Unfit(_)) => Code::InvalidRequest,
            Self::CopyOut(_) => Code::Io,
            Self::Terminal(_) => Code::EngineFailed,
            Self::Internal { .. } => Code::Internal,
        }
    }

    /// What to do next, where there is something.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::NotRunning { name } | Self::Paused { name } => {
                Some(format!("Start it: agent-sandbox start {name}"))
            }
            Self::Engine(error) => Some(error.fix()),
            Self::FenceUnclear { .. } => Some(
                "Start it when this computer is less busy: it goes on where it stands still, once the fence is proven closed."
                    .to_owned(),
            ),
            Self::NotInForce(untold) => Some(to_be_told(untold)),
            Self::NameTaken { .. } => Some("Choose another name.".to_owned()),
            Self::DiskFull { .. } => Some("Free some space, then try again.".to_owned()),
            Self::CopyOut(error) if error.is_full() => {
                Some("Free some space, then try again.".to_owned())
            }
            Self::CopyOut(CopyOutError::Unfit(_)) => Some(
                "Leave it out, have it renamed in the sandbox, or save the changes as a patch."
                    .to_owned(),
            ),
            Self::Busy { .. } => Some("Wait for it to finish, then try again.".to_owned()),
            _ => None,
        }
    }

    /// What is safe, where one could fear for it.
    pub fn safe(&self) -> Option<&'static str> {
        match self {
            Self::DiskFull { .. }
            | Self::Damaged { .. }
            | Self::Incomplete { .. }
            | Self::Io { .. }
            | Self::Home(_)
            | Self::CopyOut(
                CopyOutError::File { .. }
                | CopyOutError::Content { .. }
                | CopyOutError::Journal { .. }
                | CopyOutError::NoSpace { .. }
                | CopyOutError::Unfit(_),
            ) => Some("Your own folder was not changed."),
            Self::NotInForce(untold) if untold.iter().all(|one| one.became == Became::Paused) => {
                Some(
                    "What ran there stands still, and nothing is lost; everywhere else the change is in force.",
                )
            }
            Self::FenceUnclear { .. } => {
                Some("What ran in the sandbox stands still; its files are as they were.")
            }
            _ => None,
        }
    }
}

fn listed(untold: &[Untold]) -> String {
    let all: Vec<String> = untold.iter().map(Untold::to_string).collect();
    all.join("; ")
}

/// What makes a change hold where it does not yet.
fn to_be_told(untold: &[Untold]) -> String {
    let commands = |verb: &str, which: &dyn Fn(&Untold) -> bool| -> Option<String> {
        let all: Vec<String> = untold
            .iter()
            .filter(|one| which(one))
            .map(|one| format!("agent-sandbox {verb} {}", one.name))
            .collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let start = commands("start", &|one| one.became != Became::GoesOn).map(|start| {
        format!(
            "Start it again: {start}. It goes on once its gateway was told; if that is not told then either, stop \
             it first, which gives it a new one."
        )
    });
    let stop = commands("stop", &|one| one.became == Became::GoesOn).map(|stop| {
        format!("Stop what may go on as before, as soon as the container engine answers: {stop}.")
    });
    let all: Vec<String> = start.into_iter().chain(stop).collect();
    all.join(" ")
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl From<HomeError> for Error {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Cancelled => Self::Cancelled,
            error if error.is_full() => Self::DiskFull {
                message: error.to_string(),
            },
            HomeError::Store(error) => Self::Store(error),
            other => Self::Home(other),
        }
    }
}

impl From<RecipeError> for Error {
    fn from(error: RecipeError) -> Self {
        Self::InvalidRequest {
            message: error.to_string(),
        }
    }
}

impl From<FsError> for Error {
    fn from(error: FsError) -> Self {
        if error.is_full() {
            return Self::DiskFull {
                message: error.to_string(),
            };
        }
        Self::Files(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if error.is_full() {
            return Self::DiskFull {
                message: error.to_string(),
            };
        }
        Self::Store(error)
    }
}

impl From<SnapshotsError> for Error {
    fn from(error: SnapshotsError) -> Self {
        Self::Snapshots(error)
    }
}

impl From<ProjectError> for Error {
    fn from(error: ProjectError) -> Self {
        let message = error.to_string();
        match error {
            ProjectError::TooLarge { .. } | ProjectError::TooMany { .. } => {
                Self::DiskFull { message }
            }
            _ => Self::ProjectUnusable { message },
        }
    }
}

impl From<RulesError> for Error {
    fn from(error: RulesError) -> Self {
        Self::InvalidRequest {
            message: error.to_string(),
        }
    }
}

impl From<HandOverError> for Error {
    fn from(error: HandOverError) -> Self {
        let message = error.to_string();
        match error {
            HandOverError::Cancelled => Self::Cancelled,
            HandOverError::Rules(error) => error.into(),
            HandOverError::Store(error) => error.into(),
            error if error.is_full() => Self::DiskFull { message },
            _ => Self::ProjectUnusable { message },
        }
    }
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Cancelled => Self::Cancelled,
            ScanError::Sink { path, source } if is_full(&source) => Self::DiskFull {
                message: format!("the content of \u{201c}{path}\u{201d} cannot be kept"),
            },
            other => Self::Incomplete {
                message: other.to_string(),
            },
        }
    }
}

impl From<RestoreError> for Error {
    fn from(error: RestoreError) -> Self {
        let message = error.to_string();
        match error {
            RestoreError::Cancelled => Self::Cancelled,
            error if error.is_full() => Self::DiskFull { message },
            _ => Self::Incomplete { message },
        }
    }
}

impl From<ReviewError> for Error {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Cancelled => Self::Cancelled,
            other => Self::Review(other),
        }
    }
}

impl From<CopyOutError> for Error {
    fn from(error: CopyOutError) -> Self {
        Self::CopyOut(error)
    }
}
