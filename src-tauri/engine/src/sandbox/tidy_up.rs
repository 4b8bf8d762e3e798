//! What the app thins by itself, and what it does before the disk is full. Nothing of the user's is in it:
//! captures that no review needs, backups of copy-outs that are past their time, contents that nobody needs.

use std::fs;

use futures_util::future::join_all;
use sandbox_review::copyout;
use tokio::task::block_in_place;

use super::upkeep::Pruning;
use super::{Engine, State, capture, pause, reviewing};
use crate::event::Event;
use crate::state::activity::ActivityKind;
use crate::state::data_dir::SandboxDir;
use crate::state::lock;
use crate::{Error, Result, SandboxId};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// The newest copy-outs keep their backups whatever the clock says: clocks jump.
const COPY_OUTS_KEPT: usize = 10;
/// Bytes of backups of one sandbox; beyond it the oldest go early, but never those of the newest copy-out.
const BACKUPS_MOST: u64 = 4 << 30;

impl Engine {
    /// Takes away captures older than a day that no review is made of, backups of copy-outs older than the
    /// settings say, and then what nothing needs any more. Sandboxes that are worked on are left for the
    /// next time.
    pub fn tidy_up(&self) -> Result<Pruning> {
        let keep_days = self.settings()?.keep_backups_days;
        for record in self.records()? {
            let dir = self.data().sandbox(&record.id);
            let Some(_lock) = lock::try_exclusive(&dir.lock())? else {
                continue;
            };
            block_in_place(|| {
                self.drop_old_captures(&dir)?;
                self.drop_old_backups(&dir, keep_days)
            })?;
        }
        self.prune()
    }

    fn drop_old_captures(&self, dir: &SandboxDir) -> Result<()> {
        let reviewed = reviewing::capture_under_review(dir)?;
        let before = self.now() - DAY;
        for old in capture::all(dir)? {
            if old.time < before && old.id != reviewed {
                let path = capture::file(dir, &old.id);
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            }
        }
        Ok(())
    }

    fn drop_old_backups(&self, dir: &SandboxDir, keep_days: u32) -> Result<()> {
        let folder = sandbox_workspace::Dir::open_root(&dir.copy_outs())?;
        let before = self.now() - i64::from(keep_days) * DAY;
        let past = copyout::history(&folder)?;
        let backups = past
            .iter()
            .map(|old| {
                Ok(Backup {
                    time: old.time,
                    bytes: copyout::kept_bytes(&folder, &old.id)?,
                    only_copy: old.unresolved,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        for at in too_many(&backups, before, BACKUPS_MOST) {
            copyout::remove(&folder, &past[at].id)?;
        }
        Ok(())
    }

    /// Bytes that a sandbox can still fill: where the data lies, and where the engine keeps its volumes, which
    /// may be another disk. What the guest says of that is a claim; it can only make the figure smaller.
    pub fn space_of(&self, id: &SandboxId) -> Result<u64> {
        let here = self.free_space()?;
        let home = self.last_report(id).and_then(|report| report.home);
        Ok(home.map_or(here, |home| here.min(home.free)))
    }

    /// Freezes every sandbox that runs when less than `low` bytes are free for it, and says why. Gives those
    /// that it froze; the user lets them go on.
    pub async fn guard_space(&self, low: u64) -> Result<Vec<SandboxId>> {
        let here = self.free_space()?;
        let reported = self.reported();
        if here >= low && reported.iter().all(|(_, free)| *free >= low) {
            return Ok(Vec::new());
        }
        let is_low = |id: &SandboxId| {
            here < low || reported.iter().any(|(one, free)| one == id && *free < low)
        };
        let low = self.records()?.into_iter().map(|record| record.id);
        // All at once, and none instead of another: meanwhile they fill the disk.
        let paused = low.filter(is_low).map(async |id| {
            let paused = self.pause_if_free(&id, pause::PausedBy::Space).await;
            let failed = |error: &Error| {
                tracing::warn!(%error, sandbox = %id, "not paused, and the disk is almost full");
            };
            paused
                .inspect_err(failed)
                .is_ok_and(|paused| paused)
                .then_some(id)
        });
        let frozen: Vec<SandboxId> = join_all(paused).await.into_iter().flatten().collect();
        for id in &frozen {
            self.note_limit(id, "Paused: the disk is almost full", String::new());
        }
        Ok(frozen)
    }

    /// Whether it was paused. Not where somebody works on it, which is not waited for, or it does not run: then it is
    /// looked at again in a moment.
    pub(super) async fn pause_if_free(&self, id: &SandboxId, by: pause::PausedBy) -> Result<bool> {
        if !matches!(self.glimpse(id).await?.state, State::Running) {
            return Ok(false);
        }
        let Some(working) = self.work_on_if_free(id).await? else {
            return Ok(false);
        };
        match self.pause_as(&working, by).await {
            Ok(()) => Ok(true),
            Err(Error::NotRunning { .. } | Error::Paused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes down, and tells, that a limit paused a sandbox.
    pub(super) fn note_limit(&self, id: &SandboxId, what: &str, detail: String) {
        self.note(id, ActivityKind::LimitHit, what, detail, None);
        self.events().send(Event::Sandbox(id.clone()));
    }
}

/// What one copy-out keeps.
struct Backup {
    time: i64,
    bytes: u64,
    /// It stopped halfway, and holds the only copy of what it displaced: it stays.
    only_copy: bool,
}

/// Which backups go, oldest first: of a time before `before` unless they are of the newest few, and further ones
/// while all together are larger than `most` bytes.
fn too_many(backups: &[Backup], before: i64, most: u64) -> Vec<usize> {
    let mut left: u64 = backups.iter().map(|backup| backup.bytes).sum();
    let thinnable = backups.len().saturating_sub(COPY_OUTS_KEPT);
    let newest = backups.len().saturating_sub(1);
    let mut going = Vec::new();
    for (at, backup) in backups.iter().enumerate() {
        let old = at < thinnable && backup.time < before;
        let large = at < newest && left > most;
        if (old || large) && !backup.only_copy {
            left -= backup.bytes;
            going.push(at);
        }
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_go_by_age_and_by_size() {
        let all: Vec<Backup> = (0..14)
            .map(|at| Backup {
                time: at,
                bytes: 10,
                only_copy: at == 1,
            })
            .collect();
        assert!(too_many(&all, 0, 1_000).is_empty(), "none is old or large");
        assert_eq!(
            too_many(&all, 3, 1_000),
            [0, 2],
            "old, and one is the only copy"
        );
        let whatever_the_clock_says = too_many(&all, 100, 1_000);
        assert_eq!(whatever_the_clock_says, [0, 2, 3], "the newest ten stay");
        assert_eq!(too_many(&all, 0, 110), [0, 2, 3], "until the rest is 110");
        let as_good_as_all = too_many(&all, 0, 0);
        assert_eq!(
            as_good_as_all.len(),
            12,
            "but for the only copy and the newest"
        );
    }
}
