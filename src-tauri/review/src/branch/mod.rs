//! Accepted changes as one commit on a new branch of the project's own repository.
//!
//! Only objects and one new reference are added. Working tree, index and HEAD stay, nothing that exists is
//! moved, and no program is run: no git, no hook, no filter. The commit stands on HEAD; where HEAD's file is
//! not the base (the user has changes that are not committed), the agent's change is merged onto HEAD's file.

mod config;
mod owner;
mod repository;

use std::path::Path;

use gix_object::bstr::ByteSlice;
use gix_object::tree::{Editor, EntryKind as GitKind};
use gix_object::{Commit, Tree as GitTree};
use sandbox_workspace::{BlobSource, Cancel, Entry, EntryKind, WorkspacePath};

use crate::Change;
use crate::merge::Merge;
pub use config::Person;
use repository::{Head, Repository};

/// Contents beyond this many bytes are not merged with HEAD's.
const MERGE_MOST: u64 = 16 << 20;

/// What to make.
pub struct Wish<'a> {
    /// The user's folder: the root of its repository.
    pub project: &'a Path,
    /// The user's own git configuration files; the later ones win.
    pub user_config: &'a [std::path::PathBuf],
    /// The accepted changes, with `to` as it was accepted.
    pub changes: &'a [Change],
    /// Their contents.
    pub blobs: &'a dyn BlobSource,
    /// What the branch is to be called; made valid, and unique by a number.
    pub name: &'a str,
    /// The commit's message.
    pub message: &'a str,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Stops it; then nothing was made that git shows.
    pub cancel: &'a Cancel,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its short name.
    pub name: String,
    /// The commit, in hexadecimal.
    pub commit: String,
    /// Files that differ from HEAD.
    pub files: usize,
    /// Those that were merged with HEAD's version.
    pub merged: Vec<WorkspacePath>,
}

/// Why there is no new branch. The repository shows nothing new.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// There is no `.git` in it.
    #[error("your folder is not a git repository of its own")]
    NoRepository,
    /// A kind of repository that this cannot write.
    #[error("this repository cannot be written to: {0}")]
    Unsupported(&'static str),
    /// The last commit has other versions of these files, and the changes do not go together.
    #[error("the last commit has other versions of {}: commit your own changes to them first", names(.0))]
    Conflicts(Vec<WorkspacePath>),
    /// HEAD has it all.
    #[error("the last commit has all of these changes already")]
    Nothing,
    /// A content that cannot be read from the store.
    #[error("cannot read the content of \"{path}\": {source}")]
    Content {
        /// The file.
        path: WorkspacePath,
        /// Why.
        source: std::io::Error,
    },
    /// The repository cannot be read or written.
    #[error("cannot {doing} in the repository: {source}")]
    Git {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stopped on request.
    #[error("cancelled")]
    Cancelled,
}

impl BranchError {
    fn git<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl Fn(E) -> Self {
        move |source| Self::Git {
            doing,
            source: source.into(),
        }
    }
}

fn names(paths: &[WorkspacePath]) -> String {
    let shown: Vec<String> = paths.iter().take(5).map(ToString::to_string).collect();
    match paths.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Makes the branch.
///
/// # Errors
/// On any, nothing that git shows was made; objects that nothing names may be left, as git leaves them too.
pub fn save_as_branch(wish: &Wish<'_>) -> Result<Branch, BranchError> {
    let repository = Repository::open(wish.project)?;
    let head = repository.head()?;
    let mut made = Made {
        wish,
        repository: &repository,
        head: &head,
        conflicts: Vec::new(),
        merged: Vec::new(),
        files: 0,
    };
    let root = made.tree()?;
    if !made.conflicts.is_empty() {
        return Err(BranchError::Conflicts(made.conflicts));
    }
    if made.files == 0 {
        return Err(BranchError::Nothing);
    }
    let person = repository.person(wish.user_config).signature(wish.seconds);
    let commit = repository.write(&Commit {
        tree: root,
        parents: head.commit.into_iter().collect(),
        author: person.clone(),
        committer: person.clone(),
        encoding: None,
        message: format!("{}\n", wish.message.trim_end()).into(),
        extra_headers: Vec::new(),
    })?;
    repository.sync()?;
    let name = repository.new_branch(wish.name, commit, &person)?;
    Ok(Branch {
        name,
        commit: commit.to_string(),
        files: made.files,
        merged: made.merged,
    })
}

struct Made<'a> {
    wish: &'a Wish<'a>,
    repository: &'a Repository,
    head: &'a Head,
    conflicts: Vec<WorkspacePath>,
    merged: Vec<WorkspacePath>,
    files: usize,
}

/// What becomes of one path.
enum Becomes {
    Unchanged,
    Gone,
    File(GitKind, Vec<u8>),
    Stored(GitKind, gix_hash::ObjectId),
    Conflict,
}

impl Made<'_> {
    fn tree(&mut self) -> Result<gix_hash::ObjectId, BranchError> {
        let failed = BranchError::git("write a tree");
        let root: GitTree = self.head.root.clone();
        let mut editor = Editor::new(root, &self.repository.objects, gix_hash::Kind::Sha1);
        // What goes first makes room for what comes: a file where a folder was, a folder where a file was.
        let mut come = Vec::new();
        for change in self.wish.changes {
            for (path, becomes) in self.ends(change)? {
                match becomes {
                    Becomes::Unchanged => {}
                    Becomes::Conflict => self.conflicts.push(path),
                    Becomes::Gone => {
                        editor.remove(parts(&path)).map_err(&failed)?;
                        self.files += 1;
                    }
                    Becomes::File(kind, content) => {
                        let id = self.repository.write_blob(&content)?;
                        come.push((path, kind, id));
                    }
                    Becomes::Stored(kind, id) => come.push((path, kind, id)),
                }
            }
        }
        for (path, kind, id) in come {
            editor.upsert(parts(&path), kind, id).map_err(&failed)?;
            self.files += 1;
        }
        editor.write(|tree| self.repository.write(tree))
    }

    /// Both ends of a rename, else the one path.
    fn ends(&mut self, change: &Change) -> Result<Vec<(WorkspacePath, Becomes)>, BranchError> {
        if self.wish.cancel.is_cancelled() {
            return Err(BranchError::Cancelled);
        }
        if change.refused.is_some() || change.unsupported {
            return Ok(Vec::new());
        }
        let Some(old) = &change.old_path else {
            let path = change.path.clone();
            let becomes = self.one(&path, change.from.as_ref(), change.to.as_ref())?;
            return Ok(vec![(path, becomes)]);
        };
        Ok(vec![
            (old.clone(), self.one(old, change.from.as_ref(), None)?),
            (
                change.path.clone(),
                self.one(&change.path, None, change.to.as_ref())?,
            ),
        ])
    }

    fn one(
        &mut self,
        path: &WorkspacePath,
        base: Option<&Entry>,
        wanted: Option<&Entry>,
    ) -> Result<Becomes, BranchError> {
        let base = self.side(path, base)?;
        let wanted = self.side(path, wanted)?;
        let head = self.repository.file(self.head, path)?;
        Ok(match (head, base, wanted) {
            (None, _, None) => Becomes::Unchanged,
            // Not in the last commit, whatever the working tree had: simply new.
            (None, _, Some(wanted)) => self.take(path, wanted)?,
            (Some(head), base, wanted) => {
                if wanted.as_ref().is_some_and(|wanted| wanted.is(&head)) {
                    Becomes::Unchanged
                } else if base.as_ref().is_some_and(|base| base.has_content_of(&head)) {
                    match wanted {
                        Some(wanted) => self.take(path, wanted)?,
                        None => Becomes::Gone,
                    }
                } else {
                    self.merge(path, base, &head, wanted)?
                }
            }
        })
    }

    /// A file or link as git has it. Folders are none: git knows only what lies in them.
    fn side(
        &self,
        path: &WorkspacePath,
        entry: Option<&Entry>,
    ) -> Result<Option<Side>, BranchError> {
        let Some(entry) = entry else { return Ok(None) };
        Ok(match &entry.kind {
            EntryKind::File { blob, size } => {
                let failed = |source| BranchError::Content {
                    path: path.clone(),
                    source,
                };
                let mut content = self.wish.blobs.open(blob).map_err(failed)?;
                let id = repository::hash_blob(*size, &mut content).map_err(failed)?;
                let kind = if entry.mode & 0o100 == 0 {
                    GitKind::Blob
                } else {
                    GitKind::BlobExecutable
                };
                Some(Side {
                    kind,
                    id,
                    source: Source::Store(*blob, *size),
                })
            }
            EntryKind::Symlink { target } => Some(Side {
                kind: GitKind::Link,
                id: repository::hash_blob(target.len() as u64, &mut target.as_slice())
                    .map_err(BranchError::git("hash a link"))?,
                source: Source::Bytes(target.clone()),
            }),
            EntryKind::Dir | EntryKind::Unsupported(_) => None,
        })
    }

    fn take(&self, path: &WorkspacePath, side: Side) -> Result<Becomes, BranchError> {
        Ok(match side.source {
            Source::Bytes(content) => Becomes::File(side.kind, content),
            Source::Store(blob, size) => {
                let mut content =
                    self.wish
                        .blobs
                        .open(&blob)
                        .map_err(|source| BranchError::Content {
                            path: path.clone(),
                            source,
                        })?;
                let id = self.repository.write_blob_of(size, &mut content)?;
                Becomes::Stored(side.kind, id)
            }
        })
    }

    /// The agent's change onto HEAD's version, where they lie apart.
    fn merge(
        &mut self,
        path: &WorkspacePath,
        base: Option<Side>,
        head: &Side,
        wanted: Option<Side>,
    ) -> Result<Becomes, BranchError> {
        let (Some(base), Some(wanted)) = (base, wanted) else {
            return Ok(Becomes::Conflict);
        };
        if [&base, head, &wanted]
            .iter()
            .any(|s| s.kind == GitKind::Link)
        {
            return Ok(Becomes::Conflict);
        }
        let read = |side: &Side| self.content(path, side);
        let (Some(base), Some(old), Some(new)) = (read(&base)?, read(head)?, read(&wanted)?) else {
            return Ok(Becomes::Conflict);
        };
        // git can keep a file with other line ends than the folder has (core.autocrlf).
        let (base, new) = if !old.contains_str("\r\n") && unix(&base) == old {
            (unix(&base), unix(&new))
        } else {
            (base, new)
        };
        match Merge::of(&base, &old, &new).and_then(|merge| merge.result()) {
            Some(content) if content == old && wanted.kind == head.kind => Ok(Becomes::Unchanged),
            Some(content) => {
                if base != old {
                    self.merged.push(path.clone());
                }
                Ok(Becomes::File(wanted.kind, content))
            }
            None => Ok(Becomes::Conflict),
        }
    }

    fn content(&self, path: &WorkspacePath, side: &Side) -> Result<Option<Vec<u8>>, BranchError> {
        match &side.source {
            Source::Bytes(content) => Ok(Some(content.clone())),
            Source::Store(_, size) if *size > MERGE_MOST => Ok(None),
            Source::Store(blob, _) => {
                let read = self.wish.blobs.read(blob, MERGE_MOST);
                read.map(Some).map_err(|source| BranchError::Content {
                    path: path.clone(),
                    source,
                })
            }
        }
    }
}

/// A file or link by its name in git.
struct Side {
    kind: GitKind,
    id: gix_hash::ObjectId,
    source: Source,
}

enum Source {
    Store(sandbox_workspace::BlobId, u64),
    Bytes(Vec<u8>),
}

impl Side {
    fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.has_content_of(other)
    }

    fn has_content_of(&self, other: &Self) -> bool {
        self.id == other.id && (self.kind == GitKind::Link) == (other.kind == GitKind::Link)
    }
}

fn unix(content: &[u8]) -> Vec<u8> {
    content.replace("\r\n", "\n")
}

fn parts(path: &WorkspacePath) -> impl Iterator<Item = &gix_object::bstr::BStr> {
    path.components().map(ByteSlice::as_bstr)
}

impl Repository {
    /// HEAD's version of a path; a folder or submodule there is none.
    fn file(&self, head: &Head, path: &WorkspacePath) -> Result<Option<Side>, BranchError> {
        let Some((kind, id)) = self.find(&head.root, path)? else {
            return Ok(None);
        };
        let content = self.blob(&id)?;
        Ok(Some(Side {
            kind,
            id,
            source: Source::Bytes(content),
        }))
    }
}
