//! What a sandbox may reach, and what it tried: the policy, the gateway, the user's answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox_protocol::egress::{Answer, Ask, FromGateway, Grant, Subnet, ToGateway};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::decisions::{self, decision};
use super::{Engine, Working, locked, proof, services};
use crate::docker::Docker;
use crate::event::Event;
use crate::network::link::Link;
use crate::network::rules::{self, NetworkChange};
use crate::state::activity::{ActivityKind, Part};
use crate::state::lock;
use crate::state::record::{NetworkMode, NetworkPolicy, Record};
use crate::{Error, Result, SandboxId};

/// Between two tries to reach a gateway again.
const RETRY: Duration = Duration::from_secs(1);

/// How long somebody else may take who hands something over. A gateway that does not answer takes them longer: then
/// this one is not told either.
const HANDING_OVER: Duration = Duration::from_secs(15);

/// Gateways that somebody listens to, to answer their questions.
pub(super) type Attendants = Mutex<HashMap<SandboxId, Attendant>>;

/// See [`Engine::attend`].
pub(super) struct Attendant {
    answers: mpsc::Sender<ToGateway>,
    asks: Arc<Mutex<Vec<Ask>>>,
    task: JoinHandle<()>,
}

impl Engine {
    /// Changes what a sandbox may reach, at once. Open connections that are not allowed any more are cut.
    /// Between offline and the guarded network the container is made anew; its files stay.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], naming a rule that is none: nothing is changed then. [`Error::NotInForce`]: it is
    /// written down, its gateway cannot be told, and the sandbox stands still.
    pub async fn set_network(&self, id: &SandboxId, change: &NetworkChange) -> Result<()> {
        let mut working = self.work_on(id).await?;
        let before = working.record.network.clone();
        let after = change.applied_to(&before)?;
        if after == before {
            // It may be written down and not in force.
            return working.put_in_force(Keys::AsBefore).await;
        }
        let fence_moves =
            (before.mode == NetworkMode::Offline) != (after.mode == NetworkMode::Offline);
        let services_move = before.services != after.services;
        if (fence_moves || services_move) && working.record.container_made {
            let was = working.halt().await?;
            let docker = self.docker().await?;
            let instance = self.data().instance();
            if let Some(found) = docker.find(instance, id).await? {
                docker.remove_own(instance, &found.id).await?;
            }
            docker.remove_gateway(instance, id).await?;
            working.record.network = after;
            working.record.save(&working.dir)?;
            working.resume(was).await?;
            self.network_changed(&working);
            return Ok(());
        }
        working.record.network = after;
        working.record.save(&working.dir)?;
        self.network_changed(&working);
        working.put_in_force(Keys::AsBefore).await
    }

    fn network_changed(&self, working: &Working) {
        let id = working.id();
        let words = in_words(&working.record.network);
        self.note(id, ActivityKind::Network, "Network changed", words, None);
        self.events().send(Event::Sandbox(id.clone()));
    }

    /// Listens to a sandbox's gateway and lets it ask, until the sandbox stops. Doing so twice is fine.
    pub fn attend(&self, id: &SandboxId) {
        let mut all = locked(&self.0.attendants);
        if all.get(id).is_some_and(|one| !one.task.is_finished()) {
            return;
        }
        let (answers, questions) = mpsc::channel(64);
        let asks = Arc::default();
        let task = tokio::spawn(attend(
            self.clone(),
            id.clone(),
            Arc::clone(&asks),
            questions,
        ));
        all.insert(
            id.clone(),
            Attendant {
                answers,
                asks,
                task,
            },
        );
    }

    /// It is gone.
    pub(super) fn stop_attending(&self, id: &SandboxId) {
        let gone = locked(&self.0.attendants).remove(id);
        if let Some(attendant) = gone {
            attendant.task.abort();
        }
    }

    /// Sites that a sandbox asks for while its connections wait.
    pub fn asks(&self, id: &SandboxId) -> Vec<Ask> {
        let all = locked(&self.0.attendants);
        all.get(id)
            .map(|one| locked(&one.asks).clone())
            .unwrap_or_default()
    }

    /// Answers one. *Always* and *Block* become rules of the sandbox, or of all of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the question needs no answer any more; for a rule as [`Self::set_network`] and
    /// [`Self::set_sites_for_all`].
    pub async fn answer(
        &self,
        id: &SandboxId,
        ask: u64,
        answer: Answer,
        for_all: bool,
    ) -> Result<()> {
        let (asked, answers) = {
            let all = locked(&self.0.attendants);
            let attendant = all.get(id);
            let found = attendant.and_then(|one| {
                let asked = locked(&one.asks).iter().find(|a| a.id == ask).cloned()?;
                Some((asked, one.answers.clone()))
            });
            found.ok_or_else(|| Error::NotFound {
                what: "question",
                name: ask.to_string(),
            })?
        };
        let rule = match asked.port {
            443 | 80 => asked.host.clone(),
            port => format!("{}:{port}", asked.host),
        };
        let change = match answer {
            Answer::Once => None,
            Answer::Always => Some(NetworkChange {
                allow: vec![rule],
                ..NetworkChange::default()
            }),
            Answer::Block => Some(NetworkChange {
                block: vec![rule],
                ..NetworkChange::default()
            }),
        };
        let mut told = Ok(());
        if let Some(change) = change {
            told = match for_all {
                true => self.set_sites_for_all(&change).await.map(drop),
                false => self.set_network(id, &change).await,
            };
            // It is a rule by now, also where it is not in force in another sandbox.
            if !matches!(told, Ok(()) | Err(Error::NotInForce(_))) {
                return told;
            }
        } else {
            let detail = "Once, by you: until the sandbox stops".to_owned();
            let entry = decision(self.now(), asked.host.clone(), "Allowed once", detail);
            self.note_entry(Part::Own, id, entry);
        }
        // Its end is told by the gateway.
        let _ = answers.send(ToGateway::Answer { ask, answer }).await;
        told
    }

    /// What a sandbox may reach now: its own rules, those of all, and its agent's sites.
    pub(super) fn grant_for(&self, record: &Record, refused: Vec<Subnet>) -> Result<Grant> {
        let recipes = self.recipes();
        // An agent with a key reaches its model by that: its own way there could carry somebody else's.
        let keyed: Vec<&str> = self
            .keys_for(record)
            .iter()
            .filter_map(|kept| Some(kept.provider()?.host))
            .collect();
        let hosts: Vec<&str> = recipes
            .hosts(&record.agent)
            .iter()
            .map(String::as_str)
            .filter(|host| !keyed.contains(host))
            .collect();
        let mut grant = rules::grant(&self.with_sites_for_all(&record.network)?, &hosts, refused)?;
        grant.upstream = self.settings()?.upstream_proxy.map(Into::into);
        Ok(grant)
    }
}

/// Makes the gateway run and hands it the policy; before the sandbox starts, so that the socket is there.
pub(super) async fn bring_up(working: &Working, docker: &Docker) -> Result<()> {
    bring_up_from(working, docker, None, Keys::Read).await
}

/// Likewise, where one was found that is up: it may be of before an update, and is made anew then, without any keys.
pub(super) async fn bring_up_from(
    working: &Working,
    docker: &Docker,
    found: Option<&str>,
    keys: Keys,
) -> Result<()> {
    let engine = &working.engine;
    let instance = engine.data().instance();
    let gateway = docker
        .ensure_gateway(instance, working.id(), engine.config().guest)
        .await?;
    let is_same = found == Some(gateway.as_str());
    let keys = if is_same { keys } else { Keys::Read };
    let mut link = Link::open(docker, &gateway).await?;
    hand_over(engine, docker, &working.record, keys, &mut link).await
}

/// What becomes of the keys where rules are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// They are read where they are kept: a keychain may ask the user for it.
    Read,
    /// The gateway goes on with those that it has, but for what is not kept any more.
    AsBefore,
}

/// The rules and the keys of a sandbox, as they are written down.
///
/// # Errors
/// What the engine or the gateway says; [`Error::Busy`] where somebody else does so without an end.
pub(super) async fn hand_over(
    engine: &Engine,
    docker: &Docker,
    record: &Record,
    keys: Keys,
    link: &mut Link,
) -> Result<()> {
    let dir = engine.data().sandbox(&record.id);
    // One after the other, and read by each anew: else what is older could be in force in the end.
    let alone = lock::exclusive_within(&dir.handing_over(), HANDING_OVER).await?;
    let _alone = alone.ok_or_else(|| Error::Busy {
        sandbox: record.name.clone(),
    })?;
    let newest = Record::load(&dir)?;
    let record = newest.as_ref().unwrap_or(record);
    let near = (engine.config().near)();
    let refused = docker.refused_addresses(near).await?;
    grant(engine, docker, engine.grant_for(record, refused)?, link).await?;
    let routes = match keys {
        Keys::Read => engine.routes_for(record).await,
        Keys::AsBefore => engine.routes_as_before(record),
    };
    Ok(link.routes(&engine.config().certificates, routes).await?)
}

/// Puts a grant in force, with what no rule says: the log-in of the network's proxy, and what the self-test asks for.
/// Gives the approved site among the latter.
pub(super) async fn grant(
    engine: &Engine,
    docker: &Docker,
    mut grant: Grant,
    link: &mut Link,
) -> Result<Option<String>> {
    if let Some(proxy) = &mut grant.upstream {
        proxy.log_in = engine.proxy_log_in().await;
    }
    let approved = proof::site_to_try(&grant);
    grant.tests = docker.gateway_tests(approved.as_deref()).await;
    link.grant(&grant).await?;
    Ok(approved)
}

/// Until the sandbox stops, is offline, or is gone. A gateway that ended is brought back, and the fence is
/// proven again before it is trusted.
async fn attend(
    engine: Engine,
    id: SandboxId,
    asks: Arc<Mutex<Vec<Ask>>>,
    mut answers: mpsc::Receiver<ToGateway>,
) {
    loop {
        match listen(&engine, &id, &asks, &mut answers).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, sandbox = %id, "a gateway is not heard"),
        }
        for ask in std::mem::take(&mut *locked(&asks)) {
            engine.events().send(Event::AskEnded(id.clone(), ask.id));
        }
        tokio::time::sleep(RETRY).await;
        match proof::revive_gateway(&engine, &id).await {
            Ok(true) => {}
            Ok(false) => return,
            // Something else works on it; or the engine is away: then its return is waited for.
            Err(Error::Busy { .. }) => {}
            Err(error) => {
                tracing::warn!(%error, sandbox = %id, "the guarded network is down");
                return;
            }
        }
    }
}

async fn listen(
    engine: &Engine,
    id: &SandboxId,
    asks: &Mutex<Vec<Ask>>,
    answers: &mut mpsc::Receiver<ToGateway>,
) -> Result<()> {
    let docker = engine.docker().await?;
    let instance = engine.data().instance();
    let Some(gateway) = docker.find_gateway(instance, id).await? else {
        return Ok(());
    };
    if !gateway.state.is_up() {
        return Ok(());
    }
    let (dir, _) = engine.load(id)?;
    let since = decisions::seen(&dir, &gateway.id)?;
    let write_down = decisions::write_down(engine, id, &gateway.id);
    let mut link = Link::open(&docker, &gateway.id).await?;
    // Ends with this listening, and with the gateway.
    let serving = services::serve(
        engine.clone(),
        id.clone(),
        docker.clone(),
        gateway.id.clone(),
    );
    let _services = AbortOnDropHandle::new(tokio::spawn(serving));
    let attend = ToGateway::Attend { since, asks: true };
    link.send(&attend).await?;
    loop {
        tokio::select! {
            answer = answers.recv() => {
                let Some(answer) = answer else { return Ok(()) };
                link.send(&answer).await?;
            }
            message = link.next() => match message {
                None => return Ok(()),
                Some(FromGateway::Decided(decided)) => {
                    if write_down.try_send(decided).is_err() {
                        tracing::warn!(sandbox = %id, "a decision is not written down");
                    }
                }
                Some(FromGateway::Ask(ask)) => {
                    locked(asks).push(ask.clone());
                    engine.events().send(Event::Ask(id.clone(), ask));
                }
                Some(FromGateway::AskEnded(ask)) => {
                    locked(asks).retain(|one| one.id != ask);
                    engine.events().send(Event::AskEnded(id.clone(), ask));
                }
                Some(FromGateway::Hello(_) | FromGateway::Granted) => {}
            },
        }
    }
}

fn in_words(policy: &NetworkPolicy) -> String {
    let sites = policy.allow.len();
    match policy.mode {
        NetworkMode::Offline => "Offline".to_owned(),
        NetworkMode::Open => "Open: any public site".to_owned(),
        NetworkMode::Approved => {
            let mut parts: Vec<&str> = policy
                .presets
                .iter()
                .filter_map(|id| crate::network::presets::find(id))
                .map(|preset| preset.name)
                .collect();
            let own = match sites {
                0 => String::new(),
                1 => "1 site".to_owned(),
                more => format!("{more} sites"),
            };
            parts.extend((!own.is_empty()).then_some(own.as_str()));
            if parts.is_empty() {
                "Approved sites: none yet".to_owned()
            } else {
                format!("Approved sites: {}", parts.join(", "))
            }
        }
    }
}
