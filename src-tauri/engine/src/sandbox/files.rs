//! The files of a workspace, to look at: through the confined handle, following no link.

use std::io::Read;

use sandbox_workspace::{Kind, WorkspacePath};

use super::Engine;
use crate::{Error, Result, SandboxId};

/// Entries of one folder that are listed.
const ENTRIES: usize = 5_000;
/// Bytes of a file that are read to be shown.
const SHOWN: u64 = 2 << 20;
/// Larger pictures are not shown.
const PICTURE: u64 = 20 << 20;

/// A folder's entries: folders first, then by name.
#[derive(Debug, Clone)]
pub struct FolderList {
    /// At most 5,000.
    pub entries: Vec<FolderEntry>,
    /// How many more there are.
    pub more: usize,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct FolderEntry {
    /// Where.
    pub path: WorkspacePath,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file.
    pub size: u64,
    /// Whether hand-over leaves such a thing out.
    pub left_out: bool,
}

/// A file to be shown.
#[derive(Debug, Clone)]
pub enum FileContent {
    /// The beginning, or all of it.
    Bytes {
        /// At most 2 MiB, or 20 MiB of what may be a picture.
        bytes: Vec<u8>,
        /// Of the whole file.
        size: u64,
    },
    /// Where a link points, verbatim.
    Link(Vec<u8>),
    /// A folder, FIFO, socket or device.
    Other(Kind),
}

impl Engine {
    /// What lies in a folder of the workspace; `None` is its root.
    pub fn list_folder(
        &self,
        id: &SandboxId,
        folder: Option<&WorkspacePath>,
    ) -> Result<FolderList> {
        let (dir, record) = self.load(id)?;
        let root = dir.open_workspace()?;
        let open = root.open_dir_or_self(folder)?;
        let matcher = record.rules.matcher()?;
        let mut names = open.list()?;
        names.sort_by(|(a, a_kind), (b, b_kind)| {
            (*a_kind != Kind::Dir, a).cmp(&(*b_kind != Kind::Dir, b))
        });
        let more = names.len().saturating_sub(ENTRIES);
        names.truncate(ENTRIES);
        let beside = |path: &WorkspacePath| root.stat_path(path).is_ok();
        let mut entries = Vec::with_capacity(names.len());
        for (name, kind) in names {
            let Ok(path) = WorkspacePath::below(folder, &name) else {
                continue;
            };
            // It may be gone by now: then it is simply not listed.
            let Some(stat) = open.stat_opt(&name)? else {
                continue;
            };
            let left_out = matcher
                .left_out(&path, kind == Kind::Dir, &beside)
                .is_some();
            entries.push(FolderEntry {
                path,
                kind: stat.kind,
                size: stat.size,
                left_out,
            });
        }
        Ok(FolderList { entries, more })
    }

    /// Files whose path has all words of the query, whatever their case; the shortest paths first. An empty
    /// query finds nothing.
    pub fn find_files(
        &self,
        id: &SandboxId,
        query: &str,
        limit: usize,
    ) -> Result<Vec<WorkspacePath>> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let (dir, record) = self.load(id)?;
        let base = self.store().tree(&record.base)?;
        let found = self.glance(&dir, &record, &base)?;
        let mut paths: Vec<WorkspacePath> = found
            .tree
            .entries()
            .iter()
            .filter(|entry| entry.kind != sandbox_workspace::EntryKind::Dir)
            .map(|entry| &entry.path)
            .filter(|path| {
                let text = path.to_lossy().to_lowercase();
                words.iter().all(|word| text.contains(word))
            })
            .cloned()
            .collect();
        paths.sort_by_key(|path| path.as_bytes().len());
        paths.truncate(limit);
        Ok(paths)
    }

    /// A file of the workspace, to be shown.
    ///
    /// # Errors
    /// [`Error::Files`] where there is none.
    pub fn read_file(&self, id: &SandboxId, path: &WorkspacePath) -> Result<FileContent> {
        let (dir, _) = self.load(id)?;
        let root = dir.open_workspace()?;
        let (parent, name) = root.open_parent(path)?;
        let kind = parent.stat(name)?.kind;
        match kind {
            Kind::Symlink => Ok(FileContent::Link(parent.read_link(name)?)),
            Kind::File => {
                let (file, stat) = parent.open_file_at(name)?;
                let most = if stat.size <= PICTURE { PICTURE } else { SHOWN };
                let mut bytes = Vec::new();
                file.take(most)
                    .read_to_end(&mut bytes)
                    .map_err(|error| Error::io("read", path.to_lossy(), error))?;
                Ok(FileContent::Bytes {
                    bytes,
                    size: stat.size,
                })
            }
            other => Ok(FileContent::Other(other)),
        }
    }
}
