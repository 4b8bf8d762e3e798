//! What happens to our containers, as the engine tells it; survives restarts of the engine.
//!
//! Events are hints. After each [`EngineEvent::Connected`] the reader looks at everything again: what
//! happened while nobody listened is not told. Nothing but the kind of event is taken from it: the engine
//! mixes a container's labels into the same map, so an exit code in there may come from an image.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Docker, labels};
use crate::SandboxId;

/// Waiting between two attempts to reach an engine that went away: from, to.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// A stream that is silent this long is checked: a socket can be half dead after sleep.
const SILENCE: Duration = Duration::from_secs(15);
/// Events kept for a slow reader; then the engine's connection waits.
const CAPACITY: usize = 256;

/// What the engine told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    /// The engine answers, at first or again: look at everything.
    Connected,
    /// The engine went away.
    Lost,
    /// Something happened to a sandbox's container.
    Container {
        /// Whose.
        sandbox: SandboxId,
        /// What.
        action: Action,
    },
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Created,
    Started,
    Paused,
    Resumed,
    /// How it ended is asked by inspecting it.
    Ended,
    OutOfMemory,
    Removed,
}

/// The stream of events; dropping it stops its task.
pub struct EngineEvents {
    receiver: mpsc::Receiver<EngineEvent>,
    task: JoinHandle<()>,
}

impl EngineEvents {
    /// The next event. Waits as long as it takes; `None` never comes while the runtime lives.
    pub async fn next(&mut self) -> Option<EngineEvent> {
        self.receiver.recv().await
    }
}

impl Drop for EngineEvents {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Docker {
    /// Events of this instance's containers, with reconnection.
    pub fn events(&self, instance: &str) -> EngineEvents {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let listener = Listener {
            docker: self.clone(),
            instance: instance.to_owned(),
            sender,
            last: None,
        };
        EngineEvents {
            receiver,
            task: tokio::spawn(listener.run()),
        }
    }
}

struct Listener {
    docker: Docker,
    instance: String,
    sender: mpsc::Sender<EngineEvent>,
    /// The engine's own time of the newest event seen: computers' clocks may differ.
    last: Option<i64>,
}

/// Nobody reads any more.
struct Unread;

impl Listener {
    async fn run(mut self) {
        let mut wait = RETRY.0;
        loop {
            if self.docker.ping().await.is_ok() {
                wait = RETRY.0;
                if self.listen().await.is_err()
                    || self.sender.send(EngineEvent::Lost).await.is_err()
                {
                    return;
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Listens until the engine goes away.
    async fn listen(&mut self) -> Result<(), Unread> {
        let label = format!("{}={}", labels::INSTANCE, self.instance);
        let filters = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("label", vec![label]),
        ]);
        let mut options = EventsOptionsBuilder::default().filters(&filters);
        let since = self
            .last
            .map(|nanos| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
        if let Some(since) = &since {
            options = options.since(since);
        }
        let client = self.docker.client.clone();
        let mut stream = std::pin::pin!(client.events(Some(options.build())));
        let mut told = false;
        loop {
            // The first look at the stream sends the request: whoever is told "connected" misses nothing after it.
            let patience = if told {
                SILENCE
            } else {
                Duration::from_millis(50)
            };
            match tokio::time::timeout(patience, stream.next()).await {
                Ok(Some(Ok(message))) => {
                    self.tell_connected(&mut told).await?;
                    self.pass_on(&message).await?;
                }
                Ok(Some(Err(_)) | None) => return Ok(()),
                Err(_) if !told => self.tell_connected(&mut told).await?,
                Err(_) if self.docker.ping().await.is_ok() => {}
                Err(_) => return Ok(()),
            }
        }
    }

    async fn tell_connected(&self, told: &mut bool) -> Result<(), Unread> {
        if !std::mem::replace(told, true) {
            self.sender
                .send(EngineEvent::Connected)
                .await
                .map_err(|_| Unread)?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, message: &EventMessage) -> Result<(), Unread> {
        // The engine repeats the event that `since` names.
        if self.last.is_some() && message.time_nano <= self.last {
            return Ok(());
        }
        self.last = message.time_nano.or(self.last);
        match understood(message) {
            Some(event) => self.sender.send(event).await.map_err(|_| Unread),
            None => Ok(()),
        }
    }
}

fn understood(message: &EventMessage) -> Option<EngineEvent> {
    let action = match message.action.as_deref()? {
        "create" => Action::Created,
        "start" => Action::Started,
        "pause" => Action::Paused,
        "unpause" => Action::Resumed,
        // Podman says "died".
        "die" | "died" => Action::Ended,
        "oom" => Action::OutOfMemory,
        "destroy" | "remove" => Action::Removed,
        _ => return None,
    };
    let labels = message.actor.as_ref()?.attributes.as_ref()?;
    let sandbox = SandboxId::try_from(labels.get(labels::SANDBOX)?.clone()).ok()?;
    (labels.get(labels::ROLE).map(String::as_str) == Some("agent"))
        .then_some(EngineEvent::Container { sandbox, action })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::EventActor;

    fn message(action: &str, role: &str, sandbox: &str) -> EventMessage {
        EventMessage {
            action: Some(action.to_owned()),
            actor: Some(EventActor {
                id: None,
                attributes: Some(HashMap::from([
                    (labels::ROLE.to_owned(), role.to_owned()),
                    (labels::SANDBOX.to_owned(), sandbox.to_owned()),
                ])),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn only_our_sandboxes_own_containers_are_told_about() {
        let id = "0123456789ab";
        assert!(understood(&message("die", "agent", id)).is_some());
        assert_eq!(understood(&message("die", "probe", id)), None);
        assert_eq!(
            understood(&message("exec_start: /bin/sh", "agent", id)),
            None
        );
        assert_eq!(understood(&message("die", "agent", "../../etc")), None);
    }
}
