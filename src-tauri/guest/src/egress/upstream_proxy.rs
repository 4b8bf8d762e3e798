//! A proxy of the computer's own network, which everybody there must use: the gateway asks it for a tunnel.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandbox_protocol::egress::{Refusal, UpstreamProxy};
use sandbox_protocol::policy::{Authority, is_public};
use sandbox_protocol::routes::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::pump::{Counts, IDLE, pass_on};
use super::routes::mask::Mask;
use super::wire::Wire;

/// How long the proxy may take: it connects meanwhile.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest head of its answer, in bytes.
const MOST: usize = 16 * 1024;
const HEADERS: usize = 64;
/// By this status a proxy wants a name and password.
const WANTS_LOG_IN: u16 = 407;
/// Where the status of an answer ends.
const STATUS_END: usize = "HTTP/1.1 200".len();
const PIECE: usize = 32 * 1024;

/// Whether a proxy can be at an address: the user's network, or a public one; never this gateway itself, everybody
/// at once, or what clouds keep at link-local addresses.
pub fn may_be(address: IpAddr) -> bool {
    match address.to_canonical() {
        // Some offices use the range of carriers.
        IpAddr::V4(v4) => {
            v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]) || is_public(v4.into())
        }
        IpAddr::V6(v6) => v6.is_unique_local() || is_public(address),
    }
}

/// Names that lead into the proxy's own computer or network, whatever they lead to elsewhere: those without a dot,
/// and those of the zones that are kept for it.
pub fn is_inside(name: &str) -> bool {
    const ZONES: [&str; 5] = [".localhost", ".local", ".internal", ".home.arpa", ".lan"];
    !name.contains('.') || ZONES.iter().any(|zone| name.ends_with(zone))
}

/// Asks for a tunnel. Not a byte of what comes behind the answer is read.
pub async fn tunnel(
    mut wire: Wire,
    proxy: &UpstreamProxy,
    target: &Authority,
) -> Result<Wire, Refusal> {
    let mut asked = Zeroizing::new(Vec::new());
    asked.extend(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes());
    put_log_in(&mut asked, proxy);
    asked.extend(b"\r\n");
    let opened = async {
        wire.write_all(&asked).await.ok()?;
        wire.flush().await.ok()?;
        let head = head(&mut wire).await?;
        status(&head)
    };
    match tokio::time::timeout(ANSWER, opened).await {
        Ok(Some(200..=299)) => Ok(wire),
        Ok(Some(WANTS_LOG_IN)) => Err(no_log_in(proxy)),
        Ok(Some(_)) => Err(Refusal::UpstreamSaidNo),
        Ok(None) | Err(_) => Err(Refusal::NoUpstream),
    }
}

/// One of the two places where the password is written; the other is a plain request's head.
fn put_log_in(head: &mut Zeroizing<Vec<u8>>, proxy: &UpstreamProxy) {
    if let Some(log_in) = &proxy.log_in {
        for part in ["Proxy-Authorization: Basic ", log_in.expose(), "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
    }
}

fn no_log_in(proxy: &UpstreamProxy) -> Refusal {
    match proxy.log_in {
        Some(_) => Refusal::UpstreamRefusedLogIn,
        None => Refusal::UpstreamWantsLogIn,
    }
}

/// A plain request by the proxy, and its answer. The proxy's own wish for a password stays here, and the password
/// is masked in what comes back: a proxy may show it to the site. `begun`: the client has seen something of it.
pub async fn plain(
    wire: Wire,
    client: &mut UnixStream,
    proxy: &UpstreamProxy,
    head: &[u8],
    body: (&[u8], u64),
    counts: &Counts,
    begun: &AtomicBool,
) -> Result<(), Refusal> {
    let (from_proxy, mut to_proxy) = tokio::io::split(wire);
    let (from_client, mut to_client) = client.split();
    let (early, left) = body;
    let asked = async {
        to_proxy.write_all(head).await?;
        to_proxy.write_all(early).await?;
        to_proxy.flush().await
    };
    asked.await.map_err(|_| Refusal::NoUpstream)?;
    let sent = (head.len() + early.len()) as u64;
    counts.sent.fetch_add(sent, Ordering::Relaxed);
    let sending = async {
        let from_client = from_client.take(left);
        pass_on(from_client, &mut to_proxy, counts, &counts.sent).await;
    };
    let answering = answer(from_proxy, &mut to_client, proxy, counts, begun);
    tokio::pin!(answering);
    // The answer ends it, also where it comes before the whole request was sent.
    tokio::select! {
        ended = &mut answering => ended,
        () = sending => answering.await,
    }
}

async fn answer(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    proxy: &UpstreamProxy,
    counts: &Counts,
    begun: &AtomicBool,
) -> Result<(), Refusal> {
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    // Up to the status: `HTTP/1.1 200`.
    while length < STATUS_END {
        match tokio::time::timeout(IDLE, from.read(&mut piece[length..])).await {
            Ok(Ok(count @ 1..)) => length += count,
            _ if length == 0 => return Err(Refusal::NoUpstream),
            _ => return Ok(()),
        }
    }
    if piece[STATUS_END - 3..STATUS_END] == *WANTS_LOG_IN.to_string().as_bytes() {
        return Err(no_log_in(proxy));
    }
    begun.store(true, Ordering::Relaxed);
    let mut mask = Mask::new(proxy.log_in.as_ref().map(Secret::expose));
    loop {
        let clean = match length {
            0 => mask.end(),
            _ => mask.pass(&piece[..length]),
        };
        if to.write_all(&clean).await.is_err() {
            return Ok(());
        }
        counts.count(&counts.received, clean.len());
        if length == 0 {
            let _ = to.shutdown().await;
            return Ok(());
        }
        length = match tokio::time::timeout(IDLE, from.read(&mut piece)).await {
            Ok(Ok(count)) => count,
            _ => 0,
        };
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MOST {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    Some(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => response.code,
        _ => None,
    }
}

/// A plain request's head with the whole address in its first line, as proxies are asked, and with the password.
pub fn whole_address(head: &[u8], proxy: &UpstreamProxy, target: &Authority) -> Zeroizing<Vec<u8>> {
    let space = head.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let (method, rest) = head.split_at(space);
    let address = match target.port {
        80 => format!(" http://{}", target.host),
        _ => format!(" http://{target}"),
    };
    let mut asked = Zeroizing::new([method, address.as_bytes(), rest.trim_ascii_start()].concat());
    if proxy.log_in.is_some() {
        // Before the empty line. Packed answers could not be searched.
        let without_end = asked.len() - 2;
        asked.truncate(without_end);
        without_packing(&mut asked);
        put_log_in(&mut asked, proxy);
        asked.extend_from_slice(b"\r\n");
    }
    asked
}

fn without_packing(head: &mut Zeroizing<Vec<u8>>) {
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    let stays = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case(b"accept-encoding")
    };
    let kept = lines.filter(stays).collect::<Vec<_>>().concat();
    *head = Zeroizing::new(kept);
}

#[cfg(test)]
mod tests;
