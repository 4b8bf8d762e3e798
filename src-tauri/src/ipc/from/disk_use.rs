//! What is held on the disk.

use sandbox_engine::sandbox;

use crate::ipc::app::{DiskUse, SandboxDiskUse};

impl From<sandbox::DiskUse> for DiskUse {
    fn from(all: sandbox::DiskUse) -> Self {
        let sandbox::DiskUse {
            free,
            store,
            images,
            sandboxes,
        } = all;
        Self {
            free,
            store,
            images,
            sandboxes: sandboxes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<sandbox::SandboxDiskUse> for SandboxDiskUse {
    fn from(one: sandbox::SandboxDiskUse) -> Self {
        let sandbox::SandboxDiskUse {
            id,
            name,
            workspace,
            home,
            snapshots,
            trash,
            backups,
        } = one;
        Self {
            sandbox: id.to_string(),
            name,
            workspace,
            home,
            snapshots,
            trash,
            backups,
        }
    }
}
