//! What the project's folders call things: a file system that takes several names for one (`README.md` and
//! `Readme.md`; an accent written in two ways) finds by one what it lists by another.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use sandbox_workspace::{Dir, WorkspacePath};

use crate::risk::folded;

/// What one folder lists; `None` where it cannot be listed.
type Listed = Option<HashSet<Vec<u8>>>;

/// The names in the project's folders, each listed once.
pub(super) struct Names<'a> {
    project: &'a Dir,
    /// By folder; `None` is the project itself.
    listed: RefCell<HashMap<Option<WorkspacePath>, Listed>>,
}

/// What is found by a path although its own name is not in the folder.
pub(super) enum Other {
    /// This, as the folder lists it: the file or folder itself, or a folder on the way.
    Path(WorkspacePath),
    /// Something that is listed by no name like it (a short name of FAT).
    Unknown,
}

impl Other {
    /// Whether it is one of these.
    pub(super) fn is_one_of(&self, paths: &HashSet<WorkspacePath>) -> bool {
        matches!(self, Self::Path(path) if paths.contains(path))
    }
}

impl<'a> Names<'a> {
    pub(super) fn of(project: &'a Dir) -> Self {
        Self {
            project,
            listed: RefCell::default(),
        }
    }

    /// What a path finds by another name than its own. `None` where nothing is, or all of its names are as
    /// they are listed.
    pub(super) fn other(&self, path: &WorkspacePath) -> Option<Other> {
        let mut at: Option<WorkspacePath> = None;
        for name in path.components() {
            let next = match &at {
                Some(at) => at.join(name).ok()?,
                None => WorkspacePath::new(name).ok()?,
            };
            if !self.has(at.as_ref(), name)? {
                self.project.stat_path(&next).ok()?;
                return Some(self.alike(at.as_ref(), name));
            }
            at = Some(next);
        }
        None
    }

    /// Whether a folder lists a name; `None` where it cannot be listed.
    fn has(&self, folder: Option<&WorkspacePath>, name: &[u8]) -> Option<bool> {
        let mut listed = self.listed.borrow_mut();
        let names = listed.entry(folder.cloned()).or_insert_with(|| {
            let names = self.project.open_dir_or_self(folder).and_then(|d| d.list());
            Some(names.ok()?.into_iter().map(|(name, _)| name).collect())
        });
        names.as_ref().map(|names| names.contains(name))
    }

    fn alike(&self, folder: Option<&WorkspacePath>, name: &[u8]) -> Other {
        let listed = self.listed.borrow();
        let names = listed.get(&folder.cloned()).and_then(Option::as_ref);
        let wanted = folded(name);
        let mut found = names
            .into_iter()
            .flatten()
            .filter(|name| folded(name) == wanted);
        let (Some(one), None) = (found.next(), found.next()) else {
            return Other::Unknown;
        };
        let path = match folder {
            Some(folder) => folder.join(one),
            None => WorkspacePath::new(one.clone()),
        };
        path.map_or(Other::Unknown, Other::Path)
    }
}
