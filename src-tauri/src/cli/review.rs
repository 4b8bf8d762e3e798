//! What changed, and the way out: changes, diffs, a copy-out and its undo.

use sandbox_engine::sandbox::{Compared, CopyOut, Side, Wanted};
use sandbox_engine::{Error, SandboxId};
use sandbox_review::copyout::Report;
use sandbox_review::unified::{self, Form};
use sandbox_workspace::WorkspacePath;
use serde_json::json;

use super::args;
use super::mistake::Mistake;
use super::progress;
use super::verbs::{Call, Done};
use super::wanted::paths;
use super::words::{change_json, changes_text, report_json, report_text};

impl Call<'_> {
    pub(super) async fn changes(&self, wanted: &args::Changes) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let compared = self
            .compare(&id, wanted.from.as_deref(), wanted.to.as_deref())
            .await?;
        let mut list = Vec::new();
        for change in &compared.changes.list {
            list.push(change_json(change));
        }
        let document = json!({
            "capture": compared.capture.as_ref().map(|c| c.id.clone()),
            "changes": list,
            "left_out": compared.changes.left_out,
            "unknown": compared.changes.unknown,
        });
        self.answer(&document, |printer| {
            changes_text(&compared.changes, printer)
        })
    }

    async fn compare(
        &self,
        id: &SandboxId,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Compared, Mistake> {
        let side = |name: Option<&str>, usual| {
            name.map_or(usual, |name: &str| Side::Named(name.to_owned()))
        };
        let (from, to) = (side(from, Side::Base), side(to, Side::Live));
        Ok(self.engine.changes(id, from, to, &self.op).await?)
    }

    pub(super) async fn diff(&self, wanted: &args::Diff) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let paths = paths(&wanted.paths)?;
        let compared = self
            .compare(&id, wanted.from.as_deref(), wanted.to.as_deref())
            .await?;
        let mut out = Vec::new();
        for change in &compared.changes.list {
            let named =
                |path: &WorkspacePath| change.is_named_by(path) || change.path.starts_with(path);
            if paths.is_empty() || paths.iter().any(named) {
                unified::write(change, self.engine.store(), Form::Readable, &mut out)
                    .map_err(Error::from)?;
            }
        }
        progress::clear(self.printer);
        self.printer.diff(&out)?;
        Ok(0)
    }

    pub(super) async fn apply(&self, wanted: args::Apply) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let chosen = if wanted.all {
            Wanted::All
        } else {
            Wanted::Paths(paths(&wanted.paths)?)
        };
        let request = CopyOut {
            wanted: chosen,
            include_risky: wanted.include_risky,
            capture: wanted.capture,
            merge: false,
            resolutions: Vec::new(),
            leave_conflicts: false,
        };
        let report = self.engine.copy_out(&id, request, &self.op).await?;
        self.report(&report, "Copied")
    }

    pub(super) async fn undo(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        let report = self.engine.undo(&id, None, &self.op).await?;
        self.report(&report, "Put back")
    }

    pub(super) fn report(&self, report: &Report, verb: &str) -> Done {
        let document = report_json(report);
        self.answer(&document, |printer| report_text(report, verb, printer))?;
        if report.conflicts.is_empty() {
            return Ok(0);
        }
        Err(Mistake::Conflict(match report.conflicts.len() {
            1 => "1 of your own files changed meanwhile, so nothing was written".to_owned(),
            n => format!("{n} of your own files changed meanwhile, so nothing was written"),
        }))
    }
}
