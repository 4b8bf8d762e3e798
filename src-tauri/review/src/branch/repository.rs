//! The project's repository: objects and references, found as git finds them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::tree::EntryKind as GitKind;
use gix_object::{FindExt, Kind, Tree, Write, WriteTo};
use gix_ref::FullName;
use gix_ref::file::ReferenceExt;
use gix_ref::transaction::{PreviousValue, RefEdit};
use sandbox_workspace::{Dir, WorkspacePath};

use super::BranchError;
use super::config::{self, Person, Settings};
use super::owner::Owner;

/// Other names of the branch, where one is taken.
const NAMES: u32 = 999;

/// A repository that can be added to.
pub(super) struct Repository {
    pub(super) objects: gix_odb::Handle,
    owner: Owner,
    refs: gix_ref::file::Store,
    common: PathBuf,
    settings: Settings,
}

/// The last commit of the branch that is checked out.
pub(super) struct Head {
    /// `None` before the first one.
    pub(super) commit: Option<ObjectId>,
    pub(super) root: Tree,
}

impl Repository {
    pub(super) fn open(project: &Path) -> Result<Self, BranchError> {
        let folder = git_folder(project)?;
        let common = match std::fs::read_to_string(folder.join("commondir")) {
            Ok(text) => folder.join(text.trim()),
            Err(_) => folder.clone(),
        };
        if !common.join("objects").is_dir() || !folder.join("HEAD").is_file() {
            return Err(BranchError::NoRepository);
        }
        let settings = config::read(&common.join("config"));
        let is = |key, value| {
            config::last(&settings, key).is_some_and(|v| v.eq_ignore_ascii_case(value))
        };
        if is("extensions.objectformat", "sha256") {
            return Err(BranchError::Unsupported("it names its objects by SHA-256"));
        }
        if is("extensions.refstorage", "reftable") {
            return Err(BranchError::Unsupported("it keeps its branches in a table"));
        }
        let sha1 = gix_hash::Kind::Sha1;
        let objects = gix_odb::at(common.join("objects"), sha1)
            .map_err(BranchError::git("read the objects"))?;
        let refs = if common == folder {
            gix_ref::file::Store::at(folder, sha1)
        } else {
            gix_ref::file::Store::for_linked_worktree(folder, common.clone(), sha1)
        };
        let owner = Owner::of(&common).map_err(BranchError::git("look at .git"))?;
        Ok(Self {
            objects,
            owner,
            refs,
            common,
            settings,
        })
    }

    pub(super) fn head(&self) -> Result<Head, BranchError> {
        let failed = BranchError::git("read HEAD");
        let head = self.refs.find("HEAD").map_err(&failed)?;
        if let gix_ref::Target::Symbolic(name) = &head.target {
            let born = self.refs.try_find(name.as_ref());
            if born.map_err(&failed)?.is_none() {
                return Ok(Head {
                    commit: None,
                    root: Tree::empty(),
                });
            }
        }
        let mut head = head;
        let id = head
            .peel_to_id(&self.refs, &self.objects)
            .map_err(&failed)?;
        let mut buffer = Vec::new();
        let commit = self.objects.find_commit(&id, &mut buffer);
        let root = commit
            .map_err(BranchError::git("read the last commit"))?
            .tree();
        Ok(Head {
            commit: Some(id),
            root: self.tree(&root)?,
        })
    }

    fn tree(&self, id: &ObjectId) -> Result<Tree, BranchError> {
        let mut buffer = Vec::new();
        let tree = self.objects.find_tree(id, &mut buffer);
        tree.map(Tree::from)
            .map_err(BranchError::git("read a tree"))
    }

    /// A file or link of a tree.
    pub(super) fn find(
        &self,
        root: &Tree,
        path: &WorkspacePath,
    ) -> Result<Option<(GitKind, ObjectId)>, BranchError> {
        let mut parts = path.components().peekable();
        let mut tree = root.clone();
        while let Some(part) = parts.next() {
            let Some(entry) = tree.entries.iter().find(|entry| entry.filename == part) else {
                return Ok(None);
            };
            let kind = entry.mode.kind();
            match (parts.peek(), kind) {
                (None, GitKind::Blob | GitKind::BlobExecutable | GitKind::Link) => {
                    return Ok(Some((kind, entry.oid)));
                }
                (Some(_), GitKind::Tree) => {
                    let id = entry.oid;
                    tree = self.tree(&id)?;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    pub(super) fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, BranchError> {
        let mut buffer = Vec::new();
        self.objects
            .find_blob(id, &mut buffer)
            .map_err(BranchError::git("read a file"))?;
        Ok(buffer)
    }

    pub(super) fn write(&self, object: &dyn WriteTo) -> Result<ObjectId, BranchError> {
        let written = self.objects.write(object);
        self.taken(written.map_err(BranchError::git("write an object"))?)
    }

    pub(super) fn write_blob(&self, content: &[u8]) -> Result<ObjectId, BranchError> {
        let written = self.objects.write_buf(Kind::Blob, content);
        self.taken(written.map_err(BranchError::git("write a file"))?)
    }

    pub(super) fn write_blob_of(
        &self,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<ObjectId, BranchError> {
        let written = self.objects.write_stream(Kind::Blob, size, content);
        self.taken(written.map_err(BranchError::git("write a file"))?)
    }

    /// At once, so that also what an error leaves behind is the owner's.
    fn taken(&self, id: ObjectId) -> Result<ObjectId, BranchError> {
        self.owner
            .take_object(&id)
            .map_err(BranchError::git("hand over an object"))?;
        Ok(id)
    }

    /// Makes the new objects durable before anything names them.
    pub(super) fn sync(&self) -> Result<(), BranchError> {
        Dir::open_root(&self.common.join("objects"))
            .and_then(|folder| folder.sync_fs())
            .map_err(BranchError::git("sync the objects"))
    }

    /// Names the commit by a branch that was not there before; gives its short name.
    pub(super) fn new_branch(
        &self,
        wanted: &str,
        commit: ObjectId,
        person: &gix_actor::Signature,
    ) -> Result<String, BranchError> {
        let wanted = valid(wanted);
        let mut failed = None;
        for number in 1..=NAMES {
            let name = match number {
                1 => wanted.clone(),
                n => format!("{wanted}-{n}"),
            };
            // A branch that is there already at this very commit would pass for a new one.
            if self.is_taken(&name) {
                continue;
            }
            match self.name(&name, commit, person) {
                Ok(()) => {
                    // It is made and of use; an error here must not say that it is not.
                    if let Err(error) = self.owner.take_branch(&name) {
                        tracing::warn!(%error, "the new branch belongs to this process");
                    }
                    return Ok(name);
                }
                Err(error) if self.is_taken(&name) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failed.unwrap_or(BranchError::Unsupported(
            "all names for the branch are taken",
        )))
    }

    /// By this name, or by one that this name would be a folder of.
    fn is_taken(&self, name: &str) -> bool {
        let full = format!("refs/heads/{name}");
        self.refs
            .try_find(full.as_str())
            .is_ok_and(|found| found.is_some())
            || self.common.join(full).exists()
    }

    fn name(
        &self,
        name: &str,
        commit: ObjectId,
        person: &gix_actor::Signature,
    ) -> Result<(), BranchError> {
        let full = FullName::try_from(format!("refs/heads/{name}"))
            .map_err(BranchError::git("name the branch"))?;
        let edit = RefEdit::update(
            full,
            commit,
            PreviousValue::MustNotExist,
            "branch: made by Agent Sandbox",
        );
        let now = gix_lock::acquire::Fail::Immediately;
        let mut time = gix_actor::date::parse::TimeBuf::default();
        self.refs
            .transaction()
            .prepare([edit], now, now)
            .map_err(BranchError::git("name the branch"))?
            .commit(person.to_ref(&mut time))
            .map_err(BranchError::git("name the branch"))?;
        Ok(())
    }

    /// Whom the repository's or the user's configuration names.
    pub(super) fn person(&self, user: &[PathBuf]) -> Person {
        let mut all: Settings = user.iter().flat_map(|path| config::read(path)).collect();
        all.extend(self.settings.iter().cloned());
        let of = |key| config::last(&all, key).and_then(config::clean);
        match (of("user.name"), of("user.email")) {
            (Some(name), Some(email)) => Person { name, email },
            _ => Person::default(),
        }
    }
}

/// `.git`, or what a `.git` file of a linked working tree points to.
fn git_folder(project: &Path) -> Result<PathBuf, BranchError> {
    let at = project.join(".git");
    let found = std::fs::metadata(&at).map_err(|_| BranchError::NoRepository)?;
    if found.is_dir() {
        return Ok(at);
    }
    let text = std::fs::read_to_string(&at).map_err(BranchError::git("read .git"))?;
    let to = text
        .strip_prefix("gitdir:")
        .ok_or(BranchError::NoRepository)?;
    Ok(project.join(to.trim()))
}

/// A name that git takes, as like the wanted one as can be.
fn valid(wanted: &str) -> String {
    let plain: String = wanted
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let parts = plain.split('/').map(|part| {
        let part = part.trim_matches(['.', '-']).replace("..", "-");
        part.strip_suffix(".lock").unwrap_or(&part).to_owned()
    });
    let name = parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    if name.is_empty() || name == "HEAD" || name == "@" {
        "agent-sandbox".to_owned()
    } else {
        name
    }
}

/// The name that git gives this content.
pub(super) fn hash_blob(size: u64, content: &mut dyn Read) -> io::Result<ObjectId> {
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    hasher.update(&gix_object::encode::loose_header(Kind::Blob, size));
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    hasher.try_finalize().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::valid;

    #[test]
    fn a_name_becomes_one_that_git_takes() {
        assert_eq!(
            valid("agent-sandbox/My site (2)"),
            "agent-sandbox/My-site--2"
        );
        assert_eq!(valid("agent-sandbox/..//x.lock"), "agent-sandbox/x");
        assert_eq!(valid("~^:?*[\\"), "agent-sandbox");
        assert_eq!(valid("été"), "été");
    }
}
