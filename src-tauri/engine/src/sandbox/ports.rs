//! What listens in a sandbox, and the previews that lead there. What a guest reports is a claim: it offers, and
//! decides nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use sandbox_protocol::egress::PROXY_PORT;
use sandbox_protocol::policy::Policy;
use sandbox_protocol::streams::{Inbound, PORTS_SOCKET, Streams};

use super::cells::Cells;
use super::{Engine, Inner, locked, proof};
use crate::docker::container::{GUEST, WORKSPACE};
use crate::event::Event;
use crate::network::streams::{self, Joined};
use crate::preview::{Kind, Preview, SiteRules};
use crate::state::activity::ActivityKind;
use crate::terminal::{GuestReport, TerminalError, TerminalHub};
use crate::{Error, Result, SandboxId};

/// How often a guest is asked.
const ROUND: Duration = Duration::from_secs(2);
/// Previews of one sandbox at once.
const MAX_PREVIEWS: usize = 16;

/// What is known and open, by sandbox.
#[derive(Default)]
pub(super) struct Ports {
    reports: Mutex<HashMap<SandboxId, GuestReport>>,
    previews: Mutex<HashMap<SandboxId, Vec<Preview>>>,
    joined: Cells<Arc<Joined>>,
}

/// One port of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its number inside.
    pub number: u16,
    /// Whether something listens on it, as the guest says.
    pub listens: bool,
    /// A page of it is previewed.
    pub previewed: bool,
    /// A log-in may come back to it.
    pub awaits_log_in: bool,
}

/// A preview that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Where a browser goes. For a page it lets one browser in, once.
    pub address: String,
    /// The port on this computer.
    pub local_port: u16,
}

impl Engine {
    /// Ports of a sandbox that something listens on or that are open, ascending; none where it does not run.
    pub fn ports(&self, id: &SandboxId) -> Vec<Port> {
        let listening = locked(&self.0.ports.reports)
            .get(id)
            .map(|report| report.ports.clone())
            .unwrap_or_default();
        let mut previews = locked(&self.0.ports.previews);
        let open = previews.entry(id.clone()).or_default();
        open.retain(|preview| !preview.is_closed());
        let is = |number, kind| {
            open.iter()
                .any(|preview| preview.port() == number && preview.kind() == kind)
        };
        let mut numbers: Vec<u16> = listening.clone();
        numbers.extend(open.iter().map(Preview::port));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .map(|number| Port {
                number,
                listens: listening.contains(&number),
                previewed: is(number, Kind::Page),
                awaits_log_in: is(number, Kind::LogIn),
            })
            .collect()
    }

    /// Space and ports as a sandbox's guest last reported them, without asking.
    pub fn last_report(&self, id: &SandboxId) -> Option<GuestReport> {
        locked(&self.0.ports.reports).get(id).cloned()
    }

    /// Free bytes of home folders, as guests report them.
    pub(super) fn reported(&self) -> Vec<(SandboxId, u64)> {
        let reports = locked(&self.0.ports.reports);
        let homes = reports.iter().filter_map(|(id, report)| {
            let home = report.home?;
            Some((id.clone(), home.free))
        });
        homes.collect()
    }

    /// Opens a preview of a port, or gives another address of the one that is open. It ends with the sandbox.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::InvalidRequest`] for a port that is none, or, for a log-in, that this
    /// computer uses itself.
    pub async fn open_preview(&self, id: &SandboxId, port: u16, kind: Kind) -> Result<Opened> {
        if [0, PROXY_PORT].contains(&port) {
            return Err(Error::InvalidRequest {
                message: format!("port {port} cannot be opened"),
            });
        }
        // First, so that a sandbox that does not run says so.
        let streams = self.streams(id).await?;
        if let Some(opened) = self.opened(id, port, kind)? {
            return Ok(opened);
        }
        let rules = self.rules_of(id);
        let preview = Preview::open(streams, port, kind, rules)
            .await
            .map_err(|error| self.not_opened(port, kind, error))?;
        let opened = address(&preview)?;
        self.forget_when_over(id, &preview);
        {
            let mut previews = locked(&self.0.ports.previews);
            let open = previews.entry(id.clone()).or_default();
            open.retain(|preview| !preview.is_closed());
            if open.len() >= MAX_PREVIEWS {
                return Err(Error::InvalidRequest {
                    message: format!("{MAX_PREVIEWS} previews are open; close one first"),
                });
            }
            open.push(preview);
        }
        let (what, detail) = match kind {
            Kind::Page => (
                format!("Preview of port {port} opened"),
                "a page of the sandbox, in your browser",
            ),
            Kind::LogIn => (
                format!("Log-in may come back to port {port}"),
                "for ten minutes",
            ),
        };
        self.note(id, ActivityKind::Network, &what, detail.to_owned(), None);
        self.events().send(Event::Ports(id.clone()));
        Ok(opened)
    }

    /// Closes what is open to a port; nothing is fine.
    pub fn close_preview(&self, id: &SandboxId, port: u16) {
        let closed: Vec<Preview> = {
            let mut previews = locked(&self.0.ports.previews);
            let open = previews.entry(id.clone()).or_default();
            open.extract_if(.., |preview| preview.port() == port)
                .collect()
        };
        if !closed.is_empty() {
            drop(closed);
            self.events().send(Event::Ports(id.clone()));
        }
    }

    /// Comes back when a preview is over; at once where there is none.
    pub async fn preview_ended(&self, id: &SandboxId, port: u16, kind: Kind) {
        let ended = locked(&self.0.ports.previews).get(id).and_then(|open| {
            let found = open
                .iter()
                .find(|preview| preview.port() == port && preview.kind() == kind);
            found.map(Preview::ended)
        });
        if let Some(ended) = ended {
            ended.await;
        }
    }

    fn opened(&self, id: &SandboxId, port: u16, kind: Kind) -> Result<Option<Opened>> {
        let previews = locked(&self.0.ports.previews);
        let found = previews.get(id).and_then(|open| {
            open.iter().find(|preview| {
                preview.port() == port && preview.kind() == kind && !preview.is_closed()
            })
        });
        found.map(address).transpose()
    }

    #[allow(clippy::unused_self, clippy::needless_pass_by_value)] // for `map_err`
    fn not_opened(&self, port: u16, kind: Kind, error: std::io::Error) -> Error {
        match kind {
            Kind::LogIn if error.kind() == std::io::ErrorKind::AddrInUse => Error::InvalidRequest {
                message: format!(
                    "something on this computer uses port {port} itself; end it, or log in with a code instead"
                ),
            },
            Kind::LogIn if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Error::InvalidRequest {
                    message: format!("port {port} is not one that you may open on this computer"),
                }
            }
            _ => Error::io("listen on", "this computer", error),
        }
    }

    /// The connection to a running sandbox's ports: one for all previews.
    async fn streams(&self, id: &SandboxId) -> Result<Streams> {
        let serves = |joined: &Arc<Joined>| !joined.streams.is_closed();
        let joined = self.0.ports.joined.get(id, serves, self.join(id)).await?;
        Ok(joined.streams.clone())
    }

    async fn join(&self, id: &SandboxId) -> Result<Arc<Joined>> {
        let (_, record) = self.load(id)?;
        let docker = self.docker().await?;
        let entry = proof::entry(self, &docker, &record).await?;
        let guest = format!("{GUEST}/sandbox-guest");
        let command = [guest.as_str(), "control", "--socket", PORTS_SOCKET];
        let made = streams::connect(
            &docker,
            &entry.container,
            WORKSPACE,
            &command,
            Inbound::Refused,
        );
        Ok(Arc::new(made.await?))
    }

    /// What a page of the sandbox may load: what the sandbox itself may reach, at the moment of each answer.
    fn rules_of(&self, id: &SandboxId) -> SiteRules {
        let (engine, id) = (Arc::downgrade(&self.0), id.clone());
        Arc::new(move || {
            // What cannot be told allows nothing.
            let known = engine.upgrade().map(Engine).and_then(|engine| {
                let (_, record) = engine.load(&id).ok()?;
                engine.grant_for(&record, Vec::new()).ok()
            });
            known.map_or_else(Policy::default, |grant| grant.policy)
        })
    }

    fn forget_when_over(&self, id: &SandboxId, preview: &Preview) {
        let (engine, id, ended) = (Arc::downgrade(&self.0), id.clone(), preview.ended());
        tokio::spawn(async move {
            ended.await;
            if let Some(engine) = engine.upgrade().map(Engine) {
                engine.events().send(Event::Ports(id));
            }
        });
    }
}

fn address(preview: &Preview) -> Result<Opened> {
    let failed = |error| Error::io("open", "a preview", error);
    Ok(Opened {
        address: preview.address().map_err(failed)?,
        local_port: preview.local_port(),
    })
}

impl Ports {
    /// What led to a container that runs no more.
    pub(super) fn forget(&self, id: &SandboxId) {
        self.joined.forget(id);
        locked(&self.reports).remove(id);
    }

    /// Keeps what a guest answered. Gives whether something changed, and whether it was the last time.
    fn take(
        &self,
        id: &SandboxId,
        asked: Option<Result<GuestReport, TerminalError>>,
    ) -> (bool, bool) {
        let mut reports = locked(&self.reports);
        match asked {
            Some(Ok(report)) => {
                let before = reports.get(id).map(|report| report.ports.clone());
                let news = before.as_ref() != Some(&report.ports);
                reports.insert(id.clone(), report);
                (news, false)
            }
            // A paused sandbox does not answer, and listens all the same.
            Some(Err(_)) => (false, false),
            None => (reports.remove(id).is_some(), true),
        }
    }
}

/// Asks a guest again and again, as long as its terminals are connected.
pub(super) async fn watch(engine: Weak<Inner>, id: SandboxId, hub: Weak<TerminalHub>) {
    loop {
        let asked = match hub.upgrade() {
            Some(hub) if !hub.is_closed() => Some(hub.report().await),
            _ => None,
        };
        let Some(engine) = engine.upgrade().map(Engine) else {
            return;
        };
        let (news, over) = engine.0.ports.take(&id, asked);
        if news {
            engine.events().send(Event::Ports(id.clone()));
        }
        drop(engine);
        if over {
            return;
        }
        tokio::time::sleep(ROUND).await;
    }
}
