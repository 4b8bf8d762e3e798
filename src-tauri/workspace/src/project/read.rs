//! The project as a stored tree: what a hand-over would take in now, without a copy of it.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::hand_over::{rewriting, with_decisions};
use super::walk::{Notes, Visitor, walk};
use super::{HandOverError, LeftOut};
use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError, Kind, Stat};
use crate::path::WorkspacePath;
use crate::progress::{Cancel, Progress, Step};
use crate::rules::{Reason, Rules};
use crate::scan::{Index, assemble};
use crate::store::{LARGE, read_full};
use crate::tree::{BlobId, Entry, EntryKind, Tree, Unreadable};

/// Times a file that changes while it is read is read.
const ATTEMPTS: usize = 3;

/// How a project is read.
#[derive(Clone, Copy)]
pub struct ReadOptions<'a> {
    /// What stays out: the rules kept with the sandbox.
    pub rules: &'a Rules,
    /// What the last reading knew; without it every file is read.
    pub index: Option<&'a Index>,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Asked to stop.
    pub cancel: &'a Cancel,
}

/// What a project holds now.
#[derive(Debug)]
pub struct ProjectNow {
    /// As a hand-over would take it in: without what stays out, with secrets replaced. What could not be
    /// read is unknown in it, never missing.
    pub tree: Tree,
    /// What stays out, sorted by path.
    pub left_out: Vec<LeftOut>,
    /// What is not as in the project, because of secrets in it; sorted.
    pub rewritten: Vec<WorkspacePath>,
    /// The rules, with what was decided by looking.
    pub rules: Rules,
    /// For the next reading.
    pub index: Index,
}

impl ProjectNow {
    /// Whether the rules keep a path out, by itself or with a folder above it.
    pub fn leaves_out(&self, path: &WorkspacePath) -> bool {
        std::iter::successors(Some(path.clone()), WorkspacePath::parent).any(|at| {
            self.left_out
                .binary_search_by(|row| row.path.cmp(&at))
                .is_ok()
        })
    }
}

/// Reads what goes in of `project`; its contents go into `sink`. The project is not changed.
///
/// # Errors
/// As of a hand-over. A file that cannot be read is no error: it is unknown.
pub fn read_project(
    project: &Dir,
    sink: &dyn BlobSink,
    options: &ReadOptions<'_>,
) -> Result<ProjectNow, HandOverError> {
    let matcher = options.rules.matcher()?;
    let reader = Reader {
        sink,
        options,
        entries: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        read: Mutex::default(),
    };
    let noted = walk(project, &matcher, &reader, options.cancel)?;
    let read = reader
        .read
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut tree = Tree::from_sorted(assemble(read.folders));
    tree.torn = read.torn;
    tree.torn.sort();
    let unread = noted
        .left_out
        .iter()
        .filter(|row| row.reason == Reason::Unreadable);
    tree.unreadable = unread
        .map(|row| Unreadable {
            path: Some(row.path.clone()),
            reason: row.detail.clone().unwrap_or_default(),
        })
        .collect();
    let mut rewritten = read.rewritten;
    rewritten.sort();
    Ok(ProjectNow {
        rules: with_decisions(options.rules, &matcher, &noted.left_out),
        tree,
        left_out: noted.left_out,
        rewritten,
        index: read.index,
    })
}

struct Reader<'a> {
    sink: &'a dyn BlobSink,
    options: &'a ReadOptions<'a>,
    entries: AtomicU64,
    bytes: AtomicU64,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    folders: HashMap<Option<WorkspacePath>, Vec<Entry>>,
    rewritten: Vec<WorkspacePath>,
    torn: Vec<WorkspacePath>,
    index: Index,
}

/// One file's content.
struct Content {
    stat: Stat,
    blob: BlobId,
    size: u64,
    torn: bool,
    rewritten: bool,
}

impl Visitor for Reader<'_> {
    fn folder(
        &self,
        at: Option<&WorkspacePath>,
        dir: &Dir,
        kept: &[(WorkspacePath, Stat)],
        notes: &Notes,
    ) -> Result<(), HandOverError> {
        let mut entries = Vec::with_capacity(kept.len());
        for (path, stat) in kept {
            if self.options.cancel.is_cancelled() {
                return Err(HandOverError::Cancelled);
            }
            entries.extend(self.entry(dir, path, stat, notes)?);
        }
        let count = entries.len() as u64;
        if count > 0 {
            let folders = &mut self.read().folders;
            folders.entry(at.cloned()).or_default().extend(entries);
        }
        self.options.progress.report(Step {
            entries: self.entries.fetch_add(count, Ordering::Relaxed) + count,
            bytes: self.bytes.load(Ordering::Relaxed),
            ..Step::default()
        });
        Ok(())
    }
}

impl Reader<'_> {
    fn entry(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: &Stat,
        notes: &Notes,
    ) -> Result<Option<Entry>, HandOverError> {
        let entry = |kind, stat: &Stat, mode| {
            Some(Entry {
                path: path.clone(),
                kind,
                mode,
                mtime: stat.mtime,
            })
        };
        Ok(match stat.kind {
            Kind::Dir => entry(EntryKind::Dir, stat, stat.mode & 0o777),
            Kind::Symlink => match dir.read_link(path.file_name()) {
                Ok(target) => entry(EntryKind::Symlink { target }, stat, 0o777),
                Err(e) => {
                    notes.unreadable(path.clone(), false, &e);
                    None
                }
            },
            Kind::File => self.file(dir, path, notes)?.and_then(|found| {
                let kind = EntryKind::File {
                    blob: found.blob,
                    size: found.size,
                };
                // As a copy of it would be: setuid and the like do not go in.
                entry(kind, &found.stat, found.stat.mode & 0o777)
            }),
            Kind::Special(_) => None,
        })
    }

    fn file(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        notes: &Notes,
    ) -> Result<Option<Content>, HandOverError> {
        for attempt in 1..=ATTEMPTS {
            let content = match self.attempt(dir, path) {
                Ok(content) => content,
                Err(Failed::Source(e)) => {
                    notes.unreadable(path.clone(), false, &e);
                    return Ok(None);
                }
                Err(Failed::Sink(source)) => {
                    return Err(HandOverError::Copy {
                        path: path.clone(),
                        source,
                    });
                }
            };
            if content.torn && attempt < ATTEMPTS {
                continue;
            }
            self.bytes.fetch_add(content.size, Ordering::Relaxed);
            let mut read = self.read();
            if content.torn {
                read.torn.push(path.clone());
            }
            if content.rewritten {
                read.rewritten.push(path.clone());
            } else if !content.torn {
                read.index
                    .remember(&content.stat, content.blob, SystemTime::now());
            }
            return Ok(Some(content));
        }
        Ok(None)
    }

    fn attempt(&self, dir: &Dir, path: &WorkspacePath) -> Result<Content, Failed> {
        let name = path.file_name();
        let (file, stat) = dir.open_file_at(name).map_err(Failed::Source)?;
        let rewrite = rewriting(path, self.options.rules);
        let known = self.options.index.and_then(|index| index.find(&stat));
        if let (Some(blob), None) = (known, rewrite)
            && self.sink.has(&blob, stat.size)
        {
            return Ok(Content {
                size: stat.size,
                torn: false,
                rewritten: false,
                stat,
                blob,
            });
        }
        let (blob, size, rewritten) = if stat.size < LARGE {
            let mut content = vec![0; stat.size as usize];
            let n = read_full(&mut &file, &mut content)
                .map_err(|e| Failed::Source(FsError::io("read", name, e)))?;
            content.truncate(n);
            let replaced = rewrite.and_then(|rewrite| rewrite(&content));
            let rewritten = replaced.is_some();
            let content = replaced.unwrap_or(content);
            let blob = self.sink.put_bytes(&content).map_err(Failed::Sink)?;
            (blob, content.len() as u64, rewritten)
        } else {
            let (blob, size) = self.sink.put_file(&file).map_err(Failed::Sink)?;
            (blob, size, false)
        };
        let torn = !is_same(&file, name, &stat)? || (!rewritten && size != stat.size);
        Ok(Content {
            stat,
            blob,
            size,
            torn,
            rewritten,
        })
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Failed {
    Source(FsError),
    Sink(std::io::Error),
}

fn is_same(file: &File, name: &[u8], before: &Stat) -> Result<bool, Failed> {
    match Stat::of(file) {
        Ok(after) => Ok(before.same_version(&after)),
        Err(e) => Err(Failed::Source(FsError::io("examine", name, e))),
    }
}
