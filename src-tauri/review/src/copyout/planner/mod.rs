//! From wishes to steps: each against what lies in the project now, then ([`order`]) in an order in which
//! each is possible. What the project's file system makes of names, links and modes is asked beforehand:
//! [`names`], [`trial`].

mod names;
mod order;
mod trial;

use std::collections::{BTreeSet, HashSet};

use rayon::prelude::*;
use sandbox_workspace::{BlobId, BlobSource, Dir, Entry, EntryKind, FileTime, WorkspacePath};

use self::names::{Names, Other};
use self::trial::Traits;
pub use self::trial::keeps_modes;
use super::look::{Found, look, same, same_but_mode, same_opt};
use super::plan::{Conflict, MERGE_MOST, Reason, Resolution, Take, Wish};
use super::step::Like;
use super::{BaseMove, CopyOutError};
use crate::merge::Merge;

type Known<'a> = Box<dyn Fn(&WorkspacePath) -> bool + 'a>;
type FolderMode<'a> = Box<dyn Fn(&WorkspacePath) -> Option<u32> + 'a>;

/// Turns wishes into steps.
pub(in crate::copyout) struct Planner<'a> {
    project: &'a Dir,
    blobs: &'a dyn BlobSource,
    merge: bool,
    pub(super) folder_mode: Option<FolderMode<'a>>,
    pub(super) resolutions: &'a [Resolution],
    /// Whether the workspace has, or had, something of its own at a path.
    pub(super) known: Option<Known<'a>>,
    names: Names<'a>,
    traits: Traits<'a>,
    granted: Vec<Granted>,
    conflicts: Vec<(usize, Conflict)>,
    merged: Vec<(usize, Vec<u8>)>,
    unchanged: BTreeSet<usize>,
    bases: Vec<(usize, BaseMove)>,
}

/// A wish against what is there.
struct Granted {
    path: WorkspacePath,
    group: usize,
    now: Option<Entry>,
    wanted: Option<Entry>,
    like: Like,
    mtime: Option<FileTime>,
    optional: bool,
}

impl<'a> Planner<'a> {
    pub(in crate::copyout) fn new(
        project: &'a Dir,
        blobs: &'a dyn BlobSource,
        merge: bool,
    ) -> Self {
        Self {
            project,
            blobs,
            merge,
            folder_mode: None,
            resolutions: &[],
            known: None,
            names: Names::of(project),
            traits: Traits::of(project),
            granted: Vec::new(),
            conflicts: Vec::new(),
            merged: Vec::new(),
            unchanged: BTreeSet::new(),
            bases: Vec::new(),
        }
    }

    /// Looks at the project for each wish.
    pub(in crate::copyout) fn grant(&mut self, mut wishes: Vec<Wish>) -> Result<(), CopyOutError> {
        wishes.sort_by(|a, b| a.path.cmp(&b.path));
        // What stops being a file makes room for what is to lie below it.
        let making_room: HashSet<WorkspacePath> = wishes
            .iter()
            .filter(|wish| is_dir(wish.wanted.as_ref()) && !is_dir(wish.base.as_ref()))
            .map(|wish| wish.path.clone())
            .collect();
        let going: HashSet<WorkspacePath> = wishes
            .iter()
            .filter(|wish| wish.wanted.is_none())
            .map(|wish| wish.path.clone())
            .collect();
        let project = self.project;
        let found: Vec<_> = wishes
            .par_iter()
            .map(|wish| look(project, &wish.path))
            .collect();
        for (wish, found) in wishes.into_iter().zip(found) {
            match self.names.other(&wish.path) {
                Some(other) if self.is_anothers(&other, &going) => {
                    self.conflict(&wish, Reason::SameName);
                    continue;
                }
                // It makes room, or the user moved it: nothing is there by this name.
                Some(other) if other.is_one_of(&going) || wish.wanted.is_none() => {
                    self.one(wish, None)?;
                    continue;
                }
                _ => {}
            }
            let now = match found.map_err(CopyOutError::file("looking at the project"))? {
                Found::Nothing => None,
                Found::Entry(entry) => Some(entry),
                Found::Blocked if above(&wish.path).any(|a| making_room.contains(&a)) => None,
                // Nothing can lie there, and nothing is to.
                Found::Blocked if wish.wanted.is_none() => None,
                Found::Blocked => {
                    self.conflict(&wish, Reason::Blocked);
                    continue;
                }
            };
            self.one(wish, now)?;
        }
        Ok(())
    }

    /// Whether what lies at another spelling of a path is, in the workspace, a thing of its own that stays.
    fn is_anothers(&self, other: &Other, going: &HashSet<WorkspacePath>) -> bool {
        match other {
            Other::Unknown => true,
            Other::Path(path) => {
                !going.contains(path) && self.known.as_ref().is_some_and(|known| known(path))
            }
        }
    }

    /// Whether two entries of one path are the same, as far as the project's file system can tell.
    fn alike(&self, path: &WorkspacePath, a: Option<&Entry>, b: Option<&Entry>) -> bool {
        let but_mode = || match (a, b) {
            (Some(a), Some(b)) => same_but_mode(a, b) && !self.traits.keeps_modes(path),
            _ => false,
        };
        same_opt(a, b) || but_mode()
    }

    fn one(&mut self, wish: Wish, now: Option<Entry>) -> Result<(), CopyOutError> {
        let base_move = BaseMove {
            path: wish.path.clone(),
            before: wish.base.clone(),
            after: wish.wanted.clone(),
        };
        if self.alike(&wish.path, now.as_ref(), wish.wanted.as_ref()) {
            self.unchanged.insert(wish.group);
            self.bases.push((wish.group, base_move));
            return Ok(());
        }
        if self.alike(&wish.path, now.as_ref(), wish.base.as_ref()) {
            self.bases.push((wish.group, base_move));
            self.take(wish, now, None);
            return Ok(());
        }
        if wish.optional {
            // The user did something to a folder that would only go if it were left over.
            self.bases.push((wish.group, base_move));
            return Ok(());
        }
        let settled = self.resolutions.iter().find(|r| r.path == wish.path);
        if let Some(settled) = settled.filter(|r| same_opt(r.yours.as_ref(), now.as_ref())) {
            self.bases.push((wish.group, base_move));
            self.settle(wish, now, &settled.take);
            return Ok(());
        }
        let merged = if self.merge {
            self.merge(&wish, now.as_ref())?
        } else {
            None
        };
        match merged {
            Some((entry, content)) => {
                self.merged.push((wish.group, content));
                self.bases.push((wish.group, base_move));
                self.take(wish, now, Some(entry));
            }
            None => {
                let reason = reason(wish.base.as_ref(), now.as_ref());
                self.conflict(&wish, reason);
            }
        }
        Ok(())
    }

    fn settle(&mut self, wish: Wish, now: Option<Entry>, take: &Take) {
        match (take, &wish.wanted) {
            (Take::Yours, _) => {
                self.unchanged.insert(wish.group);
            }
            (Take::Agents, _) => self.take(wish, now, None),
            (Take::Merged(content), like) => {
                let kind = EntryKind::File {
                    blob: BlobId::of(content),
                    size: content.len() as u64,
                };
                let mode = |entry: &Option<Entry>| match entry {
                    Some(Entry {
                        kind: EntryKind::File { .. },
                        mode,
                        ..
                    }) => Some(*mode),
                    _ => None,
                };
                let entry = Entry {
                    path: wish.path.clone(),
                    kind,
                    mode: mode(like).or(mode(&now)).unwrap_or(0o644),
                    mtime: FileTime {
                        seconds: 0,
                        nanos: 0,
                    },
                };
                self.merged.push((wish.group, content.clone()));
                self.take(wish, now, Some(entry));
            }
        }
    }

    fn take(&mut self, wish: Wish, now: Option<Entry>, instead: Option<Entry>) {
        self.granted.push(Granted {
            path: wish.path,
            group: wish.group,
            now,
            wanted: instead.or(wish.wanted),
            like: wish.like,
            mtime: wish.mtime,
            optional: wish.optional,
        });
    }

    fn conflict(&mut self, wish: &Wish, reason: Reason) {
        let conflict = Conflict {
            path: wish.path.clone(),
            reason,
        };
        self.conflicts.push((wish.group, conflict));
    }

    /// Three files of which the user's and the agent's changes lie apart.
    fn merge(
        &self,
        wish: &Wish,
        now: Option<&Entry>,
    ) -> Result<Option<(Entry, Vec<u8>)>, CopyOutError> {
        let (Some(base), Some(now), Some(wanted)) = (&wish.base, now, &wish.wanted) else {
            return Ok(None);
        };
        let blob = |entry: &Entry| match entry.kind {
            EntryKind::File { blob, size } if size <= MERGE_MOST => Some(blob),
            _ => None,
        };
        let (Some(base_blob), Some(_), Some(wanted_blob)) = (blob(base), blob(now), blob(wanted))
        else {
            return Ok(None);
        };
        // A mode that the user changed is theirs to keep or give up.
        let modes_differ = now.mode & 0o777 != base.mode & 0o777;
        if modes_differ && self.traits.keeps_modes(&wish.path) {
            return Ok(None);
        }
        let content = |source| CopyOutError::Content {
            path: wish.path.clone(),
            source,
        };
        let yours = read_file(self.project, &wish.path)?;
        if Some(BlobId::of(&yours)) != blob(now) {
            return Ok(None);
        }
        let base = self.blobs.read(&base_blob, MERGE_MOST).map_err(content)?;
        let agents = self.blobs.read(&wanted_blob, MERGE_MOST).map_err(content)?;
        let merged = Merge::of(&base, &yours, &agents).and_then(|merge| merge.result());
        Ok(merged.map(|content| {
            let kind = EntryKind::File {
                blob: BlobId::of(&content),
                size: content.len() as u64,
            };
            (
                Entry {
                    kind,
                    ..wanted.clone()
                },
                content,
            )
        }))
    }
}

pub(in crate::copyout) fn is_dir(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| entry.kind == EntryKind::Dir)
}

/// The folders above a path, nearest first.
pub(in crate::copyout) fn above(path: &WorkspacePath) -> impl Iterator<Item = WorkspacePath> {
    std::iter::successors(path.parent(), WorkspacePath::parent)
}

fn reason(base: Option<&Entry>, now: Option<&Entry>) -> Reason {
    match (base, now) {
        (_, None) => Reason::Deleted,
        (None, Some(_)) => Reason::Appeared,
        (Some(base), Some(now)) => {
            let kind = std::mem::discriminant(&base.kind) == std::mem::discriminant(&now.kind);
            let alike = Entry {
                mode: base.mode,
                ..now.clone()
            };
            match (kind, same(base, &alike)) {
                (false, _) => Reason::Kind,
                (true, true) => Reason::Mode,
                (true, false) => Reason::Changed,
            }
        }
    }
}

pub(in crate::copyout) fn read_file(
    project: &Dir,
    path: &WorkspacePath,
) -> Result<Vec<u8>, CopyOutError> {
    use std::io::Read;
    let (file, _) = project
        .open_file(path)
        .map_err(CopyOutError::file("reading the project"))?;
    let mut content = Vec::new();
    file.take(MERGE_MOST + 1)
        .read_to_end(&mut content)
        .map_err(|source| CopyOutError::Content {
            path: path.clone(),
            source,
        })?;
    Ok(content)
}
