//! Copy-outs and their undo.

use sandbox_engine::sandbox::BroughtIn as Brought;
use sandbox_review::copyout::{Conflict, Past, Report, Skip, Skipped as Left};
use sandbox_workspace::WorkspacePath;

use super::count;
use crate::ipc::path::WirePath;
use crate::ipc::review::{BroughtIn, CopyOutEntry, CopyOutReport, SkipReason, Skipped};

impl From<&Report> for CopyOutReport {
    fn from(report: &Report) -> Self {
        let Report {
            id,
            capture,
            applied,
            merged,
            conflicts,
            skipped,
            base_moves: _,
        } = report;
        let paths = |paths: &[WorkspacePath]| paths.iter().map(WirePath::from).collect();
        Self {
            id: id.as_ref().map(|id| id.0.clone()),
            capture: capture.clone(),
            applied: paths(applied),
            merged: paths(merged),
            conflicts: conflicts
                .iter()
                .map(|Conflict { path, reason: _ }| path.into())
                .collect(),
            skipped: skipped.iter().map(Skipped::from).collect(),
        }
    }
}

impl From<&Brought> for BroughtIn {
    fn from(brought: &Brought) -> Self {
        let Brought {
            report,
            safety,
            of_git,
        } = brought;
        let paths = |paths: &[WorkspacePath]| paths.iter().map(WirePath::from).collect();
        Self {
            brought: paths(&report.applied),
            merged: paths(&report.merged),
            conflicts: report.conflicts.iter().map(|c| (&c.path).into()).collect(),
            of_git: u32::try_from(*of_git).unwrap_or(u32::MAX),
            safety: safety.as_ref().map(|id| id.as_str().to_owned()),
        }
    }
}

impl From<&Left> for Skipped {
    fn from(left: &Left) -> Self {
        let Left { path, reason } = left;
        let reason = match reason {
            Skip::Risky => SkipReason::Risky,
            Skip::Refused => SkipReason::Refused,
            Skip::Unsupported => SkipReason::Unsupported,
            Skip::LeftOut => SkipReason::LeftOut,
            Skip::Same => SkipReason::Same,
        };
        Self {
            path: path.into(),
            reason,
        }
    }
}

impl From<&Past> for CopyOutEntry {
    fn from(past: &Past) -> Self {
        let Past {
            id,
            time,
            capture: _,
            paths,
            undoes: _,
            undone,
            unresolved: _,
        } = past;
        Self {
            id: id.0.clone(),
            time: *time,
            files: count(paths.len()),
            undone: *undone,
        }
    }
}
