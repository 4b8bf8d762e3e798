//! How much room a workspace takes, and the pause of a sandbox whose workspace has outgrown its limit.
//!
//! No engine bounds a folder of this computer: what a sandbox writes is counted from here, again and again, and it is
//! paused when it is too much. Between two looks it can write as fast as the disk takes it; what bounds that is the
//! look at the free space.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sandbox_workspace::{Dir, FsError, Kind, Size};
use tokio::task::spawn_blocking;

use super::{Engine, State, pause};
use crate::state::record::{Limits, Record};
use crate::{Error, Result, SandboxId};

/// A count may take this part of the time until the next one: a large workspace is counted less often.
const PART: u32 = 20;
/// Folders inside each other that are counted; what lies deeper is not.
const DEEPEST: usize = 512;

/// What lies in a workspace, also what no review lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Files, folders and links.
    pub files: u64,
    /// Bytes that they take on the disk. A file with several names counts once, a hole not at all.
    pub bytes: u64,
    /// Whether something could not be looked into: there is more than this.
    pub partly: bool,
}

impl Room {
    /// More than any workspace takes.
    pub const NO_END: Self = Self {
        files: u64::MAX,
        bytes: u64::MAX,
        partly: false,
    };

    /// Counts what lies in a folder, until it is more than `most`.
    ///
    /// # Errors
    /// Where the folder itself cannot be read. What cannot be below it is passed over.
    pub fn of(folder: Dir, most: Room) -> std::result::Result<Self, FsError> {
        let mut found = Self::default();
        let mut inside = vec![found.take(&folder, folder.list()?)];
        let mut place = vec![folder];
        while let Some(waiting) = inside.last_mut() {
            if found.is_more_than(&most) {
                break;
            }
            let Some(name) = waiting.pop() else {
                inside.pop();
                place.pop();
                continue;
            };
            let opened = match place.last() {
                Some(parent) if place.len() < DEEPEST => parent.child_dir(&name).ok(),
                _ => None,
            };
            let listed = opened.and_then(|child| Some((child.list().ok()?, child)));
            match listed {
                Some((list, child)) => {
                    inside.push(found.take(&child, list));
                    place.push(child);
                }
                None => found.partly = true,
            }
        }
        Ok(found)
    }

    /// Adds what a folder lists; gives the folders in it.
    fn take(&mut self, folder: &Dir, list: Vec<(Vec<u8>, Kind)>) -> Vec<Vec<u8>> {
        self.files += list.len() as u64;
        let mut folders = Vec::new();
        for (name, kind) in list {
            // What is gone meanwhile takes none.
            if let Ok(Some(stat)) = folder.stat_opt(&name) {
                let names = if kind == Kind::Dir {
                    1
                } else {
                    stat.nlink.max(1)
                };
                self.bytes += stat.allocated / names;
            }
            if kind == Kind::Dir {
                folders.push(name);
            }
        }
        folders
    }

    /// Whether it is more, in bytes or in number.
    pub fn is_more_than(&self, most: &Room) -> bool {
        self.bytes > most.bytes || self.files > most.files
    }

    /// A tenth more.
    fn and_a_tenth(self) -> Self {
        Self {
            files: self.files + self.files / 10,
            bytes: self.bytes + self.bytes / 10,
            partly: self.partly,
        }
    }
}

impl From<Limits> for Room {
    fn from(limits: Limits) -> Self {
        Self {
            files: limits.workspace_files,
            bytes: limits.workspace_size,
            partly: false,
        }
    }
}

impl Engine {
    /// How much room a workspace takes now. Takes no lock and pauses nobody.
    pub async fn room_of(&self, id: &SandboxId) -> Result<Room> {
        self.count(id, Room::NO_END).await
    }

    async fn count(&self, id: &SandboxId, most: Room) -> Result<Room> {
        let dir = self.data().sandbox(id);
        let counted = spawn_blocking(move || Ok(Room::of(dir.open_workspace()?, most)?));
        counted.await.map_err(|error| Error::Internal {
            message: error.to_string(),
        })?
    }
}

/// Looks at the workspaces of what runs, each as often as its size allows.
#[derive(Debug, Default)]
pub struct RoomGuard {
    known: HashMap<SandboxId, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Not looked at again before.
    next: Option<Instant>,
    /// What it took when it was paused for it: the user may let it go on with that, and it stops again when a tenth more
    /// came.
    let_go_at: Option<Room>,
}

impl RoomGuard {
    /// Shortest time between two looks at one workspace.
    pub const OFTEN: Duration = Duration::from_secs(10);

    /// Pauses every sandbox that runs and whose workspace is larger than its limits say. Gives those that it paused;
    /// the user lets them go on, or gives them more.
    pub async fn look(&mut self, engine: &Engine) -> Result<Vec<SandboxId>> {
        let records = engine.records()?;
        self.known
            .retain(|id, _| records.iter().any(|record| record.id == *id));
        let now = Instant::now();
        let mut due = Vec::new();
        for record in records {
            let known = self.known.remove(&record.id).unwrap_or_default();
            if known.next.is_some_and(|next| now < next) {
                self.known.insert(record.id, known);
            } else {
                due.push((record, known));
            }
        }
        // All at once: a workspace that takes long, or a sandbox that is worked on, keeps no other from being looked at.
        let looks = due.into_iter().map(async |(record, mut known)| {
            let paused = known.look(engine, &record).await;
            let failed = |error: &Error| {
                tracing::warn!(%error, sandbox = %record.id, "a workspace is not counted");
            };
            let paused = paused.inspect_err(failed).is_ok_and(|paused| paused);
            (record.id, known, paused)
        });
        let mut paused = Vec::new();
        for (id, known, stands_still) in join_all(looks).await {
            paused.extend(stands_still.then(|| id.clone()));
            self.known.insert(id, known);
        }
        Ok(paused)
    }
}

impl Known {
    /// Counts one workspace. Whether its sandbox was paused.
    async fn look(&mut self, engine: &Engine, record: &Record) -> Result<bool> {
        self.next = Some(Instant::now() + RoomGuard::OFTEN);
        let id = &record.id;
        if !matches!(engine.glimpse(id).await?.state, State::Running) {
            return Ok(false);
        }
        let limit = Room::from(record.limits);
        let most = self.let_go_at.map_or(limit, |room| {
            let more = room.and_a_tenth();
            Room {
                files: limit.files.max(more.files),
                bytes: limit.bytes.max(more.bytes),
                partly: false,
            }
        });
        let began = Instant::now();
        // A workspace that cannot be read is said where it is shown.
        let Ok(room) = engine.count(id, most).await else {
            return Ok(false);
        };
        self.next = Some(Instant::now() + RoomGuard::OFTEN.max(began.elapsed() * PART));
        self.let_go_at = self.let_go_at.filter(|_| room.is_more_than(&limit));
        let paused = room.is_more_than(&most) && engine.pause_for_room(id, &room, &limit).await?;
        if paused {
            self.let_go_at = Some(room);
        }
        Ok(paused)
    }
}

impl Engine {
    /// Whether it was paused: not where somebody works on it, and it is looked at again.
    async fn pause_for_room(&self, id: &SandboxId, room: &Room, limit: &Room) -> Result<bool> {
        if !self.pause_if_free(id, pause::PausedBy::Room).await? {
            return Ok(false);
        }
        let detail = match room.bytes > limit.bytes {
            true => format!("more than {}", Size(limit.bytes)),
            false => format!("more than {} files", limit.files),
        };
        let what = "Paused: the workspace is larger than its limit";
        self.note_limit(id, what, detail);
        Ok(true)
    }
}
