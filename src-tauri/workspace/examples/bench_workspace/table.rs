//! The results beside what is to be reached.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Done;

/// What our part of a job is called.
pub const OURS: &str = "ours";

/// Of which peer's median ours may be at most this many times.
pub type Target = (&'static str, f64);

/// A job and what is to be reached.
pub struct Job {
    pub name: &'static str,
    pub targets: &'static [Target],
}

#[derive(Default)]
struct Row {
    times: Vec<(&'static str, Vec<Duration>)>,
    targets: &'static [Target],
}

/// A size or a use of memory, in bytes, beside its limit.
struct Amount {
    name: &'static str,
    ours: u64,
    peers: Vec<(&'static str, u64)>,
    limit: u64,
    limit_says: String,
}

/// What watching took of a processor while nothing happened.
#[derive(Clone, Copy)]
struct Idle {
    took: Duration,
    of: Duration,
    limit: Duration,
}

#[derive(Default)]
pub struct Table {
    folder: Option<std::fs::File>,
    rows: Vec<(&'static str, Row)>,
    amounts: Vec<Amount>,
    idle: Option<Idle>,
    missing: BTreeSet<&'static str>,
}

impl Table {
    /// A table of what is done in this folder.
    pub fn new(folder: &Path) -> Done<Self> {
        Ok(Self {
            folder: Some(std::fs::File::open(folder)?),
            ..Self::default()
        })
    }

    /// Times one part of a job. What was written before is on the disk first, so that nobody pays for
    /// another's writes. A peer that is not installed is noted.
    pub fn time<T>(
        &mut self,
        job: &Job,
        who: &'static str,
        act: impl FnOnce() -> Done<T>,
    ) -> Done<()> {
        if let Some(folder) = &self.folder {
            rustix::fs::syncfs(folder)?;
        }
        let begun = Instant::now();
        let done = act();
        let took = begun.elapsed();
        if let Err(error) = done {
            let missing = error.downcast_ref::<std::io::Error>();
            if who != OURS && missing.is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
                self.missing.insert(who);
                return Ok(());
            }
            return Err(format!("{}, {who}: {error}", job.name).into());
        }
        let row = match self.rows.iter().position(|(name, _)| *name == job.name) {
            Some(at) => &mut self.rows[at].1,
            None => {
                self.rows.push((job.name, Row::default()));
                &mut self.rows.last_mut().ok_or("just pushed")?.1
            }
        };
        row.targets = job.targets;
        match row.times.iter_mut().find(|(known, _)| *known == who) {
            Some((_, times)) => times.push(took),
            None => row.times.push((who, vec![took])),
        }
        Ok(())
    }

    pub fn amount(
        &mut self,
        name: &'static str,
        ours: u64,
        peers: Vec<(&'static str, u64)>,
        (limit, limit_says): (u64, String),
    ) {
        self.amounts.push(Amount {
            name,
            ours,
            peers,
            limit,
            limit_says,
        });
    }

    /// Notes that watching took so much of a processor in a time in which nothing happened.
    pub fn idle(&mut self, took: Duration, of: Duration, limit: Duration) {
        self.idle = Some(Idle { took, of, limit });
    }

    pub fn print(&self) {
        println!(
            "{:<34}{:<16}{:>10}{:>18}{:>9}  to reach",
            "job", "who", "median", "spread", "ours/it"
        );
        for (job, row) in &self.rows {
            for (who, times) in &row.times {
                let spread = format!("{}..{}", ms(times.iter().min()), ms(times.iter().max()));
                let (ratio, target) = match row.against(who) {
                    None => (String::new(), String::new()),
                    Some(ratio) => (format!("{ratio:.2}"), row.verdict(who, ratio)),
                };
                let middle = format!("{} ms", ms(Some(&median(times))));
                let line =
                    format!("{job:<34}{who:<16}{middle:>10}{spread:>18}{ratio:>9}  {target}");
                println!("{}", line.trim_end());
            }
        }
        for amount in &self.amounts {
            let mark = word(amount.ours <= amount.limit);
            println!(
                "{:<34}{OURS:<16}{:>7} MB   at most {} MB ({}): {mark}",
                amount.name,
                mb(amount.ours),
                mb(amount.limit),
                amount.limit_says
            );
            for (who, bytes) in &amount.peers {
                println!("{:<34}{who:<16}{:>7} MB", amount.name, mb(*bytes));
            }
        }
        if let Some(Idle { took, of, limit }) = self.idle {
            println!(
                "{:<34}{OURS:<16}{:>7} ms of a processor in {} s   at most {} ms: {}",
                "watching, nothing happens",
                ms(Some(&took)),
                of.as_secs(),
                limit.as_millis(),
                word(took <= limit)
            );
        }
        for who in &self.missing {
            println!("not run: {who} is not installed");
        }
    }

    pub fn json(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|(job, row)| {
            let whos = row.times.iter().map(|(who, times)| {
                let ratio = row.against(who);
                let target = row.target(who);
                json!({
                    "who": who,
                    "median_ms": millis(&median(times)),
                    "lowest_ms": times.iter().min().map(millis),
                    "highest_ms": times.iter().max().map(millis),
                    "ours_to_it": ratio,
                    "to_reach": target,
                    "reached": target.zip(ratio).map(|(t, r)| r <= t),
                })
            });
            json!({ "job": job, "times": whos.collect::<Vec<_>>() })
        });
        let amounts = self.amounts.iter().map(|a| {
            json!({
                "what": a.name,
                "ours_bytes": a.ours,
                "peers_bytes": a.peers.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
                "at_most_bytes": a.limit,
                "because": a.limit_says,
                "reached": a.ours <= a.limit,
            })
        });
        let idle = self.idle.map(|Idle { took, of, limit }| {
            json!({
                "processor_ms": millis(&took),
                "of_ms": of.as_millis() as u64,
                "at_most_ms": limit.as_millis() as u64,
                "reached": took <= limit,
            })
        });
        json!({
            "watching_idle": idle,
            "jobs": rows.collect::<Vec<_>>(),
            "amounts": amounts.collect::<Vec<_>>(),
            "not_run": self.missing,
        })
    }
}

impl Row {
    /// How long ours took beside this one.
    fn against(&self, who: &str) -> Option<f64> {
        let of = |who: &str| {
            let found = self.times.iter().find(|(known, _)| *known == who)?;
            Some(median(&found.1).as_secs_f64())
        };
        (who != OURS).then_some(())?;
        Some(of(OURS)? / of(who)?)
    }

    fn target(&self, who: &str) -> Option<f64> {
        let found = self.targets.iter().find(|(peer, _)| *peer == who);
        found.map(|(_, ratio)| *ratio)
    }

    fn verdict(&self, who: &str, ratio: f64) -> String {
        match self.target(who) {
            None => String::new(),
            Some(target) => format!("{target:.2} {}", word(ratio <= target)),
        }
    }
}

fn word(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn millis(time: &Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// With a decimal where it says something.
fn ms(time: Option<&Duration>) -> String {
    let ms = time.map_or(0.0, millis);
    if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}
