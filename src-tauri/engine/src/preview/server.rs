//! One preview: a listener on this computer's loopback, for as long as its sandbox runs and the user wants it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sandbox_protocol::policy::Policy;
use sandbox_protocol::streams::Streams;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::answer::{self, Fitting};
use super::callback;
use super::door::{COOKIE_NAME, Door, Entry, Refusal};
use super::forward::{Answer, Failed, forward, said};

/// Connections of browsers at once; what comes beyond waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 128;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(15);
/// A log-in that has not come back by then is not waited for.
const LOG_IN: Duration = Duration::from_secs(10 * 60);

/// What the sandbox may reach, as it is now: the browser is told with every answer.
pub type SiteRules = Arc<dyn Fn() -> Policy + Send + Sync>;

/// What is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A page, by a name and port of its own.
    Page,
    /// The way back of a log-in, by the same port number; it closes by itself.
    LogIn,
}

/// An open preview. Dropping it closes it, and everything that goes through it.
pub struct Preview {
    port: u16,
    kind: Kind,
    local: u16,
    shared: Arc<Shared>,
    end: CancellationToken,
    _ends: DropGuard,
}

struct Shared {
    door: Door,
    port: u16,
    kind: Kind,
    streams: Streams,
    rules: SiteRules,
}

impl Preview {
    /// Opens one to a port of the sandbox behind `streams`, with whose end it ends.
    ///
    /// # Errors
    /// The port cannot be listened on: for a log-in, something on this computer has it.
    pub async fn open(
        streams: Streams,
        port: u16,
        kind: Kind,
        rules: SiteRules,
    ) -> io::Result<Self> {
        let wanted = match kind {
            Kind::Page => 0,
            Kind::LogIn => port,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await?;
        let local = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            door: Door::new(local).map_err(|_| io::Error::other("no random bytes"))?,
            port,
            kind,
            streams,
            rules,
        });
        let end = CancellationToken::new();
        let (serving, ending) = (Arc::clone(&shared), end.clone());
        tokio::spawn(async move {
            // Everything that was begun ends with it.
            let _all = ending.clone().drop_guard();
            tokio::select! {
                () = accept(&serving, listener, &ending) => {}
                () = serving.streams.closed() => {}
                () = ending.cancelled() => {}
                () = lifetime(kind) => {}
            }
        });
        Ok(Self {
            port,
            kind,
            local,
            shared,
            _ends: end.clone().drop_guard(),
            end,
        })
    }

    /// The port in the sandbox.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The port on this computer.
    pub fn local_port(&self) -> u16 {
        self.local
    }

    /// Where a browser goes: for a page, an address that lets one browser in, once.
    ///
    /// # Errors
    /// No random bytes.
    pub fn address(&self) -> io::Result<String> {
        match self.kind {
            Kind::Page => {
                let address = self.shared.door.address(Instant::now());
                address.map_err(|_| io::Error::other("no random bytes"))
            }
            Kind::LogIn => Ok(format!("http://localhost:{}/", self.local)),
        }
    }

    /// Whether it is over: the sandbox stopped, or the time of a log-in has passed.
    pub fn is_closed(&self) -> bool {
        self.end.is_cancelled()
    }

    /// Tells when it is over; independent of the preview itself.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        self.end.clone().cancelled_owned()
    }
}

async fn lifetime(kind: Kind) {
    match kind {
        Kind::Page => std::future::pending().await,
        Kind::LogIn => tokio::time::sleep(LOG_IN).await,
    }
}

async fn accept(shared: &Arc<Shared>, listener: TcpListener, end: &CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        let Ok((browser, _)) = listener.accept().await else {
            // Out of descriptors: others end meanwhile.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (shared, end) = (Arc::clone(shared), end.clone());
        tokio::spawn(async move {
            let serving = serve(&shared, browser, &end);
            let _ = end.run_until_cancelled(serving).await;
            drop(permit);
        });
    }
}

async fn serve(shared: &Arc<Shared>, browser: TcpStream, end: &CancellationToken) {
    let _ = browser.set_nodelay(true);
    let service = service_fn(|request| {
        let (shared, end) = (Arc::clone(shared), end.clone());
        async move { Ok::<_, std::convert::Infallible>(shared.answer(request, end).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(browser), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a browser's connection ended");
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, end: CancellationToken) -> Answer {
        let (parts, body) = request.into_parts();
        match self.kind {
            Kind::LogIn if callback::lets_in(&parts, self.port) => {
                let mut request = Request::from_parts(parts, body);
                callback::prepare(request.headers_mut());
                let mut answer = self.pass(request, end).await;
                callback::fit(answer.headers_mut());
                answer
            }
            Kind::LogIn => said(
                StatusCode::FORBIDDEN,
                "this is not how a log-in comes back.",
            ),
            Kind::Page => match self.door.check(&parts, Instant::now()) {
                Entry::Pass => {
                    let mut answer = self.pass(Request::from_parts(parts, body), end).await;
                    answer::fit(
                        answer.headers_mut(),
                        &Fitting {
                            authority: self.door.authority(),
                            port: self.port,
                            policy: &(self.rules)(),
                        },
                    );
                    answer
                }
                Entry::Enter(session) => entered(Some(&session)),
                Entry::Again => entered(None),
                Entry::Refuse(refusal) => refused(refusal),
            },
        }
    }

    async fn pass(&self, request: Request<Incoming>, end: CancellationToken) -> Answer {
        match forward(&self.streams, self.port, request, end).await {
            Ok(answer) => answer,
            Err(Failed::Nobody) => said(
                StatusCode::BAD_GATEWAY,
                &format!(
                    "nothing in the sandbox listens on port {} at the moment. Reload once it does.",
                    self.port
                ),
            ),
            Err(Failed::Nonsense) => said(
                StatusCode::BAD_GATEWAY,
                &format!(
                    "what listens on port {} in the sandbox does not answer as a web server.",
                    self.port
                ),
            ),
        }
    }
}

/// To the page itself, without the token in the address.
fn entered(session: Option<&str>) -> Answer {
    let mut answer = said(StatusCode::SEE_OTHER, "to the page.");
    let headers = answer.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static("/"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookie = session
        .map(|session| format!("{COOKIE_NAME}={session}; Path=/; HttpOnly; SameSite=Strict"))
        .and_then(|cookie| HeaderValue::try_from(cookie).ok());
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    answer
}

fn refused(refusal: Refusal) -> Answer {
    let (status, why) = match refusal {
        Refusal::Host => (
            StatusCode::MISDIRECTED_REQUEST,
            "this preview is reached by its own name only.",
        ),
        Refusal::Origin => (
            StatusCode::FORBIDDEN,
            "another page asked for this preview.",
        ),
        Refusal::Token => (
            StatusCode::FORBIDDEN,
            "this address was used already, or is too old. Open the preview again from Agent Sandbox.",
        ),
        Refusal::Session => (
            StatusCode::FORBIDDEN,
            "this preview is opened from Agent Sandbox: choose Open preview there.",
        ),
    };
    said(status, why)
}
