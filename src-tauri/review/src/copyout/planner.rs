//! From wishes to steps: each against what lies in the project now, then in an order in which each is
//! possible.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sandbox_workspace::{
    BlobId, BlobSource, Dir, Entry, EntryKind, FileTime, Kind, MemoryBlobs, WorkspacePath,
};

use super::look::{Found, look, same, same_opt};
use super::plan::{Conflict, MERGE_MOST, Plan, Reason, Resolution, Skip, Skipped, Take, Wish};
use super::step::{Action, Like, Step};
use super::{BaseMove, CopyOutError};
use crate::merge::Merge;

type FolderMode<'a> = Box<dyn Fn(&WorkspacePath) -> Option<u32> + 'a>;

/// Turns wishes into steps.
pub(super) struct Planner<'a> {
    project: &'a Dir,
    blobs: &'a dyn BlobSource,
    merge: bool,
    pub(super) folder_mode: Option<FolderMode<'a>>,
    pub(super) resolutions: &'a [Resolution],
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
    pub(super) fn new(project: &'a Dir, blobs: &'a dyn BlobSource, merge: bool) -> Self {
        Self {
            project,
            blobs,
            merge,
            folder_mode: None,
            resolutions: &[],
            granted: Vec::new(),
            conflicts: Vec::new(),
            merged: Vec::new(),
            unchanged: BTreeSet::new(),
            bases: Vec::new(),
        }
    }

    /// Looks at the project for each wish.
    pub(super) fn grant(&mut self, mut wishes: Vec<Wish>) -> Result<(), CopyOutError> {
        wishes.sort_by(|a, b| a.path.cmp(&b.path));
        // What stops being a file makes room for what is to lie below it.
        let making_room: HashSet<WorkspacePath> = wishes
            .iter()
            .filter(|wish| is_dir(wish.wanted.as_ref()) && !is_dir(wish.base.as_ref()))
            .map(|wish| wish.path.clone())
            .collect();
        for wish in wishes {
            let found = look(self.project, &wish.path)
                .map_err(CopyOutError::file("looking at the project"))?;
            let now = match found {
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

    fn one(&mut self, wish: Wish, now: Option<Entry>) -> Result<(), CopyOutError> {
        let base_move = BaseMove {
            path: wish.path.clone(),
            before: wish.base.clone(),
            after: wish.wanted.clone(),
        };
        if same_opt(now.as_ref(), wish.wanted.as_ref()) {
            self.unchanged.insert(wish.group);
            self.bases.push((wish.group, base_move));
            return Ok(());
        }
        if same_opt(now.as_ref(), wish.base.as_ref()) {
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
        if now.mode & 0o777 != base.mode & 0o777 {
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

    /// The plan, without what belongs to a group that has a conflict.
    pub(super) fn finish(mut self, names: &[&WorkspacePath]) -> Plan {
        self.blocked_parents();
        self.occupied_folders();
        let bad: HashSet<usize> = self.conflicts.iter().map(|(group, _)| *group).collect();
        self.granted.retain(|granted| !bad.contains(&granted.group));
        let mut bases: Vec<BaseMove> = self
            .bases
            .iter()
            .filter(|(group, _)| !bad.contains(group))
            .map(|(_, base)| base.clone())
            .collect();
        let written: BTreeSet<usize> = self
            .granted
            .iter()
            .filter(|granted| !granted.optional)
            .map(|granted| granted.group)
            .collect();
        let name = |group: &usize| names.get(*group).map(|path| (*path).clone());
        let mut made = MemoryBlobs::default();
        let mut merged = Vec::new();
        for (group, content) in std::mem::take(&mut self.merged) {
            if !bad.contains(&group) {
                made.add(content);
                merged.extend(name(&group));
            }
        }
        let skipped = self
            .unchanged
            .iter()
            .filter(|group| !written.contains(group) && !bad.contains(group))
            .filter_map(name)
            .map(|path| Skipped {
                path,
                reason: Skip::Same,
            })
            .collect();
        let steps = self.steps(&mut bases);
        let mut conflicts: Vec<Conflict> = self.conflicts.into_iter().map(|(_, c)| c).collect();
        conflicts.sort_by(|a, b| a.path.cmp(&b.path));
        Plan {
            conflicts,
            applied: written.iter().filter_map(name).collect(),
            merged,
            skipped,
            capture: None,
            undoes: None,
            leave_conflicts: false,
            steps,
            bases,
            made,
            backups: None,
        }
    }

    /// What is to lie below something that is and stays no folder.
    fn blocked_parents(&mut self) {
        let becomes: BTreeMap<&WorkspacePath, bool> = self
            .granted
            .iter()
            .map(|g| (&g.path, is_dir(g.wanted.as_ref())))
            .collect();
        let mut blocked = Vec::new();
        let mut known: BTreeMap<WorkspacePath, bool> = BTreeMap::new();
        for granted in self.granted.iter().filter(|g| g.wanted.is_some()) {
            let stuck = above(&granted.path).any(|folder| match becomes.get(&folder) {
                Some(dir) => !dir,
                None => *known.entry(folder).or_insert_with_key(|folder| {
                    let stat = self.project.stat_path(folder);
                    stat.is_ok_and(|stat| stat.kind != Kind::Dir)
                }),
            });
            if stuck {
                blocked.push((granted.group, granted.path.clone()));
            }
        }
        self.conflicts
            .extend(blocked.into_iter().map(|(group, path)| {
                (
                    group,
                    Conflict {
                        path,
                        reason: Reason::Blocked,
                    },
                )
            }));
    }

    /// Folders that must go and hold something that does not go with them.
    fn occupied_folders(&mut self) {
        let goes: HashSet<&WorkspacePath> = self
            .granted
            .iter()
            .filter(|g| g.now.is_some() && !is_dir(g.wanted.as_ref()))
            .map(|g| &g.path)
            .collect();
        let mut occupied = Vec::new();
        for granted in &self.granted {
            let must_go = is_dir(granted.now.as_ref()) && !is_dir(granted.wanted.as_ref());
            if !must_go || granted.optional {
                continue;
            }
            let content = self
                .project
                .open_dir(&granted.path)
                .and_then(|dir| dir.list());
            let alone = content.is_ok_and(|names| {
                names.iter().all(|(name, _)| {
                    granted
                        .path
                        .join(name)
                        .is_ok_and(|path| goes.contains(&path))
                })
            });
            if !alone {
                occupied.push((granted.group, granted.path.clone()));
            }
        }
        self.conflicts
            .extend(occupied.into_iter().map(|(group, path)| {
                (
                    group,
                    Conflict {
                        path,
                        reason: Reason::NotEmpty,
                    },
                )
            }));
    }

    /// The steps in an order in which each is possible: wider folders, takes from the deepest up, new
    /// folders from the top down, files, narrower folders.
    fn steps(&mut self, bases: &mut Vec<BaseMove>) -> Vec<Step> {
        let mut granted = std::mem::take(&mut self.granted);
        granted.sort_by(|a, b| a.path.cmp(&b.path));
        let (mut wider, mut takes, mut puts, mut swaps, mut narrower) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut folders: BTreeMap<WorkspacePath, u32> = BTreeMap::new();
        for g in granted {
            let (now, wanted) = (g.now, g.wanted);
            if let Some(wanted) = &wanted {
                for folder in above(&g.path) {
                    folders.entry(folder).or_insert(0o755);
                }
                if wanted.kind == EntryKind::Dir && !is_dir(now.as_ref()) {
                    folders.insert(g.path.clone(), wanted.mode & 0o777);
                }
            }
            match (now, wanted) {
                (Some(old), Some(new)) if is_dir(Some(&old)) && is_dir(Some(&new)) => {
                    let (old, new) = (old.mode & 0o777, new.mode & 0o777);
                    let list = if new & 0o300 == 0o300 {
                        &mut wider
                    } else {
                        &mut narrower
                    };
                    list.push(Step::new(g.path, Action::Mode { old, new }));
                }
                (Some(old), Some(new)) if !is_dir(Some(&old)) && !is_dir(Some(&new)) => {
                    let action = Action::Swap {
                        expected: old,
                        entry: new,
                        mtime: g.mtime,
                    };
                    swaps.push(Step::new(g.path, action));
                }
                (old, new) => {
                    if let Some(expected) = old {
                        let action = Action::Take {
                            expected,
                            optional: g.optional,
                        };
                        takes.push(Step::new(g.path.clone(), action));
                    }
                    if let Some(entry) = new.filter(|entry| entry.kind != EntryKind::Dir) {
                        let action = Action::Put {
                            entry,
                            like: g.like,
                            mtime: g.mtime,
                        };
                        puts.push(Step::new(g.path, action));
                    }
                }
            }
        }
        let taken: HashSet<WorkspacePath> =
            takes.iter().map(|step: &Step| step.path.clone()).collect();
        let mut made = Vec::new();
        for (path, mode) in folders {
            let there = self
                .project
                .stat_path(&path)
                .is_ok_and(|stat| stat.kind == Kind::Dir);
            if there && !taken.contains(&path) {
                continue;
            }
            let wished = bases.iter().any(|base| base.path == path);
            let mode = match &self.folder_mode {
                Some(of) if !wished => of(&path).unwrap_or(mode),
                _ => mode,
            };
            let entry = folder_entry(&path, mode);
            if !wished {
                bases.push(BaseMove {
                    path: path.clone(),
                    before: None,
                    after: Some(entry.clone()),
                });
            }
            if mode != 0o700 {
                narrower.push(Step::new(
                    path.clone(),
                    Action::Mode {
                        old: 0o700,
                        new: mode,
                    },
                ));
            }
            let action = Action::Put {
                entry,
                like: Like::Folder,
                mtime: None,
            };
            made.push(Step::new(path, action));
        }
        takes.reverse();
        // From the deepest up: a folder that loses its write bit is the last to be written to.
        narrower.sort_by(|a, b| b.path.cmp(&a.path));
        [wider, takes, made, swaps, puts, narrower].concat()
    }
}

fn folder_entry(path: &WorkspacePath, mode: u32) -> Entry {
    Entry {
        path: path.clone(),
        kind: EntryKind::Dir,
        mode,
        mtime: FileTime {
            seconds: 0,
            nanos: 0,
        },
    }
}

pub(super) fn is_dir(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| entry.kind == EntryKind::Dir)
}

/// The folders above a path, nearest first.
pub(super) fn above(path: &WorkspacePath) -> impl Iterator<Item = WorkspacePath> {
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

pub(super) fn read_file(project: &Dir, path: &WorkspacePath) -> Result<Vec<u8>, CopyOutError> {
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
