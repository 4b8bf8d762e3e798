//! Keys on their way to a gateway, and the user's own model server on its way to a sandbox.

use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::{Engine, Keys, services};
use crate::credentials::{self, Kept, Server};
use crate::event::Event;
use crate::state::activity::ActivityKind;
use crate::{Error, Result, SandboxId};

impl Engine {
    /// Lets a sandbox use these providers' keys beside those of its agent, from now on.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a provider that is not known; [`Error::NotInForce`] as for
    /// [`Self::set_network`].
    pub async fn use_keys(&self, id: &SandboxId, wanted: Vec<String>) -> Result<()> {
        for provider in &wanted {
            credentials::known(provider)?;
        }
        let wanted = in_order(wanted);
        let mut working = self.work_on(id).await?;
        if working.record.keys == wanted {
            return working.put_in_force(Keys::Read).await;
        }
        working.record.keys = wanted;
        working.record.save(&working.dir)?;
        let words = match working.record.keys.as_slice() {
            [] => "Its agent\u{2019}s only".to_owned(),
            some => some.join(", "),
        };
        self.note(id, ActivityKind::Network, "Keys changed", words, None);
        self.events().send(Event::Sandbox(id.clone()));
        working.put_in_force(Keys::Read).await
    }

    /// Serves connections of a sandbox to this computer until what it gives is dropped: for a command without a
    /// window. `None`: nothing of this computer is opened to it.
    pub async fn stand_by(&self, id: &SandboxId) -> Result<Option<Standing>> {
        let (_, record) = self.load(id)?;
        let own = |kept: &Kept| kept.server.is_some();
        let proxy = self.settings()?.upstream_proxy;
        let wanted = !record.network.services.is_empty()
            || self.keys_for(&record).iter().any(own)
            || proxy.is_some_and(|proxy| proxy.is_here());
        if !wanted {
            return Ok(None);
        }
        let docker = self.docker().await?;
        let found = docker.find_gateway(self.data().instance(), id).await?;
        let Some(gateway) = found.filter(|found| found.state.is_up()) else {
            return Ok(None);
        };
        let task = tokio::spawn(services::serve(
            self.clone(),
            id.clone(),
            docker,
            gateway.id,
        ));
        Ok(Some(Standing {
            _task: AbortOnDropHandle::new(task),
        }))
    }

    /// A server of the user's own, for a route that a gateway names: whatever it says, only what the user wrote.
    pub(super) async fn own_server(&self, id: &SandboxId, route: &str) -> Result<TcpStream> {
        let (_, record) = self.load(id)?;
        let keys = self.keys_for(&record);
        let kept = keys.iter().find(|kept| kept.provider == route);
        let text = kept.and_then(|kept| kept.server.as_deref());
        let text = text.ok_or_else(|| Error::NotFound {
            what: "model server",
            name: route.to_owned(),
        })?;
        let server = Server::parse(text)?.upstream;
        if !server.by_computer {
            return Err(Error::InvalidRequest {
                message: "that server is not on this computer\u{2019}s network".to_owned(),
            });
        }
        let host = server.host.trim_matches(['[', ']']).to_owned();
        let place = format!("{}:{}", server.host, server.port);
        TcpStream::connect((host, server.port))
            .await
            .map_err(|error| Error::io("reach the model server at", place, error))
    }
}

/// As they are written down: each once.
pub(super) fn in_order(mut wanted: Vec<String>) -> Vec<String> {
    wanted.sort();
    wanted.dedup();
    wanted
}

/// See [`Engine::stand_by`].
pub struct Standing {
    _task: AbortOnDropHandle<()>,
}
