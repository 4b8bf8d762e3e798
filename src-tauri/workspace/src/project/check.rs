//! What cannot be handed over, said before anything is made.

use std::io;
use std::path::{Path, PathBuf};

use crate::confined::Dir;
use crate::size::Size;

/// Why a folder cannot be a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Nothing is there.
    #[error("there is nothing at {}", .0.display())]
    Missing(PathBuf),
    /// It is a file.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The root of the file system.
    #[error("the whole file system cannot be handed over: choose a folder in it")]
    Root,
    /// The home folder, or one that the home folder lies in.
    #[error("{} holds your whole home folder: choose a folder in it", .0.display())]
    Home(PathBuf),
    /// It lies where the system shows its own state as files (`/proc`, `/sys`).
    #[error("{} shows the state of this computer, it holds no files: choose a folder of yours", .0.display())]
    NoFiles(PathBuf),
    /// It lies in the app's own data.
    #[error("{} lies in the folder where this app keeps its own data", .0.display())]
    InDataDir(PathBuf),
    /// The app's own data lie in it.
    #[error("{} holds the folder where this app keeps its own data", .0.display())]
    HoldsDataDir(PathBuf),
    /// It does not fit.
    #[error("the project needs {} on the disk, {} are free", Size(*needed), Size(*free))]
    TooLarge {
        /// Bytes for the copy and its baseline, with a margin.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// It does not fit, by the number of files.
    #[error("the project needs {needed} files on the disk, {free} can be made")]
    TooMany {
        /// Files and folders.
        needed: u64,
        /// Files that can still be made.
        free: u64,
    },
}

/// Opens a project and gives its path without links, or says why it cannot be one. The path is the
/// user's own and may go over links; `home` and `data_dir` are where the app found them.
pub fn check_project(
    path: &Path,
    home: Option<&Path>,
    data_dir: &Path,
) -> Result<(Dir, PathBuf), ProjectError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProjectError::Missing(path.to_owned()),
        io::ErrorKind::NotADirectory => ProjectError::NotAFolder(path.to_owned()),
        _ => ProjectError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let whole = path.canonicalize().map_err(unreadable)?;
    if whole.parent().is_none() {
        return Err(ProjectError::Root);
    }
    if home
        .and_then(|h| h.canonicalize().ok())
        .is_some_and(|home| home.starts_with(&whole))
    {
        return Err(ProjectError::Home(whole));
    }
    // The data dir may not be made yet.
    let data = data_dir
        .canonicalize()
        .unwrap_or_else(|_| data_dir.to_owned());
    if whole.starts_with(&data) {
        return Err(ProjectError::InDataDir(whole));
    }
    if data.starts_with(&whole) {
        return Err(ProjectError::HoldsDataDir(whole));
    }
    let opened = Dir::open_root(&whole).and_then(|dir| dir.list().map(|_| dir));
    match opened {
        Ok(dir) if dir.shows_system_state() => Err(ProjectError::NoFiles(whole)),
        Ok(dir) => Ok((dir, whole)),
        Err(e) => Err(unreadable(io::Error::new(e.kind(), e))),
    }
}
