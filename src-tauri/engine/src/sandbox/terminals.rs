//! The connection to a sandbox's terminals: one for each running sandbox, made when first asked for.

use std::sync::{Arc, Weak};

use tokio::sync::broadcast;

use super::cells::Cells;
use super::{Engine, ports, proof};
use crate::agents::doing::{Doing, Signs};
use crate::docker::container::GUEST;
use crate::event::{Event, Events};
use crate::terminal::{CONTROL_VERB, TerminalEvent, TerminalHub, TerminalState};
use crate::{Error, Result, SandboxId};

/// Open connections.
pub(super) type Hubs = Cells<Arc<TerminalHub>>;

impl Engine {
    /// The terminals of a running sandbox. They live in the sandbox: losing this connection ends none. While this
    /// process starts it, this waits: nothing is opened in it before its fence is proven.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Paused`], [`Error::Terminal`].
    pub async fn terminals(&self, id: &SandboxId) -> Result<Arc<TerminalHub>> {
        self.0.starting.over(id).await;
        let serves = |hub: &Arc<TerminalHub>| !hub.is_closed();
        let connect = self.connect_terminals(id);
        self.0.hubs.get(id, serves, connect).await
    }

    async fn connect_terminals(&self, id: &SandboxId) -> Result<Arc<TerminalHub>> {
        let (_, record) = self.load(id)?;
        let docker = self.docker().await?;
        let entry = proof::entry(self, &docker, &record).await?;
        let command = vec![format!("{GUEST}/sandbox-guest"), CONTROL_VERB.to_owned()];
        let running = docker.exec(&entry.container, command, Vec::new()).await?;
        proof::carry_on(self, &docker, id, running.id()).await;
        let (output, input) = running.into_streams();
        let input = input.ok_or_else(|| Error::Internal {
            message: "the control stream has no way in".to_owned(),
        })?;
        let hub = Arc::new(TerminalHub::over_exec(output, input).await?);
        let recipes = self.recipes();
        let recipe = recipes.find(&record.agent);
        hub.tell_by(recipe.map_or_else(Signs::default, |recipe| recipe.signs.clone()));
        drop(entry);
        let guest = Arc::downgrade(&hub);
        let told = hub.events();
        tokio::spawn(pass_on(
            id.clone(),
            told,
            guest.clone(),
            self.events().clone(),
        ));
        let engine = Arc::downgrade(&self.0);
        tokio::spawn(ports::watch(engine, id.clone(), guest));
        Ok(hub)
    }

    /// The terminals as last told and what each does, without asking, connecting or waiting; none where nobody
    /// connected.
    pub fn known_terminals(&self, id: &SandboxId) -> Vec<(TerminalState, Doing)> {
        let hub = self.0.hubs.now(id).filter(|hub| !hub.is_closed());
        hub.map(|hub| hub.doing()).unwrap_or_default()
    }

    /// Before a container is started, and after it was removed: a connection to what ran before may not have noticed
    /// yet that it is over.
    pub(super) fn forget_connections(&self, id: &SandboxId) {
        self.0.hubs.forget(id);
        self.0.ports.forget(id);
    }
}

/// Ends with the connection, whose sender it reads.
async fn pass_on(
    id: SandboxId,
    mut from: broadcast::Receiver<TerminalEvent>,
    hub: Weak<TerminalHub>,
    events: Events,
) {
    loop {
        match from.recv().await {
            Ok(TerminalEvent::Changed(state)) => {
                events.send(Event::Terminal(id.clone(), state.id));
                let at = hub.upgrade().and_then(|hub| hub.quiet_at(state.id));
                if let Some(at) = at {
                    let (id, hub, events) = (id.clone(), hub.clone(), events.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep_until(at.into()).await;
                        // Not where something came of it meanwhile.
                        if hub
                            .upgrade()
                            .is_some_and(|hub| hub.has_fallen_quiet(state.id))
                        {
                            events.send(Event::Terminal(id, state.id));
                        }
                    });
                }
            }
            Ok(TerminalEvent::Closed(terminal)) => {
                events.send(Event::TerminalClosed(id.clone(), terminal));
            }
            // A reader of the list sees what was missed.
            Err(broadcast::error::RecvError::Lagged(_)) => events.send(Event::Sandbox(id.clone())),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
