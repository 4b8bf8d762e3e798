//! Hosts that nobody decided about, and the connections that wait for the user.

use std::collections::HashMap;

use sandbox_protocol::egress::{Answer, Ask};
use sandbox_protocol::policy::Authority;
use tokio::sync::watch;

/// Hosts that can be asked about at once: nobody answers more, and a flood of names must not grow here.
const MAX_ASKS: usize = 32;

/// What became of a question; `None` while it waits. It closes without one where nobody is there to answer.
pub type Outcome = Option<Answer>;

/// All questions that wait.
#[derive(Default)]
pub struct Asks {
    next: u64,
    waiting: HashMap<Authority, Waiting>,
}

struct Waiting {
    ask: Ask,
    outcome: watch::Sender<Outcome>,
    waiters: usize,
}

/// One connection's part in a question.
pub struct Joined {
    /// The question's number.
    pub id: u64,
    /// What becomes of it.
    pub outcome: watch::Receiver<Outcome>,
    /// It was begun just now: it is to be told.
    pub new: Option<Ask>,
}

impl Asks {
    /// Joins the question about this host, or begins one. `None`: too many wait.
    pub fn join(&mut self, target: &Authority, claim: Option<&str>) -> Option<Joined> {
        if let Some(waiting) = self.waiting.get_mut(target) {
            waiting.waiters += 1;
            return Some(Joined {
                id: waiting.ask.id,
                outcome: waiting.outcome.subscribe(),
                new: None,
            });
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
        let (sender, outcome) = watch::channel(None);
        let waiting = Waiting {
            ask: ask.clone(),
            outcome: sender,
            waiters: 1,
        };
        self.waiting.insert(target.clone(), waiting);
        Some(Joined {
            id: ask.id,
            outcome,
            new: Some(ask),
        })
    }

    /// A connection waits no more for a question, which may have ended before. True: it was the last that waited.
    pub fn leave(&mut self, target: &Authority, id: u64) -> bool {
        let Some(waiting) = self.waiting.get_mut(target) else {
            return false;
        };
        if waiting.ask.id != id {
            return false;
        }
        waiting.waiters -= 1;
        waiting.waiters == 0 && self.waiting.remove(target).is_some()
    }

    /// Ends a question; gives what was asked for.
    pub fn end(&mut self, id: u64, answer: Answer) -> Option<Authority> {
        let mut found = self.waiting.extract_if(|_, waiting| waiting.ask.id == id);
        let (site, waiting) = found.next()?;
        waiting.outcome.send_replace(Some(answer));
        Some(site)
    }

    /// Ends all of them without an answer.
    pub fn end_all(&mut self) {
        self.waiting.clear();
    }

    /// All that wait.
    pub fn all(&self) -> Vec<Ask> {
        let mut all: Vec<_> = self.waiting.values().map(|w| w.ask.clone()).collect();
        all.sort_by_key(|ask| ask.id);
        all
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_leaves_a_question_that_ended_does_not_end_the_next_one() {
        let site = Authority::parse(b"a.test:443").unwrap();
        let mut asks = Asks::default();
        let first = asks.join(&site, None).unwrap();
        assert_eq!(asks.end(first.id, Answer::Block), Some(site.clone()));
        let second = asks.join(&site, None).unwrap();
        assert_ne!(first.id, second.id);
        assert!(!asks.leave(&site, first.id));
        assert_eq!(asks.all().len(), 1, "it still waits");
        assert!(asks.leave(&site, second.id));
        assert!(asks.all().is_empty());
    }
}
