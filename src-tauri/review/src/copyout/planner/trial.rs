//! What the project's file system keeps of an entry, where that is not known by its kind: tried in a folder of
//! our own beside the files, which is removed at once. Scans leave such folders out.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use sandbox_workspace::{Dir, FsError, WorkspacePath};

use super::above;
use crate::copyout::CopyOutError;
use crate::copyout::plan::{Conflict, Reason};
use crate::copyout::stage::random_name;
use crate::risk::folded;

/// What there is to know about the file systems below a project, found out once each.
pub(super) struct Traits<'a> {
    project: &'a Dir,
    /// By device.
    modes: RefCell<HashMap<u64, bool>>,
}

/// Whether permission bits are kept in a project's folder: where not, a mode that differs there is nobody's change.
/// Where that is not known by the file system it is tried, in a folder of our own that is gone afterwards.
pub fn keeps_modes(project: &Dir) -> bool {
    Traits::of(project).keeps_modes_in(None)
}

/// Something that is to lie in the project.
pub(super) struct New<'p> {
    pub(super) path: &'p WorkspacePath,
    /// Whether nothing has its name yet.
    pub(super) appears: bool,
    pub(super) link: bool,
    pub(super) group: usize,
}

/// A name that is to appear in a folder.
struct Name<'p> {
    name: Vec<u8>,
    new: &'p New<'p>,
}

impl<'a> Traits<'a> {
    pub(super) fn of(project: &'a Dir) -> Self {
        Self {
            project,
            modes: RefCell::default(),
        }
    }

    /// Whether permission bits are kept where a path lies; if that cannot be found out, yes.
    pub(super) fn keeps_modes(&self, path: &WorkspacePath) -> bool {
        self.keeps_modes_in(Some(path))
    }

    fn keeps_modes_in(&self, path: Option<&WorkspacePath>) -> bool {
        let Ok(dir) = self.nearest(path) else {
            return true;
        };
        if dir.keeps_entries() {
            return true;
        }
        let Ok(stat) = dir.stat_self() else {
            return true;
        };
        *self.modes.borrow_mut().entry(stat.dev).or_insert_with(|| {
            in_a_folder(&dir, |own| {
                drop(own.create_new(b"a", 0o600)?);
                [0o640, 0o711].iter().try_fold(true, |kept, mode| {
                    let set = own.set_mode(b"a", *mode).is_ok();
                    Ok(kept && set && own.stat(b"a")?.mode & 0o777 == *mode)
                })
            })
            .unwrap_or(true)
        })
    }

    /// Those of them that the file system cannot hold: symbolic links, names that it refuses or changes, names
    /// that it takes for another's.
    pub(super) fn unfit(&self, news: &[New<'_>]) -> Result<Vec<(usize, Conflict)>, CopyOutError> {
        let mut found = Vec::new();
        let mut links: HashMap<u64, bool> = HashMap::new();
        for new in news.iter().filter(|new| new.link) {
            let dir = self.nearest(Some(new.path))?;
            if dir.keeps_entries() {
                continue;
            }
            let device = dir.stat_self().map_err(trying)?.dev;
            let held = *links
                .entry(device)
                .or_insert_with(|| in_a_folder(&dir, |own| own.symlink(b"nowhere", b"a")).is_ok());
            if !held {
                found.push(conflict(new, Reason::CannotHold));
            }
        }
        for (folder, names) in self.by_folder(news) {
            let dir = self.nearest(folder.as_ref())?;
            let mut once = HashSet::new();
            let alone = names.iter().all(|name| once.insert(folded(&name.name)));
            if dir.keeps_entries() && alone {
                continue;
            }
            let tried = in_a_folder(&dir, |own| try_names(own, &names));
            match tried {
                Ok(unfit) => found.extend(unfit),
                // Where nothing can be made at all, the copy-out says so.
                Err(e) if e.is_denied() => {}
                Err(e) => return Err(trying(e)),
            }
        }
        Ok(found)
    }

    /// The names that appear, those of new folders too, by the folder they appear in.
    fn by_folder<'n>(&self, news: &'n [New<'n>]) -> BTreeMap<Option<WorkspacePath>, Vec<Name<'n>>> {
        let mut all: BTreeMap<Option<WorkspacePath>, Vec<Name<'n>>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for new in news.iter().filter(|new| new.appears) {
            let missing = above(new.path)
                .take_while(|folder| self.project.stat_path(folder).is_err())
                .chain([new.path.clone()]);
            for path in missing {
                if seen.insert(path.clone()) {
                    let name = Name {
                        name: path.file_name().to_vec(),
                        new,
                    };
                    all.entry(path.parent()).or_default().push(name);
                }
            }
        }
        all
    }

    /// The nearest folder of the project at or above a path that is there.
    fn nearest(&self, path: Option<&WorkspacePath>) -> Result<Dir, CopyOutError> {
        let mut at = path.cloned();
        while let Some(folder) = at {
            if let Ok(dir) = self.project.open_dir(&folder) {
                return Ok(dir);
            }
            at = folder.parent();
        }
        self.project.try_clone().map_err(trying)
    }
}

fn trying(source: FsError) -> CopyOutError {
    CopyOutError::File {
        doing: "trying what your folder can hold",
        source,
    }
}

fn conflict(new: &New<'_>, reason: Reason) -> (usize, Conflict) {
    let path = new.path.clone();
    (new.group, Conflict { path, reason })
}

/// Does something in a new folder, and removes that.
fn in_a_folder<T>(at: &Dir, what: impl Fn(&Dir) -> Result<T, FsError>) -> Result<T, FsError> {
    let name = random_name();
    at.mkdir(name.as_bytes(), 0o700)?;
    let done = at.child_dir(name.as_bytes()).and_then(|own| what(&own));
    at.remove_tree(name.as_bytes())?;
    done
}

/// Makes an empty file of each name, and looks by which names they are there.
fn try_names(own: &Dir, names: &[Name<'_>]) -> Result<Vec<(usize, Conflict)>, FsError> {
    let mut unfit = Vec::new();
    let mut made = Vec::new();
    for name in names {
        match own.create_new(&name.name, 0o600) {
            Ok(_) => made.push(name),
            Err(e) if e.is_exists() => unfit.push(conflict(name.new, Reason::SameName)),
            Err(e) if e.is_full() || is_of_the_disk(&e) => return Err(e),
            Err(_) => unfit.push(conflict(name.new, Reason::CannotHold)),
        }
    }
    let listed: HashSet<Vec<u8>> = own.list()?.into_iter().map(|(name, _)| name).collect();
    let changed = made.into_iter().filter(|name| !listed.contains(&name.name));
    unfit.extend(changed.map(|name| conflict(name.new, Reason::CannotHold)));
    Ok(unfit)
}

/// Not a matter of the name.
fn is_of_the_disk(e: &FsError) -> bool {
    use std::io::ErrorKind;
    const EIO: i32 = 5;
    e.raw_os_error() == Some(EIO) || e.kind() == ErrorKind::ReadOnlyFilesystem
}
