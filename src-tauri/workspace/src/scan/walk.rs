//! The walk: one task per folder.
//!
//! A folder is opened from the one it lies in while only a few are open, else from the root by its path:
//! so the number of open files is bounded, whatever the shape of the tree. The stack does not grow with
//! the depth, as a folder's task ends before its children's.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use rayon::prelude::*;

use super::assemble::{Numbered, assemble_numbered};
use super::enter::{Handle, Held};
use super::known::{Folder, Known, Settled};
use super::{Index, Scan, ScanError, ScanOptions};
use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError, Kind, Stat};
use crate::path::{Paths, WorkspacePath};
use crate::progress::Step;
use crate::system;
use crate::tree::{Entry, EntryKind, FileTime, Tree, Unreadable};

/// Names between two looks at the clock and the budget.
const BETWEEN_CHECKS: usize = 32;

pub(super) struct Walk<'a> {
    pub(super) root: &'a Dir,
    pub(super) sink: &'a dyn BlobSink,
    pub(super) options: &'a ScanOptions<'a>,
    deadline: Instant,
    pub(super) user: u32,
    /// The file system whose folders tell by their times whether they have changed.
    true_times: Option<u64>,
    /// Whether most folders are likely to be known.
    pub(super) may_know: bool,
    found: Mutex<Found>,
    stop: AtomicBool,
    entries: AtomicU64,
    pub(super) bytes: AtomicU64,
    path_bytes: AtomicU64,
    pub(super) read_files: AtomicU64,
    /// The number that the next folder found gets.
    next: AtomicUsize,
    /// Folders kept open at this moment.
    pub(super) held: AtomicUsize,
}

/// A folder to be looked at.
struct Task {
    number: usize,
    path: Option<WorkspacePath>,
}

/// What all tasks found together.
#[derive(Default)]
pub(super) struct Found {
    folders: Vec<(usize, Numbered)>,
    unreadable: Vec<Unreadable>,
    pub torn: Vec<WorkspacePath>,
    skipped: Vec<WorkspacePath>,
    index: Index,
    /// Folders that were opened up, with the mode to put back.
    pub opened: Vec<(WorkspacePath, u32)>,
    failed: Option<ScanError>,
}

/// What one folder's task finds before it is added to the rest.
pub(super) struct Local {
    entries: Vec<Entry>,
    learned: Vec<Learned>,
    /// Not yet added to the sum of all.
    path_bytes: u64,
    pub settled: Settled,
}

/// What is known of a file now, where that is not what was known before.
struct Learned {
    at: usize,
    stat: Stat,
    known: Option<Known>,
}

/// A name's place in the folder that it was listed in.
#[derive(Clone, Copy)]
pub(super) struct Place<'f> {
    pub folder: &'f Folder,
    pub at: usize,
    /// Whether the sink has the content that is known of it.
    pub kept: bool,
}

impl Local {
    fn new(names: usize) -> Self {
        Self {
            entries: Vec::with_capacity(names),
            learned: Vec::new(),
            path_bytes: 0,
            settled: Settled::before(SystemTime::now()),
        }
    }

    /// The last word on a place counts.
    pub fn learn(&mut self, place: Option<Place<'_>>, stat: &Stat, known: Option<Known>) {
        self.learned.push(Learned {
            at: place.map_or(0, |place| place.at),
            stat: *stat,
            known,
        });
    }
}

/// An entry without its path.
pub(super) type Described = (EntryKind, u32, FileTime);

impl<'a> Walk<'a> {
    pub fn new(root: &'a Dir, sink: &'a dyn BlobSink, options: &'a ScanOptions<'a>) -> Self {
        let own = root.stat_self().ok();
        let true_times = own.filter(|_| root.has_true_folder_times());
        Self {
            root,
            sink,
            options,
            true_times: true_times.map(|stat| stat.dev),
            may_know: true_times.is_some() && options.index.is_some_and(Index::has_folders),
            deadline: Instant::now() + options.budget.time,
            user: system::user(),
            found: Mutex::default(),
            stop: AtomicBool::new(false),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            path_bytes: AtomicU64::new(0),
            read_files: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
        }
    }

    /// Everything below the root.
    pub fn whole(self) -> Result<Scan, ScanError> {
        let root = self.root;
        check_root(root)?;
        let scan = self.run(vec![None])?;
        check_root(root)?;
        Ok(scan)
    }

    /// The folders given, with all below them; in order, none below another.
    pub fn run(self, folders: Vec<Option<WorkspacePath>>) -> Result<Scan, ScanError> {
        let walk = &self;
        let roots = folders.len();
        walk.next.store(roots, Ordering::Relaxed);
        rayon::scope(|scope| {
            for (number, path) in folders.into_iter().enumerate() {
                scope.spawn(move |scope| walk.folder(Task { number, path }, None, scope));
            }
        });
        self.finish(roots)
    }

    /// What lies at each of these names, in order, without what is below it; nothing where nothing is, or where it
    /// is passed over.
    pub fn alone(&self, paths: &[WorkspacePath]) -> Vec<Entry> {
        let of_a_folder: Vec<&[WorkspacePath]> =
            paths.chunk_by(|a, b| a.parent() == b.parent()).collect();
        let entries = of_a_folder.par_iter().map(|paths| self.alone_in(paths));
        entries.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// As [`Self::alone`], of names in one folder.
    fn alone_in(&self, paths: &[WorkspacePath]) -> Vec<Entry> {
        let folder = paths.first().and_then(WorkspacePath::parent);
        let mut local = Local::new(paths.len());
        match self.root.place(folder.as_ref()) {
            Ok(dir) => {
                for path in paths {
                    match dir.stat(path.file_name()) {
                        Ok(stat) => self.entry(&dir, path.clone(), stat.kind, None, &mut local),
                        Err(e) => self.failed(Some(path.clone()), &e),
                    }
                }
            }
            Err(e) => {
                for path in paths {
                    self.failed(Some(path.clone()), &e);
                }
            }
        }
        let known = local
            .learned
            .iter()
            .filter_map(|l| Some((l.stat, l.known?)));
        let known: Vec<_> = known.collect();
        if !known.is_empty() {
            let index = &mut self.found().index;
            known
                .iter()
                .for_each(|(stat, known)| index.add_file(stat, *known));
        }
        local.entries
    }

    /// `above` is the folder it lies in, where that is still open.
    fn folder<'s>(
        &'s self,
        Task { number, path }: Task,
        above: Option<Arc<Held<'s>>>,
        scope: &rayon::Scope<'s>,
    ) where
        'a: 's,
    {
        if self.is_over(path.as_ref()) {
            return self.add_unlisted(number, None);
        }
        let opened = self.enter(path.as_ref(), above.as_deref());
        drop(above);
        let listed = opened.and_then(|(dir, handle)| {
            let (stat, folder) = self.list(&dir, handle)?;
            Ok((dir, stat, folder))
        });
        let (dir, stat, folder) = match listed {
            Ok(listed) => listed,
            Err(e) => {
                self.failed(path.clone(), &e);
                // Closed, gone, or something else by now.
                let own = path.and_then(|path| self.alone_in(&[path]).pop());
                let own = own.map(|entry| (entry.kind, entry.mode, entry.mtime));
                return self.add_unlisted(number, own);
            }
        };
        let mut local = Local::new(folder.len());
        let whole = self.entries_of(&dir, path.as_ref(), &folder, &mut local);
        let is_folder = |e: &&Entry| e.kind == EntryKind::Dir;
        let below = local.entries.iter().filter(is_folder).count();
        let first = self.next.fetch_add(below, Ordering::Relaxed);
        let above = self.hold(dir).map(Arc::new);
        for (nth, entry) in local.entries.iter().filter(is_folder).enumerate() {
            let task = Task {
                number: first + nth,
                path: Some(entry.path.clone()),
            };
            let above = above.clone();
            scope.spawn(move |scope| self.folder(task, above, scope));
        }
        drop(above);
        let numbered = Numbered {
            own: Some((EntryKind::Dir, stat.mode, stat.mtime)),
            entries: local.entries,
            first,
        };
        let folder = whole.then_some(folder);
        self.add(number, numbered, folder, &local.learned, local.path_bytes);
    }

    fn add_unlisted(&self, number: usize, own: Option<Described>) {
        let numbered = Numbered {
            own,
            entries: Vec::new(),
            first: 0,
        };
        self.found().folders.push((number, numbered));
    }

    /// The names in a folder: as they are known, if it certainly has not changed, or else listed. Either way
    /// each name is then looked at by itself.
    fn list(&self, dir: &Dir, handle: Handle) -> Result<(Stat, Arc<Folder>), FsError> {
        // In this order: a change at any time after the look at the folder shows in its times.
        let settled = Settled::before(SystemTime::now());
        let stat = dir.stat_self()?;
        let known = self.options.index.and_then(|index| index.folder(&stat));
        if let Some(known) = known
            && self.true_times == Some(stat.dev)
            && known.is_as_it_was(&stat)
        {
            return Ok((stat, known.clone()));
        }
        let names = match handle {
            Handle::Place => dir.opened()?.list_once()?,
            Handle::Own => dir.list_once()?,
            Handle::Shared => dir.list()?,
        };
        let before = known.map(|known| &**known);
        let folder = Folder::listed(&stat, settled, names, before);
        Ok((stat, Arc::new(folder)))
    }

    /// Looks at every name of a folder; false if it stopped before the last.
    fn entries_of(
        &self,
        dir: &Dir,
        path: Option<&WorkspacePath>,
        folder: &Folder,
        local: &mut Local,
    ) -> bool {
        let mut paths = Paths::default();
        let (mut wanted, mut found) = (Vec::new(), Vec::new());
        for from in (0..folder.len()).step_by(BETWEEN_CHECKS) {
            if from > 0 {
                let bytes = std::mem::take(&mut local.path_bytes);
                self.path_bytes.fetch_add(bytes, Ordering::Relaxed);
                if self.is_over(path) {
                    return false;
                }
            }
            let portion = from..folder.len().min(from + BETWEEN_CHECKS);
            for at in portion.clone() {
                if let Err(e) = paths.add_below(path, folder.name(at)) {
                    // No name that a listing gives is refused.
                    debug_assert!(false, "{:?}: {e}", folder.name(at));
                    self.unreadable(path.cloned(), e.to_string());
                    return false;
                }
            }
            wanted.clear();
            wanted.extend(portion.clone().filter_map(|at| folder.known(at)));
            self.sink.has_each(&wanted, &mut found);
            let mut found = found.iter();
            for (at, child) in portion.zip(paths.take()) {
                if self.stop.load(Ordering::Relaxed) {
                    return false;
                }
                let kept = folder.known(at).is_some() && found.next() == Some(&true);
                let place = Some(Place { folder, at, kept });
                self.entry(dir, child, folder.kind(at), place, local);
            }
        }
        true
    }

    /// `folder` with what was learned of it is for the next scan; one that nothing was learned of is shared
    /// with what the last scan knew.
    fn add(
        &self,
        number: usize,
        numbered: Numbered,
        folder: Option<Arc<Folder>>,
        learned: &[Learned],
        path_bytes: u64,
    ) {
        let count = numbered.entries.len() as u64;
        self.path_bytes.fetch_add(path_bytes, Ordering::Relaxed);
        let folder = folder.map(|mut folder| {
            if !learned.is_empty() {
                let folder = Arc::make_mut(&mut folder);
                for Learned { at, stat, known } in learned {
                    folder.note(*at, stat, *known);
                }
            }
            folder
        });
        let mut found = self.found();
        found.folders.push((number, numbered));
        if let Some(folder) = folder {
            found.index.add_folder(folder);
        }
        drop(found);
        let entries = self.entries.fetch_add(count, Ordering::Relaxed) + count;
        self.options.progress.report(Step {
            entries,
            bytes: self.bytes.load(Ordering::Relaxed),
            ..Step::default()
        });
    }

    fn entry(
        &self,
        dir: &Dir,
        path: WorkspacePath,
        kind: Kind,
        place: Option<Place<'_>>,
        local: &mut Local,
    ) {
        if let Some(skip) = self.options.skip
            && skip(&path, kind == Kind::Dir)
        {
            self.found().skipped.push(path);
            return;
        }
        local.path_bytes += path.as_bytes().len() as u64;
        if kind == Kind::Dir && place.is_some() {
            // What it is itself is found by who looks into it.
            return local.entries.push(Entry {
                path,
                kind: EntryKind::Dir,
                mode: 0,
                mtime: FileTime {
                    seconds: 0,
                    nanos: 0,
                },
            });
        }
        match self.describe(dir, &path, place, local) {
            Ok(Some((kind, mode, mtime))) => local.entries.push(Entry {
                path,
                kind,
                mode,
                mtime,
            }),
            Ok(None) => {}
            Err(e) => self.failed(Some(path), &e),
        }
    }

    fn describe(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        place: Option<Place<'_>>,
        local: &mut Local,
    ) -> Result<Option<Described>, FsError> {
        let name = path.file_name();
        let stat = dir.stat(name)?;
        let kind = match stat.kind {
            Kind::Dir => EntryKind::Dir,
            Kind::Special(special) => EntryKind::Unsupported(special),
            Kind::Symlink => EntryKind::Symlink {
                target: dir.read_link(name)?,
            },
            Kind::File => return self.file(dir, path, stat, place, local),
        };
        let mode = if stat.kind == Kind::Symlink {
            0o777
        } else {
            stat.mode
        };
        Ok(Some((kind, mode, stat.mtime)))
    }

    /// Whether to stop; the folder at hand is then not known.
    fn is_over(&self, path: Option<&WorkspacePath>) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return true;
        }
        if self.options.cancel.is_cancelled() {
            self.fail(ScanError::Cancelled);
            return true;
        }
        let budget = &self.options.budget;
        let over = if self.entries.load(Ordering::Relaxed) > budget.entries {
            format!("there are more than {} entries", budget.entries)
        } else if self.bytes.load(Ordering::Relaxed) > budget.bytes {
            format!("there are more than {} bytes to read", budget.bytes)
        } else if self.path_bytes.load(Ordering::Relaxed) > budget.path_bytes {
            format!(
                "the paths are longer than {} bytes together",
                budget.path_bytes
            )
        } else if Instant::now() > self.deadline {
            format!("it took longer than {} s", budget.time.as_secs())
        } else {
            return false;
        };
        self.unreadable(path.cloned(), over);
        true
    }

    pub(super) fn fail(&self, error: ScanError) {
        self.stop.store(true, Ordering::Relaxed);
        self.found().failed.get_or_insert(error);
    }

    fn failed(&self, path: Option<WorkspacePath>, error: &FsError) {
        // Gone since it was listed: so it is not there.
        if !error.is_not_found() {
            self.unreadable(path, error.to_string());
        }
    }

    pub(super) fn unreadable(&self, path: Option<WorkspacePath>, reason: String) {
        self.found().unreadable.push(Unreadable { path, reason });
    }

    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(self, roots: usize) -> Result<Scan, ScanError> {
        let mut found = self
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // Inner folders first: the outer ones must still be open for them.
        found.opened.sort();
        for (path, mode) in found.opened.iter().rev() {
            let put_back = self
                .root
                .open_parent(path)
                .and_then(|(dir, name)| dir.set_mode(name, *mode));
            if let Err(error) = put_back {
                tracing::warn!(%path, %error, "a folder keeps the mode it was read with");
            }
        }
        if let Some(failed) = found.failed {
            return Err(failed);
        }
        found.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        found.unreadable.dedup_by(|a, b| a.path == b.path);
        found.torn.sort();
        found.skipped.sort();
        let mut entries = assemble_numbered(found.folders, roots);
        for (path, mode) in found.opened {
            // As it is again, not as it was while it was open.
            if let Ok(at) = entries.binary_search_by(|e| e.path.cmp(&path)) {
                entries[at].mode = mode;
            }
        }
        let mut tree = Tree::from_sorted(entries);
        tree.unreadable = found.unreadable;
        tree.torn = found.torn;
        Ok(Scan {
            tree,
            index: found.index,
            skipped: found.skipped,
            read_files: self.read_files.into_inner(),
            read_bytes: self.bytes.into_inner(),
        })
    }
}

/// The root's own failure is no partial result, and one that was removed, which lists as empty, no empty folder.
pub(super) fn check_root(root: &Dir) -> Result<(), ScanError> {
    let is_there = |stat: Stat| match stat.nlink {
        0 => Err(FsError::io("list", b".", std::io::ErrorKind::NotFound)),
        _ => Ok(()),
    };
    let listed = root.list().and_then(|_| root.stat_self());
    listed.and_then(is_there).map_err(ScanError::Root)
}
