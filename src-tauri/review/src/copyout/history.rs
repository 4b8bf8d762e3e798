//! The copy-outs of a sandbox: which there were, which can be undone, what they hold on the disk.

use sandbox_workspace::{Dir, Kind, WorkspacePath};

use super::journal::{State, state};
use super::{CopyOutError, CopyOutId};

/// One copy-out, undo or redo that was finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its name.
    pub id: CopyOutId,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The capture it was made from.
    pub capture: Option<String>,
    /// The changes, as the user knows them.
    pub paths: Vec<WorkspacePath>,
    /// Of an undo or redo, what it undid.
    pub undoes: Option<CopyOutId>,
    /// Whether it was undone, and not redone.
    pub undone: bool,
    /// Whether it stopped at files that changed meanwhile; its backups are kept.
    pub unresolved: bool,
}

/// All finished ones, oldest first.
pub fn history(copyouts: &Dir) -> Result<Vec<Past>, CopyOutError> {
    let mut list: Vec<Past> = Vec::new();
    for id in ids(copyouts)? {
        let State {
            begin: Some(begin),
            apply: Some(apply),
            committed,
            unresolved,
            ..
        } = read(copyouts, &id)?
        else {
            continue;
        };
        if !committed && unresolved.is_none() {
            continue;
        }
        if let (true, Some(undone)) = (committed, &begin.undoes) {
            mark(&mut list, undone, true);
        }
        list.push(Past {
            id,
            time: begin.time,
            capture: begin.capture,
            paths: apply.applied,
            undoes: begin.undoes,
            undone: false,
            unresolved: unresolved.is_some(),
        });
    }
    Ok(list)
}

/// Undoing an undo brings back what that one had undone.
fn mark(list: &mut [Past], id: &CopyOutId, undone: bool) {
    let Some(past) = list.iter_mut().find(|past| past.id == *id) else {
        return;
    };
    past.undone = undone;
    if let Some(inner) = past.undoes.clone() {
        mark(list, &inner, !undone);
    }
}

/// The newest copy-out that is not undone.
pub fn last_to_undo(copyouts: &Dir) -> Result<Option<CopyOutId>, CopyOutError> {
    let past = history(copyouts)?;
    let found = past
        .into_iter()
        .rev()
        .find(|past| past.undoes.is_none() && !past.undone && !past.unresolved);
    Ok(found.map(|past| past.id))
}

/// The newest undo that can be taken back: with no copy-out since.
pub fn last_to_redo(copyouts: &Dir) -> Result<Option<CopyOutId>, CopyOutError> {
    let past = history(copyouts)?;
    let found = past
        .into_iter()
        .rev()
        .filter(|past| !past.unresolved)
        .take_while(|past| past.undoes.is_some())
        .find(|past| !past.undone && undoes_a_copy_out(copyouts, past));
    Ok(found.map(|past| past.id))
}

fn undoes_a_copy_out(copyouts: &Dir, past: &Past) -> bool {
    let Some(inner) = &past.undoes else {
        return false;
    };
    read(copyouts, inner).is_ok_and(|state| state.begin.is_some_and(|begin| begin.undoes.is_none()))
}

/// Bytes that one takes on the disk: its backups and its record.
pub fn kept_bytes(copyouts: &Dir, id: &CopyOutId) -> Result<u64, CopyOutError> {
    let failed = CopyOutError::file("measuring a copy-out");
    let tx = copyouts.child_dir(id.0.as_bytes()).map_err(&failed)?;
    let mut bytes = 0;
    for folder in [tx.try_clone(), tx.child_dir(b"stage")] {
        let folder = match folder {
            Err(e) if e.is_not_found() => continue,
            folder => folder.map_err(&failed)?,
        };
        for (name, _) in folder.list().map_err(&failed)? {
            let stat = folder.stat_opt(&name).map_err(&failed)?;
            bytes += stat.map_or(0, |stat| stat.allocated);
        }
    }
    Ok(bytes)
}

/// Removes one with its backups; it can no longer be undone. An interrupted one is an error.
pub fn remove(copyouts: &Dir, id: &CopyOutId) -> Result<(), CopyOutError> {
    let state = read(copyouts, id)?;
    let ended = state.settled || state.unresolved.is_some() || state.apply.is_none();
    if !ended {
        return Err(CopyOutError::Interrupted { id: id.clone() });
    }
    copyouts
        .remove_tree(id.0.as_bytes())
        .map_err(CopyOutError::file("removing a copy-out"))
}

pub(super) fn read(copyouts: &Dir, id: &CopyOutId) -> Result<State, CopyOutError> {
    let tx = copyouts
        .child_dir(id.0.as_bytes())
        .map_err(CopyOutError::file("opening a copy-out"))?;
    state(&tx, id)
}

/// Makes the folder of a new copy-out. Fails where one was interrupted and not recovered.
pub(super) fn begin(copyouts: &Dir) -> Result<CopyOutId, CopyOutError> {
    let all = ids(copyouts)?;
    for id in &all {
        let state = read(copyouts, id)?;
        let open = !(state.committed || state.unresolved.is_some());
        if open {
            return Err(CopyOutError::Interrupted { id: id.clone() });
        }
    }
    let last = all.last().and_then(|id| id.0.parse::<u64>().ok());
    let id = CopyOutId(format!("{:08}", last.unwrap_or(0) + 1));
    let failed = CopyOutError::file("beginning the copy-out");
    copyouts.mkdir(id.0.as_bytes(), 0o700).map_err(&failed)?;
    copyouts.sync().map_err(failed)?;
    Ok(id)
}

/// The names of all, oldest first; whatever else lies there is left alone.
pub(super) fn ids(copyouts: &Dir) -> Result<Vec<CopyOutId>, CopyOutError> {
    let mut ids: Vec<CopyOutId> = copyouts
        .list()
        .map_err(CopyOutError::file("listing the copy-outs"))?
        .into_iter()
        .filter(|(name, kind)| *kind == Kind::Dir && name.iter().all(u8::is_ascii_digit))
        .filter_map(|(name, _)| String::from_utf8(name).ok())
        .map(CopyOutId)
        .collect();
    ids.sort_by_key(|id| (id.0.len(), id.0.clone()));
    Ok(ids)
}
