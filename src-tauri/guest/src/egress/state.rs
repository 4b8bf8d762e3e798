//! What a gateway knows: its grant, what was allowed once, who waits and who listens.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandbox_protocol::egress::{Answer, BLOCKED_HOST, FromGateway, Grant, PATIENCE, Refusal};
use sandbox_protocol::policy::{Authority, Policy, Verdict, Via};
use sandbox_protocol::streams::{Stream, Streams};
use tokio::sync::{Notify, mpsc, watch};

use super::asks::Asks;
use super::decisions::Decisions;
use super::outside::Outside;
use super::routes::Shelf;

/// Messages that wait for one listener; one that takes none any more is let go, and connects again.
const BACKLOG: usize = 4096;

/// How long an engine that is coming is waited for.
const COMING: Duration = Duration::from_secs(5);

/// See the module.
pub struct Gateway {
    inner: Mutex<Inner>,
    /// Counts the grants: open connections look whether they are still allowed.
    grants: watch::Sender<u64>,
    /// The world behind.
    pub outside: Arc<dyn Outside>,
    /// The keys that are added here.
    pub routes: Shelf,
    /// Tells that an engine came.
    served: Notify,
}

#[derive(Default)]
struct Inner {
    grant: Grant,
    /// Sites that no rule is about and that the user allowed until the gateway ends.
    once: HashSet<Authority>,
    asks: Asks,
    decisions: Decisions,
    listeners: Vec<Listener>,
    next_listener: u64,
    /// Engines that reach services of the user's own computer, the newest last.
    services: Vec<Streams>,
}

struct Listener {
    id: u64,
    asks: bool,
    to: mpsc::Sender<FromGateway>,
}

impl Inner {
    fn tell(&mut self, message: &FromGateway, only_who_answers: bool) {
        self.listeners.retain(|listener| {
            let passed_over = only_who_answers && !listener.asks;
            passed_over || listener.to.try_send(message.clone()).is_ok()
        });
    }

    fn somebody_answers(&self) -> bool {
        self.listeners.iter().any(|listener| listener.asks)
    }

    fn decide(&self, target: &Authority, via: Via) -> Verdict {
        match self.grant.policy.decide(target, via) {
            Verdict::Ask if self.once.contains(target) => Verdict::Allow,
            other => other,
        }
    }
}

/// Whether only the user's word can let it through, in one of the ways in which there are questions.
fn is_undecided(grant: &Grant, site: &Authority) -> bool {
    [Via::Tunnel, Via::PlainRead]
        .into_iter()
        .any(|via| grant.policy.decide(site, via) == Verdict::Ask)
}

impl Gateway {
    /// Lets nothing through.
    pub fn new(outside: Arc<dyn Outside>) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            grants: watch::channel(0).0,
            outside,
            routes: Shelf::default(),
            served: Notify::new(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grant in force.
    pub fn grant(&self) -> Grant {
        self.inner().grant.clone()
    }

    /// From now on decides by this one. What was allowed once ends where a rule decides instead, and everywhere when
    /// the sandbox goes offline: when that rule goes again, the user is asked again.
    pub fn set_grant(&self, grant: Grant) {
        let mut inner = self.inner();
        inner.once.retain(|site| is_undecided(&grant, site));
        inner.grant = grant;
        drop(inner);
        self.grants.send_modify(|count| *count += 1);
    }

    /// Decides, and asks where nobody did yet.
    pub async fn admit(
        &self,
        target: &Authority,
        via: Via,
        claim: Option<&str>,
    ) -> Result<(), Refusal> {
        match self.admit_unasked(target, via) {
            // What a rule without a port would not let through is not worth a question.
            Err(Refusal::Unapproved) if via != Via::PlainWrite => {
                self.ask(target, via, claim).await
            }
            decided => decided,
        }
    }

    /// Likewise, where nobody is to be asked.
    pub fn admit_unasked(&self, target: &Authority, via: Via) -> Result<(), Refusal> {
        match self.inner().decide(target, via) {
            Verdict::Allow => Ok(()),
            Verdict::Deny(reason) => Err(Refusal::Policy(reason)),
            Verdict::Ask => Err(Refusal::Unapproved),
        }
    }

    async fn ask(&self, target: &Authority, via: Via, claim: Option<&str>) -> Result<(), Refusal> {
        let mut joined = {
            let mut inner = self.inner();
            if !inner.somebody_answers() {
                return Err(Refusal::Unapproved);
            }
            let joined = inner.asks.join(target, claim);
            let joined = joined.ok_or(Refusal::Unapproved)?;
            if let Some(ask) = &joined.new {
                inner.tell(&FromGateway::Ask(ask.clone()), true);
            }
            joined
        };
        let waiter = Waiter {
            gateway: self,
            target,
            ask: joined.id,
        };
        let answered = async {
            tokio::select! {
                answer = joined.outcome.wait_for(Option::is_some) => answer.ok().and_then(|answer| *answer),
                // A rule came meanwhile, by the answer or by another way.
                () = self.until(|inner| (inner.decide(target, via) != Verdict::Ask).then_some(())) => None,
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(PATIENCE), answered).await;
        drop(waiter);
        match answer {
            Ok(Some(Answer::Block)) => Err(Refusal::User),
            _ => self.admit_unasked(target, via),
        }
    }

    /// What the user said. *Once* holds until the gateway ends or a rule decides; *Always* and *Block* are rules of the
    /// next grants, and nothing is kept of them here: a rule that the user takes away is then gone.
    pub fn answer(&self, ask: u64, answer: Answer) {
        let mut inner = self.inner();
        let Some(asked) = inner.asks.end(ask, answer) else {
            return;
        };
        if answer == Answer::Once && is_undecided(&inner.grant, &asked) {
            inner.once.insert(asked);
        }
        inner.tell(&FromGateway::AskEnded(ask), true);
    }

    /// From now on this engine too is asked for services of the user's own computer.
    pub fn served_by(&self, streams: Streams) {
        let mut inner = self.inner();
        inner.services.retain(|one| !one.is_closed());
        inner.services.push(streams);
        drop(inner);
        self.served.notify_waiters();
    }

    /// The engine that connected last, of those that are still there.
    fn services(&self) -> Option<Streams> {
        let inner = self.inner();
        inner
            .services
            .iter()
            .rev()
            .find(|one| !one.is_closed())
            .cloned()
    }

    /// A connection to a service of the user's own computer, by the engine. `None`: nobody is there, or
    /// nothing answers.
    pub async fn dial(&self, port: u16) -> Option<Stream> {
        self.services()?.open(port).await.ok()
    }

    /// Likewise to a server of the user's own, by its route. An engine that is just coming is waited for: it
    /// connects beside the command that needs it.
    pub async fn dial_route(&self, route: &str) -> Option<Stream> {
        let come = async {
            loop {
                let served = self.served.notified();
                tokio::pin!(served);
                // Registered before the look, so that none is missed.
                served.as_mut().enable();
                if let Some(services) = self.services() {
                    return services;
                }
                served.await;
            }
        };
        let services = tokio::time::timeout(COMING, come).await.ok()?;
        services.open_route(route).await.ok()
    }

    /// Comes back when the rules refuse, with why: looked at now and after each grant.
    pub async fn refused_by(&self, rules: impl Fn(&Policy) -> Result<(), Refusal>) -> Refusal {
        self.until(|inner| rules(&inner.grant.policy).err()).await
    }

    /// Comes back with what there is: looked at now and after each grant.
    async fn until<T>(&self, found: impl Fn(&Inner) -> Option<T>) -> T {
        let mut grants = self.grants.subscribe();
        loop {
            if let Some(found) = found(&self.inner()) {
                return found;
            }
            if grants.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Comes back when the user closed a service again.
    pub async fn closed(&self, port: u16) {
        self.until(|inner| (!inner.grant.services.contains(&port)).then_some(()))
            .await;
    }

    /// Comes back when a connection that was let through would not be any more.
    pub async fn revoked(&self, target: &Authority, via: Via) {
        self.until(|inner| (inner.decide(target, via) != Verdict::Allow).then_some(()))
            .await;
    }

    /// Writes down how a connection ended.
    pub fn decided(
        &self,
        target: &Authority,
        method: &str,
        refused: Option<Refusal>,
        bytes: (u64, u64),
    ) {
        let host = target.host.to_string();
        self.inner()
            .decisions
            .add(&host, target.port, method, refused, bytes);
    }

    /// Whether the self-test asks for it: by the list that came with the grant, and by nothing else.
    pub fn is_self_tests(&self, target: &Authority) -> bool {
        self.inner().grant.tests.contains(target)
    }

    /// Writes down a question of the self-test: all of them are one entry.
    pub fn tested(&self) {
        let mut inner = self.inner();
        inner
            .decisions
            .add(BLOCKED_HOST, 0, "CONNECT", None, (0, 0));
    }

    /// Tells everybody who listens what was gathered.
    pub fn tell_decisions(&self, at: Instant) {
        let mut inner = self.inner();
        for decided in inner.decisions.take_ready(at) {
            inner.tell(&FromGateway::Decided(decided), false);
        }
    }

    /// Somebody listens from now on; gives what they missed and the stream of what follows.
    pub fn attend(
        &self,
        since: u64,
        asks: bool,
    ) -> (u64, mpsc::Receiver<FromGateway>, Vec<FromGateway>) {
        let mut inner = self.inner();
        let (to, from) = mpsc::channel(BACKLOG);
        inner.next_listener += 1;
        let id = inner.next_listener;
        inner.listeners.push(Listener { id, asks, to });
        let mut missed: Vec<FromGateway> = inner
            .decisions
            .after(since)
            .cloned()
            .map(FromGateway::Decided)
            .collect();
        if asks {
            missed.extend(inner.asks.all().into_iter().map(FromGateway::Ask));
        }
        (id, from, missed)
    }

    /// They left. With nobody there to answer, what waits is refused.
    pub fn leave(&self, listener: u64) {
        let mut inner = self.inner();
        inner.listeners.retain(|one| one.id != listener);
        if inner.somebody_answers() {
            return;
        }
        inner.asks.end_all();
    }
}

/// Leaves the question when the connection stops waiting, whatever the reason.
struct Waiter<'a> {
    gateway: &'a Gateway,
    target: &'a Authority,
    ask: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut inner = self.gateway.inner();
        if inner.asks.leave(self.target, self.ask) {
            inner.tell(&FromGateway::AskEnded(self.ask), true);
        }
    }
}
