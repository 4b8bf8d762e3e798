//! Routes with a played provider behind them: real TLS, its own authority, whatever answer a test wants.
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sandbox_protocol::egress::{FromGateway, Grant, Refusal};
use sandbox_protocol::policy::{Policy, Reach, Reason};
use sandbox_protocol::routes::{Credential, PLACEHOLDER, Route, Routes, Secret, Upstream};
use sandbox_protocol::streams::Wanted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::egress::connection::serve;
use crate::egress::outside::{Outside, Soon};
use crate::egress::state::Gateway;
use crate::egress::tests::engine_of;

const KEY: &str = "sk-canary-0123456789";
const TRUST: &[u8] = include_bytes!("played/ca.pem");

/// Every name leads to `address`; every address to the played provider.
struct World {
    address: IpAddr,
    provider: SocketAddr,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Outside for World {
    fn resolve(&self, _: String) -> Soon<'_, Vec<IpAddr>> {
        let address = self.address;
        Box::pin(async move { Ok(vec![address]) })
    }

    fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream> {
        self.dialled.lock().unwrap().push(to);
        Box::pin(TcpStream::connect(self.provider))
    }
}

struct Stage {
    gateway: Arc<Gateway>,
    world: Arc<World>,
    /// What the provider was sent, by connection.
    seen: Arc<Mutex<Vec<String>>>,
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(include_bytes!("played/api.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("played/api.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Reads one request with its body.
async fn request(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        if from.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The provider sends these pieces, one after the other, and closes; instead of an empty one it reads on.
async fn stage(pieces: Vec<Vec<u8>>) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = Arc::new(World {
        address: "203.0.113.5".parse().unwrap(),
        provider: listener.local_addr().unwrap(),
        dialled: Mutex::default(),
    });
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let sees = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sees, pieces) = (sees.clone(), pieces.clone());
            tokio::spawn(async move {
                let mut stream = acceptor().accept(stream).await?;
                let request = request(&mut stream).await?;
                let number = {
                    let mut sees = sees.lock().unwrap();
                    sees.push(request);
                    sees.len() - 1
                };
                for piece in pieces {
                    if piece.is_empty() {
                        let mut more = [0; 4096];
                        while let count @ 1.. = stream.read(&mut more).await? {
                            let more = String::from_utf8_lossy(&more[..count]);
                            sees.lock().unwrap()[number].push_str(&more);
                        }
                        return Ok(());
                    }
                    stream.write_all(&piece).await?;
                    stream.flush().await?;
                }
                stream.shutdown().await
            });
        }
    });
    let gateway = Gateway::new(world.clone());
    gateway.set_grant(grant(Reach::Approved, &[]));
    gateway.routes.put(routes(), TRUST);
    Stage {
        gateway,
        world,
        seen,
    }
}

fn grant(reach: Reach, deny: &[&str]) -> Grant {
    Grant {
        policy: Policy {
            reach,
            allow: Vec::new(),
            deny: deny.iter().map(|rule| rule.parse().unwrap()).collect(),
        },
        ..Grant::default()
    }
}

fn routes() -> Routes {
    let upstream = |host: &str| Upstream {
        host: host.to_owned(),
        port: 443,
        tls: true,
        by_computer: false,
    };
    let credential = |header: &str, prefix: &str| {
        Some(Credential {
            header: header.to_owned(),
            prefix: prefix.to_owned(),
            key: Secret::new(KEY.to_owned()).unwrap(),
        })
    };
    let route = |id: &str, host: &str| Route {
        id: id.to_owned(),
        upstream: upstream(host),
        base: String::new(),
        paths: vec!["/v1/messages".to_owned()],
        credential: credential("x-api-key", ""),
    };
    Routes {
        list: vec![
            route("played", "api.test"),
            route("impostor", "other.test"),
            Route {
                base: "/base".to_owned(),
                paths: Vec::new(),
                credential: credential("authorization", "Bearer "),
                ..route("bearer", "api.test")
            },
        ],
        as_before: Vec::new(),
    }
}

impl Stage {
    async fn ask(&self, request: &str) -> String {
        let mut client = self.open();
        client.write_all(request.as_bytes()).await.unwrap();
        all(&mut client).await
    }

    fn open(&self) -> UnixStream {
        let (client, server) = UnixStream::pair().unwrap();
        let gateway = self.gateway.clone();
        tokio::spawn(async move { serve(&gateway, server).await });
        client
    }

    /// How the only request ended, once it was written down.
    async fn decided(&self) -> Option<Refusal> {
        for _ in 0..500 {
            self.gateway
                .tell_decisions(Instant::now() + Duration::from_secs(60));
            let (listener, _, told) = self.gateway.attend(0, false);
            self.gateway.leave(listener);
            for message in told {
                if let FromGateway::Decided(decided) = message {
                    return decided.refused;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing was written down");
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn all(client: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let read = client.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn post(path: &str, more: &str) -> String {
    format!(
        "POST /keys/{path} HTTP/1.1\r\nHost: 127.0.0.1:3128\r\nx-api-key: {PLACEHOLDER}\r\n\
         Authorization: Bearer {PLACEHOLDER}\r\nCookie: a=b\r\nAccept-Encoding: gzip\r\n{more}Content-Length: 4\r\n\r\nbody"
    )
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[tokio::test]
async fn the_key_goes_to_its_provider_and_what_the_program_sent_does_not() {
    let stage = stage(vec![OK.to_vec()]).await;
    let answer = stage
        .ask(&post(
            "played/v1/messages?beta=true&key=mine",
            "anthropic-version: 1\r\n",
        ))
        .await;
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
    let seen = stage.seen().remove(0);
    assert!(
        seen.starts_with("POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.test\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains(&format!("\r\nx-api-key: {KEY}\r\n")),
        "{seen}"
    );
    assert!(
        seen.contains("Accept-Encoding: identity") && seen.contains("anthropic-version: 1"),
        "{seen}"
    );
    assert!(seen.ends_with("\r\n\r\nbody"), "{seen}");
    for stripped in [PLACEHOLDER, "Cookie", "mine", "gzip", "Authorization"] {
        assert!(!seen.contains(stripped), "{stripped}: {seen}");
    }
    assert_eq!(
        *stage.world.dialled.lock().unwrap(),
        ["203.0.113.5:443".parse().unwrap()]
    );
    stage.ask(&post("bearer/v1/chat", "")).await;
    let seen = stage.seen().remove(1);
    assert!(
        seen.starts_with("POST /base/v1/chat HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(
        seen.contains(&format!("authorization: Bearer {KEY}\r\n")),
        "{seen}"
    );
}

#[tokio::test]
async fn what_comes_back_streams_and_never_holds_the_key() {
    let (first, second) = KEY.split_at(7);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len()).into_bytes();
    let pieces = vec![
        format!("HTTP/1.1 200 OK\r\nX-Echo: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes(),
        chunk("data: one\n\n"),
        chunk(&format!("data: {first}")),
        chunk(&format!("{second}\n\n")),
        Vec::new(),
    ];
    let stage = stage(pieces).await;
    let mut client = stage.open();
    client
        .write_all(post("played/v1/messages", "").as_bytes())
        .await
        .unwrap();
    let stars = "*".repeat(KEY.len());
    let mut text = String::new();
    while !text.contains(&format!("{}\n\n", &stars[7..])) {
        let mut piece = [0; 4096];
        let count = tokio::time::timeout(Duration::from_secs(30), client.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
        assert!(count > 0, "it ended: {text}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    assert!(
        text.contains(&format!("X-Echo: {stars}")) && !text.contains(first),
        "{text}"
    );
    assert!(
        text.contains("b\r\ndata: one\n\n\r\n"),
        "each event as it comes: {text}"
    );
    // Taken away while it streams: it is cut, without an end that could be taken for one.
    stage.gateway.routes.put(Routes::default(), TRUST);
    let rest = all(&mut client).await;
    assert!(
        !rest.contains("0\r\n\r\n") && !rest.contains("HTTP/1.1"),
        "{rest}"
    );
}

/// The beginning of an answer that goes on for as long as the provider likes.
const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";

#[tokio::test]
async fn a_rule_that_blocks_the_provider_cuts_what_streams_and_what_is_sent() {
    for rules in [
        grant(Reach::Approved, &["api.test"]),
        grant(Reach::Open, &["api.test"]),
        Grant::default(),
    ] {
        let stage = stage(vec![BEGUN.to_vec(), Vec::new()]).await;
        let mut client = stage.open();
        client
            .write_all(post("played/v1/messages", "").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        while !text.contains("begun\r\n") {
            let mut piece = [0; 4096];
            let count = client.read(&mut piece).await.unwrap();
            assert!(count > 0, "it ended: {text}");
            text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
        // A rule about another site leaves it alone.
        stage
            .gateway
            .set_grant(grant(Reach::Approved, &["other.test"]));
        let more = tokio::time::timeout(Duration::from_millis(50), client.read_u8()).await;
        assert!(more.is_err(), "it goes on");
        stage.gateway.set_grant(rules);
        let rest = all(&mut client).await;
        assert_eq!(rest, "", "cut, without an end that could be taken for one");
        let refused = stage.decided().await;
        assert!(matches!(refused, Some(Refusal::Policy(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_blocked_while_the_program_sends_gets_no_more() {
    let stage = stage(vec![OK.to_vec()]).await;
    let request = post("played/v1/messages", "");
    let (first, rest) = request.split_at(request.len() - 2);
    let mut client = stage.open();
    client.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage
        .gateway
        .set_grant(grant(Reach::Approved, &["api.test"]));
    let _ = client.write_all(rest.as_bytes()).await;
    let answer = all(&mut client).await;
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("has blocked it"),
        "{answer}"
    );
    assert_eq!(stage.seen(), Vec::<String>::new(), "never whole");
}

/// However the bytes are split: what comes behind a body is no second request, with the key or without.
#[tokio::test]
async fn a_body_ends_where_it_says() {
    let second = "POST /v1/organizations HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n";
    let first = post("played/v1/messages", "");
    let whole = format!("{first}{second}");
    for cut in [first.len() - 4, first.len() - 2, first.len(), whole.len()] {
        // It waits before it answers, so that all that is sent would come.
        let stage = stage(vec![BEGUN.to_vec(), Vec::new()]).await;
        let mut client = stage.open();
        let (early, rest) = whole.split_at(cut);
        client.write_all(early.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.write_all(rest.as_bytes()).await.unwrap();
        let mut piece = [0; 5];
        client.read_exact(&mut piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = stage.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].ends_with("\r\n\r\nbody"), "cut at {cut}: {seen:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_is_not_passed_on() {
    for (answer, why) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\npacked",
            "packed",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n6\r\npacked\r\n0\r\n\r\n",
            "two ways",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\npacked",
            "another protocol",
        ),
    ] {
        let stage = stage(vec![answer.as_bytes().to_vec()]).await;
        let said = stage.ask(&post("played/v1/messages", "")).await;
        assert!(
            said.starts_with("HTTP/1.1 502") && said.contains(why),
            "{said}"
        );
        assert!(!said.contains("6\r\npacked"), "{said}");
    }
    let stage = stage(vec![
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n".to_vec(),
    ])
    .await;
    let said = stage.ask(&post("played/v1/messages", "")).await;
    assert!(
        said.contains("hi") && !said.contains("0\r\n\r\n"),
        "no end after a fault: {said}"
    );
}

#[tokio::test]
async fn only_the_provider_itself_gets_it() {
    // Its certificate is for another name.
    let stage = stage(vec![OK.to_vec()]).await;
    let said = stage.ask(&post("impostor/v1/messages", "")).await;
    assert!(
        said.starts_with("HTTP/1.1 502") && said.contains("did not prove who it is"),
        "{said}"
    );
    // Nobody vouches for it.
    stage.gateway.routes.put(routes(), b"");
    let said = stage.ask(&post("played/v1/messages", "")).await;
    assert!(said.contains("no certificates"), "{said}");
    assert_eq!(stage.seen(), Vec::<String>::new());
    // Its name leads to the user's own network.
    let stage = Stage {
        world: Arc::new(World {
            address: "10.0.0.1".parse().unwrap(),
            provider: stage.world.provider,
            dialled: Mutex::default(),
        }),
        ..stage
    };
    let gateway = Gateway::new(stage.world.clone());
    gateway.set_grant(grant(Reach::Approved, &[]));
    gateway.routes.put(routes(), TRUST);
    let inside = Stage { gateway, ..stage };
    let said = inside.ask(&post("played/v1/messages", "")).await;
    assert!(
        said.starts_with("HTTP/1.1 403") && said.contains("private"),
        "{said}"
    );
    assert!(inside.world.dialled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn rules_go_before_keys_and_each_key_is_for_its_model() {
    let stage = stage(vec![OK.to_vec()]).await;
    let asks = post("played/v1/messages", "");
    assert!(
        stage.ask(&asks).await.starts_with("HTTP/1.1 200"),
        "the probe can succeed"
    );
    for (grant, refused) in [
        (Grant::default(), Reason::Offline),
        (grant(Reach::Approved, &["api.test"]), Reason::Blocked),
        (grant(Reach::Open, &["api.test"]), Reason::Blocked),
    ] {
        stage.gateway.set_grant(grant);
        assert!(
            stage.ask(&asks).await.starts_with("HTTP/1.1 403"),
            "{refused:?}"
        );
    }
    stage.gateway.set_grant(grant(Reach::Approved, &[]));
    for (path, status) in [
        ("played/v1/organizations/api_keys", "403"),
        ("played/v1/messages/../organizations", "400"),
        ("played/v1/messages%2f..%2f", "400"),
        ("nobody/v1/messages", "404"),
    ] {
        let said = stage.ask(&post(path, "")).await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {said}"
        );
        assert!(!said.contains(KEY), "{said}");
    }
    let chunked = "POST /keys/played/v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(stage.ask(chunked).await.starts_with("HTTP/1.1 400"));
    assert_eq!(stage.seen().len(), 1);
    let said = stage
        .ask("HEAD /keys/played HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(stage.seen().len(), 1, "a look needs no key");
    stage
        .gateway
        .tell_decisions(Instant::now() + Duration::from_secs(60));
    let (_, _, told) = stage.gateway.attend(0, false);
    let decided: Vec<_> = told
        .into_iter()
        .filter_map(|message| match message {
            FromGateway::Decided(decided) => Some((decided.host, decided.method, decided.refused)),
            _ => None,
        })
        .collect();
    let beside = Some(Refusal::BesideModel);
    assert!(
        decided.contains(&("api.test".to_owned(), "POST+key".to_owned(), beside)),
        "{decided:?}"
    );
    assert!(
        decided.contains(&("api.test".to_owned(), "POST+key".to_owned(), None)),
        "{decided:?}"
    );
    let blocked = Some(Refusal::Policy(Reason::Blocked));
    assert!(
        decided.contains(&("api.test".to_owned(), "POST+key".to_owned(), blocked)),
        "{decided:?}"
    );
}

#[tokio::test]
async fn a_key_that_cannot_be_read_again_stays_and_one_that_is_taken_away_goes() {
    let stage = stage(vec![OK.to_vec(), OK.to_vec()]).await;
    let shelf = &stage.gateway.routes;
    let before = shelf.find("played").unwrap();
    // Certificates come with keys only.
    let given = Routes {
        list: Vec::new(),
        as_before: vec!["played".to_owned(), "never".to_owned()],
    };
    shelf.put(given, b"");
    assert_eq!(shelf.find("played"), Some(before));
    assert_eq!(shelf.find("bearer"), None, "it was not named");
    let said = stage.ask(&post("played/v1/messages", "")).await;
    assert!(said.starts_with("HTTP/1.1 200"), "it is used: {said}");
    let said = stage.ask(&post("never/v1/messages", "")).await;
    assert!(said.contains("unlock the keychain"), "{said}");
    let said = stage.ask(&post("bearer/v1/messages", "")).await;
    assert!(said.contains("no key is kept"), "{said}");

    // What comes again takes the place of what was there.
    let newer = Route {
        base: "/newer".to_owned(),
        ..routes().list.remove(0)
    };
    let given = Routes {
        list: vec![newer.clone()],
        as_before: vec!["played".to_owned()],
    };
    shelf.put(given, TRUST);
    assert_eq!(shelf.find("played").as_deref(), Some(&newer));
    shelf.put(Routes::default(), b"");
    assert_eq!(shelf.find("played"), None);
}

#[tokio::test]
async fn a_server_of_the_users_own_is_reached_by_the_computer_or_not_at_all() {
    let stage = stage(vec![OK.to_vec()]).await;
    let own = Route {
        id: "own".to_owned(),
        upstream: Upstream {
            host: "127.0.0.1".to_owned(),
            port: 11434,
            tls: false,
            by_computer: true,
        },
        base: String::new(),
        paths: Vec::new(),
        credential: None,
    };
    let clear = Route {
        id: "clear".to_owned(),
        upstream: Upstream {
            host: "api.test".to_owned(),
            port: 80,
            tls: false,
            by_computer: false,
        },
        ..own.clone()
    };
    let list = vec![own, clear];
    let given = Routes {
        list,
        ..Routes::default()
    };
    stage.gateway.routes.put(given, TRUST);
    let said = stage.ask(&post("own/v1/chat/completions", "")).await;
    assert!(said.starts_with("HTTP/1.1 504"), "nobody is there: {said}");
    let said = stage.ask(&post("clear/v1", "")).await;
    assert!(
        said.starts_with("HTTP/1.1 502"),
        "never in the clear: {said}"
    );

    let (_engine, mut arrive) = engine_of(&stage.gateway);
    tokio::spawn(async move {
        while let Some(mut there) = arrive.recv().await {
            assert_eq!(there.wanted().await.unwrap(), Wanted::Route("own".into()));
            there.answer(true).await.unwrap();
            let asked = request(&mut there).await.unwrap();
            assert!(asked.contains("Host: 127.0.0.1:11434\r\n"), "{asked}");
            assert!(!asked.contains(PLACEHOLDER), "{asked}");
            there.write_all(OK).await.unwrap();
            there.shutdown().await.unwrap();
        }
    });
    let said = stage.ask(&post("own/v1/chat/completions", "")).await;
    assert!(said.ends_with("\r\n\r\nhi"), "{said}");
}
