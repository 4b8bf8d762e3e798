//! The workspace as it is at this moment: what changed, looked at again whenever the watcher says so.
//!
//! A look where the watcher points is quick and never the truth. Everything is looked at when a watch
//! begins, when events were lost, when base or rules changed, when the last whole look is a minute past
//! and something happens again, and after a capture that found something else.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use sandbox_review::{Change, Changes};
use sandbox_workspace::{
    BlobId, BlobSource, Dir, EntryKind, HashOnly, Index, Rules, Scan, ScanOptions, Store, Tree,
    TreeId, WorkspacePath, rescan, rules,
};

use super::watching::look_again;
use super::{Engine, locked};
use crate::operation::Operation;
use crate::state::data_dir::SandboxDir;
use crate::state::record::Record;
use crate::{Result, SandboxId};

/// Larger files are listed without counting their lines.
const COUNTED: u64 = 8 << 20;
/// Milliseconds after which a whole look is made again, at the next hint.
const WHOLE_AGAIN: u64 = 60_000;

/// What was last seen of a workspace.
#[derive(Debug)]
pub struct Live {
    /// What differs from the base.
    pub changes: Changes,
    /// Whether a part could not be read.
    pub incomplete: bool,
    /// Whether everything was looked at, not only where the watcher pointed.
    pub whole: bool,
}

/// The last look at each sandbox.
pub(super) type Cache = Mutex<HashMap<SandboxId, Arc<Slot>>>;

/// What is known of one sandbox.
#[derive(Default)]
pub(super) struct Slot {
    last: Mutex<Option<Arc<Live>>>,
    /// Held by who looks: one look after the other.
    seen: Mutex<Option<Seen>>,
    /// Whether a watcher says where to look next: only then what was seen is worth its memory.
    watched: AtomicBool,
    /// Whether the last look is known to have missed something.
    stale: AtomicBool,
}

/// What is remembered between two looks.
struct Seen {
    base: TreeId,
    base_tree: Tree,
    rules: Rules,
    scan: Scan,
    /// When everything was last looked at, in milliseconds since 1970.
    whole: i64,
}

/// The sandbox that is looked at.
struct Look<'a> {
    engine: &'a Engine,
    dir: SandboxDir,
    record: Record,
    slot: &'a Slot,
}

impl Engine {
    /// The changes as last seen; looks where nobody did yet, and where something is known to be missing.
    pub fn live(&self, id: &SandboxId) -> Result<Arc<Live>> {
        let stale = self
            .slot_of(id)
            .is_some_and(|slot| slot.stale.load(Ordering::Relaxed));
        match self.last_look(id) {
            Some(live) if !stale => Ok(live),
            _ => self.look(id),
        }
    }

    /// Looks at the whole workspace. Takes no lock, stores nothing, stops nobody: a file that changes
    /// meanwhile is seen by the next look.
    pub fn look(&self, id: &SandboxId) -> Result<Arc<Live>> {
        let slot = self.slot(id);
        let mut seen = locked(&slot.seen);
        self.begin_look(id, &slot)?.at_all(&mut seen)
    }

    /// Looks where a watcher says that something happened, or at everything where that is not enough.
    pub(super) fn look_at(&self, id: &SandboxId, hints: &[WorkspacePath]) -> Result<Arc<Live>> {
        let slot = self.slot(id);
        let mut seen = locked(&slot.seen);
        let look = self.begin_look(id, &slot)?;
        match look.at(hints, &mut seen) {
            Ok(Some(live)) => Ok(live),
            Ok(None) => look.at_all(&mut seen),
            Err(error) => {
                tracing::debug!(%error, "a look at some paths failed, so everything is looked at");
                look.at_all(&mut seen)
            }
        }
    }

    fn begin_look<'a>(&'a self, id: &SandboxId, slot: &'a Slot) -> Result<Look<'a>> {
        let (dir, record) = self.load(id)?;
        Ok(Look {
            engine: self,
            dir,
            record,
            slot,
        })
    }

    /// Looks again, and tells, where somebody has seen the list of before.
    pub(super) fn look_where_seen(&self, id: &SandboxId) {
        if self.last_look(id).is_some() {
            look_again(self, id, None);
        }
    }

    pub(super) fn last_look(&self, id: &SandboxId) -> Option<Arc<Live>> {
        locked(&self.slot_of(id)?.last).clone()
    }

    /// Told of every whole scan that somebody else made: where it found something that the live list has
    /// not got, the next question for the list looks at everything.
    pub(super) fn compare_with_live(&self, id: &SandboxId, found: &Tree) {
        let Some(slot) = self.slot_of(id) else { return };
        // Locked: somebody looks at this moment.
        if let Ok(seen) = slot.seen.try_lock()
            && let Some(seen) = &*seen
            && seen.scan.tree.entries() != found.entries()
        {
            slot.stale.store(true, Ordering::Relaxed);
        }
    }

    /// From now on a watcher says where to look.
    pub(super) fn remember_looks(&self, id: &SandboxId) {
        self.slot(id).watched.store(true, Ordering::Relaxed);
    }

    pub(super) fn forget_looks(&self, id: &SandboxId) {
        locked(&self.0.live).remove(id);
    }

    fn slot_of(&self, id: &SandboxId) -> Option<Arc<Slot>> {
        locked(&self.0.live).get(id).cloned()
    }

    fn slot(&self, id: &SandboxId) -> Arc<Slot> {
        locked(&self.0.live).entry(id.clone()).or_default().clone()
    }
}

impl Look<'_> {
    fn at_all(&self, seen: &mut Option<Seen>) -> Result<Arc<Live>> {
        let before = seen.take();
        let mut index = Index::load(&self.dir.index());
        let mut base_tree = None;
        if let Some(before) = before {
            index.extend(before.scan.index);
            base_tree = (before.base == self.record.base).then_some(before.base_tree);
        }
        let base_tree = match base_tree {
            Some(tree) => tree,
            None => self.engine.store().tree(&self.record.base)?,
        };
        let whole = self.engine.now();
        // Before the scan: what is found missing meanwhile counts for the next one.
        self.slot.stale.store(false, Ordering::Relaxed);
        let scan = self
            .engine
            .glance_with(&self.dir, &self.record, &base_tree, &index)?;
        let now = Seen {
            base: self.record.base,
            base_tree,
            rules: self.record.rules.clone(),
            scan,
            whole,
        };
        self.keep(now, &[], true, seen)
    }

    /// `None`: what was seen before does not serve.
    fn at(&self, hints: &[WorkspacePath], seen: &mut Option<Seen>) -> Result<Option<Arc<Live>>> {
        let fresh = |seen: &Seen| {
            seen.base == self.record.base
                && seen.rules == self.record.rules
                && self.engine.now().abs_diff(seen.whole) < WHOLE_AGAIN
        };
        let stale = self.slot.stale.load(Ordering::Relaxed);
        if stale || !seen.as_ref().is_some_and(fresh) {
            return Ok(None);
        }
        let workspace = self.dir.open_workspace()?;
        let widened = seen
            .as_ref()
            .and_then(|seen| widened(&workspace, &seen.scan.tree, hints));
        let (Some(places), Some(mut now)) = (widened, seen.take()) else {
            return Ok(None);
        };
        let matcher = self.record.rules.matcher()?;
        let op = Operation::silent();
        now.scan = {
            let skip = matcher.skip(&workspace, Some(&now.base_tree));
            let options = ScanOptions {
                skip: Some(&skip),
                ..ScanOptions::new(op.cancel())
            };
            rescan(&workspace, now.scan, &places, &HashOnly, &options)?
        };
        let last = locked(&self.slot.last).clone();
        let known = last.as_ref().map_or(&[][..], |live| &live.changes.list);
        self.keep(now, known, false, seen).map(Some)
    }

    /// Compares what was seen with the base, and remembers both.
    fn keep(
        &self,
        now: Seen,
        known: &[Change],
        whole: bool,
        seen: &mut Option<Seen>,
    ) -> Result<Arc<Live>> {
        let found = &now.scan;
        let op = Operation::silent();
        let contents = Contents {
            store: self.engine.store(),
            workspace: self.dir.open_workspace()?,
            tree: &found.tree,
            places: OnceLock::new(),
        };
        let compare = |blobs: Option<&dyn BlobSource>| {
            let (from, to) = (&now.base_tree, &found.tree);
            self.engine
                .differences_in(&self.record, from, to, blobs, known, &op)
        };
        // A file that changed between the look and the count: the list is right, the counts come next time.
        let mut changes = compare(Some(&contents)).or_else(|_| compare(None))?;
        changes.left_out += found.skipped.len() as u64;
        let live = Arc::new(Live {
            changes,
            incomplete: !found.tree.is_complete(),
            whole,
        });
        *locked(&self.slot.last) = Some(live.clone());
        if self.slot.watched.load(Ordering::Relaxed) {
            *seen = Some(now);
        }
        Ok(live)
    }
}

/// The hints, and where a file came or went that decides about what lies beside or around it, its folder.
/// `None` where that is everything.
fn widened(workspace: &Dir, seen: &Tree, hints: &[WorkspacePath]) -> Option<Vec<WorkspacePath>> {
    let mut places = Vec::with_capacity(hints.len());
    for hint in hints {
        let decides = rules::decides(hint.file_name())
            && workspace.stat_path(hint).is_ok() != seen.get(hint).is_some();
        places.push(if decides {
            hint.parent()?
        } else {
            hint.clone()
        });
    }
    Some(places)
}

/// Contents of the store, and of the workspace where the store has not got them.
struct Contents<'a> {
    store: &'a Store,
    workspace: Dir,
    tree: &'a Tree,
    places: OnceLock<HashMap<BlobId, &'a WorkspacePath>>,
}

impl Contents<'_> {
    fn place(&self, id: &BlobId) -> Option<&WorkspacePath> {
        let places = self.places.get_or_init(|| {
            let files = self.tree.entries().iter().filter_map(|e| match e.kind {
                EntryKind::File { blob, size } if size <= COUNTED => Some((blob, &e.path)),
                _ => None,
            });
            files.collect()
        });
        places.get(id).copied()
    }
}

impl BlobSource for Contents<'_> {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.store.open(id) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let path = self.place(id).ok_or(io::ErrorKind::NotFound)?;
        let (file, _) = self
            .workspace
            .open_file(path)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let mut content = Vec::new();
        file.take(COUNTED + 1).read_to_end(&mut content)?;
        if BlobId::of(&content) == *id {
            Ok(Box::new(Cursor::new(content)))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}
