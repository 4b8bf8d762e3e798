//! Credential routes: one request for a provider, with the user's key put in here and nowhere else.
//!
//! The program's own credentials are taken out, the key is put in, and what comes back is searched for it. One
//! request on one connection, so that nothing can be taken for a second one.

mod answer;
mod ask;
pub(super) mod mask;
mod shelf;
#[cfg(test)]
mod tests;
mod upstream;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandbox_protocol::egress::Refusal;
use sandbox_protocol::policy::{Authority, Reason};
use sandbox_protocol::routes::{Route, WITH_KEY};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use self::answer::{Answer, Framing, Head};
use self::ask::Ask;
use self::mask::Mask;
use self::upstream::Failed;
use super::connection::{say, words};
use super::pump::{Counts, pass_on};
use super::request::Malformed;
use super::state::Gateway;

pub use ask::is_one;
pub use shelf::Shelf;

/// A provider thinks for so long at most before it says the next byte.
const THINKING: Duration = Duration::from_secs(20 * 60);
/// A refused client may send on for so long.
const LINGER: Duration = Duration::from_secs(5);

/// How one request went.
enum Ended {
    /// The answer was passed on to its end.
    Whole,
    /// Nothing was passed on yet: said to the client, then written down.
    Failed(Failed),
    /// The provider's answer could not be passed on.
    Unsafe(io::Error),
    /// Either end left.
    Left,
}

/// Serves one request and closes.
pub async fn serve(gateway: &Gateway, mut client: UnixStream, head: &[u8], rest: Vec<u8>) {
    if !answer_one(gateway, &mut client, head, rest).await {
        linger(&mut client).await;
    }
}

/// What a refused client is still sending is read away: closed before, it would not see the words.
async fn linger(client: &mut UnixStream) {
    let mut piece = vec![0; 16 * 1024];
    let rest = async { while let Ok(1..) = client.read(&mut piece).await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// False: it was refused.
async fn answer_one(
    gateway: &Gateway,
    client: &mut UnixStream,
    head: &[u8],
    rest: Vec<u8>,
) -> bool {
    let (ask, route, target) = match find(gateway, head) {
        Ok(found) => found,
        Err((status, why)) => {
            say(client, status, &why).await;
            return false;
        }
    };
    if ask.path == "/" && ask.body == 0 {
        // Programs look whether somebody is there before they begin; that needs no key.
        here(client).await;
        return true;
    }
    let counts = Counts::new();
    let turn = Turn {
        ask: &ask,
        route: &route,
        target: &target,
        counts: &counts,
        answered: AtomicBool::new(false),
    };
    // The rules and the key are looked at before each step: without them not one more byte goes out.
    let ended = tokio::select! {
        biased;
        refusal = gateway.refused_by(|rules| upstream::may(rules, &route, &target)) => {
            Ended::Failed(Failed::Refused(refusal))
        }
        () = gateway.routes.taken_away(&route) => Ended::Failed(Failed::Refused(Refusal::Policy(Reason::Blocked))),
        ended = pass(gateway, client, &turn, rest) => ended,
    };
    let refused = match ended {
        Ended::Whole | Ended::Left => None,
        Ended::Failed(why) => {
            // In the middle of an answer the words would become part of it.
            let silent = turn.answered.load(Ordering::Relaxed);
            Some(tell((!silent).then_some(client), why, &target).await)
        }
        Ended::Unsafe(error) => {
            // What was sent so far lacks its end: the client sees that it is not whole.
            eprintln!("sandbox-guest: an answer of {target} was not passed on: {error}");
            Some(Refusal::Unreachable)
        }
    };
    let bytes = (
        counts.sent.load(Ordering::Relaxed),
        counts.received.load(Ordering::Relaxed),
    );
    let method = format!("{}{WITH_KEY}", ask.method);
    gateway.decided(&target, &method, refused, bytes);
    refused.is_none()
}

/// The request, its route and where that leads; or what is said instead.
fn find(
    gateway: &Gateway,
    head: &[u8],
) -> Result<(Ask, Arc<Route>, Authority), (&'static str, String)> {
    let ask = ask::parse(head).map_err(|Malformed(why)| ("400 Bad Request", why.to_owned()))?;
    let route = gateway.routes.find(&ask.route);
    let found = route.and_then(|route| Some((upstream::target(&route)?, route)));
    let (target, route) = found.ok_or_else(|| {
        let out_of_reach = gateway.routes.is_out_of_reach(&ask.route);
        let why = if out_of_reach { NOT_READ } else { NO_KEY };
        ("404 Not Found", why.to_owned())
    })?;
    Ok((ask, route, target))
}

const NO_KEY: &str = "no key is kept for this provider in this sandbox. Nothing is broken: tell the user that \
    one can be added in the Agent Sandbox window (Settings, Agents and keys), or with `agent-sandbox key set`.";

const NOT_READ: &str = "a key is kept for this provider, and Agent Sandbox could not read it when the sandbox started. \
    Tell the user to unlock the keychain and to start the sandbox again.";

/// One request on its way.
struct Turn<'a> {
    ask: &'a Ask,
    route: &'a Arc<Route>,
    target: &'a Authority,
    counts: &'a Counts,
    /// The client has seen the beginning of an answer.
    answered: AtomicBool,
}

async fn pass(gateway: &Gateway, client: &mut UnixStream, turn: &Turn<'_>, rest: Vec<u8>) -> Ended {
    let Turn {
        ask, route, target, ..
    } = turn;
    if ask.path != "/" && !ask.is_allowed(route) {
        return Ended::Failed(Failed::Refused(Refusal::BesideModel));
    }
    let upstream = match upstream::connect(gateway, route, target).await {
        Ok(upstream) => upstream,
        Err(why) => return Ended::Failed(why),
    };
    if ask.waits
        && rest.is_empty()
        && client
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .is_err()
    {
        return Ended::Left;
    }
    let (from_upstream, mut to_upstream) = tokio::io::split(upstream);
    let (from_client, mut to_client) = client.split();
    if send_head(&mut to_upstream, turn, &rest).await.is_err() {
        return Ended::Failed(Failed::Refused(Refusal::Unreachable));
    }
    let early = rest.len() as u64;
    let left = ask.body.saturating_sub(early);
    let sending = async {
        let counts = turn.counts;
        pass_on(
            from_client.take(left),
            &mut to_upstream,
            counts,
            &counts.sent,
        )
        .await;
    };
    let mask = Mask::new(route.credential.as_ref().map(|one| one.key.expose()));
    let answering = back(from_upstream, &mut to_client, turn, mask);
    tokio::pin!(answering);
    // The answer ends it, also where it comes before the whole request was sent.
    tokio::select! {
        ended = &mut answering => ended,
        () = sending => answering.await,
    }
}

/// The head with the key in it: the only place where one is written.
async fn send_head(
    to: &mut (impl AsyncWrite + Unpin),
    turn: &Turn<'_>,
    rest: &[u8],
) -> io::Result<()> {
    let Turn {
        ask, route, target, ..
    } = turn;
    let usual = if route.upstream.tls { 443 } else { 80 };
    let host = if target.port == usual {
        target.host.to_string()
    } else {
        target.to_string()
    };
    let mut first = Zeroizing::new(ask.head(route, &host));
    if let Some(credential) = &route.credential {
        for part in [
            &credential.header,
            ": ",
            &credential.prefix,
            credential.key.expose(),
            "\r\n",
        ] {
            first.extend_from_slice(part.as_bytes());
        }
    }
    first.extend_from_slice(b"\r\n");
    let early = rest
        .len()
        .min(usize::try_from(ask.body).unwrap_or(usize::MAX));
    first.extend_from_slice(&rest[..early]);
    to.write_all(&first).await?;
    to.flush().await?;
    let sent = first.len() as u64;
    turn.counts.sent.fetch_add(sent, Ordering::Relaxed);
    Ok(())
}

/// The answer, searched and framed anew.
async fn back(
    from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    turn: &Turn<'_>,
    mut mask: Mask,
) -> Ended {
    let mut answer = Answer::new(from);
    let head = tokio::time::timeout(THINKING, answer.head(&turn.ask.method, &mask)).await;
    let Head { bytes, mut framing } = match head {
        Ok(Ok(head)) => head,
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            turn.answered.store(true, Ordering::Relaxed);
            let why = format!("the provider's answer was not passed on: {error}.");
            let _ = to
                .write_all(super::connection::refusal("502 Bad Gateway", &why).as_bytes())
                .await;
            return Ended::Unsafe(error);
        }
        _ => return Ended::Failed(Failed::Refused(Refusal::Unreachable)),
    };
    let chunked = matches!(framing, Framing::Chunked { .. });
    turn.answered.store(true, Ordering::Relaxed);
    if to.write_all(&bytes).await.is_err() {
        return Ended::Left;
    }
    loop {
        let piece = match tokio::time::timeout(THINKING, answer.piece(&mut framing)).await {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => return Ended::Unsafe(error),
            Err(_) => return Ended::Left,
        };
        let came = piece.len() as u64;
        turn.counts.received.fetch_add(came, Ordering::Relaxed);
        let last = piece.is_empty();
        let clean = if last { mask.end() } else { mask.pass(&piece) };
        if write(to, &clean, chunked, last).await.is_err() {
            return Ended::Left;
        }
        if last {
            let _ = to.shutdown().await;
            return Ended::Whole;
        }
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    chunked: bool,
    last: bool,
) -> io::Result<()> {
    if !chunked {
        return to.write_all(bytes).await;
    }
    let mut out = Vec::with_capacity(bytes.len() + 32);
    if !bytes.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
    if last {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    to.write_all(&out).await
}

async fn here(client: &mut UnixStream) {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = client.write_all(answer).await;
    let _ = client.shutdown().await;
}

async fn tell(client: Option<&mut UnixStream>, why: Failed, target: &Authority) -> Refusal {
    let (refusal, status, text) = match why {
        Failed::Refused(refusal) => {
            let (status, text) = words(refusal, &target.to_string());
            (refusal, status, text)
        }
        Failed::Tls(error) => (
            Refusal::Greeting,
            "502 Bad Gateway",
            format!(
                "{target} was not reached: it did not prove who it is ({error}). Tell the user."
            ),
        ),
        Failed::NoTrust => (
            Refusal::Greeting,
            "502 Bad Gateway",
            format!(
                "{target} was not reached: this computer has no certificates that it could be checked against. Tell the user."
            ),
        ),
    };
    if let Some(client) = client {
        say(client, status, &text).await;
    }
    refusal
}
