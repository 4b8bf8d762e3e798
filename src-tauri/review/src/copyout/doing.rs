//! One step, forward: a rename, or what stands for it, and the look at what it displaced.

use sandbox_workspace::{Dir, EntryKind, FsError, Kind};

use super::look::{look_at, same};
use super::means::Means;
use super::plan::Reason;
use super::run::absent;
use super::step::{Action, Inode, Step, aside, slot};
use super::{CopyOutError, point};

/// How one step went.
pub(super) enum Went {
    Done,
    Conflict(Reason),
}

/// Does one step. After a conflict or an error the rollback sees from the names in the stage how far it came.
pub(super) fn one(
    project: &Dir,
    stage: &Dir,
    means: &Means,
    number: usize,
    step: &Step,
) -> Result<Went, CopyOutError> {
    let failed = |e: FsError| CopyOutError::File {
        doing: "writing to the project",
        source: e.at(step.path.as_bytes()),
    };
    let (parent, name) = match project.open_parent(&step.path) {
        Ok(found) => found,
        Err(e) if absent(&e) => return Ok(Went::Conflict(Reason::Blocked)),
        Err(e) => return Err(failed(e)),
    };
    let at = At {
        parent: &parent,
        name,
        stage,
        means,
        number,
        step,
    };
    match &step.action {
        Action::Mode { old, new } => mode(&parent, name, *old, *new).map_err(failed),
        Action::Put { .. } => match means.put(stage, &slot(number), &parent, name) {
            Err(e) if e.is_exists() => Ok(Went::Conflict(Reason::Appeared)),
            done => done.map(|()| Went::Done).map_err(failed),
        },
        Action::Take { expected, optional } if expected.kind == EntryKind::Dir => {
            at.take_folder(*optional).map_err(failed)
        }
        Action::Take { .. } => at.take(&slot(number)).map_err(failed),
        Action::Swap { .. } if means.exchange => at.exchange().map_err(failed),
        Action::Swap { .. } => {
            let old = aside(number);
            match at.take(&old).map_err(failed)? {
                Went::Done => {}
                met @ Went::Conflict(_) => return Ok(met),
            }
            point("copyout::aside")?;
            match means.put(stage, &slot(number), &parent, name) {
                // The user saved it anew in this very moment.
                Err(e) if e.is_exists() => return Ok(Went::Conflict(Reason::Changed)),
                done => done.map_err(failed)?,
            }
            point("copyout::replaced")?;
            // Where its backup is looked for.
            let kept = stage.rename_replace(&old, stage, &slot(number));
            kept.map(|()| Went::Done).map_err(failed)
        }
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
}

impl At<'_> {
    /// Out of the project to a name of the stage; back again if it is not what was expected.
    fn take(&self, to: &[u8]) -> Result<Went, FsError> {
        match self.means.take(self.parent, self.name, self.stage, to) {
            Err(e) if e.is_not_found() => return Ok(Went::Conflict(Reason::Deleted)),
            done => done?,
        }
        if self.is_expected(to)? {
            return Ok(Went::Done);
        }
        self.put_again(to, Reason::Changed)
    }

    fn exchange(&self) -> Result<Went, FsError> {
        let slot = slot(self.number);
        match self.stage.rename_exchange(&slot, self.parent, self.name) {
            Err(e) if e.is_not_found() => return Ok(Went::Conflict(Reason::Deleted)),
            done => done?,
        }
        // Else the rollback exchanges back, with all its care.
        Ok(if self.is_expected(&slot)? {
            Went::Done
        } else {
            Went::Conflict(Reason::Changed)
        })
    }

    fn take_folder(&self, optional: bool) -> Result<Went, FsError> {
        let full = if optional {
            Went::Done
        } else {
            Went::Conflict(Reason::NotEmpty)
        };
        let dir = match self.parent.child_dir(self.name) {
            Ok(dir) => dir,
            Err(e) if absent(&e) && optional => return Ok(Went::Done),
            Err(e) if absent(&e) => return Ok(Went::Conflict(Reason::Deleted)),
            Err(e) => return Err(e),
        };
        if !dir.list()?.is_empty() {
            return Ok(full);
        }
        let slot = slot(self.number);
        self.means.take(self.parent, self.name, self.stage, &slot)?;
        let moved = self.stage.child_dir(&slot)?;
        let (here, there) = (
            Inode::from(&dir.stat_self()?),
            Inode::from(&moved.stat_self()?),
        );
        let same = here == there || self.means.numbers.is_none();
        if same && moved.list()?.is_empty() {
            return Ok(Went::Done);
        }
        // Something came into it between the look and the rename.
        match self.put_again(&slot, Reason::NotEmpty)? {
            Went::Conflict(_) if optional => Ok(Went::Done),
            met => Ok(met),
        }
    }

    fn is_expected(&self, slot: &[u8]) -> Result<bool, FsError> {
        let found = look_at(self.stage, slot, &self.step.path)?;
        let expected = self.step.expected();
        Ok(
            matches!((found, expected), (Some((found, _)), Some(expected)) if same(&found, expected)),
        )
    }

    /// Back to where it was; if something is there already, the rollback says so.
    fn put_again(&self, slot: &[u8], reason: Reason) -> Result<Went, FsError> {
        match self.means.put(self.stage, slot, self.parent, self.name) {
            Err(e) if !e.is_exists() => Err(e),
            _ => Ok(Went::Conflict(reason)),
        }
    }
}

fn mode(parent: &Dir, name: &[u8], old: u32, new: u32) -> Result<Went, FsError> {
    let stat = parent.stat(name)?;
    if stat.kind != Kind::Dir {
        return Ok(Went::Conflict(Reason::Kind));
    }
    if stat.mode & 0o777 != old {
        return Ok(Went::Conflict(Reason::Mode));
    }
    parent.set_mode(name, new).map(|()| Went::Done)
}
