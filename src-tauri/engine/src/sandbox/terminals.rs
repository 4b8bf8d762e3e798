//! The connection to a sandbox's terminals: one for each running sandbox, made when first asked for.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, broadcast};

use super::{Engine, ports, proof};
use crate::docker::container::GUEST;
use crate::event::{Event, Events};
use crate::terminal::{CONTROL_VERB, TerminalEvent, TerminalHub, TerminalState};
use crate::{Error, Result, SandboxId};

/// Open connections.
pub(super) type Hubs = Mutex<HashMap<SandboxId, Arc<TerminalHub>>>;

impl Engine {
    /// The terminals of a running sandbox. They live in the sandbox: losing this connection ends none. While this
    /// process starts it, this waits: nothing is opened in it before its fence is proven.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::Paused`], [`Error::Terminal`].
    pub async fn terminals(&self, id: &SandboxId) -> Result<Arc<TerminalHub>> {
        self.0.starting.over(id).await;
        let mut hubs = self.0.hubs.lock().await;
        if let Some(hub) = hubs.get(id)
            && !hub.is_closed()
        {
            return Ok(hub.clone());
        }
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
        drop(entry);
        hubs.insert(id.clone(), hub.clone());
        tokio::spawn(pass_on(id.clone(), hub.events(), self.events().clone()));
        let (engine, guest) = (Arc::downgrade(&self.0), Arc::downgrade(&hub));
        tokio::spawn(ports::watch(engine, id.clone(), guest));
        Ok(hub)
    }

    /// Before a container is started: a connection to what ran before may not have noticed yet that it is over.
    pub(super) async fn forget_terminals(&self, id: &SandboxId) {
        self.0.hubs.lock().await.remove(id);
    }

    /// The terminals as last told, without asking and without connecting; none where nobody connected.
    pub async fn known_terminals(&self, id: &SandboxId) -> Vec<TerminalState> {
        let hubs = self.0.hubs.lock().await;
        hubs.get(id)
            .filter(|hub| !hub.is_closed())
            .map(|hub| hub.known())
            .unwrap_or_default()
    }
}

/// Ends with the connection, whose sender it reads.
async fn pass_on(id: SandboxId, mut from: broadcast::Receiver<TerminalEvent>, events: Events) {
    loop {
        match from.recv().await {
            Ok(TerminalEvent::Changed(state)) => events.send(Event::Terminal(id.clone(), state.id)),
            Ok(TerminalEvent::Closed(terminal)) => {
                events.send(Event::TerminalClosed(id.clone(), terminal));
            }
            // A reader of the list sees what was missed.
            Err(broadcast::error::RecvError::Lagged(_)) => events.send(Event::Sandbox(id.clone())),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
