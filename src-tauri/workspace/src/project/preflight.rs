//! What a hand-over would do, without doing it: counts, sizes, what stays out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::walk::{Notes, Visitor, walk};
use super::{HandOverError, LeftOut, ProjectError, Warning};
use crate::confined::{Dir, Kind, Stat};
use crate::path::WorkspacePath;
use crate::progress::{Cancel, Progress, Step};
use crate::rules::Rules;

/// Room that must remain when all is copied.
const MARGIN: u64 = 256 << 20;

/// What goes in and what stays out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Files that go in.
    pub files: u64,
    /// Folders that go in.
    pub folders: u64,
    /// Symbolic links that go in.
    pub links: u64,
    /// Bytes of the files that go in.
    pub bytes: u64,
    /// The same by top-level entry, sorted by path.
    pub top: Vec<TopLevel>,
    /// What stays out, sorted by path.
    pub left_out: Vec<LeftOut>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// A top-level entry of the project, with what of it goes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopLevel {
    /// Where.
    pub path: WorkspacePath,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Files that go in; 1 for what is not a folder.
    pub files: u64,
    /// Bytes they have together.
    pub bytes: u64,
}

/// Walks the project by these rules and counts.
pub fn preflight(
    project: &Dir,
    rules: &Rules,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Preflight, HandOverError> {
    let matcher = rules.matcher()?;
    let count = Count {
        progress,
        files: AtomicU64::new(0),
        folders: AtomicU64::new(0),
        links: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        top: Mutex::default(),
    };
    let noted = walk(project, &matcher, &count, cancel)?;
    Ok(Preflight {
        files: count.files.into_inner(),
        folders: count.folders.into_inner(),
        links: count.links.into_inner(),
        bytes: count.bytes.into_inner(),
        top: count
            .top
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .collect(),
        left_out: noted.left_out,
        warnings: noted.warnings,
    })
}

impl Preflight {
    /// Entries that go in.
    pub fn entries(&self) -> u64 {
        self.files + self.folders + self.links
    }

    /// Fails if copy and baseline do not fit where `place` lies.
    pub fn check_room(&self, place: &Dir) -> Result<(), ProjectError> {
        let Ok(space) = place.free_space() else {
            return Ok(());
        };
        // The baseline compresses, but need not.
        let needed = self.bytes.saturating_mul(2).saturating_add(MARGIN);
        if needed > space.free {
            return Err(ProjectError::TooLarge {
                needed,
                free: space.free,
            });
        }
        if self.entries() > space.free_files {
            return Err(ProjectError::TooMany {
                needed: self.entries(),
                free: space.free_files,
            });
        }
        Ok(())
    }
}

struct Count<'a> {
    progress: &'a dyn Progress,
    files: AtomicU64,
    folders: AtomicU64,
    links: AtomicU64,
    bytes: AtomicU64,
    top: Mutex<BTreeMap<WorkspacePath, TopLevel>>,
}

impl Count<'_> {
    /// Adds what one folder holds to the top-level entry that it lies in.
    fn add_to_top(&self, folder: Option<&WorkspacePath>, kept: &[(WorkspacePath, Stat)]) {
        let mut top = self.top.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, stat) in kept {
            let first = path.components().next().unwrap_or_default();
            let Ok(first) = WorkspacePath::new(first) else {
                continue;
            };
            let entry = top.entry(first.clone()).or_insert(TopLevel {
                path: first,
                is_dir: folder.is_some() || stat.kind == Kind::Dir,
                files: 0,
                bytes: 0,
            });
            if stat.kind != Kind::Dir {
                entry.files += 1;
            }
            if stat.kind == Kind::File {
                entry.bytes += stat.size;
            }
        }
    }
}

impl Visitor for Count<'_> {
    fn folder(
        &self,
        folder: Option<&WorkspacePath>,
        _: &Dir,
        kept: &[(WorkspacePath, Stat)],
        _: &Notes,
    ) -> Result<(), HandOverError> {
        self.add_to_top(folder, kept);
        for (_, stat) in kept {
            let counter = match stat.kind {
                Kind::File => &self.files,
                Kind::Dir => &self.folders,
                Kind::Symlink | Kind::Special(_) => &self.links,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            if stat.kind == Kind::File {
                self.bytes.fetch_add(stat.size, Ordering::Relaxed);
            }
        }
        self.progress.report(Step {
            entries: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            ..Step::default()
        });
        Ok(())
    }
}
