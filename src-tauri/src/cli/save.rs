//! `save`: changes to other places than the project's files.

use std::path::Path;

use sandbox_engine::sandbox::{Chosen, CopyOut, Wanted, save_file};
use serde_json::json;

use super::args;
use super::verbs::{Call, Done};
use super::wanted::paths;
use super::words::path_list;

impl Call<'_> {
    pub(super) async fn save(&self, wanted: args::Save) -> Done {
        let id = self.find(&wanted.sandbox)?;
        if let Some(file) = &wanted.commits {
            let patches = self.engine.agents_commits(&id).await?;
            return self.written(file, &patches);
        }
        let chosen = Chosen::Wanted(CopyOut {
            wanted: if wanted.all {
                Wanted::All
            } else {
                Wanted::Paths(paths(&wanted.paths)?)
            },
            include_risky: wanted.include_risky,
            capture: wanted.capture,
            merge: false,
            resolutions: Vec::new(),
            leave_conflicts: false,
        });
        if let Some(file) = &wanted.patch {
            let patch = self.engine.save_patch(&id, &chosen, &self.op).await?;
            return self.written(file, &patch);
        }
        if let Some(place) = &wanted.folder {
            let engine = &self.engine;
            let saved = engine.save_to_folder(&id, &chosen, place, &self.op).await?;
            let saved = saved.to_string_lossy();
            return self.answer(&json!({ "saved": saved }), |_| format!("Saved to {saved}"));
        }
        let name = wanted.branch.as_deref();
        let made = self
            .engine
            .save_branch(&id, &chosen, name, &self.op)
            .await?;
        let document = json!({
            "branch": made.name,
            "commit": made.commit,
            "files": made.files,
            "merged": path_list(&made.merged),
        });
        self.answer(&document, |_| {
            format!("{} {} ({} files)", made.name, made.commit, made.files)
        })
    }

    /// Never over a file that is there.
    fn written(&self, file: &Path, content: &[u8]) -> Done {
        save_file(file, content, false)?;
        let shown = file.to_string_lossy();
        self.answer(&json!({ "saved": shown }), |_| format!("Saved to {shown}"))
    }
}
