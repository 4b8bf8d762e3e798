//! One request of the browser, passed on to the sandbox's server, and its answer back.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use sandbox_protocol::streams::Streams;
use tokio_util::sync::CancellationToken;

use super::door::{COOKIE_NAME, cookies};

/// What a preview answers with.
pub(super) type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// What concerns one hop only.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Why there is no answer of the sandbox's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// Nothing listens there any more.
    Nobody,
    /// What listens does not speak HTTP, or broke off.
    Nonsense,
}

/// Passes a request on and gives the answer, its head as the sandbox's server sent it. A connection that
/// becomes a WebSocket is passed on until `end`.
pub(super) async fn forward(
    streams: &Streams,
    port: u16,
    mut request: Request<Incoming>,
    end: CancellationToken,
) -> Result<Answer, Failed> {
    let stream = streams.open(port).await.map_err(|_| Failed::Nobody)?;
    let wants_socket = is_websocket(request.headers());
    let browser = wants_socket.then(|| hyper::upgrade::on(&mut request));
    prepare(&mut request, port, wants_socket);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failed::Nonsense)?;
    let running = end.clone();
    tokio::spawn(async move {
        let _ = running
            .run_until_cancelled(connection.with_upgrades())
            .await;
    });
    let mut answer = sender
        .send_request(request)
        .await
        .map_err(|_| Failed::Nonsense)?;
    let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    if switches {
        let Some(browser) = browser else {
            return Err(Failed::Nonsense);
        };
        let server = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            let _ = end.run_until_cancelled(pass(browser, server)).await;
        });
    }
    strip_hop(answer.headers_mut(), switches);
    Ok(answer.map(BodyExt::boxed))
}

async fn pass(browser: hyper::upgrade::OnUpgrade, server: hyper::upgrade::OnUpgrade) {
    let (Ok(browser), Ok(server)) = tokio::join!(browser, server) else {
        return;
    };
    let (mut browser, mut server) = (TokioIo::new(browser), TokioIo::new(server));
    let _ = tokio::io::copy_bidirectional(&mut browser, &mut server).await;
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let asked = headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let meant = headers.get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
        })
    });
    asked && meant
}

/// As a browser inside the sandbox would have sent it: development servers refuse strange names.
fn prepare(request: &mut Request<Incoming>, port: u16, wants_socket: bool) {
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    strip_hop(headers, false);
    if wants_socket {
        headers.insert(UPGRADE, WEBSOCKET);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    let own = HeaderValue::try_from(format!("localhost:{port}"));
    let origin = HeaderValue::try_from(format!("http://localhost:{port}"));
    if let (Ok(own), Ok(origin)) = (own, origin) {
        if headers.contains_key(ORIGIN) {
            headers.insert(ORIGIN, origin);
        }
        headers.insert(HOST, own);
    }
    // The preview's name is nobody's business inside.
    headers.remove(REFERER);
    let kept: Vec<&str> = cookies(headers)
        .filter(|cookie| {
            let name = cookie.split('=').next().unwrap_or("").trim();
            !name.is_empty() && !name.eq_ignore_ascii_case(COOKIE_NAME)
        })
        .collect();
    let kept = HeaderValue::try_from(kept.join("; ")).ok();
    headers.remove(COOKIE);
    if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
        headers.insert(COOKIE, kept);
    }
}

fn strip_hop(headers: &mut HeaderMap, switches: bool) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let stays = |name: &HeaderName| switches && (*name == CONNECTION || *name == UPGRADE);
    for name in named.iter().chain(&HOP_BY_HOP) {
        if !stays(name) {
            headers.remove(name);
        }
    }
}

/// A page of ours.
pub(super) fn said(status: StatusCode, text: &str) -> Answer {
    let body = Full::new(Bytes::from(format!("Agent Sandbox: {text}\n")));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-security-policy", "default-src 'none'"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
