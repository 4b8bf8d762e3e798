//! What was decided, kept for the engine. Connections alike within a few seconds become one entry, so that
//! a sandbox that knocks for ever fills nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sandbox_protocol::egress::{Decided, KEPT_DECISIONS, Refusal};

use super::state::Gateway;

/// Entries alike are gathered for so long.
const GATHER: Duration = Duration::from_secs(2);
/// Different entries that are gathered at once; beyond, they are one entry of the name `…`.
const MAX_GATHERED: usize = 256;

type Key = (String, u16, String, Option<Refusal>);

/// See the module.
#[derive(Default)]
pub struct Decisions {
    next: u64,
    kept: VecDeque<Decided>,
    gathered: HashMap<Key, (Instant, Decided)>,
}

impl Decisions {
    /// Adds one.
    pub fn add(
        &mut self,
        host: &str,
        port: u16,
        method: &str,
        refused: Option<Refusal>,
        bytes: (u64, u64),
    ) {
        let mut key: Key = (host.to_owned(), port, method.to_owned(), refused);
        if self.gathered.len() >= MAX_GATHERED && !self.gathered.contains_key(&key) {
            key = ("\u{2026}".to_owned(), 0, String::new(), refused);
        }
        let (host, port, method) = (key.0.clone(), key.1, key.2.clone());
        let (_, entry) = self.gathered.entry(key).or_insert_with(|| {
            let empty = Decided {
                number: 0,
                time: now(),
                host,
                port,
                method,
                refused,
                sent: 0,
                received: 0,
                count: 0,
            };
            (Instant::now(), empty)
        });
        entry.sent += bytes.0;
        entry.received += bytes.1;
        entry.count = entry.count.saturating_add(1);
    }

    /// What was gathered long enough gets its number and is kept; gives it, oldest first.
    pub fn take_ready(&mut self, at: Instant) -> Vec<Decided> {
        let mut ready: Vec<Decided> = Vec::new();
        self.gathered.retain(|_, (since, entry)| {
            let waits = at.duration_since(*since) < GATHER;
            if !waits {
                ready.push(entry.clone());
            }
            waits
        });
        ready.sort_by_key(|entry| entry.time);
        for entry in &mut ready {
            self.next += 1;
            entry.number = self.next;
            self.kept.push_back(entry.clone());
        }
        let over = self.kept.len().saturating_sub(KEPT_DECISIONS);
        self.kept.drain(..over);
        ready
    }

    /// Those after a number. A gateway that restarted counts anew: a number that it never gave means all.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Decided> {
        let number = if number > self.next { 0 } else { number };
        self.kept.iter().filter(move |entry| entry.number > number)
    }
}

/// For ever: passes on what was gathered.
pub async fn tell_regularly(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(GATHER / 4).await;
        gateway.tell_decisions(Instant::now());
    }
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_is_one_entry_and_a_flood_of_names_is_bounded() {
        let mut decisions = Decisions::default();
        for _ in 0..1000 {
            decisions.add("a.test", 443, "CONNECT", None, (1, 2));
        }
        for at in 0..10_000 {
            decisions.add(
                &format!("n{at}.test"),
                443,
                "CONNECT",
                Some(Refusal::Unapproved),
                (0, 0),
            );
        }
        assert_eq!(decisions.take_ready(Instant::now()), []);
        let ready = decisions.take_ready(Instant::now() + GATHER);
        assert_eq!(ready.len(), MAX_GATHERED + 1);
        let a = ready.iter().find(|entry| entry.host == "a.test");
        assert_eq!(
            a.map(|a| (a.count, a.sent, a.received)),
            Some((1000, 1000, 2000))
        );
        let told: u32 = ready.iter().map(|entry| entry.count).sum();
        assert_eq!(told, 11_000, "none is dropped from the count");
        assert_eq!(decisions.after(ready.len() as u64 - 1).count(), 1);
        assert_eq!(
            decisions.after(u64::MAX).count(),
            ready.len(),
            "after a restart: all"
        );
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut decisions = Decisions::default();
        let rounds = KEPT_DECISIONS / MAX_GATHERED + 2;
        for round in 0..rounds {
            for at in 0..MAX_GATHERED {
                decisions.add(&format!("n{at}.r{round}.test"), 443, "GET", None, (0, 0));
            }
            let ready = decisions.take_ready(Instant::now() + GATHER);
            assert_eq!(ready.len(), MAX_GATHERED);
        }
        let told: Vec<u64> = decisions.after(0).map(|entry| entry.number).collect();
        let last = (rounds * MAX_GATHERED) as u64;
        let first = last - KEPT_DECISIONS as u64 + 1;
        assert_eq!(told, (first..=last).collect::<Vec<_>>());
    }
}
