//! One step, back: from what lies in the stage and at the place, whatever instant it was cut off at.
//!
//! What a step displaced is in the stage, under its slot or, where names cannot be exchanged, under
//! [`aside`]; what was taken out again on the way back is under [`away`]. Nothing is decided by a name alone:
//! what we put there is told from what the user has by its content and, as long as they mean something, by
//! the numbers of files.

use sandbox_workspace::{Dir, Entry, EntryKind, FsError, Kind, Stat};

use super::look::{look_at, same, same_but_mode};
use super::means::Means;
use super::run::absent;
use super::step::{Action, Inode, Step, aside, away, slot};

/// How it went.
pub(super) enum Back {
    Done,
    /// The user changed what lies there: it stays, and so does the backup.
    Stuck,
}

/// Puts one step back.
pub(super) fn back(
    project: &Dir,
    stage: &Dir,
    means: &Means,
    number: usize,
    step: &Step,
) -> Result<Back, FsError> {
    let (parent, name) = match project.open_parent(&step.path) {
        Ok(found) => found,
        Err(e) if absent(&e) => {
            // The folder is gone, and with it what we put there; only a backup would be missing now.
            let missing = step.displaces() && displaced(stage, means, number, step)?.is_some();
            return Ok(if missing { Back::Stuck } else { Back::Done });
        }
        Err(e) => return Err(e),
    };
    let at = At {
        parent: &parent,
        name,
        stage,
        means,
        number,
        step,
        numbers: means.numbers_hold(stage)?,
    };
    match &step.action {
        Action::Mode { old, new } => {
            let stat = parent.stat_opt(name)?;
            if stat.is_some_and(|stat| stat.mode & 0o777 == *new) {
                parent.set_mode(name, *old)?;
            }
            Ok(Back::Done)
        }
        Action::Take { .. } => match stage.stat_opt(&slot(number))? {
            None => Ok(Back::Done),
            Some(_) => at.give_back(&slot(number)),
        },
        Action::Put { .. } => at.put_back(),
        Action::Swap { .. } => match displaced(stage, means, number, step)? {
            None => Ok(Back::Done),
            Some(old) if means.exchange => at.exchange_back(&old),
            Some(old) => at.replace_back(&old),
        },
    }
}

/// Under which name of the stage lies what a step displaced, if it did.
fn displaced(
    stage: &Dir,
    means: &Means,
    number: usize,
    step: &Step,
) -> Result<Option<Vec<u8>>, FsError> {
    let old = aside(number);
    if stage.stat_opt(&old)?.is_some() {
        return Ok(Some(old));
    }
    let slot = slot(number);
    let found = look_at(stage, &slot, &step.path)?;
    let staged = |found: &Entry| step.entry().is_some_and(|entry| alike(means, entry, found));
    Ok(found
        .is_some_and(|(found, _)| !staged(&found))
        .then_some(slot))
}

fn alike(means: &Means, a: &Entry, b: &Entry) -> bool {
    if means.modes {
        same(a, b)
    } else {
        same_but_mode(a, b)
    }
}

/// Everything one step is about.
struct At<'a> {
    parent: &'a Dir,
    name: &'a [u8],
    stage: &'a Dir,
    means: &'a Means,
    number: usize,
    step: &'a Step,
    /// Whether the numbers of files can be believed.
    numbers: bool,
}

impl At<'_> {
    /// A backup to its place, where nothing must be.
    fn give_back(&self, from: &[u8]) -> Result<Back, FsError> {
        match self.means.put(self.stage, from, self.parent, self.name) {
            Err(e) if e.is_exists() => Ok(Back::Stuck),
            done => done.map(|()| Back::Done),
        }
    }

    /// Takes out what was put there, if it is still what was put there.
    fn put_back(&self) -> Result<Back, FsError> {
        let slot = slot(self.number);
        if self
            .means
            .is_half_put(self.stage, &slot, self.parent, self.name)?
        {
            self.stage.unlink(&slot)?;
        }
        match self.is_ours(self.stage, &slot)? {
            None => {}
            // It was never there, or is out again.
            Some(true) => return Ok(Back::Done),
            // The user's, taken out in place of ours by a way back that was cut off.
            Some(false) => return self.give_back(&slot).map(|_| Back::Stuck),
        }
        match self.is_ours_there()? {
            // Gone: as before.
            None => return Ok(Back::Done),
            Some(false) => return Ok(Back::Stuck),
            Some(true) => {}
        }
        // The user may have been quicker.
        Ok(if self.take_out(&slot)? {
            Back::Done
        } else {
            Back::Stuck
        })
    }

    /// Exchanges back, if what lies there is still what was put there.
    fn exchange_back(&self, slot: &[u8]) -> Result<Back, FsError> {
        if self.is_ours_there()? != Some(true) {
            return Ok(Back::Stuck);
        }
        match self.stage.rename_exchange(slot, self.parent, self.name) {
            Err(e) if e.is_not_found() => return Ok(Back::Stuck),
            done => done?,
        }
        if self.is_ours(self.stage, slot)? == Some(true) {
            return Ok(Back::Done);
        }
        // A newer version of the user's came in between: it belongs there.
        self.stage.rename_exchange(slot, self.parent, self.name)?;
        Ok(Back::Stuck)
    }

    /// The same in turn: ours out, if it is there, then the old one in.
    fn replace_back(&self, old: &[u8]) -> Result<Back, FsError> {
        let slot = slot(self.number);
        let ours_is_out = old != slot.as_slice() && self.stage.stat_opt(&slot)?.is_some();
        if ours_is_out
            && self
                .means
                .is_half_put(self.stage, &slot, self.parent, self.name)?
        {
            self.stage.unlink(&slot)?;
        }
        // It may be half back already.
        if self
            .means
            .is_half_put(self.stage, old, self.parent, self.name)?
        {
            return self.give_back(old);
        }
        let away = away(self.number);
        let taken_out = self.is_ours(self.stage, &away)?;
        let never_in = old != slot.as_slice() && self.stage.stat_opt(&slot)?.is_some();
        let ready = match (taken_out, self.is_ours_there()?) {
            // The user's, taken out in place of ours by a way back that was cut off.
            (Some(false), _) => {
                self.give_back(&away)?;
                false
            }
            // Nothing is there: because of us, or the user removed it.
            (taken_out, None) => never_in || taken_out.is_some(),
            (_, Some(false)) => false,
            (None, Some(true)) => self.take_out(&away)?,
            // Both are the same content: the user's own.
            (Some(true), Some(true)) => false,
        };
        let went = if ready {
            self.give_back(old)?
        } else {
            Back::Stuck
        };
        if let (Back::Stuck, true) = (&went, old != slot.as_slice()) {
            // Where backups are looked for.
            self.stage.rename_replace(old, self.stage, &slot)?;
        }
        Ok(went)
    }

    /// Ours out of its place; back again if it was not ours any more.
    fn take_out(&self, to: &[u8]) -> Result<bool, FsError> {
        match self.means.take(self.parent, self.name, self.stage, to) {
            Err(e) if e.is_not_found() => return Ok(false),
            done => done?,
        }
        let ours = self.is_ours(self.stage, to)? == Some(true);
        if !ours {
            // A newer version of the user's came in between: it belongs there.
            self.give_back(to)?;
        }
        Ok(ours)
    }

    fn is_ours_there(&self) -> Result<Option<bool>, FsError> {
        self.is_ours(self.parent, self.name)
    }

    /// Whether what lies at a name is what was staged, untouched. `None` if nothing lies there.
    fn is_ours(&self, dir: &Dir, name: &[u8]) -> Result<Option<bool>, FsError> {
        let Some((found, stat)) = look_at(dir, name, &self.step.path)? else {
            return Ok(None);
        };
        let Some(entry) = self.step.entry() else {
            return Ok(Some(false));
        };
        // A folder's mode is a step of its own.
        let untouched = if entry.kind == EntryKind::Dir && stat.kind == Kind::Dir {
            dir.child_dir(name)?.list()?.is_empty()
        } else {
            alike(self.means, entry, &found)
        };
        Ok(Some(untouched && self.is_number(&stat)))
    }

    fn is_number(&self, stat: &Stat) -> bool {
        !self.numbers || self.step.staged == Some(Inode::from(stat))
    }
}
