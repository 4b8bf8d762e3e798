//! Files that are saved for the user elsewhere than in their project. They belong to whom their folder belongs,
//! also where the app runs as root, as a copy-out and a branch do.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sandbox_review::Change;
use sandbox_workspace::{BlobSource, Dir, Entry, EntryKind, FsError, WorkspacePath, system};

use crate::operation::Operation;
use crate::{Error, Result};

/// Other names of the new folder, where one is taken.
const NAMES: u32 = 99;

/// Whose what is made in a folder becomes.
#[derive(Debug, Clone, Copy)]
struct Owner(Option<(u32, u32)>);

impl Owner {
    /// The folder's; nothing to do where that is this process anyway.
    fn of(folder: (u32, u32)) -> Self {
        let ours = (system::user(), system::group());
        Self((folder != ours).then_some(folder))
    }

    fn take_folder(self, folder: &Dir) -> Result<(), FsError> {
        let Self(Some((uid, gid))) = self else {
            return Ok(());
        };
        given(folder.chown_self(uid, gid), FsError::is_denied)
    }

    /// By its handle: in a folder of somebody else's, another file could have its name by now.
    fn take_file(self, file: &File) -> io::Result<()> {
        let Self(Some(owner)) = self else {
            return Ok(());
        };
        let denied = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
        given(system::give_file_to(file, owner), denied)
    }
}

/// An ordinary user cannot give files away, and then owns what they write, as ever.
fn given<E>(
    done: std::result::Result<(), E>,
    denied: impl Fn(&E) -> bool,
) -> std::result::Result<(), E> {
    match done {
        Err(e) if denied(&e) => Ok(()),
        done => done,
    }
}

/// Writes a new file of the user's. One that is there is replaced only where the user was asked (`over`); it
/// then keeps its owner.
///
/// # Errors
/// [`Error::Io`], also where something is there; nothing half-written is left.
pub fn save_file(path: &Path, content: &[u8], over: bool) -> Result<()> {
    let failed = |e| Error::io("write", path, e);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(e) if over && e.kind() == io::ErrorKind::AlreadyExists => {
            return std::fs::write(path, content).map_err(failed);
        }
        made => made.map_err(failed)?,
    };
    let written = std::fs::metadata(folder).and_then(|folder| {
        Owner::of(system::owner(&folder)).take_file(&file)?;
        file.write_all(content)
    });
    written.map_err(|e| {
        // Ours alone: it was made just now.
        let _ = std::fs::remove_file(path);
        failed(e)
    })
}

/// The files of these changes in a new folder below `place`, whose path is given back.
pub(super) fn to_folder(
    place: &Path,
    name: &str,
    changes: &[Change],
    blobs: &dyn BlobSource,
    op: &Operation,
) -> Result<PathBuf> {
    let parent = Dir::open_root(place)?;
    let stat = parent.stat_self()?;
    let owner = Owner::of((stat.uid, stat.gid));
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
            Err(error) => Some(Err(error)),
        })
        .ok_or_else(|| Error::InvalidRequest {
            message: "all names for a new folder are taken".to_owned(),
        })??;
    let root = parent.child_dir(folder.as_bytes())?;
    let written = owner
        .take_folder(&root)
        .map_err(Error::from)
        .and_then(|()| {
            for change in changes {
                if op.cancel().is_cancelled() {
                    return Err(Error::Cancelled);
                }
                if let Some(entry) = &change.to {
                    write(&root, &change.path, entry, blobs, owner)?;
                }
            }
            Ok(())
        });
    if let Err(error) = written {
        // Half of it would look like all of it.
        parent.remove_tree(folder.as_bytes())?;
        return Err(error);
    }
    Ok(place.join(folder))
}

fn write(
    root: &Dir,
    path: &WorkspacePath,
    entry: &Entry,
    blobs: &dyn BlobSource,
    owner: Owner,
) -> Result<(), FsError> {
    let parent = match path.parent() {
        Some(folder) => make_folders(root, &folder, owner)?,
        None => root.try_clone()?,
    };
    match &entry.kind {
        EntryKind::File { blob, .. } => {
            let mut file = parent.create_new(path.file_name(), entry.mode & 0o777)?;
            owner
                .take_file(&file)
                .and_then(|()| blobs.open(blob))
                .and_then(|mut content| io::copy(&mut content, &mut file))
                .map_err(|error| FsError::io("write", path.as_bytes(), error))?;
            Ok(())
        }
        EntryKind::Dir => make_folders(root, path, owner).map(drop),
        // A link could point anywhere: it is in the patch, and not made here.
        EntryKind::Symlink { .. } | EntryKind::Unsupported(_) => Ok(()),
    }
}

/// The folder at a path and those above it, made where they are missing.
fn make_folders(root: &Dir, path: &WorkspacePath, owner: Owner) -> Result<Dir, FsError> {
    let mut reached = root.try_clone()?;
    for name in path.components() {
        reached = match reached.mkdir(name, 0o755) {
            Ok(()) => {
                let made = reached.child_dir(name)?;
                owner.take_folder(&made)?;
                made
            }
            Err(e) if e.is_exists() => reached.child_dir(name)?,
            Err(e) => return Err(e.at(path.as_bytes())),
        };
    }
    Ok(reached)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use sandbox_review::changes::{Options, compare};
    use sandbox_workspace::{FileTime, MemoryBlobs, Tree};

    use super::*;

    const SOMEBODY: (u32, u32) = (4_711, 4_712);

    fn owner(path: &Path) -> (u32, u32) {
        let stat = std::fs::symlink_metadata(path).unwrap();
        (stat.uid(), stat.gid())
    }

    /// Two files, one of them in two new folders, saved to a folder of this owner.
    fn save_in(place: &Path) -> PathBuf {
        let mut blobs = MemoryBlobs::default();
        let mut file = |path: &str| Entry {
            path: WorkspacePath::try_from(path).unwrap(),
            kind: EntryKind::File {
                blob: blobs.add(path),
                size: path.len() as u64,
            },
            mode: 0o644,
            mtime: FileTime {
                seconds: 0,
                nanos: 0,
            },
        };
        let tree = Tree::new(vec![file("a"), file("b/c/d")]);
        let found = compare(&Tree::default(), &tree, &blobs, &Options::default()).unwrap();
        to_folder(place, "s", &found.list, &blobs, &Operation::silent()).unwrap()
    }

    #[test]
    fn what_is_saved_belongs_to_the_folders_owner() {
        if system::user() != 0 {
            println!("SKIPPED: only root can make a folder that is somebody else's");
            return;
        }
        let ours = tempfile::tempdir().unwrap();
        let theirs = tempfile::tempdir().unwrap();
        system::give_to(theirs.path(), SOMEBODY).unwrap();
        // In a folder of our own it is ours: the owners below are the folder's, not everybody's.
        assert_eq!(owner(&save_in(ours.path()).join("a")), (0, system::group()));
        let saved = save_in(theirs.path());
        for path in ["", "a", "b", "b/c", "b/c/d"] {
            assert_eq!(owner(&saved.join(path)), SOMEBODY, "{path}");
        }
        for (folder, whose) in [
            (ours.path(), (0, system::group())),
            (theirs.path(), SOMEBODY),
        ] {
            let patch = folder.join("patch");
            save_file(&patch, b"one", false).unwrap();
            assert_eq!(owner(&patch), whose);
        }
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let patch = folder.path().join("patch");
        save_file(&patch, b"one", false).unwrap();
        save_file(&patch, b"two", false).unwrap_err();
        assert_eq!(std::fs::read(&patch).unwrap(), b"one");
        save_file(&patch, b"two", true).unwrap();
        assert_eq!(std::fs::read(&patch).unwrap(), b"two");
    }
}
