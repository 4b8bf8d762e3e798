//! The copy of a project into a new workspace, with its baseline.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::copy::{Copied, Copy, CopyError, Rewrite};
use super::walk::{Notes, Visitor, walk};
use super::{HandOverError, LeftOut, Warning};
use crate::confined::{self, Dir, FsError, Kind, Stat};
use crate::path::WorkspacePath;
use crate::progress::{Cancel, Progress, Step};
use crate::rules::{self, Matcher, Reason, Rules, Secrets};
use crate::scan::{Index, assemble};
use crate::store::{Store, TreeId, Writer};
use crate::tree::{BlobId, Entry, EntryKind, Tree};

/// How a project is handed over.
#[derive(Clone, Copy)]
pub struct HandOverOptions<'a> {
    /// What stays out.
    pub rules: &'a Rules,
    /// Who owns the copy, where that is not this process; needs the right to give files away.
    pub owner: Option<(u32, u32)>,
    /// Entries and bytes that the preflight counted, for the progress; 0 if unknown.
    pub totals: (u64, u64),
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Asked to stop.
    pub cancel: &'a Cancel,
}

/// What was handed over.
#[derive(Debug)]
pub struct HandOver {
    /// The workspace as handed over: the baseline.
    pub tree: Tree,
    /// Its name in the store.
    pub id: TreeId,
    /// For the next scan of the workspace.
    pub index: Index,
    /// What stayed out, sorted by path.
    pub left_out: Vec<LeftOut>,
    /// What hand-over itself changed: never proposed as a change.
    pub rewritten: Vec<WorkspacePath>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// The rules, with what was decided by looking; to be kept with the sandbox.
    pub rules: Rules,
}

/// Copies what goes in of `project` into the empty `workspace`, and stores it as a tree.
///
/// Links stay links, no inode is shared, modes (without setuid, setgid, sticky) and modification
/// times are kept. A file that changes meanwhile is read again. On any error, and when cancelled,
/// the workspace is emptied again.
pub fn hand_over(
    project: &Dir,
    workspace: &Dir,
    store: &Store,
    options: &HandOverOptions<'_>,
) -> Result<HandOver, HandOverError> {
    if !workspace
        .list()
        .map_err(HandOverError::Workspace)?
        .is_empty()
    {
        return Err(HandOverError::NotEmpty);
    }
    let done = copy(project, workspace, store, options);
    // The first error is the one to tell; what remains is found at the next start.
    if done.is_err()
        && let Err(error) = workspace.remove_content()
    {
        tracing::warn!(%error, "a failed hand-over left something behind");
    }
    done
}

fn copy(
    project: &Dir,
    workspace: &Dir,
    store: &Store,
    options: &HandOverOptions<'_>,
) -> Result<HandOver, HandOverError> {
    let matcher = options.rules.matcher()?;
    let copier = Copier {
        workspace,
        options,
        writer: store.writer()?,
        copied: Mutex::default(),
        entries: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    };
    let noted = walk(project, &matcher, &copier, options.cancel)?;
    let copied = copier
        .copied
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut tree = Tree::from_sorted(assemble(copied.folders));
    finish_folders(workspace, &tree, options.owner).map_err(HandOverError::Workspace)?;
    let mut index = Index::default();
    // Nobody else could write yet: what is settled now has the content that was copied.
    let now = SystemTime::now();
    for (stat, blob) in copied.known {
        index.remember(&stat, blob, now);
    }
    tree.torn = noted.warnings.iter().filter_map(torn).collect();
    tree.torn.sort();
    let id = copier.writer.put_tree(&tree)?;
    let mut rewritten = copied.rewritten;
    rewritten.sort();
    Ok(HandOver {
        rules: with_decisions(options.rules, &matcher, &noted.left_out),
        tree,
        id,
        index,
        left_out: noted.left_out,
        rewritten,
        warnings: noted.warnings,
    })
}

fn torn(warning: &Warning) -> Option<WorkspacePath> {
    match warning {
        Warning::Torn(path) => Some(path.clone()),
        _ => None,
    }
}

/// How the content of a file is changed on the way in.
pub(super) type Rewriting = fn(&[u8]) -> Option<Vec<u8>>;

/// What is done to a file's content: credentials go from git's configuration, and where the user wants
/// stand-ins, values from files of variables.
pub(super) fn rewriting(path: &WorkspacePath, rules: &Rules) -> Option<Rewriting> {
    if rules::is_git_config(path) {
        Some(|content| {
            let scrubbed = rules::scrub_git_config(content);
            (scrubbed != content).then_some(scrubbed)
        })
    } else if rules::is_env_file(path.file_name()) && rules.secrets == Secrets::Placeholders {
        Some(|content| Some(rules::placeholders(content)))
    } else {
        None
    }
}

/// Keeps what the path alone does not tell.
pub(super) fn with_decisions(rules: &Rules, matcher: &Matcher, left_out: &[LeftOut]) -> Rules {
    let mut rules = rules.clone();
    for row in left_out {
        let by_looking = matches!(
            row.reason,
            Reason::Secret | Reason::Rebuildable | Reason::Ignored
        );
        if by_looking
            && matcher
                .left_out(&row.path, row.is_dir, &|_| false)
                .is_none()
            && let Some(path) = row.path.as_str()
        {
            rules.decided.insert(path.to_owned(), row.reason);
        }
    }
    rules
}

/// Modes, owners and times of folders: what is made in them changes their time.
fn finish_folders(workspace: &Dir, tree: &Tree, owner: Option<(u32, u32)>) -> Result<(), FsError> {
    let entries = tree.entries().iter();
    let folders: Vec<&Entry> = entries.filter(|e| e.kind == EntryKind::Dir).collect();
    confined::finish_folders(workspace, &folders, owner)?;
    match owner {
        Some((uid, gid)) => workspace.chown_self(uid, gid),
        None => Ok(()),
    }
}

struct Copier<'a> {
    workspace: &'a Dir,
    options: &'a HandOverOptions<'a>,
    writer: Writer,
    copied: Mutex<All>,
    entries: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct All {
    folders: HashMap<Option<WorkspacePath>, Vec<Entry>>,
    known: Vec<(Stat, BlobId)>,
    rewritten: Vec<WorkspacePath>,
}

impl Visitor for Copier<'_> {
    fn folder(
        &self,
        at: Option<&WorkspacePath>,
        dir: &Dir,
        kept: &[(WorkspacePath, Stat)],
        notes: &Notes,
    ) -> Result<(), HandOverError> {
        let to = self
            .workspace
            .open_dir_or_self(at)
            .map_err(HandOverError::Workspace)?;
        let mut entries = Vec::with_capacity(kept.len());
        let mut known = Vec::with_capacity(kept.len());
        for (path, stat) in kept {
            if self.options.cancel.is_cancelled() {
                return Err(HandOverError::Cancelled);
            }
            entries.extend(self.entry(dir, &to, path, stat, &mut known, notes)?);
        }
        let count = entries.len() as u64;
        let mut all = self.all();
        all.known.extend(known);
        if count > 0 {
            all.folders.entry(at.cloned()).or_default().extend(entries);
        }
        drop(all);
        self.options.progress.report(Step {
            entries: self.entries.fetch_add(count, Ordering::Relaxed) + count,
            entries_total: self.options.totals.0,
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.options.totals.1,
        });
        Ok(())
    }
}

impl Copier<'_> {
    fn entry(
        &self,
        from: &Dir,
        to: &Dir,
        path: &WorkspacePath,
        stat: &Stat,
        known: &mut Vec<(Stat, BlobId)>,
        notes: &Notes,
    ) -> Result<Option<Entry>, HandOverError> {
        let name = path.file_name();
        let target_failed = |e: FsError| HandOverError::Workspace(e.at(path.as_bytes()));
        let (kind, mode) = match stat.kind {
            Kind::Dir => {
                to.mkdir(name, 0o700).map_err(target_failed)?;
                (EntryKind::Dir, stat.mode & 0o777)
            }
            Kind::Symlink => match from.read_link(name) {
                Ok(target) => {
                    self.link(to, name, &target, stat).map_err(target_failed)?;
                    (EntryKind::Symlink { target }, 0o777)
                }
                Err(e) => {
                    notes.unreadable(path.clone(), false, &e);
                    return Ok(None);
                }
            },
            Kind::File => {
                let Some(Copied {
                    blob, size, stat, ..
                }) = self.file(from, to, path, notes)?
                else {
                    return Ok(None);
                };
                known.push((stat, blob));
                (EntryKind::File { blob, size }, stat.mode)
            }
            Kind::Special(_) => return Ok(None),
        };
        let mtime = match kind {
            EntryKind::File { .. } => known.last().map_or(stat.mtime, |(copy, _)| copy.mtime),
            _ => stat.mtime,
        };
        Ok(Some(Entry {
            path: path.clone(),
            kind,
            mode,
            mtime,
        }))
    }

    fn link(&self, to: &Dir, name: &[u8], target: &[u8], stat: &Stat) -> Result<(), FsError> {
        to.symlink(target, name)?;
        to.set_mtime(name, stat.mtime)?;
        match self.options.owner {
            Some((uid, gid)) => to.chown(name, uid, gid),
            None => Ok(()),
        }
    }

    fn file(
        &self,
        from: &Dir,
        to: &Dir,
        path: &WorkspacePath,
        notes: &Notes,
    ) -> Result<Option<Copied>, HandOverError> {
        let is_env = rules::is_env_file(path.file_name());
        let rewrite = rewriting(path, self.options.rules);
        let copy = Copy {
            from,
            to,
            name: path.file_name(),
            sink: &self.writer,
            owner: self.options.owner,
            rewrite: rewrite.as_ref().map(|rewrite| rewrite as &Rewrite<'_>),
        };
        let copied = match copy.run() {
            Ok(copied) => copied,
            Err(CopyError::Source(e)) => {
                notes.unreadable(path.clone(), false, &e);
                return Ok(None);
            }
            Err(CopyError::Target(e)) => {
                return Err(HandOverError::Workspace(e.at(path.as_bytes())));
            }
            Err(CopyError::Content(source)) => {
                return Err(HandOverError::Copy {
                    path: path.clone(),
                    source,
                });
            }
        };
        self.bytes.fetch_add(copied.size, Ordering::Relaxed);
        self.note(path, &copied, is_env, notes);
        Ok(Some(copied))
    }

    fn note(&self, path: &WorkspacePath, copied: &Copied, is_env: bool, notes: &Notes) {
        if copied.rewritten {
            self.all().rewritten.push(path.clone());
            notes.warn(if is_env {
                Warning::ValuesReplaced(path.clone())
            } else {
                Warning::CredentialsRemoved(path.clone())
            });
        } else if is_env {
            notes.warn(Warning::SecretKept(path.clone()));
        }
        if copied.torn {
            notes.warn(Warning::Torn(path.clone()));
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
