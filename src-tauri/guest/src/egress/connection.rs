//! One connection of the sandbox, from its first byte to its last.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandbox_protocol::egress::{LOCAL_HOST, PASSED_MARK, REFUSED_MARK, Refusal, UpstreamProxy};
use sandbox_protocol::policy::{Host, Reason, UNSEEN_PORT, Via};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::bulk;

use super::greeting::{self, Greeting};
use super::pump::Counts;
use super::request::{self, Malformed, Request};
use super::state::Gateway;
use super::wire::Wire;
use super::{outside, routes, upstream_proxy};

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(15);
const OPENED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// Serves one request and closes.
pub async fn serve(gateway: &Gateway, mut client: UnixStream) {
    let Ok(Some((head, rest))) = tokio::time::timeout(HEAD, request::read_head(&mut client)).await
    else {
        return;
    };
    if routes::is_one(&head) {
        return routes::serve(gateway, client, &head, rest).await;
    }
    let mut request = match request::parse(&head) {
        Ok(request) => request,
        Err(Malformed(why)) => {
            say(&mut client, "400 Bad Request", why).await;
            return;
        }
    };
    request.self_test = request.self_test && gateway.is_self_tests(&request.target);
    let counts = Counts::new();
    let done = match request.via {
        Via::Tunnel if is_local(&request) => {
            local(gateway, &mut client, &request, rest, &counts).await
        }
        Via::Tunnel => tunnel(gateway, &mut client, &request, rest, &counts).await,
        Via::PlainRead | Via::PlainWrite if is_local(&request) => {
            let port = request.target.port;
            let why = format!(
                "a service of the user's computer is asked for at http://127.0.0.1:{port}/, not by this name."
            );
            say(&mut client, "403 Forbidden", &why).await;
            Err(Refusal::Policy(Reason::NotPublic))
        }
        Via::PlainRead | Via::PlainWrite => {
            plain(gateway, &mut client, &request, rest, &counts).await
        }
    };
    let bytes = (
        counts.sent.load(Ordering::Relaxed),
        counts.received.load(Ordering::Relaxed),
    );
    match request.self_test {
        true => gateway.tested(),
        false => gateway.decided(&request.target, &request.method, done.err(), bytes),
    }
}

async fn tunnel(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
    rest: Vec<u8>,
    counts: &Counts,
) -> Result<(), Refusal> {
    if request.self_test {
        let (target, via) = (&request.target, request.via);
        let admitted = gateway.admit_unasked(target, via);
        say_refusal(client, request, admitted).await?;
        let reached = connect(gateway, request).await;
        say_refusal(client, request, reached).await?;
        // It would be open. What is sent into it goes nowhere.
        let _ = client.write_all(OPENED).await;
        return Ok(());
    }
    admit(gateway, client, request).await?;
    let begun = AtomicBool::new(false);
    let carried = carry(gateway, client, request, rest, counts, &begun);
    let ended = while_allowed(gateway, request, carried).await;
    match begun.into_inner() {
        // Words would become part of the tunnel.
        true => ended,
        false => say_refusal(client, request, ended).await,
    }
}

/// A tunnel that was let through, from the first look at its name. Whoever drops it cuts it.
async fn carry(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
    rest: Vec<u8>,
    counts: &Counts,
    begun: &AtomicBool,
) -> Result<(), Refusal> {
    let mut upstream = connect(gateway, request).await?.wire;
    begun.store(true, Ordering::Relaxed);
    if client.write_all(OPENED).await.is_err() {
        return Ok(());
    }
    let first = if request.target.port == UNSEEN_PORT {
        rest
    } else {
        match greeting::check(client, rest, &request.target).await {
            Greeting::Right(first) => first,
            // Opened ahead and not needed, as browsers do: nothing was sent to anybody.
            Greeting::Nothing => return Ok(()),
            Greeting::Wrong => return Err(Refusal::Greeting),
        }
    };
    if upstream.write_all(&first).await.is_err() || upstream.flush().await.is_err() {
        return Ok(());
    }
    counts.sent.fetch_add(first.len() as u64, Ordering::Relaxed);
    upstream.join(client, counts).await;
    Ok(())
}

/// Goes on for as long as the rules let it through: they are looked at before each step of it, so that after a rule
/// went no name is looked up, nobody is dialled and not one more byte goes out.
async fn while_allowed(
    gateway: &Gateway,
    request: &Request,
    carried: impl Future<Output = Result<(), Refusal>>,
) -> Result<(), Refusal> {
    tokio::select! {
        biased;
        () = gateway.revoked(&request.target, request.via) => Err(Refusal::Policy(Reason::Blocked)),
        ended = carried => ended,
    }
}

/// Whether it is for the user's own computer.
fn is_local(request: &Request) -> bool {
    matches!(&request.target.host, Host::Name(name) if name.as_str() == LOCAL_HOST)
}

/// A service of the user's own computer, by a port that the user opened. Whatever it speaks.
async fn local(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
    rest: Vec<u8>,
    counts: &Counts,
) -> Result<(), Refusal> {
    let port = request.target.port;
    let begun = AtomicBool::new(false);
    let carried = async {
        let mut service = gateway.dial(port).await.ok_or(Refusal::Unreachable)?;
        begun.store(true, Ordering::Relaxed);
        let opened = client.write_all(OPENED);
        if opened.await.is_err() || service.write_all(&rest).await.is_err() {
            return Ok(());
        }
        counts.sent.fetch_add(rest.len() as u64, Ordering::Relaxed);
        let wire = Wire::Engine(Box::new(service));
        wire.join(client, counts).await;
        Ok(())
    };
    let ended = tokio::select! {
        biased;
        () = gateway.closed(port) => Err(Refusal::Policy(Reason::Blocked)),
        ended = carried => ended,
    };
    if let Err(refusal) = ended
        && !begun.into_inner()
    {
        let why = match refusal {
            Refusal::Unreachable => {
                "nothing answers there, or the Agent Sandbox window is not open"
            }
            _ => "the user has not opened it",
        };
        let why = format!("port {port} of the user's computer was not reached: {why}.");
        say(client, "403 Forbidden", &why).await;
    }
    ended
}

/// One request on one connection: what the client sends behind it goes nowhere.
async fn plain(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
    rest: Vec<u8>,
    counts: &Counts,
) -> Result<(), Refusal> {
    admit(gateway, client, request).await?;
    let begun = AtomicBool::new(false);
    let carried = carry_plain(gateway, client, request, rest, counts, &begun);
    let ended = while_allowed(gateway, request, carried).await;
    match begun.into_inner() {
        // Words could become part of an answer.
        true => ended,
        false => say_refusal(client, request, ended).await,
    }
}

/// Likewise, let through, from the first look at its name. Whoever drops it cuts it.
async fn carry_plain(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
    rest: Vec<u8>,
    counts: &Counts,
    begun: &AtomicBool,
) -> Result<(), Refusal> {
    let upstream = connect(gateway, request).await?;
    let early = rest
        .len()
        .min(usize::try_from(request.body).unwrap_or(usize::MAX));
    let (early, left) = (&rest[..early], request.body - early as u64);
    let mut socket = match (upstream.wire, upstream.asked) {
        (Wire::Socket(socket), None) => socket,
        (wire, Some(proxy)) => {
            let head = upstream_proxy::whole_address(&request.head, &proxy, &request.target);
            let body = (early, left);
            // What it refuses is said before anything of an answer was.
            upstream_proxy::plain(wire, client, &proxy, &head, body, counts, begun).await?;
            return Ok(());
        }
        (Wire::Engine(_), None) => return Err(Refusal::NoUpstream),
    };
    begun.store(true, Ordering::Relaxed);
    let first = [&request.head, early].concat();
    if socket.write_all(&first).await.is_err() {
        return Ok(());
    }
    counts.sent.fetch_add(first.len() as u64, Ordering::Relaxed);
    let client = &*client;
    let sending = bulk::at_most(client, &socket, left, counts, &counts.sent);
    let answer = bulk::whole(&socket, client, counts, &counts.received);
    tokio::pin!(answer);
    // The answer ends it, also where it comes before the whole request was sent.
    tokio::select! {
        () = &mut answer => {}
        () = sending => answer.await,
    }
    Ok(())
}

/// The other end of a connection.
struct Reached {
    wire: Wire,
    /// The proxy of the computer's network, which is told the whole address in a plain request.
    asked: Option<UpstreamProxy>,
}

/// Decides, and asks where nobody did yet; a no is said to the client.
async fn admit(
    gateway: &Gateway,
    client: &mut UnixStream,
    request: &Request,
) -> Result<(), Refusal> {
    let claim = request.claim.as_deref();
    let admitted = gateway.admit(&request.target, request.via, claim).await;
    say_refusal(client, request, admitted).await
}

/// Resolves, vets, connects.
async fn connect(gateway: &Gateway, request: &Request) -> Result<Reached, Refusal> {
    let grant = gateway.grant();
    match &grant.upstream {
        Some(proxy) if request.via != Via::Tunnel => Ok(Reached {
            wire: outside::to_upstream(gateway, &grant, proxy, &request.target).await?,
            asked: Some(proxy.clone()),
        }),
        _ => Ok(Reached {
            wire: outside::reach(gateway, &grant, &request.target).await?,
            asked: None,
        }),
    }
}

/// Says why where it was refused.
async fn say_refusal<T>(
    client: &mut UnixStream,
    request: &Request,
    decided: Result<T, Refusal>,
) -> Result<T, Refusal> {
    if let Err(refusal) = &decided {
        let answer = refused(*refusal, &request.target.to_string());
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
    }
    decided
}

/// Words that an agent can act on: whom to tell, and what.
pub fn words(refusal: Refusal, target: &str) -> (&'static str, String) {
    const TELL: &str = "Nothing is broken. If the task needs it, tell the user which site and why: \
        they can approve it in the Agent Sandbox window, or with \
        `agent-sandbox network SANDBOX --allow HOST`. Do not look for a way around it.";
    // A rule without a port, or one about a name, would not be enough.
    let tell_exactly = |rule: &str| {
        format!(
            "If the task needs just this, tell the user why: they can approve it in the Agent Sandbox window, or with \
             `agent-sandbox network SANDBOX --allow {rule}`. Do not look for a way around it."
        )
    };
    // An address has a colon of its own.
    let port = target.rsplit_once(':').map_or("", |(_, port)| port);
    let is_unseen = port == UNSEEN_PORT.to_string();
    // Some programs show the status, and nothing else of an answer.
    let unapproved = |why: String| {
        let status = "403 Not approved in Agent Sandbox: tell the user which site is needed";
        (status, why)
    };
    let forbidden = |why: String| ("403 Forbidden", why);
    match refusal {
        Refusal::Policy(Reason::Offline) => unapproved(format!(
            "{target} was not reached: this sandbox has no approved network at the moment. {TELL}"
        )),
        Refusal::Policy(Reason::Blocked) | Refusal::User => forbidden(format!(
            "{target} was not reached: the user has blocked it."
        )),
        Refusal::Policy(Reason::Port) | Refusal::Unapproved if is_unseen => unapproved(format!(
            "{target} was not reached: what goes through port {UNSEEN_PORT} cannot be looked into, so it is open only \
             where the user approved this very port. Where https does the same, use that. {}",
            tell_exactly(target)
        )),
        Refusal::Policy(Reason::Port) => unapproved(format!(
            "{target} was not reached: the host is approved, but not this port or not this kind of \
             request (plain http may only read). {}",
            tell_exactly(target)
        )),
        Refusal::Policy(Reason::TunnelToPlain) => forbidden(format!(
            "{target} was not reached: a tunnel to port 80 is not allowed; ask for http:// plainly."
        )),
        Refusal::Policy(Reason::Address) => unapproved(format!(
            "{target} was not reached: it is an address, and only names are asked about. Ask for the site by its \
             name. {}",
            tell_exactly(target)
        )),
        Refusal::Policy(Reason::NotPublic) | Refusal::LeadsInside => forbidden(format!(
            "{target} was not reached: it is, or leads to, an address that is private. Local networks stay closed \
             in every mode."
        )),
        Refusal::Unapproved => unapproved(format!(
            "{target} was not reached: nobody has approved it for this sandbox. {TELL}"
        )),
        Refusal::BesideModel => forbidden(format!(
            "{target} was not asked: the user's key is used for its model only, and this path is something else of it."
        )),
        Refusal::Greeting => forbidden(format!(
            "{target} was not reached: the connection does not speak TLS to that host."
        )),
        Refusal::NoName => (
            "502 Bad Gateway",
            format!("{target} was not reached: its name has no address."),
        ),
        Refusal::Unreachable => (
            "504 Gateway Timeout",
            format!("{target} was not reached: it is approved, but does not answer."),
        ),
        Refusal::NoUpstream => (
            "502 Bad Gateway",
            format!(
                "{target} was not reached: it is approved, but the proxy of the user's network does not answer."
            ),
        ),
        Refusal::UpstreamSaidNo => (
            "502 Bad Gateway",
            format!(
                "{target} was not reached: it is approved here, but the proxy of the user's network refused it. Tell the user."
            ),
        ),
        Refusal::UpstreamWantsLogIn => (
            "502 Bad Gateway",
            format!(
                "{target} was not reached: it is approved here, but the proxy of the user's network wants a name and \
                 password. Tell the user: they are given by `agent-sandbox proxy --set URL --user NAME`, or in the \
                 window's settings. You cannot give them."
            ),
        ),
        Refusal::UpstreamRefusedLogIn => (
            "502 Bad Gateway",
            format!(
                "{target} was not reached: it is approved here, but the proxy of the user's network does not take the \
                 name and password that the user gave. Tell the user."
            ),
        ),
    }
}

/// A refusal as a whole answer.
pub fn refusal(status: &str, why: &str) -> String {
    answer(status, REFUSED_MARK, why)
}

/// Likewise; the self-test reads in it whether the rules were the reason.
fn refused(refusal: Refusal, target: &str) -> String {
    let (status, why) = words(refusal, target);
    match refusal.passed_rules() {
        true => answer(status, &format!("{REFUSED_MARK}\r\n{PASSED_MARK}"), &why),
        false => answer(status, REFUSED_MARK, &why),
    }
}

fn answer(status: &str, marks: &str, why: &str) -> String {
    let body = format!("Agent Sandbox: {why}\n");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         {marks}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Says it, and nothing more.
pub async fn say(client: &mut UnixStream, status: &str, why: &str) {
    let _ = client.write_all(refusal(status, why).as_bytes()).await;
    let _ = client.shutdown().await;
}
