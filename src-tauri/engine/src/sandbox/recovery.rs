//! What a crash interrupted is brought to an end before anything else is done with a sandbox.

use sandbox_review::copyout::{self, RecoveryOutcome};
use sandbox_workspace::{Dir, WorkspacePath};
use tokio::task::block_in_place;

use super::{Engine, Working, discard, pause};
use crate::state::activity::ActivityKind;
use crate::state::lock;
use crate::{Result, SandboxId};

/// One thing that was found interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where.
    pub sandbox: SandboxId,
    /// `copy-out`, `bring-in`, `reset`, `pause`, `create` or `remove`.
    pub what: &'static str,
    /// `rolled back`, `finished`, `undone`, `removed`, or what stands in the way.
    pub outcome: String,
    /// Whether nothing is left to be done.
    pub resolved: bool,
}

impl Engine {
    /// Recovers every sandbox that nobody works on.
    pub async fn recover(&self) -> Result<Vec<Recovery>> {
        let mut all = self.sweep().await?;
        for id in self.data().ids()? {
            let Ok((dir, record)) = self.load(&id) else {
                continue;
            };
            // Locked means alive: that one recovers for itself.
            let Some(lock) = lock::try_exclusive(&dir.lock())? else {
                continue;
            };
            let mut working = Working {
                engine: self.clone(),
                dir,
                record,
                lock,
            };
            match recover(&mut working).await {
                Ok(done) => all.extend(done),
                Err(error) => all.push(Recovery {
                    sandbox: id,
                    what: "sandbox",
                    outcome: error.to_string(),
                    resolved: false,
                }),
            }
        }
        Ok(all)
    }

    /// Removes what a killed create or remove left behind.
    pub async fn sweep(&self) -> Result<Vec<Recovery>> {
        let mut all = Vec::new();
        for id in self.data().ids()? {
            let dir = self.data().sandbox(&id);
            if !dir.creating().exists() || lock::try_exclusive(&dir.lock())?.is_none() {
                continue;
            }
            let resolved = discard::discard(self, &id).await;
            all.push(Recovery {
                sandbox: id,
                what: "create",
                outcome: if resolved {
                    "removed"
                } else {
                    "the container engine does not answer; tried again later"
                }
                .to_owned(),
                resolved,
            });
        }
        discard::empty_removed(self)?;
        Ok(all)
    }
}

/// Finishes or rolls back whatever was interrupted in a sandbox.
pub(super) async fn recover(working: &mut Working) -> Result<Vec<Recovery>> {
    working.put_left_copier_away().await?;
    let mut done = copy_outs(working)?;
    done.extend(bring_ins(working)?);
    if working.finish_reset().await? {
        done.push(recovery(working, "reset", "finished", true));
    }
    if pause::take_back(working).await? {
        done.push(recovery(working, "pause", "undone", true));
    }
    for one in &done {
        let words = format!("An interrupted {} was {}", one.what, one.outcome);
        let engine = &working.engine;
        engine.note(
            working.id(),
            ActivityKind::Recovered,
            &words,
            String::new(),
            None,
        );
    }
    Ok(done)
}

fn recovery(working: &Working, what: &'static str, outcome: &str, resolved: bool) -> Recovery {
    Recovery {
        sandbox: working.id().clone(),
        what,
        outcome: outcome.to_owned(),
        resolved,
    }
}

/// Without the project nothing can be decided; then it waits until the project is back.
fn copy_outs(working: &mut Working) -> Result<Vec<Recovery>> {
    let Ok(project) = Dir::open_root(working.record.project.as_path()) else {
        return Ok(Vec::new());
    };
    let folder = working.copy_outs()?;
    transactions(working, "copy-out", &project, &folder)
}

/// The same transactions into the workspace.
fn bring_ins(working: &mut Working) -> Result<Vec<Recovery>> {
    if !working.dir.bring_ins().exists() {
        return Ok(Vec::new());
    }
    let (workspace, folder) = (working.workspace()?, working.bring_ins()?);
    transactions(working, BRING_IN, &workspace, &folder)
}

const BRING_IN: &str = "bring-in";

fn transactions(
    working: &mut Working,
    what: &'static str,
    target: &Dir,
    folder: &Dir,
) -> Result<Vec<Recovery>> {
    let mut done = Vec::new();
    for one in block_in_place(|| copyout::recover(folder, target))? {
        let (words, resolved) = match &one.outcome {
            RecoveryOutcome::RolledBack => ("rolled back".to_owned(), true),
            RecoveryOutcome::Finished(moves) => {
                if what == BRING_IN {
                    working.keep_brought(Some(&one.id), moves.clone())?;
                } else {
                    let moves = working.with_contents(moves.clone(), target)?;
                    working.move_base(&moves)?;
                    copyout::settle(folder, &one.id)?;
                }
                ("finished".to_owned(), true)
            }
            RecoveryOutcome::Unresolved(paths) => {
                (unresolved(working, what, paths, &one.id), false)
            }
        };
        done.push(recovery(working, what, &words, resolved));
    }
    Ok(done)
}

fn unresolved(
    working: &Working,
    what: &str,
    paths: &[WorkspacePath],
    id: &copyout::CopyOutId,
) -> String {
    let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
    let folder = if what == BRING_IN {
        working.dir.bring_ins()
    } else {
        working.dir.copy_outs()
    };
    format!(
        "stopped: {} changed meanwhile and was left alone; the earlier versions are kept in {}",
        names.join(", "),
        folder.join(&id.0).display()
    )
}
