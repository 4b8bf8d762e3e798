//! From what is granted to steps, in an order in which each is possible.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sandbox_workspace::{Entry, EntryKind, FileTime, Kind, MemoryBlobs, WorkspacePath};

use super::trial::New;
use super::{Planner, above, is_dir};
use crate::copyout::plan::{Conflict, Plan, Reason, Skip, Skipped};
use crate::copyout::step::{Action, Like, Step};
use crate::copyout::{BaseMove, CopyOutError};

impl Planner<'_> {
    /// The plan, without what belongs to a group that has a conflict.
    pub(in crate::copyout) fn finish(
        mut self,
        names: &[&WorkspacePath],
    ) -> Result<Plan, CopyOutError> {
        self.unfit()?;
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
        Ok(Plan {
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
        })
    }

    /// What the project's file system cannot hold, or not beside another.
    fn unfit(&mut self) -> Result<(), CopyOutError> {
        let news = self.granted.iter().filter_map(|granted| {
            let wanted = granted.wanted.as_ref()?;
            Some(New {
                path: &granted.path,
                appears: granted.now.is_none(),
                link: matches!(wanted.kind, EntryKind::Symlink { .. }),
                group: granted.group,
            })
        });
        let found = self.traits.unfit(&news.collect::<Vec<_>>())?;
        self.conflicts.extend(found);
        Ok(())
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
