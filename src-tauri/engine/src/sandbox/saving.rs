//! Accepted changes to other places than the project's files: a patch, a new folder, a branch of its repository.
//! And the agent's own commits, as patches that git made inside the container.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox_review::branch::{self, Branch, BranchError, Wish};
use sandbox_review::decisions::Outcome;
use sandbox_review::unified::{self, Form};
use sandbox_review::{Change, Diff};
use sandbox_workspace::{BlobId, BlobSource, EntryKind, MemoryBlobs, Store, Tree, WorkspacePath};
use tokio::task::block_in_place;

use super::copy_out::{CopyOut, picks};
use super::review::Side;
use super::saved::to_folder;
use super::{Accepted, Engine};
use crate::event::Event;
use crate::operation::Operation;
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

/// Bytes of patches that are taken from the container.
const PATCHES_MOST: usize = 64 << 20;
/// The longest that git in the container may take: it runs on the agent's own repository.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which changes are saved.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// Those accepted in the review of this capture.
    Review(String),
    /// Chosen as for a copy-out.
    Wanted(CopyOut),
}

impl Engine {
    /// What would be written of a change: its diff with the accepted part alone.
    pub async fn accepted_diff_of(
        &self,
        id: &SandboxId,
        capture: &str,
        path: &WorkspacePath,
    ) -> Result<(Change, Diff)> {
        let (change, outcome) = self.outcome_of(id, capture, path).await?;
        let nothing = Change {
            to: change.from.clone(),
            ..change.clone()
        };
        let accepted = outcome.map(|outcome| (change, outcome));
        let (mut changes, blobs) = parted(accepted.as_slice(), self.store());
        let written = changes.pop().unwrap_or(nothing);
        let diff = block_in_place(|| written.diff(&blobs))?;
        Ok((written, diff))
    }

    /// A patch that `git apply` takes.
    pub async fn save_patch(
        &self,
        id: &SandboxId,
        chosen: &Chosen,
        op: &Operation,
    ) -> Result<Vec<u8>> {
        let accepted = self.chosen(id, chosen, op).await?;
        let (changes, blobs) = parted(&accepted, self.store());
        block_in_place(|| Ok(unified::patch(&changes, &blobs, Form::Patch)?))
    }

    /// The files in a new folder below `place`, whose path is given back; nothing that is there is touched.
    pub async fn save_to_folder(
        &self,
        id: &SandboxId,
        chosen: &Chosen,
        place: &Path,
        op: &Operation,
    ) -> Result<PathBuf> {
        let accepted = self.chosen(id, chosen, op).await?;
        let (_, record) = self.load(id)?;
        let (changes, blobs) = parted(&accepted, self.store());
        block_in_place(|| to_folder(place, &record.name, &changes, &blobs, op))
    }

    /// One commit on a new branch of the project's repository, whose working tree, index and HEAD stay.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where the project is no repository, or its last commit has other versions.
    pub async fn save_branch(
        &self,
        id: &SandboxId,
        chosen: &Chosen,
        name: Option<&str>,
        op: &Operation,
    ) -> Result<Branch> {
        let accepted = self.chosen(id, chosen, op).await?;
        let (_, record) = self.load(id)?;
        let (changes, blobs) = parted(&accepted, self.store());
        let usual = format!("agent-sandbox/{}", record.name);
        let config: Vec<PathBuf> = self
            .config()
            .home
            .iter()
            .flat_map(|home| [home.join(".config/git/config"), home.join(".gitconfig")])
            .collect();
        let wish = Wish {
            project: record.project.as_path(),
            user_config: &config,
            changes: &changes,
            blobs: &blobs,
            name: name.unwrap_or(&usual),
            message: &format!(
                "Changes from the sandbox {}\n\nMade by an agent in Agent Sandbox, accepted in its review.",
                record.name
            ),
            seconds: self.now() / 1000,
            cancel: op.cancel(),
        };
        let made = block_in_place(|| branch::save_as_branch(&wish))?;
        let detail = format!("{} · {}", made.name, files(made.files));
        let what = "Saved as a branch";
        self.note(id, ActivityKind::CopiedOut, what, detail, None);
        self.events().send(Event::Sandbox(id.clone()));
        Ok(made)
    }

    /// The commits that the agent made since the hand-over, as mail patches, made by git *inside* the
    /// container. Its output is the agent's to forge: data for a person to read, never applied by us.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::InvalidRequest`] where there is no repository or no commit.
    pub async fn agents_commits(&self, id: &SandboxId) -> Result<Vec<u8>> {
        let (_, record) = self.load(id)?;
        let baseline = self
            .store()
            .tree(&self.baseline_tree(id, &record.baseline)?)?;
        let since = block_in_place(|| head_of(&baseline, self.store()));
        let mut command: Vec<String> = [
            "git",
            "-C",
            "/workspace",
            "format-patch",
            "--stdout",
            "--binary",
        ]
        .map(str::to_owned)
        .to_vec();
        match since {
            Some(commit) => command.push(format!("{commit}..HEAD")),
            None => command.extend(["--root".to_owned(), "HEAD".to_owned()]),
        }
        let running = self.exec(id, command, Vec::new()).await?;
        let collected = tokio::time::timeout(PATIENCE, running.collect(PATCHES_MOST + 1)).await;
        let Ok(collected) = collected else {
            return Err(Error::InvalidRequest {
                message: "git in the sandbox did not come to an end".to_owned(),
            });
        };
        let (status, out, said) = collected?;
        if out.len() > PATCHES_MOST {
            return Err(Error::InvalidRequest {
                message: "the agent's commits are larger than 64 MB".to_owned(),
            });
        }
        if status != 0 {
            let said = String::from_utf8_lossy(&said[..said.len().min(400)]).into_owned();
            return Err(Error::InvalidRequest {
                message: format!("git in the sandbox found no commits: {}", said.trim()),
            });
        }
        if out.is_empty() {
            return Err(Error::InvalidRequest {
                message: "the agent made no commits of its own".to_owned(),
            });
        }
        Ok(out)
    }

    fn baseline_tree(&self, id: &SandboxId, baseline: &str) -> Result<sandbox_workspace::TreeId> {
        let (list, _) = self.snapshots(id)?;
        let found = list.iter().find(|s| s.id.as_str() == baseline);
        found.map(|s| s.tree).ok_or_else(|| Error::NotFound {
            what: "snapshot",
            name: baseline.to_owned(),
        })
    }

    async fn chosen(
        &self,
        id: &SandboxId,
        chosen: &Chosen,
        op: &Operation,
    ) -> Result<Vec<Accepted>> {
        let list = match chosen {
            Chosen::Review(capture) => self.accepted(id, capture).await?,
            Chosen::Wanted(request) => {
                let working = self.work_on(id).await?;
                let side = request.capture.clone().map_or(Side::Frozen, Side::Capture);
                let compared = working.compare(Side::Base, side, op).await?;
                let (picks, _) = picks(&compared.changes, request)?;
                picks
                    .into_iter()
                    .map(|pick| (pick.change, pick.outcome))
                    .collect()
            }
        };
        if list.is_empty() {
            return Err(Error::InvalidRequest {
                message: "no change is chosen, so there is nothing to save".to_owned(),
            });
        }
        Ok(list)
    }
}

impl From<BranchError> for Error {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Cancelled => Self::Cancelled,
            error => Self::InvalidRequest {
                message: error.to_string(),
            },
        }
    }
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

/// The commit that was checked out when the folder was handed over, read from the baseline itself.
fn head_of(baseline: &Tree, store: &Store) -> Option<String> {
    let read = |path: &str| {
        let entry = baseline.get(&WorkspacePath::new(path).ok()?)?;
        match &entry.kind {
            EntryKind::File { blob, .. } => {
                String::from_utf8(store.read(blob, 16 << 20).ok()?).ok()
            }
            _ => None,
        }
    };
    let is_id = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let head = read(".git/HEAD")?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else {
        return is_id(head).then(|| head.to_owned());
    };
    if let Some(id) = read(&format!(".git/{name}")) {
        return is_id(id.trim()).then(|| id.trim().to_owned());
    }
    let packed = read(".git/packed-refs")?;
    let line = packed
        .lines()
        .find(|line| line.ends_with(&format!(" {name}")))?;
    let id = line.split(' ').next()?;
    is_id(id).then(|| id.to_owned())
}

/// The store, and contents that partly accepted changes make.
struct WithParts<'a> {
    store: &'a Store,
    parts: MemoryBlobs,
}

impl BlobSource for WithParts<'_> {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.parts.open(id) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.store.open(id),
            other => other,
        }
    }
}

fn parted<'a>(accepted: &[Accepted], store: &'a Store) -> (Vec<Change>, WithParts<'a>) {
    let mut parts = MemoryBlobs::default();
    let changes = accepted
        .iter()
        .map(|(change, outcome)| match outcome {
            Outcome::Whole => change.clone(),
            Outcome::Part { entry, content } => {
                parts.add(content.clone());
                Change {
                    to: Some(entry.clone()),
                    ..change.clone()
                }
            }
        })
        .collect();
    (changes, WithParts { store, parts })
}
