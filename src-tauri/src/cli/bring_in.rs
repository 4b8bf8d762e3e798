//! The way in: the user's newer edits, a new start, and a copy-out that is copied out again.

use sandbox_engine::sandbox::BroughtIn;
use sandbox_workspace::SnapshotId;
use serde_json::json;

use super::args;
use super::verbs::{Call, Done};
use super::words::{path_list, report_json, report_text};

impl Call<'_> {
    pub(super) async fn redo(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        let report = self.engine.redo(&id, &self.op).await?;
        self.report(&report, "Copied")
    }

    pub(super) async fn bring_in(&self, wanted: &args::BringIn) -> Done {
        let id = self.find(&wanted.sandbox)?;
        if wanted.undo {
            let report = self.engine.undo_bring_in(&id, &self.op).await?;
            return self.report(&report, "Put back");
        }
        let brought = self.engine.bring_in(&id, &self.op).await?;
        let mut document = report_json(&brought.report);
        if let Some(object) = document.as_object_mut() {
            object.remove("capture");
            object.insert(
                "merged".to_owned(),
                path_list(&brought.report.merged).into(),
            );
            object.insert(
                "safety".to_owned(),
                brought.safety.as_ref().map(SnapshotId::as_str).into(),
            );
            object.insert("git".to_owned(), brought.of_git.into());
        }
        self.answer(&document, |printer| {
            let mut text = report_text(&brought.report, "Brought in", printer);
            text += &notes(&brought, id.as_str());
            text
        })
    }

    pub(super) async fn start_again(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        let reset = self.engine.start_again(&id, &self.op).await?;
        let document = json!({
            "snapshot": reset.snapshot.as_str(),
            "safety": reset.safety.as_str(),
        });
        self.answer(&document, |_| {
            format!(
                "The workspace is as your folder is now. What it was: agent-sandbox reset {} --to {}",
                id.as_str(),
                reset.safety.as_str()
            )
        })?;
        Ok(u8::from(!reset.failed.is_empty()))
    }
}

fn notes(brought: &BroughtIn, id: &str) -> String {
    let mut text = String::new();
    if !brought.report.conflicts.is_empty() {
        text += "Where both changed a file, the workspace keeps the agent's.\n";
    }
    if brought.of_git > 0 {
        text += &format!(
            "{} changed files of git's own were left alone\n",
            brought.of_git
        );
    }
    if brought.safety.is_some() {
        text += &format!("Take it back: agent-sandbox bring-in {id} --undo\n");
    }
    text
}
