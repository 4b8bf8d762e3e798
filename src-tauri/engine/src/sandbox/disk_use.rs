//! What the app holds on the disk, by sandbox.

use std::path::Path;

use sandbox_workspace::Dir;
use tokio::task::block_in_place;

use super::room::Room;
use super::{Engine, upkeep};
use crate::state::record::Record;
use crate::{Result, SandboxId};

/// Everything, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskUse {
    /// Free where the data folder lies.
    pub free: u64,
    /// The contents of all snapshots, each kept once for all sandboxes.
    pub store: u64,
    /// Images that the app built.
    pub images: u64,
    /// In the order of the list.
    pub sandboxes: Vec<SandboxDiskUse>,
}

/// One sandbox, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxDiskUse {
    /// Which.
    pub id: SandboxId,
    /// Its name.
    pub name: String,
    /// The workspace.
    pub workspace: u64,
    /// The home volume; absent where the container engine does not tell.
    pub home: Option<u64>,
    /// Of the store, what no other sandbox needs: contents of its snapshots, and of what is under review.
    pub snapshots: u64,
    /// What a reset put aside.
    pub trash: u64,
    /// What copy-outs and bring-ins displaced.
    pub backups: u64,
}

impl Engine {
    /// Counts everything. Takes no lock; what the container engine does not tell is left out.
    pub async fn disk_use(&self) -> Result<DiskUse> {
        let (mut images, mut homes) = (0, Default::default());
        if let Ok(docker) = self.docker().await {
            images = docker.own_image_bytes().await.unwrap_or(0);
            let measured = docker.volume_bytes(self.data().instance()).await;
            homes = measured.unwrap_or_default();
        }
        let home = |id: &SandboxId| homes.get(&id.home_volume()).copied();
        block_in_place(|| {
            let own = self.own_snapshot_bytes()?;
            let sandboxes = own.into_iter().map(|(record, snapshots)| {
                let dir = self.data().sandbox(&record.id);
                SandboxDiskUse {
                    workspace: bytes_in(&dir.workspace()),
                    home: home(&record.id),
                    snapshots,
                    trash: bytes_in(&dir.trash()),
                    backups: bytes_in(&dir.copy_outs()) + bytes_in(&dir.bring_ins()),
                    id: record.id,
                    name: record.name,
                }
            });
            Ok(DiskUse {
                sandboxes: sandboxes.collect(),
                free: self.free_space()?,
                store: self.store_stats()?.on_disk,
                images,
            })
        })
    }

    /// Bytes of a sandbox's home volume; absent where there is none, or the container engine does not tell.
    pub async fn home_bytes(&self, id: &SandboxId) -> Option<u64> {
        let docker = self.docker().await.ok()?;
        let measured = docker.volume_bytes(self.data().instance()).await.ok()?;
        measured.get(&id.home_volume()).copied()
    }

    /// Every sandbox with the bytes of the store that no other one needs.
    pub fn own_snapshot_bytes(&self) -> Result<Vec<(Record, u64)>> {
        let records = self.records()?;
        let trees = records.iter().map(|record| {
            let dir = self.data().sandbox(&record.id);
            Ok(upkeep::needed(&dir, record)?.0)
        });
        let trees = trees.collect::<Result<Vec<_>>>()?;
        let own = block_in_place(|| self.store().own_bytes(&trees))?;
        Ok(records.into_iter().zip(own).collect())
    }
}

/// What a folder of a sandbox takes; nothing where it is not there, or cannot be read.
fn bytes_in(folder: &Path) -> u64 {
    let room = Dir::open_root(folder).and_then(|dir| Room::of(dir, Room::NO_END));
    room.map_or(0, |room| room.bytes)
}
