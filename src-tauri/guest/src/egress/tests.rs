//! The gateway with a world of the test's own behind it.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox_protocol::egress::{Answer, Decided, FromGateway, Grant, Refusal, Subnet};
use sandbox_protocol::policy::{Policy, Reach, Reason};
use sandbox_protocol::streams::{End, Inbound, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

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
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
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

/// The site behind answers every piece with `pong`, and counts.
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
                    let answer: &[u8] = if plain {
                        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
                    } else {
                        b"pong"
                    };
                    let _ = stream.write_all(answer).await;
                    if plain {
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
    ]);
    let world = Arc::new(World {
        names,
        listener: address,
        lookups: Mutex::default(),
        dialled: Mutex::default(),
        moved: AtomicUsize::new(0),
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
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&[0, 2, 0xc0, 0x2f, 1, 0]);
    hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    hello.extend_from_slice(&extensions);
    let mut message = vec![1, 0];
    message.extend_from_slice(&(hello.len() as u16).to_be_bytes());
    message.extend_from_slice(&hello);
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&(message.len() as u16).to_be_bytes());
    record.extend_from_slice(&message);
    record
}

#[tokio::test]
async fn an_approved_tunnel_carries_bytes_both_ways_and_is_written_down() {
    let stage = stage(Reach::Approved, &["good.test"], &[]).await;
    let (mut client, answer) = stage.connect("Good.Test.:443").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client
        .write_all(&greeting(Some("good.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    drop(client);
    let decided = stage.decisions(1).await;
    assert_eq!(decided[0].refused, None);
    assert_eq!(
        (decided[0].host.as_str(), decided[0].received),
        ("good.test", 4)
    );
    assert_eq!(
        *stage.world.dialled.lock().unwrap(),
        ["203.0.113.5:443".parse().unwrap()]
    );
}

#[tokio::test]
async fn nothing_but_the_tunnels_own_name_in_tls_reaches_the_site() {
    let stage = stage(Reach::Approved, &["good.test"], &[]).await;
    let mut split = greeting(Some("good.test"));
    let tail = split.split_off(9);
    for first in [
        greeting(Some("other.test")),
        greeting(Some("good.test.evil.test")),
        greeting(Some("sub.good.test")),
        greeting(None),
        b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9\r\n".to_vec(),
        vec![0; 64],
        vec![22, 3, 1, 0xff, 0xff, 1, 2, 3],
    ] {
        let (mut client, answer) = stage.connect("good.test:443").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        client.write_all(&first).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(piece(&mut client).await, "", "{first:?}");
    }
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0, "upstream bytes");
    // The probe can succeed, also in two pieces.
    let (mut client, _) = stage.connect("good.test:443").await;
    client.write_all(&split).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.write_all(&tail).await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
}

#[tokio::test]
async fn a_denied_name_is_never_looked_up() {
    let stage = stage(Reach::Approved, &["good.test"], &["other.test"]).await;
    for target in [
        "other.test:443",
        "unknown.test:443",
        "x.good.test:443",
        "good.test:80",
        "10.0.0.1:443",
    ] {
        let (_, answer) = stage.connect(target).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{target}: {answer}");
        assert!(answer.contains("Agent Sandbox: "), "{answer}");
    }
    assert!(stage.world.lookups.lock().unwrap().is_empty());
    stage.connect("good.test:443").await;
    assert_eq!(
        *stage.world.lookups.lock().unwrap(),
        ["good.test"],
        "the probe can succeed"
    );
}

#[tokio::test]
async fn names_that_lead_inside_are_refused_in_every_mode() {
    for reach in [Reach::Approved, Reach::Open] {
        let rules = [
            "inside.test",
            "mixed.test",
            "mapped.test",
            "host.test",
            "other.test",
        ];
        let stage = stage(reach, &rules, &[]).await;
        for name in ["inside", "mixed", "mapped", "host"] {
            let (_, answer) = stage.connect(&format!("{name}.test:443")).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{name}: {answer}");
        }
        assert!(stage.world.dialled.lock().unwrap().is_empty(), "{reach:?}");
        let (_, answer) = stage.connect("other.test:443").await;
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "the probe can succeed: {answer}"
        );
    }
}

#[tokio::test]
async fn without_a_grant_nothing_goes() {
    let stage = stage(Reach::Open, &[], &[]).await;
    assert!(
        stage
            .connect("good.test:443")
            .await
            .1
            .starts_with("HTTP/1.1 200")
    );
    stage.gateway.set_grant(Grant::read(b"garbage"));
    let (_, answer) = stage.connect("good.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn a_plain_read_goes_through_and_only_one_of_them() {
    let stage = stage(Reach::Approved, &["good.test", "post.test:80"], &[]).await;
    let request = "GET http://good.test/x HTTP/1.1\r\nHost: good.test\r\n\r\n\
        GET http://good.test/second HTTP/1.1\r\nHost: other.test\r\n\r\n";
    let (mut client, answer) = stage.ask(request).await;
    assert!(answer.ends_with("pong"), "{answer}");
    assert_eq!(
        piece(&mut client).await,
        "",
        "the connection ends with its answer"
    );
    let sent = "GET /x HTTP/1.1\r\nHost: good.test\r\nConnection: close\r\n\r\n".len();
    assert_eq!(
        stage.seen.load(Ordering::SeqCst),
        sent,
        "the second request went nowhere"
    );
    let post = "POST http://good.test/x HTTP/1.1\r\nHost: good.test\r\nContent-Length: 2\r\n\r\nhi";
    let (_, answer) = stage.ask(post).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn taking_a_rule_away_cuts_what_it_let_through() {
    let stage = stage(Reach::Approved, &["good.test", "other.test"], &[]).await;
    let (mut cut, _) = stage.connect("good.test:443").await;
    let (mut kept, _) = stage.connect("other.test:443").await;
    for (client, name) in [(&mut cut, "good.test"), (&mut kept, "other.test")] {
        client.write_all(&greeting(Some(name))).await.unwrap();
        assert_eq!(piece(client).await, "pong");
    }
    stage
        .gateway
        .set_grant(grant(Reach::Approved, &["other.test"], &[]));
    assert_eq!(piece(&mut cut).await, "");
    kept.write_all(b"ping").await.unwrap();
    assert_eq!(piece(&mut kept).await, "pong", "the other one goes on");
}

#[tokio::test]
async fn the_user_is_asked_once_for_many_connections() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, answer) = stage.connect("good.test:443").await;
    assert!(
        answer.starts_with("HTTP/1.1 403"),
        "nobody is there: {answer}"
    );
    let (listener, mut told, _) = stage.gateway.attend(0, true);
    let request = "CONNECT good.test:443 HTTP/1.1\r\nUser-Agent: pip\r\n\r\n";
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut client = stage.open();
        client.write_all(request.as_bytes()).await.unwrap();
        waiting.push(client);
    }
    let Some(FromGateway::Ask(ask)) = told.recv().await else {
        panic!("no question");
    };
    assert_eq!(
        (ask.host.as_str(), ask.claim.as_deref()),
        ("good.test", Some("pip"))
    );
    stage.gateway.answer(ask.id, Answer::Once);
    for client in &mut waiting {
        assert!(piece(client).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask.id)));
    assert!(told.try_recv().is_err(), "one question for all");
    assert!(
        stage
            .connect("good.test:443")
            .await
            .1
            .starts_with("HTTP/1.1 200"),
        "once lasts"
    );
    // Blocked.
    let mut client = stage.open();
    client
        .write_all(b"CONNECT other.test:443 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let Some(FromGateway::Ask(ask)) = told.recv().await else {
        panic!("no question");
    };
    stage.gateway.answer(ask.id, Answer::Block);
    assert!(piece(&mut client).await.contains("the user has blocked it"));
    assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask.id)));
    // The window closes while somebody waits.
    let mut client = stage.open();
    client
        .write_all(b"CONNECT late.test:443 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert!(matches!(told.recv().await, Some(FromGateway::Ask(_))));
    stage.gateway.leave(listener);
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 403"));
    let refused = stage.decisions(3).await;
    assert!(refused.iter().any(|d| d.refused == Some(Refusal::User)));
}

#[tokio::test]
async fn a_connection_that_gives_up_takes_its_question_back() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    let task = {
        let gateway = stage.gateway.clone();
        tokio::spawn(async move {
            let target = sandbox_protocol::policy::Authority::parse(b"good.test:443").unwrap();
            gateway
                .admit(&target, sandbox_protocol::policy::Via::Tunnel, None)
                .await
        })
    };
    let Some(FromGateway::Ask(ask)) = told.recv().await else {
        panic!("no question");
    };
    task.abort();
    assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask.id)));
}

#[tokio::test]
async fn only_an_opened_port_leads_to_the_users_computer_and_only_through_the_engine() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, answer) = stage.connect("host.sandbox:11434").await;
    assert!(
        answer.starts_with("HTTP/1.1 403"),
        "nobody is there: {answer}"
    );
    let (engine, theirs) = UnixStream::pair().unwrap();
    let (_engine, mut arrive, driver) = join(engine, End::Engine, Inbound::Taken);
    tokio::spawn(driver);
    let (streams, _, driver) = join(theirs, End::Guest, Inbound::Refused);
    tokio::spawn(driver);
    stage.gateway.served_by(streams);
    let (_, answer) = stage.connect("host.sandbox:22").await;
    assert!(answer.contains("has not opened it"), "{answer}");

    let mut client = stage.open();
    client
        .write_all(b"CONNECT host.sandbox:11434 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut service = arrive.recv().await.unwrap();
    assert_eq!(service.wanted_port().await.unwrap(), 11434);
    service.answer(true).await.unwrap();
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 200"));
    client.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    service.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
    service.write_all(b"pong").await.unwrap();
    service.flush().await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    // Closing the port cuts what is open.
    stage.gateway.set_grant(Grant {
        services: Vec::new(),
        ..grant(Reach::Approved, &[], &[])
    });
    assert_eq!(piece(&mut client).await, "");
    assert!(
        stage.world.lookups.lock().unwrap().is_empty(),
        "never looked up"
    );
}

#[tokio::test]
async fn garbage_is_answered_or_dropped_and_never_reaches_anything() {
    let stage = stage(Reach::Open, &[], &[]).await;
    for noise in [
        "\r\n\r\n",
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let (_, answer) = stage.ask(noise).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{noise:?}: {answer}");
    }
    let mut client = stage.open();
    let _ = client.write_all(&vec![b'a'; 200 * 1024]).await;
    assert_eq!(piece(&mut client).await, "");
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0);
    let decided = stage.decided();
    assert!(decided.is_empty(), "{decided:?}");
    let offline = Refusal::Policy(Reason::Offline);
    stage.gateway.set_grant(Grant::default());
    stage.connect("good.test:443").await;
    assert_eq!(stage.decisions(1).await[0].refused, Some(offline));
}
