//! Doing what the plan says.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rayon::prelude::*;

use super::plan::{How, Plan, Write};
use super::{Place, RestoreError, Restored};
use crate::blobs::BlobSource;
use crate::confined::{self, Dir, FsError, Stat, finish};
use crate::path::WorkspacePath;
use crate::progress::{Progress, Step};
use crate::sparse::HoleWriter;
use crate::store::{LARGE, Store, read_full};
use crate::system::share_blocks;
use crate::tree::{BlobId, Entry, EntryKind};

/// Names of one folder that one thread does in a row at most, and bytes before it takes no more.
const PORTION: (usize, u64) = (128, 4 << 20);

pub(super) fn apply(
    place: &Place<'_>,
    plan: &Plan<'_>,
    owner: Option<(u32, u32)>,
    progress: &dyn Progress,
) -> Result<Restored, RestoreError> {
    let work = Work {
        workspace: place.workspace,
        store: place.store,
        owner,
        progress,
        total: Step {
            entries_total: plan.steps() as u64,
            bytes_total: plan.bytes(),
            ..Step::default()
        },
        entries: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        done: Mutex::default(),
    };
    for folder in &plan.open_up {
        let (parent, name) = work.workspace.open_parent(&folder.path)?;
        parent.set_mode(name, folder.mode | 0o700)?;
    }
    work.remove(plan)?;
    fail::fail_point!("restore-removed");
    for folders in by_depth(&plan.make) {
        folders
            .par_iter()
            .try_for_each(|folder| work.make(folder))?;
    }
    fail::fail_point!("restore-folders");
    let portions: Vec<_> = plan
        .write
        .iter()
        .flat_map(|(folder, writes)| portions(writes).map(move |w| (folder.as_ref(), w)))
        .collect();
    portions
        .par_iter()
        .try_for_each(|(folder, writes)| work.write_all(*folder, writes))?;
    let mut done = work
        .done
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    done.restored.failed.sort();
    // Nobody else writes meanwhile: what is settled now has the content that was written.
    let now = SystemTime::now();
    for (stat, blob) in done.known {
        done.restored.index.remember(&stat, blob, now);
    }
    Ok(done.restored)
}

/// The names of one folder in parts of about as much work: a folder of few large files is for all threads too.
fn portions<'p, 't>(mut writes: &'p [Write<'t>]) -> impl Iterator<Item = &'p [Write<'t>]> {
    std::iter::from_fn(move || {
        let (names, bytes) = PORTION;
        let mut room = bytes;
        let full = writes.iter().take(names).position(|write| {
            room = room.saturating_sub(write.bytes());
            room == 0
        });
        let length = full.map_or(names.min(writes.len()), |last| last + 1);
        let (portion, rest) = writes.split_at(length);
        writes = rest;
        (!portion.is_empty()).then_some(portion)
    })
}

/// Folders by the number of their components, the outer ones first, to be made several at once.
fn by_depth<'t>(folders: &[&'t Entry]) -> Vec<Vec<&'t Entry>> {
    let mut levels: Vec<Vec<&Entry>> = Vec::new();
    for folder in folders {
        let depth = folder.path.components().count();
        if levels.len() <= depth {
            levels.resize(depth + 1, Vec::new());
        }
        levels[depth].push(folder);
    }
    levels
}

/// Modes, owners and times of folders.
pub(super) fn finish_folders(
    workspace: &Dir,
    plan: &Plan<'_>,
    owner: Option<(u32, u32)>,
) -> Result<(), RestoreError> {
    let folders: Vec<&Entry> = plan.finish.values().copied().collect();
    Ok(confined::finish_folders(workspace, &folders, owner)?)
}

struct Work<'a> {
    workspace: &'a Dir,
    store: &'a Store,
    owner: Option<(u32, u32)>,
    progress: &'a dyn Progress,
    total: Step,
    entries: AtomicU64,
    bytes: AtomicU64,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    restored: Restored,
    known: Vec<(Stat, BlobId)>,
}

impl Work<'_> {
    /// Exactly the names of the plan: what appeared since the scan is not ours to delete.
    fn remove(&self, plan: &Plan<'_>) -> Result<(), RestoreError> {
        let mut open: Option<(Option<WorkspacePath>, Dir)> = None;
        for (entry, is_dir) in &plan.remove {
            let folder = entry.path.parent();
            let dir = match &mut open {
                Some((path, dir)) if *path == folder => dir,
                other => {
                    let dir = self.workspace.open_dir_or_self(folder.as_ref())?;
                    &mut other.insert((folder, dir)).1
                }
            };
            let name = entry.path.file_name();
            let removed = if *is_dir {
                dir.rmdir(name)
            } else {
                dir.unlink(name)
            };
            match removed {
                Err(e) if e.is_not_found() => {}
                done => done.map_err(|e| e.at(entry.path.as_bytes()))?,
            }
            fail::fail_point!("restore-remove");
        }
        self.locked(|done| done.restored.removed = plan.remove.len() as u64);
        self.report(plan.remove.len() as u64, 0);
        Ok(())
    }

    fn make(&self, entry: &Entry) -> Result<(), RestoreError> {
        let (parent, name) = self.workspace.open_parent(&entry.path)?;
        parent
            .mkdir(name, 0o700)
            .map_err(|e| e.at(entry.path.as_bytes()))?;
        self.locked(|done| done.restored.written += 1);
        self.report(1, 0);
        Ok(())
    }

    fn write_all(
        &self,
        folder: Option<&WorkspacePath>,
        writes: &[Write<'_>],
    ) -> Result<(), RestoreError> {
        let dir = self.workspace.open_dir_or_self(folder)?;
        let mut here = Done::default();
        let mut bytes = 0;
        for write in writes {
            let result = self.write(&dir, write, &mut here);
            match result {
                Ok(written) => bytes += written,
                Err(Failed::Content(source)) => {
                    here.restored
                        .failed
                        .push((write.entry.path.clone(), source.to_string()));
                }
                Err(Failed::Target(source)) => {
                    return Err(RestoreError::Write {
                        path: write.entry.path.clone(),
                        source,
                    });
                }
                Err(Failed::Name(e)) => return Err(e.at(write.entry.path.as_bytes()).into()),
            }
            fail::fail_point!("restore-write");
        }
        self.locked(|done| {
            done.restored.written += here.restored.written;
            done.restored.touched += here.restored.touched;
            done.restored.failed.extend(here.restored.failed);
            done.known.extend(here.known);
        });
        self.report(writes.len() as u64, bytes);
        Ok(())
    }

    /// Gives the bytes written.
    fn write(&self, dir: &Dir, write: &Write<'_>, here: &mut Done) -> Result<u64, Failed> {
        let entry = write.entry;
        let name = entry.path.file_name();
        if write.how == How::Touch {
            if !matches!(entry.kind, EntryKind::Symlink { .. }) {
                dir.set_mode(name, entry.mode)?;
            }
            dir.set_mtime(name, entry.mtime)?;
            here.restored.touched += 1;
            return Ok(0);
        }
        let temp = (write.how == How::Replace).then(temporary_name);
        let at = temp.as_deref().unwrap_or(name);
        let made = self.create(dir, at, entry, here);
        if made.is_err() && (temp.is_some() || matches!(made, Err(Failed::Content(_)))) {
            let _ = dir.unlink(at);
        }
        let bytes = made?;
        if temp.is_some() {
            fail::fail_point!("restore-rename");
            dir.rename_replace(at, dir, name)?;
        }
        here.restored.written += 1;
        Ok(bytes)
    }

    fn create(&self, dir: &Dir, at: &[u8], entry: &Entry, here: &mut Done) -> Result<u64, Failed> {
        match &entry.kind {
            EntryKind::Symlink { target } => {
                dir.symlink(target, at)?;
                if let Some((uid, gid)) = self.owner {
                    dir.chown(at, uid, gid)?;
                }
                dir.set_mtime(at, entry.mtime)?;
                Ok(0)
            }
            EntryKind::File { blob, size } => {
                let stat = self.file(dir, at, entry, blob, *size)?;
                here.known.push((stat, *blob));
                Ok(*size)
            }
            EntryKind::Dir | EntryKind::Unsupported(_) => Ok(0),
        }
    }

    fn file(
        &self,
        dir: &Dir,
        at: &[u8],
        entry: &Entry,
        blob: &BlobId,
        size: u64,
    ) -> Result<Stat, Failed> {
        let file = if size < LARGE {
            // Read and checked before anything is made.
            let content = self.store.read(blob, size).map_err(Failed::Content)?;
            let mut file = dir.create_new(at, entry.mode)?;
            file.write_all(&content).map_err(Failed::Target)?;
            file
        } else {
            let file = dir.create_new(at, entry.mode)?;
            self.large(&file, blob)?;
            file
        };
        finish(&file, self.owner, entry.mtime).map_err(Failed::Target)
    }

    /// By sharing blocks where the file system can; checked in either case.
    fn large(&self, file: &File, blob: &BlobId) -> Result<(), Failed> {
        let mut content = self.store.open(blob).map_err(Failed::Content)?;
        let shared = self
            .store
            .large_file(blob)
            .is_some_and(|kept| share_blocks(file, &kept).is_ok());
        let mut writer = HoleWriter::new(file);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = read_full(&mut content, &mut buffer).map_err(Failed::Content)?;
            if n == 0 {
                break;
            }
            if !shared {
                writer.put(&buffer[..n]).map_err(Failed::Target)?;
            }
        }
        if !shared {
            writer.finish().map_err(Failed::Target)?;
        }
        Ok(())
    }

    fn locked(&self, change: impl FnOnce(&mut Done)) {
        change(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn report(&self, entries: u64, bytes: u64) {
        self.progress.report(Step {
            entries: self.entries.fetch_add(entries, Ordering::Relaxed) + entries,
            bytes: self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes,
            ..self.total
        });
    }
}

/// Whose fault it is: a damaged content is reported and passed over, a full disk stops.
enum Failed {
    Content(io::Error),
    Target(io::Error),
    Name(FsError),
}

impl From<FsError> for Failed {
    fn from(error: FsError) -> Self {
        Self::Name(error)
    }
}

fn temporary_name() -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 6];
    // Without random bytes the name can at worst be taken, which is an error, not a loss.
    let _ = getrandom::fill(&mut random);
    let tag = random.iter().fold(0_u64, |tag, b| tag << 8 | u64::from(*b));
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".agent-sandbox-tmp-{tag:012x}-{next}").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tree::FileTime;

    fn lengths(sizes: &[u64]) -> Vec<usize> {
        let entry = |(n, size): (usize, &u64)| Entry {
            path: WorkspacePath::new(format!("{n:05}")).unwrap(),
            kind: EntryKind::File {
                blob: BlobId([0; 32]),
                size: *size,
            },
            mode: 0o644,
            mtime: FileTime {
                seconds: 0,
                nanos: 0,
            },
        };
        let entries: Vec<Entry> = sizes.iter().enumerate().map(entry).collect();
        let writes: Vec<_> = entries
            .iter()
            .map(|entry| Write {
                entry,
                how: How::Create,
            })
            .collect();
        let parts: Vec<_> = portions(&writes).collect();
        let paths = |w: &Write<'_>| w.entry.path.clone();
        let all: Vec<_> = parts.concat().iter().map(paths).collect();
        assert_eq!(all, writes.iter().map(paths).collect::<Vec<_>>());
        parts.iter().map(|part| part.len()).collect()
    }

    #[test]
    fn portions_end_after_so_many_names_or_bytes() {
        let (names, bytes) = PORTION;
        assert!(lengths(&[]).is_empty());
        assert_eq!(lengths(&vec![1; 2 * names + 3]), [names, names, 3]);
        assert_eq!(lengths(&[bytes, bytes + 1, 0, 1]), [1, 1, 2]);
        assert_eq!(lengths(&[1, bytes - 1, u64::MAX, 0]), [2, 1, 1]);
    }
}
