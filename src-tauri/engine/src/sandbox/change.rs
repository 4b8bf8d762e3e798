//! Changing what a sandbox is called and what it may use.

use super::Engine;
use super::create::{LimitsWanted, check_name};
use crate::event::Event;
use crate::operation::Operation;
use crate::state::lock;
use crate::state::record::Limits;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Gives a sandbox another name.
    ///
    /// # Errors
    /// [`Error::NameTaken`]; [`Error::InvalidRequest`] for what cannot be a name.
    pub async fn rename(&self, id: &SandboxId, name: &str) -> Result<()> {
        let name = name.trim();
        check_name(name)?;
        let mut working = self.work_on(id).await?;
        let _names = lock::wait(&self.data().root().join("names.lock"))?;
        if working.record.name != name && self.names()?.iter().any(|taken| taken == name) {
            return Err(Error::NameTaken {
                name: name.to_owned(),
            });
        }
        name.clone_into(&mut working.record.name);
        working.record.save(&working.dir)?;
        self.events().send(Event::Sandbox(id.clone()));
        Ok(())
    }

    /// Changes what a sandbox may use, and which runtime of the engine keeps it apart; `None`: the engine's own.
    /// A container is made anew with them: its file system is read-only, so nothing is lost but what runs. What
    /// ran before runs again, with new terminals. What is as it was changes nothing; how large the workspace may be holds
    /// at once, and ends nothing.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for limits too small to work in, [`Error::Engine`] for a runtime that it does
    /// not have; the sandbox goes on as it was.
    pub async fn reshape(
        &self,
        id: &SandboxId,
        wanted: Limits,
        runtime: Option<String>,
    ) -> Result<()> {
        let limits = self.limits(LimitsWanted::from(wanted))?;
        let mut working = self.work_on(id).await?;
        if working.record.limits == limits && working.record.runtime == runtime {
            return Ok(());
        }
        if working.record.runtime != runtime
            && let Some(runtime) = &runtime
        {
            self.docker().await?.offers(runtime)?;
        }
        if working.record.limits.same_container(&limits) && working.record.runtime == runtime {
            // What counts the workspace reads it there.
            working.record.limits = limits;
            working.record.save(&working.dir)?;
            self.events().send(Event::Sandbox(id.clone()));
            return Ok(());
        }
        let was = working.halt().await?;
        if working.record.container_made {
            let docker = self.docker().await?;
            let instance = self.data().instance();
            if let Some(found) = docker.find(instance, id).await? {
                docker.remove_own(instance, &found.id).await?;
            }
        }
        working.record.limits = limits;
        working.record.runtime = runtime;
        working.record.save(&working.dir)?;
        working.resume(was).await?;
        self.events().send(Event::Sandbox(id.clone()));
        Ok(())
    }

    /// Stops and starts it.
    pub async fn restart(&self, id: &SandboxId, op: &Operation) -> Result<()> {
        self.stop(id).await?;
        self.start(id, op).await
    }
}
