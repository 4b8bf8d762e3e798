//! Captures: the workspace as a stored tree that a review is made of.

use sandbox_workspace::{
    BlobSink, HashOnly, Index, Scan, ScanOptions, Tree, TreeId, WorkspacePath, scan,
};
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::pause::Frozen;
use super::{Engine, Working};
use crate::operation::{Operation, Phase};
use crate::state::data_dir::SandboxDir;
use crate::state::json_file;
use crate::state::record::Record;
use crate::{Error, Result};

/// Most passed-over folders that are written down with a capture.
const PASSED_OVER_MOST: usize = 10_000;
/// Hexadecimal digits of a capture's name.
const DIGITS: usize = 16;

/// One capture. Two captures of the same content have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Its name in the sandbox.
    pub id: String,
    /// The workspace.
    pub tree: TreeId,
    /// Folders that were passed over: what the hand-over rules leave out and the agent made again.
    pub passed_over: u64,
    /// Where they lie, as far as they are named one by one.
    #[serde(default)]
    pub passed_over_paths: Vec<WorkspacePath>,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The record's epoch when it was taken.
    #[serde(default)]
    pub epoch: u64,
}

/// How a workspace is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stillness {
    /// The container goes on; a file that changes meanwhile is marked torn.
    Live,
    /// The container stands still for at most two seconds.
    Frozen,
}

impl Working {
    /// Captures the workspace into the store.
    pub async fn capture(&self, stillness: Stillness, op: &Operation) -> Result<Capture> {
        op.enter(Phase::Capturing)?;
        let frozen = match stillness {
            Stillness::Live => None,
            Stillness::Frozen => Frozen::begin(self).await?,
        };
        let still = frozen.is_some() || !self.record.container_made;
        let done = block_in_place(|| self.read_into_store(still, &[], op));
        if let Some(frozen) = frozen {
            frozen.end().await;
        }
        let (tree, scan) = done?;
        let capture = Capture {
            id: tree.to_string()[..DIGITS].to_owned(),
            tree,
            passed_over: scan.skipped.len() as u64,
            passed_over_paths: scan.skipped.into_iter().take(PASSED_OVER_MOST).collect(),
            time: self.engine.now(),
            epoch: self.record.epoch,
        };
        json_file::write(&file(&self.dir, &capture.id), &capture)?;
        Ok(capture)
    }

    /// Scans the workspace and stores what is new. `kept` are trees whose rebuildable folders are part of
    /// the content, not passed over.
    pub fn read_into_store(
        &self,
        still: bool,
        kept: &[&Tree],
        op: &Operation,
    ) -> Result<(TreeId, Scan)> {
        let writer = self.engine.store().writer()?;
        let found = self.read(&writer, still, kept, op)?;
        let tree = writer.put_tree(&found.tree)?;
        writer.commit()?;
        Ok((tree, found))
    }

    fn read(
        &self,
        sink: &dyn BlobSink,
        still: bool,
        kept: &[&Tree],
        op: &Operation,
    ) -> Result<Scan> {
        let workspace = self.workspace()?;
        let index = Index::load(&self.dir.index());
        let matcher = self.record.rules.matcher()?;
        let base = self.engine.store().tree(&self.record.base)?;
        let is_new_and_rebuildable = matcher.skip(&workspace, Some(&base));
        let skip = |path: &_, is_dir| {
            is_new_and_rebuildable(path, is_dir) && kept.iter().all(|tree| tree.get(path).is_none())
        };
        let progress = op.phase(Phase::Capturing);
        let options = ScanOptions {
            index: Some(&index),
            skip: Some(&skip),
            open_closed: still,
            progress: &progress,
            ..ScanOptions::new(op.cancel())
        };
        let found = scan(&workspace, sink, &options)?;
        if !found.index.is_same(&index)
            && let Err(error) = found.index.save(&self.dir.index())
        {
            tracing::warn!(%error, "the next look at the workspace will be slower");
        }
        self.engine.compare_with_live(self.id(), &found.tree);
        Ok(found)
    }

    /// A capture by its name.
    pub fn find_capture(&self, id: &str) -> Result<Capture> {
        let missing = || Error::NotFound {
            what: "capture",
            name: id.to_owned(),
        };
        // What is not a name of ours never becomes a path.
        if id.len() != DIGITS || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let found: Capture = json_file::read(&file(&self.dir, id))?.ok_or_else(missing)?;
        if found.epoch == self.record.epoch {
            Ok(found)
        } else {
            Err(Error::InvalidRequest {
                message: format!(
                    "the capture {id} is from before the workspace was put back or your edits were brought in; \
                     take a new one"
                ),
            })
        }
    }

    /// Whether a capture is there and good for the base as it is.
    pub fn is_good(&self, id: &str) -> bool {
        self.find_capture(id).is_ok()
    }
}

impl Engine {
    /// The workspace as it is, only hashed: for rows and for what only looks. Takes no lock and writes
    /// nothing.
    pub(super) fn glance(&self, dir: &SandboxDir, record: &Record, base: &Tree) -> Result<Scan> {
        self.glance_with(dir, record, base, &Index::load(&dir.index()))
    }

    /// Likewise, with what is known of its files.
    pub(super) fn glance_with(
        &self,
        dir: &SandboxDir,
        record: &Record,
        base: &Tree,
        index: &Index,
    ) -> Result<Scan> {
        let workspace = dir.open_workspace()?;
        let matcher = record.rules.matcher()?;
        let skip = matcher.skip(&workspace, Some(base));
        let op = Operation::silent();
        let options = ScanOptions {
            index: Some(index),
            skip: Some(&skip),
            ..ScanOptions::new(op.cancel())
        };
        Ok(scan(&workspace, &HashOnly, &options)?)
    }
}

pub(super) fn file(dir: &SandboxDir, id: &str) -> std::path::PathBuf {
    dir.captures().join(format!("{id}.json"))
}

/// All captures of a sandbox; what cannot be read is passed over and reported by the caller's count.
pub(super) fn all(dir: &SandboxDir) -> Result<Vec<Capture>> {
    let folder = dir.captures();
    let read = std::fs::read_dir(&folder).map_err(|e| Error::io("list", &folder, e))?;
    let mut list = Vec::new();
    for entry in read {
        let entry = entry.map_err(|e| Error::io("list", &folder, e))?;
        if entry.path().extension().is_some_and(|e| e == "json")
            && let Some(capture) = json_file::read(&entry.path())?
        {
            list.push(capture);
        }
    }
    Ok(list)
}
