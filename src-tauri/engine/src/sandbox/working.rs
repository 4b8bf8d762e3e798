//! One sandbox, locked for one operation.

use sandbox_workspace::{Dir, TreeId};
use tokio::task::block_in_place;

use super::{Engine, recovery};
use crate::state::data_dir::SandboxDir;
use crate::state::lock::{self, Held};
use crate::state::record::Record;
use crate::{Result, SandboxId};

/// A sandbox that this operation alone works on. What a crash interrupted is finished already.
pub(crate) struct Working {
    pub engine: Engine,
    pub dir: SandboxDir,
    pub record: Record,
    /// Held until this operation ends.
    #[allow(dead_code)]
    pub lock: Held,
}

impl Engine {
    /// Waits for the sandbox's lock and finishes what was interrupted.
    pub(crate) async fn work_on(&self, id: &SandboxId) -> Result<Working> {
        let (dir, record) = self.load(id)?;
        let lock = lock::exclusive(&dir.lock(), &record.name).await?;
        self.locked(id, lock).await
    }

    /// Likewise, but waits for nobody: `None` where somebody works on it.
    pub(crate) async fn work_on_if_free(&self, id: &SandboxId) -> Result<Option<Working>> {
        let (dir, _) = self.load(id)?;
        match lock::try_exclusive(&dir.lock())? {
            Some(lock) => self.locked(id, lock).await.map(Some),
            None => Ok(None),
        }
    }

    /// For who has its lock.
    pub(super) async fn locked(&self, id: &SandboxId, lock: Held) -> Result<Working> {
        // It may have changed, or gone, before it was locked.
        let (dir, record) = self.load(id)?;
        let mut working = Working {
            engine: self.clone(),
            dir,
            record,
            lock,
        };
        recovery::recover(&mut working).await?;
        Ok(working)
    }
}

impl Working {
    pub fn id(&self) -> &SandboxId {
        &self.record.id
    }

    pub fn workspace(&self) -> Result<Dir> {
        self.dir.open_workspace()
    }

    /// The owner of files that are put into the workspace, where that is not this process.
    pub fn gives_to(&self) -> Option<(u32, u32)> {
        let owner = self.record.owner;
        (self.engine.config().process != owner).then_some((owner.uid, owner.gid))
    }

    /// Stores another base. The list of changes is another one from now on.
    pub fn set_base(&mut self, base: TreeId) -> Result<()> {
        self.record.base = base;
        self.record.save(&self.dir)?;
        block_in_place(|| self.engine.look_where_seen(self.id()));
        Ok(())
    }
}
