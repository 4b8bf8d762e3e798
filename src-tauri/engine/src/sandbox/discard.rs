//! Taking a sandbox away: container, home, folder. The project is never touched.

use std::fs;

use sandbox_workspace::Dir;
use tokio::task::block_in_place;

use super::Engine;
use crate::event::Event;
use crate::state::lock;
use crate::state::record::Record;
use crate::{Error, Result, SandboxId};

/// Folders that are on their way out carry this before their id.
const GOING: &str = ".removing-";

impl Engine {
    /// Removes a sandbox with all that belongs to it. The project is not touched.
    ///
    /// # Errors
    /// [`Error::Engine`] where it has a container and the engine does not answer; nothing is removed then.
    pub async fn remove(&self, id: &SandboxId) -> Result<()> {
        let (dir, record) = self.load(id)?;
        let _lock = lock::exclusive(&dir.lock(), &record.name).await?;
        if record.container_made {
            remove_container(self, id).await?;
        }
        block_in_place(|| put_away(self, id))?;
        self.forget_connections(id);
        self.forget_looks(id);
        self.stop_attending(id);
        self.events().send(Event::SandboxRemoved(id.clone()));
        Ok(())
    }
}

async fn remove_container(engine: &Engine, id: &SandboxId) -> Result<()> {
    let docker = engine.docker().await?;
    let instance = engine.data().instance();
    if let Some(found) = docker.find(instance, id).await? {
        docker.remove_own(instance, &found.id).await?;
    }
    docker.remove_home_copier(instance, id).await?;
    docker.remove_gateway(instance, id).await?;
    docker
        .remove_own_volume(instance, &id.relay_volume())
        .await?;
    Ok(docker
        .remove_own_volume(instance, &id.home_volume())
        .await?)
}

/// First out of sight by one rename, then emptied by handle.
fn put_away(engine: &Engine, id: &SandboxId) -> Result<()> {
    let folder = engine.data().sandboxes();
    let going = folder.join(format!("{GOING}{id}"));
    let from = folder.join(id.as_str());
    fs::rename(&from, &going).map_err(|e| Error::io("remove", &from, e))?;
    empty_removed(engine)
}

/// Empties what is on its way out, also what a killed remove left.
pub(super) fn empty_removed(engine: &Engine) -> Result<()> {
    let folder = Dir::open_root(&engine.data().sandboxes())?;
    for (name, _) in folder.list()? {
        if name.starts_with(GOING.as_bytes()) {
            folder.remove_tree(&name)?;
        }
    }
    Ok(())
}

/// Takes away what a failed or killed create made. False if something remains for the next time.
pub(super) async fn discard(engine: &Engine, id: &SandboxId) -> bool {
    let dir = engine.data().sandbox(id);
    let made = Record::load(&dir)
        .ok()
        .flatten()
        .is_some_and(|record| record.container_made);
    if made && let Err(error) = remove_container(engine, id).await {
        // The mark stays, so the next start finds it.
        tracing::warn!(%error, "a failed create left a container behind");
        return false;
    }
    match block_in_place(|| put_away(engine, id)) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a failed create left a folder behind");
            false
        }
    }
}
