//! The walk: one task per folder.
//!
//! A folder is opened from the one it lies in while only a few are open, else from the root by its path:
//! so the number of open files is bounded, whatever the shape of the tree. The stack does not grow with
//! the depth, as a folder's task ends before its children's.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::index::{Record, Settled};
use super::{Index, Scan, ScanError, ScanOptions};
use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError, Kind, Stat};
use crate::path::WorkspacePath;
use crate::progress::Step;
use crate::store::{LARGE, read_full};
use crate::system;
use crate::tree::{BlobId, Entry, EntryKind, FileTime, Tree, Unreadable};

/// Times a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;
/// Folders that are kept open for those in them at most; the others are opened by their path.
const HELD: usize = 128;
/// Names between two looks at the clock and the budget.
const BETWEEN_CHECKS: usize = 32;

pub(super) struct Walk<'a> {
    root: &'a Dir,
    sink: &'a dyn BlobSink,
    options: &'a ScanOptions<'a>,
    deadline: Instant,
    user: u32,
    found: Mutex<Found>,
    stop: AtomicBool,
    entries: AtomicU64,
    bytes: AtomicU64,
    path_bytes: AtomicU64,
    read_files: AtomicU64,
    /// Folders kept open at this moment.
    held: AtomicUsize,
}

/// What all tasks found together.
#[derive(Default)]
struct Found {
    folders: HashMap<Option<WorkspacePath>, Vec<Entry>>,
    unreadable: Vec<Unreadable>,
    torn: Vec<WorkspacePath>,
    skipped: Vec<WorkspacePath>,
    index: Index,
    /// Folders that were opened up, with the mode to put back.
    opened: Vec<(WorkspacePath, u32)>,
    failed: Option<ScanError>,
}

/// What one folder's task finds before it is added to the rest.
struct Local {
    entries: Vec<Entry>,
    index: Vec<Record>,
    /// Not yet added to the sum of all.
    path_bytes: u64,
    settled: Settled,
}

impl Local {
    fn new(names: usize) -> Self {
        Self {
            entries: Vec::with_capacity(names),
            index: Vec::with_capacity(names),
            path_bytes: 0,
            settled: Settled::before(SystemTime::now()),
        }
    }
}

/// A folder that is kept open, and counted.
struct Held<'a> {
    dir: Dir,
    count: &'a AtomicUsize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An entry without its path.
type Described = (EntryKind, u32, FileTime);

impl<'a> Walk<'a> {
    pub fn new(root: &'a Dir, sink: &'a dyn BlobSink, options: &'a ScanOptions<'a>) -> Self {
        Self {
            root,
            sink,
            options,
            deadline: Instant::now() + options.budget.time,
            user: system::user(),
            found: Mutex::default(),
            stop: AtomicBool::new(false),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            path_bytes: AtomicU64::new(0),
            read_files: AtomicU64::new(0),
            held: AtomicUsize::new(0),
        }
    }

    /// Everything below the root.
    pub fn whole(self) -> Result<Scan, ScanError> {
        // The root's own failure is no partial result.
        self.root.list().map_err(ScanError::Root)?;
        self.found().index = Index::with_room(self.options.index.map_or(0, Index::len));
        self.run(vec![None])
    }

    /// The folders given, with all below them.
    pub fn run(self, folders: Vec<Option<WorkspacePath>>) -> Result<Scan, ScanError> {
        let walk = &self;
        rayon::scope(|scope| {
            for folder in folders {
                scope.spawn(move |scope| walk.folder(folder, None, scope));
            }
        });
        self.finish()
    }

    /// What lies at one name, without what is below it. `None`: nothing, or passed over.
    pub fn single(&self, path: &WorkspacePath) -> Option<Entry> {
        let mut local = Local::new(1);
        match self.root.open_parent(path) {
            Ok((parent, name)) => match parent.stat(name) {
                Ok(stat) => self.entry(&parent, path.clone(), stat.kind, &mut local),
                Err(e) => self.failed(Some(path.clone()), &e),
            },
            Err(e) => self.failed(Some(path.clone()), &e),
        }
        let entry = local.entries.pop();
        self.found().index.add(local.index);
        entry
    }

    /// `above` is the folder it lies in, where that is still open.
    fn folder<'s>(
        &'s self,
        path: Option<WorkspacePath>,
        above: Option<Arc<Held<'s>>>,
        scope: &rayon::Scope<'s>,
    ) where
        'a: 's,
    {
        if self.is_over(path.as_ref()) {
            return;
        }
        let opened = match (&path, &above) {
            (Some(path), Some(above)) => above.dir.child_dir(path.file_name()),
            _ => self.open_folder(path.as_ref()),
        };
        drop(above);
        let listed = opened.and_then(|dir| {
            // The root's handle is shared, and may be listed by others.
            let names = if path.is_some() {
                dir.list_once()?
            } else {
                dir.list()?
            };
            Ok((dir, names))
        });
        let (dir, mut names) = match listed {
            Ok(listed) => listed,
            Err(e) => return self.failed(path, &e),
        };
        // Order within a folder: by bytes, as the tree wants it.
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut local = Local::new(names.len());
        for (at, (name, kind)) in names.into_iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            if at % BETWEEN_CHECKS == BETWEEN_CHECKS - 1 {
                let bytes = std::mem::take(&mut local.path_bytes);
                self.path_bytes.fetch_add(bytes, Ordering::Relaxed);
                if self.is_over(path.as_ref()) {
                    break;
                }
            }
            match WorkspacePath::below(path.as_ref(), &name) {
                Ok(child) => self.entry(&dir, child, kind, &mut local),
                // No name that a listing gives is refused.
                Err(_) => debug_assert!(false, "{name:?}"),
            }
        }
        let above = self.hold(dir).map(Arc::new);
        for entry in local.entries.iter().filter(|e| e.kind == EntryKind::Dir) {
            let (below, above) = (Some(entry.path.clone()), above.clone());
            scope.spawn(move |scope| self.folder(below, above, scope));
        }
        drop(above);
        self.add(path, local);
    }

    /// Keeps a folder open for those in it; `None` where enough are, or where folders are opened up by their
    /// mode, which goes by the path.
    fn hold(&self, dir: Dir) -> Option<Held<'_>> {
        let by_path = self.options.open_closed && self.user != 0;
        let room = self.held.fetch_add(1, Ordering::Relaxed) < HELD;
        let held = Held {
            dir,
            count: &self.held,
        };
        (room && !by_path).then_some(held)
    }

    fn add(&self, path: Option<WorkspacePath>, local: Local) {
        let count = local.entries.len() as u64;
        self.path_bytes
            .fetch_add(local.path_bytes, Ordering::Relaxed);
        let mut found = self.found();
        if !local.entries.is_empty() {
            found.folders.insert(path, local.entries);
        }
        found.index.add(local.index);
        drop(found);
        let entries = self.entries.fetch_add(count, Ordering::Relaxed) + count;
        self.options.progress.report(Step {
            entries,
            bytes: self.bytes.load(Ordering::Relaxed),
            ..Step::default()
        });
    }

    fn entry(&self, dir: &Dir, path: WorkspacePath, kind: Kind, local: &mut Local) {
        if let Some(skip) = self.options.skip
            && skip(&path, kind == Kind::Dir)
        {
            self.found().skipped.push(path);
            return;
        }
        local.path_bytes += path.as_bytes().len() as u64;
        match self.describe(dir, &path, local) {
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
            Kind::File => return self.file(dir, path, stat, local),
        };
        let mode = if stat.kind == Kind::Symlink {
            0o777
        } else {
            stat.mode
        };
        Ok(Some((kind, mode, stat.mtime)))
    }

    fn file(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: Stat,
        local: &mut Local,
    ) -> Result<Option<Described>, FsError> {
        if let Some(blob) = self.options.index.and_then(|i| i.find(&stat))
            && self.sink.has(&blob, stat.size)
        {
            // Trusted before, so settled: it was so already when this folder was begun.
            local.index.extend(local.settled.record(&stat, blob));
            return Ok(Some(described(&stat, blob, stat.size)));
        }
        if stat.size > self.options.budget.file {
            self.unreadable(
                Some(path.clone()),
                format!("the file has {} bytes, more than is read", stat.size),
            );
            return Ok(None);
        }
        for attempt in 1..=ATTEMPTS {
            let (file, before) = self.open_file(dir, path, &stat)?;
            let began = SystemTime::now();
            let Some((blob, length)) = self.read(&file, &before, path)? else {
                return Ok(None);
            };
            let after = Stat::of(&file);
            let after = after.map_err(|e| FsError::io("examine", path.as_bytes(), e))?;
            if length == before.size && before.same_version(&after) {
                let mode = if before.mode & 0o400 == 0 {
                    stat.mode
                } else {
                    before.mode
                };
                let stat = Stat { mode, ..before };
                local
                    .index
                    .extend(Settled::before(began).record(&stat, blob));
                return Ok(Some(described(&stat, blob, length)));
            }
            if attempt == ATTEMPTS {
                self.found().torn.push(path.clone());
                return Ok(Some(described(&after, blob, length)));
            }
        }
        Ok(None)
    }

    /// Reads what is there; `None` if the sink failed, which ends the scan.
    fn read(
        &self,
        file: &File,
        stat: &Stat,
        path: &WorkspacePath,
    ) -> Result<Option<(BlobId, u64)>, FsError> {
        thread_local! {
            static BUFFER: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        let unread = |e| FsError::io("read", path.as_bytes(), e);
        self.read_files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(stat.size, Ordering::Relaxed);
        if stat.size >= LARGE {
            return match self.sink.put_file(file) {
                Err(e) if is_full(&e) => Ok(self.sink_failed(path, e)),
                done => done.map(Some).map_err(unread),
            };
        }
        BUFFER.with_borrow_mut(|buffer| {
            let size = stat.size as usize;
            if buffer.len() < size {
                buffer.resize(size.next_power_of_two(), 0);
            }
            let n = read_full(&mut &*file, &mut buffer[..size]).map_err(unread)?;
            match self.sink.put_bytes(&buffer[..n]) {
                Ok(id) => Ok(Some((id, n as u64))),
                Err(e) => Ok(self.sink_failed(path, e)),
            }
        })
    }

    fn sink_failed<T>(&self, path: &WorkspacePath, source: std::io::Error) -> Option<T> {
        let path = path.clone();
        self.fail(ScanError::Sink { path, source });
        None
    }

    fn open_folder(&self, path: Option<&WorkspacePath>) -> Result<Dir, FsError> {
        let Some(path) = path else {
            return self.root.try_clone();
        };
        let opened = self.root.open_dir(path);
        if !self.options.open_closed || self.user == 0 {
            return opened;
        }
        match opened {
            // Readable but not to be entered: its names have no attributes.
            Ok(dir) if dir.stat_self()?.mode & 0o100 == 0 => self.open_up(path),
            Err(e) if e.is_denied() => self.open_up(path),
            opened => opened,
        }
    }

    fn open_up(&self, path: &WorkspacePath) -> Result<Dir, FsError> {
        let (parent, name) = self.root.open_parent(path)?;
        let stat = parent.stat(name)?;
        parent.set_mode(name, stat.mode | 0o700)?;
        self.found().opened.push((path.clone(), stat.mode));
        parent.child_dir(name)
    }

    fn open_file(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: &Stat,
    ) -> Result<(File, Stat), FsError> {
        let name = path.file_name();
        match dir.open_file_at(name) {
            Err(e) if e.is_denied() && self.options.open_closed && stat.uid == self.user => {
                dir.set_mode(name, stat.mode | 0o400)?;
                let opened = dir.open_file_at(name);
                dir.set_mode(name, stat.mode)?;
                let (file, _) = opened?;
                let now = Stat::of(&file);
                Ok((file, now.map_err(|e| FsError::io("examine", name, e))?))
            }
            opened => opened,
        }
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

    fn fail(&self, error: ScanError) {
        self.stop.store(true, Ordering::Relaxed);
        self.found().failed.get_or_insert(error);
    }

    fn failed(&self, path: Option<WorkspacePath>, error: &FsError) {
        // Gone since it was listed: so it is not there.
        if !error.is_not_found() {
            self.unreadable(path, error.to_string());
        }
    }

    fn unreadable(&self, path: Option<WorkspacePath>, reason: String) {
        self.found().unreadable.push(Unreadable { path, reason });
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn finish(self) -> Result<Scan, ScanError> {
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
            note_mode(&mut found.folders, path, *mode);
        }
        if let Some(failed) = found.failed {
            return Err(failed);
        }
        found.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        found.unreadable.dedup_by(|a, b| a.path == b.path);
        found.torn.sort();
        found.skipped.sort();
        let mut tree = Tree::from_sorted(assemble(found.folders));
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

/// The entries of all folders in the order of a tree. Folders whose parent is not among them are
/// roots of their own.
pub(crate) fn assemble(mut folders: HashMap<Option<WorkspacePath>, Vec<Entry>>) -> Vec<Entry> {
    let mut sorted = Vec::with_capacity(folders.values().map(Vec::len).sum());
    let mut roots: Vec<_> = match folders.remove(&None) {
        Some(root) => vec![root],
        None => {
            let known: std::collections::HashSet<WorkspacePath> =
                folders.values().flatten().map(|e| e.path.clone()).collect();
            let mut tops: Vec<_> = folders
                .keys()
                .flatten()
                .filter(|p| !known.contains(*p))
                .cloned()
                .collect();
            tops.sort();
            tops.into_iter()
                .filter_map(|p| folders.remove(&Some(p)))
                .collect()
        }
    };
    roots.reverse();
    for root in std::iter::from_fn(|| roots.pop()) {
        let mut open = vec![root.into_iter()];
        while let Some(folder) = open.last_mut() {
            let Some(entry) = folder.next() else {
                open.pop();
                continue;
            };
            let below = (entry.kind == EntryKind::Dir).then(|| Some(entry.path.clone()));
            sorted.push(entry);
            if let Some(below) = below.and_then(|path| folders.remove(&path)) {
                open.push(below.into_iter());
            }
        }
    }
    sorted
}

fn note_mode(
    folders: &mut HashMap<Option<WorkspacePath>, Vec<Entry>>,
    path: &WorkspacePath,
    mode: u32,
) {
    let entry = folders
        .get_mut(&path.parent())
        .and_then(|entries| entries.iter_mut().find(|e| e.path == *path));
    if let Some(entry) = entry {
        entry.mode = mode;
    }
}

fn described(stat: &Stat, blob: BlobId, size: u64) -> Described {
    (EntryKind::File { blob, size }, stat.mode, stat.mtime)
}

/// A full disk is the sink's: reading makes nothing.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}
