//! What gateways decided, on its way into the activity list: in batches, and beside the listening, so that a program that
//! asks for ever new names keeps neither the disk nor anybody's question waiting.

use std::time::Duration;

use sandbox_protocol::egress::{BLOCKED_HOST, Decided, KEPT_DECISIONS, Refusal};
use sandbox_protocol::policy::Reason;
use sandbox_protocol::routes::WITH_KEY;
use sandbox_workspace::Size;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Engine;
use crate::event::Event;
use crate::state::activity::{ActivityEntry, ActivityKind, Decision, Part};
use crate::state::data_dir::SandboxDir;
use crate::state::json_file;
use crate::{Error, Result, SandboxId};

/// What comes within this time is written together.
const GATHER: Duration = Duration::from_millis(200);
/// Decisions of one batch.
const BATCH: usize = 512;
/// Between two tries where the disk takes nothing.
const RETRY: Duration = Duration::from_secs(1);

/// The newest decision that was written down, and whose it was. Behind the list after a crash between the two, which
/// then knows better.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    gateway: String,
    number: u64,
}

/// The number of the newest decision of a gateway that was written down; 0: none.
pub(super) fn seen(dir: &SandboxDir, gateway: &str) -> Result<u64> {
    let seen: Option<Seen> = json_file::read(&dir.decisions())?;
    Ok(seen
        .filter(|seen| seen.gateway == gateway)
        .map_or(0, |seen| seen.number))
}

/// Takes the decisions of a gateway, and writes them down until the sender is dropped and all are. It holds as many as a
/// gateway keeps: where it takes no more, the disk has taken none for long.
pub(super) fn write_down(engine: &Engine, id: &SandboxId, gateway: &str) -> mpsc::Sender<Decided> {
    let (sender, from) = mpsc::channel(KEPT_DECISIONS);
    let (engine, id, gateway) = (engine.clone(), id.clone(), gateway.to_owned());
    tokio::spawn(async move { write_all(&engine, &id, &gateway, from).await });
    sender
}

async fn write_all(
    engine: &Engine,
    id: &SandboxId,
    gateway: &str,
    mut from: mpsc::Receiver<Decided>,
) {
    let mut batch = Vec::new();
    while from.recv_many(&mut batch, BATCH).await > 0 {
        tokio::time::sleep(GATHER).await;
        while batch.len() < BATCH
            && let Ok(more) = from.try_recv()
        {
            batch.push(more);
        }
        while let Err(error) = write_batch(engine, id, gateway, &batch).await {
            if engine.load(id).is_err() {
                // Removed meanwhile.
                return;
            }
            tracing::warn!(%error, sandbox = %id, "decisions are not written down yet");
            tokio::time::sleep(RETRY).await;
        }
        batch.clear();
    }
}

async fn write_batch(
    engine: &Engine,
    id: &SandboxId,
    gateway: &str,
    batch: &[Decided],
) -> Result<()> {
    let now = engine.now();
    let decisions: Vec<Decision> = batch.iter().filter_map(|one| written(now, one)).collect();
    let (dir, _) = engine.load(id)?;
    let seen = Seen {
        gateway: gateway.to_owned(),
        number: batch.last().map_or(0, |last| last.number),
    };
    let write = spawn_blocking(move || {
        let entries = dir.activity().append_decisions(&seen.gateway, decisions)?;
        json_file::write(&dir.decisions(), &seen)?;
        Ok::<_, Error>(entries)
    });
    let entries = write.await.map_err(|error| Error::Internal {
        message: error.to_string(),
    })??;
    if !entries.is_empty() {
        engine.events().send(Event::Activity(id.clone(), entries));
    }
    Ok(())
}

/// What a decision is written down as, and where; `None` for what only the self-test asks for.
fn written(now: i64, decided: &Decided) -> Option<Decision> {
    // What happened while nobody listened happened then.
    let time = decided.time.min(now);
    let to_write = |part, entry| {
        Some(Decision {
            number: decided.number,
            part,
            entry,
        })
    };
    // Asked for by the self-test, and by nobody else: it is blocked everywhere and leads nowhere.
    if decided.host == BLOCKED_HOST {
        if decided.port != 0 || decided.refused.is_some() {
            return None;
        }
        let detail = match decided.count {
            1 => "1 question to the gateway".to_owned(),
            count => format!("{count} questions to the gateway"),
        };
        let entry = ActivityEntry {
            decision: None,
            ..decision(
                time,
                "The fence was tested".to_owned(),
                "",
                format!("{detail} \u{b7} nothing was carried"),
            )
        };
        return to_write(Part::Refused, entry);
    }
    let host = match decided.port {
        0 | 80 | 443 => decided.host.clone(),
        port => format!("{}:{port}", decided.host),
    };
    let (word, why) = match decided.refused {
        None => ("Allowed", None),
        Some(Refusal::Policy(Reason::Blocked) | Refusal::User) => ("Blocked", Some("by you")),
        // Let through by the rules, and then not come about.
        Some(
            refusal @ (Refusal::NoName
            | Refusal::Unreachable
            | Refusal::NoUpstream
            | Refusal::UpstreamSaidNo
            | Refusal::UpstreamWantsLogIn
            | Refusal::UpstreamRefusedLogIn),
        ) => ("Not reached", Some(refusal_words(refusal))),
        Some(refusal) => ("Refused", Some(refusal_words(refusal))),
    };
    let mut parts: Vec<String> = why.map(str::to_owned).into_iter().collect();
    if decided.method.ends_with(WITH_KEY) {
        parts.push("with your key".to_owned());
    }
    let times = match decided.count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    };
    parts.push(times);
    if decided.sent + decided.received > 0 {
        parts.push(format!(
            "{} sent, {} received",
            Size(decided.sent),
            Size(decided.received)
        ));
    }
    let method = decided.method.strip_suffix(WITH_KEY);
    parts.extend(known_method(method.unwrap_or(&decided.method)));
    let part = match decided.refused {
        None => Part::Reached,
        Some(_) => Part::Refused,
    };
    to_write(part, decision(time, host, word, parts.join(" \u{b7} ")))
}

/// A row about a site.
pub(super) fn decision(time: i64, host: String, word: &str, detail: String) -> ActivityEntry {
    ActivityEntry {
        id: 0,
        time,
        kind: ActivityKind::Network,
        what: host,
        decision: Some(word.to_owned()),
        detail,
        subject: None,
    }
}

/// How it was asked for; what is no usual word is a program's own text, and not repeated.
fn known_method(method: &str) -> Option<String> {
    let usual = method.len() <= 16 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    (usual && !method.is_empty()).then(|| method.to_owned())
}

fn refusal_words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Policy(Reason::Offline) => "the sandbox had no network",
        Refusal::Policy(Reason::Blocked) | Refusal::User => "by you",
        Refusal::Policy(Reason::Address) => "a bare address; only names can be approved by asking",
        Refusal::Policy(Reason::NotPublic) => "an address on your own network",
        Refusal::Policy(Reason::Port) => "approved, but not this port or kind of request",
        Refusal::Policy(Reason::TunnelToPlain) => "a tunnel to port 80",
        Refusal::Unapproved => "not approved, and nobody answered",
        Refusal::BesideModel => "a key is used for its model only, and this was something else",
        Refusal::LeadsInside => "its name leads to an address on your own network",
        Refusal::Greeting => "the connection was not for that site",
        Refusal::NoName => "the name has no address",
        Refusal::Unreachable => "approved, but it did not answer",
        Refusal::NoUpstream => "approved, but the proxy of your network was not reached",
        Refusal::UpstreamSaidNo => "approved, but the proxy of your network refused it",
        Refusal::UpstreamWantsLogIn => {
            "approved, but the proxy of your network wants a name and password"
        }
        Refusal::UpstreamRefusedLogIn => {
            "approved, but the proxy of your network does not take the name and password that you gave"
        }
    }
}
