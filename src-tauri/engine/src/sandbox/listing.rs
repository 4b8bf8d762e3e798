//! The list of sandboxes, and finding one by what a person types. Takes no lock.

use futures_util::future::join_all;
use tokio::task::block_in_place;

use super::{Engine, pause};
use crate::docker::Docker;
use crate::docker::lifecycle::ContainerState;
use crate::operation::Operation;
use crate::state::record::Record;
use crate::{Error, Result, SandboxId};

/// What a sandbox does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its container runs.
    Running,
    /// The user froze it.
    Paused,
    /// It does not run.
    Stopped,
    /// It ended because it ran out of memory.
    OutOfMemory,
    /// The container engine does not answer.
    Unknown,
}

/// One row of the list.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is written down about it.
    pub record: Record,
    /// What it does.
    pub state: State,
    /// Files that differ from the base; `None` where the workspace cannot be read.
    pub changed: Option<u64>,
}

impl Engine {
    /// All sandboxes, oldest first. A record that cannot be read is passed over with a warning; one that
    /// is being made is not a sandbox yet.
    pub async fn list(&self) -> Result<Vec<Row>> {
        let mut records = self.records()?;
        records.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        let docker = match records.iter().any(|r| r.container_made) {
            true => self.docker().await.ok(),
            false => None,
        };
        // All at once: a container that does not answer keeps no other from being told.
        let rows = records
            .into_iter()
            .map(|record| self.row(record, docker.as_ref()));
        Ok(join_all(rows).await)
    }

    /// One sandbox.
    pub async fn status(&self, id: &SandboxId) -> Result<Row> {
        let (_, record) = self.load(id)?;
        let docker = match record.container_made {
            true => self.docker().await.ok(),
            false => None,
        };
        Ok(self.row(record, docker.as_ref()).await)
    }

    /// One sandbox, with the changes as the watcher last counted them: nothing is read for it.
    pub async fn glimpse(&self, id: &SandboxId) -> Result<Row> {
        let (_, record) = self.load(id)?;
        let docker = match record.container_made {
            true => self.docker().await.ok(),
            false => None,
        };
        let state = self.state_of(&record, docker.as_ref()).await;
        let changed = self
            .last_look(id)
            .map(|live| live.changes.list.len() as u64);
        Ok(Row {
            record,
            state,
            changed,
        })
    }

    /// The sandbox that a person means: an exact id, then a name, then the beginning of one id.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Ambiguous`] for the beginning of several ids.
    pub fn resolve(&self, wanted: &str) -> Result<SandboxId> {
        let records = self.records()?;
        let exact = records.iter().find(|r| r.id.as_str() == wanted);
        if let Some(found) = exact.or_else(|| records.iter().find(|r| r.name == wanted)) {
            return Ok(found.id.clone());
        }
        let begins: Vec<&str> = records
            .iter()
            .map(|r| r.id.as_str())
            .filter(|id| !wanted.is_empty() && id.starts_with(wanted))
            .collect();
        match begins.as_slice() {
            [] => Err(Error::NotFound {
                what: "sandbox",
                name: wanted.to_owned(),
            }),
            [one] => SandboxId::try_from((*one).to_owned()).map_err(|_| Error::NotFound {
                what: "sandbox",
                name: wanted.to_owned(),
            }),
            several => Err(Error::Ambiguous {
                name: wanted.to_owned(),
                candidates: several.join(", "),
            }),
        }
    }

    /// Records of all sandboxes that are complete.
    pub fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for id in self.data().ids()? {
            match self.load(&id) {
                Ok((_, record)) => records.push(record),
                Err(Error::NotFound { .. }) => {}
                Err(error) => tracing::warn!(%error, "a sandbox cannot be listed"),
            }
        }
        Ok(records)
    }

    async fn row(&self, record: Record, docker: Option<&Docker>) -> Row {
        let state = self.state_of(&record, docker).await;
        let changed = block_in_place(|| self.count_changed(&record));
        Row {
            record,
            state,
            changed: changed
                .inspect_err(|error| tracing::warn!(%error, "the changes were not counted"))
                .ok(),
        }
    }

    async fn state_of(&self, record: &Record, docker: Option<&Docker>) -> State {
        if !record.container_made {
            return State::Stopped;
        }
        let Some(docker) = docker else {
            return State::Unknown;
        };
        let found = docker.find(self.data().instance(), &record.id).await;
        match found.map(|f| f.map(|f| f.state)) {
            Err(_) => State::Unknown,
            Ok(Some(ContainerState::Running)) => State::Running,
            Ok(Some(ContainerState::Paused)) => {
                let dir = self.data().sandbox(&record.id);
                // A capture's pause is over in a moment: for a person it runs.
                if pause::paused_by(&dir) == Some(pause::PausedBy::Capture) {
                    State::Running
                } else {
                    State::Paused
                }
            }
            Ok(Some(ContainerState::Exited {
                out_of_memory: true,
                ..
            })) => State::OutOfMemory,
            Ok(_) => State::Stopped,
        }
    }

    fn count_changed(&self, record: &Record) -> Result<u64> {
        let dir = self.data().sandbox(&record.id);
        let base = self.store().tree(&record.base)?;
        let now = self.glance(&dir, record, &base)?;
        let op = Operation::silent();
        let changes = self.differences(record, &base, &now.tree, false, &op)?;
        Ok(changes.list.len() as u64)
    }
}
