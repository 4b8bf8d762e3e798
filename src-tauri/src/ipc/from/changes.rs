//! Changes, risks and decisions.

use sandbox_review::{self as review, Change};
use sandbox_workspace::{Entry, EntryKind};

use super::count;
use crate::ipc::path::WirePath;
use crate::ipc::review::{ChangeKind, ChangeStatus, Decision, ReviewFile, RiskClass, WireRisk};
use crate::ipc::sandbox::LiveChange;

impl From<review::Status> for ChangeStatus {
    fn from(status: review::Status) -> Self {
        match status {
            review::Status::Added => Self::Added,
            review::Status::Modified => Self::Modified,
            review::Status::Deleted => Self::Deleted,
            review::Status::Renamed => Self::Renamed,
            review::Status::Mode => Self::Mode,
            review::Status::Type => Self::Type,
        }
    }
}

impl From<review::ChangeKind> for ChangeKind {
    fn from(kind: review::ChangeKind) -> Self {
        match kind {
            // What is special comes with a refusal in words; its kind draws nothing.
            review::ChangeKind::File | review::ChangeKind::Special => Self::File,
            review::ChangeKind::Dir => Self::Dir,
            review::ChangeKind::Symlink => Self::Symlink,
        }
    }
}

impl From<&review::Risk> for WireRisk {
    fn from(risk: &review::Risk) -> Self {
        let review::Risk {
            class,
            reason,
            pattern: _,
        } = risk;
        let class = match class {
            review::Class::RunsByItself => RiskClass::RunsByItself,
            review::Class::RunsOnBuild => RiskClass::RunsOnBuild,
            review::Class::SteersAgents => RiskClass::SteersAgents,
            review::Class::Executable => RiskClass::Executable,
            review::Class::EscapingLink => RiskClass::EscapingLink,
            review::Class::HiddenCharacters => RiskClass::HiddenCharacters,
            review::Class::Secret => RiskClass::Secret,
        };
        Self {
            class,
            reason: reason.clone(),
        }
    }
}

impl From<review::Decision> for Decision {
    fn from(decision: review::Decision) -> Self {
        match decision {
            review::Decision::Undecided => Self::Undecided,
            review::Decision::Accepted => Self::Accepted,
            review::Decision::Partly => Self::Partly,
            review::Decision::Rejected => Self::Rejected,
        }
    }
}

/// A change that nothing is decided about yet.
impl From<&Change> for ReviewFile {
    fn from(change: &Change) -> Self {
        let Change {
            path,
            old_path,
            copied_from,
            status,
            kind,
            from,
            to,
            binary,
            additions,
            deletions,
            risks,
            refused,
            unsupported,
            torn,
        } = change;
        let refused = refused.map(|refusal| refusal.reason().to_owned());
        let special = || "Not a file, a folder or a link. Never copied out.".to_owned();
        Self {
            path: path.into(),
            old_path: old_path.as_ref().map(WirePath::from),
            copied_from: copied_from.as_ref().map(WirePath::from),
            status: (*status).into(),
            kind: (*kind).into(),
            binary: *binary,
            additions: additions.map(count),
            deletions: deletions.map(count),
            old_size: size(from.as_ref()),
            new_size: size(to.as_ref()),
            risks: risks.iter().map(WireRisk::from).collect(),
            refused: refused.or_else(|| unsupported.then(special)),
            unfit: None,
            conflict: false,
            merges_cleanly: false,
            torn: *torn,
            decision: Decision::Undecided,
            viewed: false,
            comments: 0,
        }
    }
}

impl From<&Change> for LiveChange {
    fn from(change: &Change) -> Self {
        Self {
            path: (&change.path).into(),
            status: change.status.into(),
            additions: change.additions.map(count),
            deletions: change.deletions.map(count),
            size: size(change.to.as_ref()),
            risky: change.is_risky(),
        }
    }
}

fn size(entry: Option<&Entry>) -> u64 {
    match entry.map(|entry| &entry.kind) {
        Some(EntryKind::File { size, .. }) => *size,
        _ => 0,
    }
}
