//! Hosts that nobody decided about, and the connections that wait for the user.

use std::collections::HashMap;

use sandbox_protocol::egress::{Answer, Ask};
use sandbox_protocol::policy::Authority;
use tokio::sync::watch;

/// Hosts that can be asked about at once: nobody answers more, and a flood of names must not grow here.
const MAX_ASKS: usize = 32;

/// What became of a question; `None` while it waits.
pub type Outcome = Option<Option<Answer>>;

/// All questions that wait.
#[derive(Default)]
pub struct Asks {
    next: u64,
    waiting: HashMap<String, Waiting>,
}

struct Waiting {
    ask: Ask,
    outcome: watch::Sender<Outcome>,
    waiters: usize,
}

impl Asks {
    /// Joins the question about this host, or begins one; that is then to be told. `None`: too many wait.
    pub fn join(
        &mut self,
        target: &Authority,
        claim: Option<&str>,
    ) -> Option<(watch::Receiver<Outcome>, Option<Ask>)> {
        let key = target.to_string();
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.waiters += 1;
            return Some((waiting.outcome.subscribe(), None));
        }
        if self.waiting.len() >= MAX_ASKS {
            return None;
        }
        self.next += 1;
        let ask = Ask {
            id: self.next,
            host: target.host.to_string(),
            port: target.port,
            claim: claim.map(str::to_owned),
        };
        let (outcome, receiver) = watch::channel(None);
        let waiting = Waiting {
            ask: ask.clone(),
            outcome,
            waiters: 1,
        };
        self.waiting.insert(key, waiting);
        Some((receiver, Some(ask)))
    }

    /// A connection gave up. Gives the question's number if it was the last that waited.
    pub fn leave(&mut self, target: &Authority) -> Option<u64> {
        let key = target.to_string();
        let waiting = self.waiting.get_mut(&key)?;
        waiting.waiters -= 1;
        if waiting.waiters > 0 {
            return None;
        }
        self.waiting.remove(&key).map(|waiting| waiting.ask.id)
    }

    /// Ends a question; gives what was asked.
    pub fn end(&mut self, id: u64, answer: Option<Answer>) -> Option<Ask> {
        let key = self
            .waiting
            .iter()
            .find(|(_, waiting)| waiting.ask.id == id)
            .map(|(key, _)| key.clone())?;
        let waiting = self.waiting.remove(&key)?;
        waiting.outcome.send_replace(Some(answer));
        Some(waiting.ask)
    }

    /// All that wait.
    pub fn all(&self) -> Vec<Ask> {
        let mut all: Vec<_> = self.waiting.values().map(|w| w.ask.clone()).collect();
        all.sort_by_key(|ask| ask.id);
        all
    }
}
