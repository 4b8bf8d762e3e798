//! The walk over a project: what goes in is handed to a visitor, what stays out is noted.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gitignore::Ignores;
use super::{HandOverError, LeftOut, Warning};
use crate::confined::{Dir, FsError, Kind, Stat};
use crate::path::WorkspacePath;
use crate::progress::Cancel;
use crate::rules::{self, Matcher, Reason, Secrets};
use crate::store::LARGE;

/// Entries of a left-out folder that are counted at most.
const COUNTED: u64 = 100_000;
/// Bytes of a file that are looked at.
const SNIFFED: u64 = 8 * 1024;

/// Told of each folder and what goes in of it, from several threads; a folder before those in it. Each large file of
/// a folder comes alone, later and in no order, so that all threads work on a folder of few of them.
pub(super) trait Visitor: Sync {
    fn folder(
        &self,
        at: Option<&WorkspacePath>,
        dir: &Dir,
        kept: &[(WorkspacePath, Stat)],
        notes: &Notes,
    ) -> Result<(), HandOverError>;
}

/// What a walk notes besides.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub left_out: Vec<LeftOut>,
    pub warnings: Vec<Warning>,
    failed: Option<HandOverError>,
}

/// The notes, shared between threads.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Noted>);

impl Notes {
    pub fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn warn(&self, warning: Warning) {
        self.lock().warnings.push(warning);
    }

    pub fn unreadable(&self, path: WorkspacePath, is_dir: bool, error: &FsError) {
        // Gone since it was listed: so it is not part of the project.
        if !error.is_not_found() {
            let mut row = left_out(path, Reason::Unreadable, is_dir);
            row.detail = Some(error.to_string());
            self.lock().left_out.push(row);
        }
    }
}

struct Walk<'a> {
    project: &'a Dir,
    matcher: &'a Matcher,
    visitor: &'a dyn Visitor,
    cancel: &'a Cancel,
    notes: Notes,
    stop: AtomicBool,
}

/// Walks all of `project`.
pub(super) fn walk(
    project: &Dir,
    matcher: &Matcher,
    visitor: &dyn Visitor,
    cancel: &Cancel,
) -> Result<Noted, HandOverError> {
    project.list().map_err(HandOverError::Project)?;
    let walk = Walk {
        project,
        matcher,
        visitor,
        cancel,
        notes: Notes::default(),
        stop: AtomicBool::new(false),
    };
    rayon::scope(|scope| walk.folder(None, None, scope));
    let mut noted = walk
        .notes
        .0
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(failed) = noted.failed {
        return Err(failed);
    }
    noted.left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(noted)
}

impl<'a> Walk<'a> {
    fn folder<'s>(
        &'s self,
        at: Option<WorkspacePath>,
        above: Option<Arc<Ignores>>,
        scope: &rayon::Scope<'s>,
    ) where
        'a: 's,
    {
        if self.is_stopped() {
            return;
        }
        let opened = self.project.open_dir_or_self(at.as_ref());
        let listed = opened.and_then(|dir| {
            // The root's handle is shared, and may be listed by others.
            let names = if at.is_some() {
                dir.list_once()?
            } else {
                dir.list()?
            };
            Ok((dir, names))
        });
        let (dir, mut names) = match listed {
            Ok(opened) => opened,
            Err(e) => {
                if let Some(at) = at {
                    self.notes.unreadable(at, true, &e);
                }
                return;
            }
        };
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let has_ignores = names.iter().any(|(name, _)| name == b".gitignore");
        let ignores = if has_ignores {
            Ignores::enter(&dir, at.as_ref(), above)
        } else {
            above
        };
        let mut kept = Vec::with_capacity(names.len());
        for (name, _) in names {
            let Ok(path) = WorkspacePath::below(at.as_ref(), &name) else {
                continue;
            };
            let stat = match dir.stat(&name) {
                Ok(stat) => stat,
                Err(e) => {
                    self.notes.unreadable(path, false, &e);
                    continue;
                }
            };
            match self.reason(&dir, &path, &stat, ignores.as_deref()) {
                Some(reason) => self.leave_out(path, reason, &stat, scope),
                None => {
                    self.look_at(&path, &stat);
                    kept.push((path, stat));
                }
            }
        }
        let is_large = |(_, stat): &(_, Stat)| stat.kind == Kind::File && stat.size >= LARGE;
        let (large, kept): (Vec<_>, Vec<_>) = kept.into_iter().partition(is_large);
        if let Err(error) = self.visitor.folder(at.as_ref(), &dir, &kept, &self.notes) {
            self.fail(error);
            return;
        }
        for file in large {
            let at = at.clone();
            scope.spawn(move |_| self.large(at.as_ref(), file));
        }
        for (path, _) in kept.into_iter().filter(|(_, stat)| stat.kind == Kind::Dir) {
            let ignores = ignores.clone();
            scope.spawn(move |scope| self.folder(Some(path), ignores, scope));
        }
    }

    /// Opens the folder again: as many could be waiting as there are folders.
    fn large(&self, at: Option<&WorkspacePath>, file: (WorkspacePath, Stat)) {
        if self.is_stopped() {
            return;
        }
        let dir = match self.project.open_dir_or_self(at) {
            Ok(dir) => dir,
            Err(e) => return self.notes.unreadable(file.0, false, &e),
        };
        if let Err(error) = self.visitor.folder(at, &dir, &[file], &self.notes) {
            self.fail(error);
        }
    }

    fn reason(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: &Stat,
        ignores: Option<&Ignores>,
    ) -> Option<Reason> {
        let is_dir = match stat.kind {
            Kind::Special(_) => return Some(Reason::Special),
            kind => kind == Kind::Dir,
        };
        let beside = |p: &WorkspacePath| self.project.stat_path(p).is_ok();
        let ruled = self.matcher.left_out(path, is_dir, &beside);
        if ruled.is_some() {
            return ruled;
        }
        let ignored = || {
            ignores.is_some_and(|i| i.matches(path, is_dir))
                && !self.matcher.is_included(path)
                && !self.matcher.includes_file(path)
        };
        let rules = self.matcher.rules();
        let output = is_dir && !rules.keep_rebuildable && rules::needs_gitignore(path, &beside);
        if output && ignored() {
            return Some(Reason::Rebuildable);
        }
        if rules.gitignore && path.file_name() != b".git" && ignored() {
            return Some(Reason::Ignored);
        }
        self.sniff(dir, path, stat)
    }

    /// A file whose name alone does not tell whether it holds a secret.
    fn sniff(&self, dir: &Dir, path: &WorkspacePath, stat: &Stat) -> Option<Reason> {
        let asked = stat.kind == Kind::File
            && self.matcher.rules().secrets != Secrets::AsIs
            && rules::wants_sniffing(path.file_name())
            && !self.matcher.includes_file(path);
        if !asked {
            return None;
        }
        let (file, _) = dir.open_file_at(path.file_name()).ok()?;
        let mut begin = Vec::new();
        file.take(SNIFFED).read_to_end(&mut begin).ok()?;
        rules::sniffed_as_secret(&begin).then_some(Reason::Secret)
    }

    fn look_at(&self, path: &WorkspacePath, stat: &Stat) {
        if stat.kind == Kind::File && path.file_name() == b".git" {
            self.notes.warn(Warning::LinkedRepository(path.clone()));
        }
    }

    fn leave_out<'s>(
        &'s self,
        path: WorkspacePath,
        reason: Reason,
        stat: &Stat,
        scope: &rayon::Scope<'s>,
    ) where
        'a: 's,
    {
        let mut row = left_out(path, reason, stat.kind == Kind::Dir);
        if !row.is_dir {
            row.files = 1;
            row.bytes = if stat.kind == Kind::File {
                stat.size
            } else {
                0
            };
            self.notes.lock().left_out.push(row);
            return;
        }
        scope.spawn(move |_| {
            self.measure(&mut row);
            self.notes.lock().left_out.push(row);
        });
    }

    /// Counts what is in a folder that stays out.
    fn measure(&self, row: &mut LeftOut) {
        let mut open = vec![row.path.clone()];
        let mut seen = 0;
        while let Some(at) = open.pop() {
            let Ok(dir) = self.project.open_dir(&at) else {
                continue;
            };
            for (name, kind) in dir.list().unwrap_or_default() {
                seen += 1;
                if kind == Kind::Dir {
                    open.extend(at.join(&name).ok());
                } else {
                    row.files += 1;
                    row.bytes += dir.stat(&name).map_or(0, |s| s.size);
                }
            }
            if self.is_stopped() || seen > COUNTED {
                row.at_least = !open.is_empty();
                return;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        if self.cancel.is_cancelled() {
            self.fail(HandOverError::Cancelled);
        }
        self.stop.load(Ordering::Relaxed)
    }

    fn fail(&self, error: HandOverError) {
        self.stop.store(true, Ordering::Relaxed);
        self.notes.lock().failed.get_or_insert(error);
    }
}

fn left_out(path: WorkspacePath, reason: Reason, is_dir: bool) -> LeftOut {
    LeftOut {
        path,
        reason,
        is_dir,
        files: 0,
        bytes: 0,
        at_least: false,
        detail: None,
    }
}
