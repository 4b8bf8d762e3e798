//! Accepted changes to other places than the project: a patch, or a new folder.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use sandbox_engine::sandbox::Accepted;
use sandbox_review::decisions::Outcome;
use sandbox_review::unified::{self, Form};
use sandbox_review::{Change, ReviewError};
use sandbox_workspace::{
    BlobId, BlobSource, Cancel, Dir, Entry, EntryKind, FsError, MemoryBlobs, Store, WorkspacePath,
};

/// Other names of the new folder, where one is taken.
const NAMES: u32 = 99;

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

/// A patch that `git apply` takes.
pub fn patch(accepted: &[Accepted], store: &Store) -> Result<Vec<u8>, ReviewError> {
    let (changes, blobs) = parted(accepted, store);
    unified::patch(&changes, &blobs, Form::Patch)
}

/// The accepted files in a new folder below `place`; nothing that is there is touched.
pub fn to_folder(
    place: &Path,
    name: &str,
    accepted: &[Accepted],
    store: &Store,
    cancel: &Cancel,
) -> Result<PathBuf, WireError> {
    let failed = |error: FsError| WireError::new(ErrorCode::Io, &error);
    let parent = Dir::open_root(place).map_err(failed)?;
    let safe: String = name
        .chars()
        .map(|c| if c == '/' || c.is_control() { '-' } else { c })
        .collect();
    let folder = (1..=NAMES)
        .map(|number| match number {
            1 => format!("{safe} changes"),
            n => format!("{safe} changes {n}"),
        })
        .find_map(|name| match parent.mkdir(name.as_bytes(), 0o755) {
            Ok(()) => Some(Ok(name)),
            Err(error) if error.is_exists() => None,
            Err(error) => Some(Err(failed(error))),
        })
        .ok_or_else(|| WireError::said(ErrorCode::Io, "All names for a new folder are taken."))??;
    let root = parent.child_dir(folder.as_bytes()).map_err(failed)?;
    let (changes, blobs) = parted(accepted, store);
    for change in &changes {
        if cancel.is_cancelled() {
            parent.remove_tree(folder.as_bytes()).map_err(failed)?;
            return Err(WireError::said(
                ErrorCode::Cancelled,
                "Cancelled. The new folder is gone again.",
            ));
        }
        if let Some(entry) = &change.to {
            write(&root, &change.path, entry, &blobs).map_err(failed)?;
        }
    }
    Ok(place.join(folder))
}

fn write(
    root: &Dir,
    path: &WorkspacePath,
    entry: &Entry,
    blobs: &dyn BlobSource,
) -> Result<(), FsError> {
    let parent = match path.parent() {
        Some(folder) => root.mkdir_all(&folder)?,
        None => root.try_clone()?,
    };
    match &entry.kind {
        EntryKind::File { blob, .. } => {
            let mut file = parent.create_new(path.file_name(), entry.mode & 0o777)?;
            blobs
                .open(blob)
                .and_then(|mut content| io::copy(&mut content, &mut file))
                .map_err(|error| FsError::io("write", path.as_bytes(), error))?;
            Ok(())
        }
        EntryKind::Dir => root.mkdir_all(path).map(drop),
        // A link could point anywhere: it is in the patch, and not made here.
        EntryKind::Symlink { .. } | EntryKind::Unsupported(_) => Ok(()),
    }
}
