//! The gateway with a world of the test's own behind it.
#![allow(clippy::unwrap_used)]

mod asking;
mod bounds;
mod cut;
mod open;
mod rules;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox_protocol::egress::{
    Answer, BLOCKED_HOST, Decided, FromGateway, Grant, Refusal, Subnet,
};
use sandbox_protocol::policy::{Policy, Reach, Reason};
use sandbox_protocol::streams::{End, Inbound, Stream, Streams, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, mpsc};

use super::connection::serve;
use super::outside::{Outside, Soon};
use super::state::Gateway;

/// Names lead where the test says; every address leads to one listener.
pub(super) struct World {
    names: HashMap<&'static str, Vec<IpAddr>>,
    listener: SocketAddr,
    pub(super) lookups: Mutex<Vec<String>>,
    pub(super) dialled: Mutex<Vec<SocketAddr>>,
    moved: AtomicUsize,
    /// `slow.test` is found from then on.
    found: Notify,
}

impl Outside for World {
    fn resolve(&self, name: String) -> Soon<'_, Vec<IpAddr>> {
        self.lookups.lock().unwrap().push(name.clone());
        let found = match name.as_str() {
            // Public when first asked for.
            "moves.test" => {
                let first = self.moved.fetch_add(1, Ordering::SeqCst) == 0;
                let address = if first { "203.0.113.5" } else { "10.0.0.1" };
                Some(vec![address.parse().unwrap()])
            }
            name if name.ends_with(".wide.test") => self.names.get("good.test").cloned(),
            name => self.names.get(name).cloned(),
        };
        Box::pin(async move {
            if name == "slow.test" {
                self.found.notified().await;
            }
            found.ok_or_else(|| io::Error::other("no such name"))
        })
    }

    fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream> {
        self.dialled.lock().unwrap().push(to);
        Box::pin(TcpStream::connect(self.listener))
    }
}

pub(super) struct Stage {
    pub(super) gateway: Arc<Gateway>,
    pub(super) world: Arc<World>,
    /// Bytes that the site behind has seen.
    pub(super) seen: Arc<AtomicUsize>,
}

/// An engine that serves a gateway: what comes from it. It ends with the first.
pub(super) fn engine_of(gateway: &Gateway) -> (Streams, mpsc::Receiver<Stream>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (engine, arrive, driver) = join(ours, End::Engine, Inbound::Taken);
    tokio::spawn(driver);
    let (guest, _, driver) = join(theirs, End::Guest, Inbound::Refused);
    tokio::spawn(driver);
    gateway.served_by(guest);
    (engine, arrive)
}

/// The site behind answers every piece with `pong`, and counts. What is asked of `/hold` it answers in part and goes on
/// reading.
pub(super) async fn stage(reach: Reach, allow: &[&str], deny: &[&str]) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece).await {
                    counter.fetch_add(count, Ordering::SeqCst);
                    let plain = piece.starts_with(b"GET") || piece.starts_with(b"POST");
                    let line = piece.split(|byte| *byte == b'\r').next();
                    let holds = plain && line.unwrap().windows(5).any(|five| five == b"/hold");
                    let answer: &[u8] = if holds {
                        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart"
                    } else if plain {
                        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
                    } else {
                        b"pong"
                    };
                    let _ = stream.write_all(answer).await;
                    if plain && !holds {
                        return;
                    }
                }
            });
        }
    });
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let names = HashMap::from([
        ("good.test", vec![ip("203.0.113.5")]),
        ("other.test", vec![ip("203.0.113.6")]),
        ("port.test", vec![ip("203.0.113.7")]),
        ("inside.test", vec![ip("10.0.0.1")]),
        ("mixed.test", vec![ip("203.0.113.5"), ip("169.254.169.254")]),
        ("mapped.test", vec![ip("::ffff:10.0.0.1")]),
        ("host.test", vec![ip("203.0.113.99")]),
        ("slow.test", vec![ip("203.0.113.8")]),
    ]);
    let world = Arc::new(World {
        names,
        listener: address,
        lookups: Mutex::default(),
        dialled: Mutex::default(),
        moved: AtomicUsize::new(0),
        found: Notify::new(),
    });
    let gateway = Gateway::new(world.clone());
    gateway.set_grant(grant(reach, allow, deny));
    Stage {
        gateway,
        world,
        seen,
    }
}

fn grant(reach: Reach, allow: &[&str], deny: &[&str]) -> Grant {
    let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Grant {
        policy: Policy {
            reach,
            allow: rules(allow),
            deny: rules(deny),
        },
        // This computer's own public address.
        refused: vec![Subnet::parse("203.0.113.99").unwrap()],
        services: vec![11434],
        upstream: None,
        tests: Vec::new(),
    }
}

impl Stage {
    fn open(&self) -> UnixStream {
        let (client, server) = UnixStream::pair().unwrap();
        let gateway = self.gateway.clone();
        tokio::spawn(async move { serve(&gateway, server).await });
        client
    }

    /// Sends a request and reads the answer's first piece.
    pub(super) async fn ask(&self, request: &str) -> (UnixStream, String) {
        let mut client = self.open();
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = piece(&mut client).await;
        (client, answer)
    }

    pub(super) async fn connect(&self, target: &str) -> (UnixStream, String) {
        self.ask(&format!(
            "CONNECT {target} HTTP/1.1\r\nUser-Agent: pip\r\n\r\n"
        ))
        .await
    }

    fn decided(&self) -> Vec<Decided> {
        self.gateway
            .tell_decisions(Instant::now() + Duration::from_secs(60));
        let (listener, _, missed) = self.gateway.attend(0, false);
        self.gateway.leave(listener);
        missed
            .into_iter()
            .filter_map(|message| match message {
                FromGateway::Decided(decided) => Some(decided),
                _ => None,
            })
            .collect()
    }

    /// Waits until the gateway wrote down so many.
    async fn decisions(&self, count: usize) -> Vec<Decided> {
        for _ in 0..500 {
            let decided = self.decided();
            if decided.len() >= count {
                return decided;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {:?}", self.decided());
    }
}

/// Empty: closed without a word.
pub(super) async fn piece(from: &mut UnixStream) -> String {
    let mut bytes = [0; 8192];
    let read = tokio::time::timeout(Duration::from_secs(20), from.read(&mut bytes));
    let count = read.await.unwrap().unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// A TLS 1.2 greeting, as short as readers take it.
pub(super) fn greeting(name: Option<&str>) -> Vec<u8> {
    padded_greeting(name, 0)
}

/// Likewise, longer by so many bytes, in as many records as it takes.
fn padded_greeting(name: Option<&str>, padding: usize) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, body: &[u8]| {
        extensions.extend_from_slice(&kind.to_be_bytes());
        extensions.extend_from_slice(&(body.len() as u16).to_be_bytes());
        extensions.extend_from_slice(body);
    };
    if let Some(name) = name {
        let mut body = ((name.len() + 3) as u16).to_be_bytes().to_vec();
        body.push(0);
        body.extend_from_slice(&(name.len() as u16).to_be_bytes());
        body.extend_from_slice(name.as_bytes());
        extension(0, &body);
    }
    // Signature algorithms, groups, point formats.
    extension(13, &[0, 2, 4, 3]);
    extension(10, &[0, 2, 0, 23]);
    extension(11, &[1, 0]);
    if padding > 0 {
        extension(21, &vec![0; padding]);
    }
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&[0, 2, 0xc0, 0x2f, 1, 0]);
    hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    hello.extend_from_slice(&extensions);
    let mut message = vec![1, 0];
    message.extend_from_slice(&(hello.len() as u16).to_be_bytes());
    message.extend_from_slice(&hello);
    let mut records = Vec::new();
    for part in message.chunks(16 * 1024) {
        records.extend_from_slice(&[22, 3, 1]);
        records.extend_from_slice(&(part.len() as u16).to_be_bytes());
        records.extend_from_slice(part);
    }
    records
}
