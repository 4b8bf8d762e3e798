//! The proxy of an office, played.
#![allow(clippy::unwrap_used)]
use super::*;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sandbox_protocol::egress::{Grant, Subnet};
use sandbox_protocol::policy::{Policy, Reach};
use sandbox_protocol::streams::{UPSTREAM_PROXY, Wanted};
use tokio::net::{TcpListener, TcpStream};

use crate::egress::connection::serve;
use crate::egress::outside::{Outside, Soon};
use crate::egress::state::Gateway;
use crate::egress::tests::{engine_of, greeting, piece};

/// A network whose only way out is its proxy.
struct Office {
    proxy: SocketAddr,
    lookups: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Outside for Office {
    fn resolve(&self, name: String) -> Soon<'_, Vec<IpAddr>> {
        self.lookups.lock().unwrap().push(name.clone());
        let found = match name.as_str() {
            "proxy.office" => Ok(vec!["10.1.2.3".parse().unwrap()]),
            "loop.office" => Ok(vec!["127.0.0.1".parse().unwrap()]),
            _ => Err(io::Error::other("nobody outside is known here")),
        };
        Box::pin(async move { found })
    }

    fn connect(&self, to: SocketAddr) -> Soon<'_, TcpStream> {
        self.dialled.lock().unwrap().push(to);
        Box::pin(TcpStream::connect(self.proxy))
    }
}

struct Stage {
    gateway: Arc<Gateway>,
    office: Arc<Office>,
    /// First lines that the proxy was asked.
    asked: Arc<Mutex<Vec<String>>>,
    /// All of it.
    heads: Arc<Mutex<Vec<String>>>,
    /// What came behind the heads.
    bodies: Arc<Mutex<Vec<u8>>>,
}

/// The proxy answers a tunnel as it is told, then `pong` to every piece.
async fn stage(host: &str, answer: &'static str) -> Stage {
    let proxy = UpstreamProxy {
        host: host.to_owned(),
        port: 3128,
        by_computer: false,
        log_in: None,
    };
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsaid";
    stage_of(proxy, answer, plain).await
}

async fn stage_of(upstream: UpstreamProxy, answer: &'static str, plain: &'static str) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = asked.clone();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = heads.clone();
    let bodies: Arc<Mutex<Vec<u8>>> = Arc::default();
    let behind = bodies.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = head(&mut stream).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head).into_owned();
            let first = head.lines().next().unwrap_or_default().to_owned();
            let is_tunnel = first.starts_with("CONNECT");
            lines.lock().unwrap().push(first);
            all.lock().unwrap().push(head.clone());
            let said = if is_tunnel { answer } else { plain };
            let _ = stream.write_all(said.as_bytes()).await;
            let behind = behind.clone();
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece).await {
                    behind.lock().unwrap().extend_from_slice(&piece[..count]);
                    let _ = stream.write_all(b"pong").await;
                }
            });
        }
    });
    let office = Arc::new(Office {
        proxy,
        lookups: Mutex::default(),
        dialled: Mutex::default(),
    });
    let gateway = Gateway::new(office.clone());
    gateway.set_grant(Grant {
        policy: Policy {
            reach: Reach::Approved,
            allow: ["good.test", "*.wide.test"]
                .map(|rule| rule.parse().unwrap())
                .into(),
            deny: vec!["bad.wide.test".parse().unwrap()],
        },
        refused: vec![Subnet::parse("203.0.113.99").unwrap()],
        services: Vec::new(),
        upstream: Some(upstream),
        tests: Vec::new(),
    });
    Stage {
        gateway,
        office,
        asked,
        heads,
        bodies,
    }
}

impl Stage {
    async fn ask(&self, request: &str) -> (UnixStream, String) {
        let (mut client, server) = UnixStream::pair().unwrap();
        let gateway = self.gateway.clone();
        tokio::spawn(async move { serve(&gateway, server).await });
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = piece(&mut client).await;
        (client, answer)
    }
}

const YES: &str = "HTTP/1.1 200 Connection established\r\nVia: office\r\n\r\n";

#[tokio::test]
async fn approved_names_go_by_the_proxy_and_are_not_looked_up_here() {
    let stage = stage("proxy.office", YES).await;
    let (mut client, answer) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        !answer.contains("office"),
        "the proxy's own words stay outside: {answer}"
    );
    client
        .write_all(&greeting(Some("good.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong", "both ways");
    let plain = "GET http://good.test/a?b HTTP/1.1\r\nHost: good.test\r\n\r\n";
    let (_, answer) = stage.ask(plain).await;
    assert!(answer.ends_with("said"), "{answer}");
    let asked = [
        "CONNECT good.test:443 HTTP/1.1",
        "GET http://good.test/a?b HTTP/1.1",
    ];
    assert_eq!(*stage.asked.lock().unwrap(), asked);
    assert_eq!(
        *stage.office.lookups.lock().unwrap(),
        ["proxy.office", "proxy.office"]
    );
    let proxy: SocketAddr = "10.1.2.3:3128".parse().unwrap();
    assert_eq!(*stage.office.dialled.lock().unwrap(), [proxy, proxy]);
}

#[tokio::test]
async fn the_rules_about_names_stay() {
    let stage = stage("10.1.2.3", YES).await;
    for (target, why) in [
        ("other.test:443", "nobody approved it"),
        ("bad.wide.test:443", "it is blocked"),
        ("good.test:8443", "another port"),
        ("10.0.0.1:443", "a private address"),
        ("169.254.169.254:443", "metadata"),
        ("203.0.113.99:443", "this computer"),
        ("proxy.office:3128", "the proxy itself"),
    ] {
        let (_, answer) = stage
            .ask(&format!("CONNECT {target} HTTP/1.1\r\n\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{why}: {answer}");
    }
    assert_eq!(
        *stage.asked.lock().unwrap(),
        Vec::<String>::new(),
        "the proxy heard of none"
    );
    assert_eq!(*stage.office.lookups.lock().unwrap(), Vec::<String>::new());
    // A tunnel is still for the site that it was asked for.
    let (mut client, _) = stage.ask("CONNECT a.wide.test:443 HTTP/1.1\r\n\r\n").await;
    client
        .write_all(&greeting(Some("b.wide.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "", "cut");
}

#[tokio::test]
async fn what_the_proxy_refuses_or_mumbles_is_said_and_nothing_else_is_tried() {
    for (answer, status, words) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "502", "refused it"),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "502",
            "wants a name and password",
        ),
        ("nonsense\r\n\r\n", "502", "does not answer"),
    ] {
        let stage = stage("proxy.office", answer).await;
        let (_, said) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}: {said}"
        );
        assert!(said.contains(words), "{answer}: {said}");
        assert_eq!(stage.office.dialled.lock().unwrap().len(), 1, "{answer}");
    }
    for nowhere in [
        "loop.office",
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "0.0.0.0",
        "gone.office",
    ] {
        let stage = stage(nowhere, YES).await;
        let (_, said) = stage.ask("CONNECT good.test:443 HTTP/1.1\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 502"), "{nowhere}: {said}");
        assert_eq!(stage.office.dialled.lock().unwrap().len(), 0, "{nowhere}");
    }
}
/// `me:canary-password`
const LOG_IN: &str = "bWU6Y2FuYXJ5LXBhc3N3b3Jk";
const WANTS: &str =
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";

fn with_password() -> UpstreamProxy {
    UpstreamProxy {
        host: "proxy.office".to_owned(),
        port: 3128,
        by_computer: false,
        log_in: Secret::new(LOG_IN.to_owned()),
    }
}

const TUNNEL: &str = "CONNECT good.test:443 HTTP/1.1\r\n\r\n";
const PLAIN: &str = "GET http://good.test/a HTTP/1.1\r\nHost: good.test\r\nAccept-Encoding: gzip\r\n\
    Proxy-Authorization: Basic bXk6b3du\r\n\r\n";

#[tokio::test]
async fn the_password_is_shown_to_the_proxy_only() {
    // A proxy that shows it to the site, and a site that repeats what it was shown.
    let echo = "HTTP/1.1 200 OK\r\nX-Saw: Basic bWU6Y2FuYXJ5LXBhc3N3b3Jk\r\n\
        Content-Length: 24\r\n\r\nbWU6Y2FuYXJ5LXBhc3N3b3Jk";
    let stage = stage_of(with_password(), YES, echo).await;
    let (mut client, answer) = stage.ask(TUNNEL).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client
        .write_all(&greeting(Some("good.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    let (mut client, mut answer) = stage.ask(PLAIN).await;
    while !answer.ends_with('*') {
        answer += &piece(&mut client).await;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(&"*".repeat(LOG_IN.len())), "{answer}");
    assert!(!answer.contains(LOG_IN), "{answer}");
    for head in &*stage.heads.lock().unwrap() {
        let shown: Vec<&str> = head
            .lines()
            .filter_map(|line| line.strip_prefix("Proxy-Authorization: Basic "))
            .collect();
        assert_eq!(shown, [LOG_IN], "{head}");
        assert!(!head.to_ascii_lowercase().contains("encoding"), "{head}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_another_password_is_said_in_words_and_asks_nobody_inside() {
    let refused = "does not take the name and password";
    let wanted = "wants a name and password";
    let nobody = || UpstreamProxy {
        log_in: None,
        ..with_password()
    };
    for (proxy, words) in [(with_password(), refused), (nobody(), wanted)] {
        for request in [TUNNEL, PLAIN] {
            let stage = stage_of(proxy.clone(), WANTS, WANTS).await;
            let (mut client, mut answer) = stage.ask(request).await;
            answer += &piece(&mut client).await;
            assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
            assert!(answer.contains(words), "{answer}");
            for never in ["407", "Proxy-Authenticate", "canary", LOG_IN] {
                assert!(!answer.contains(never), "{never}: {answer}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_on_the_users_computer_is_reached_by_the_engine_only() {
    let here = UpstreamProxy {
        host: "localhost".to_owned(),
        by_computer: true,
        ..with_password()
    };
    let stage = stage_of(here, YES, "").await;
    let (_, answer) = stage.ask(TUNNEL).await;
    assert!(answer.contains("does not answer"), "no engine: {answer}");
    let (_engine, mut arrive) = engine_of(&stage.gateway);
    for (request, first) in [(TUNNEL, TUNNEL), (PLAIN, "GET http://good.test/a ")] {
        let asking = stage.ask(request);
        let answering = async {
            let mut proxy = arrive.recv().await.unwrap();
            let wanted = proxy.wanted().await.unwrap();
            assert_eq!(wanted, Wanted::Route(UPSTREAM_PROXY.to_owned()));
            proxy.answer(true).await.unwrap();
            let head = String::from_utf8(head(&mut proxy).await.unwrap()).unwrap();
            assert!(head.starts_with(first.trim_end()), "{head}");
            assert!(head.contains(LOG_IN), "{head}");
            let yes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            proxy.write_all(yes.as_bytes()).await.unwrap();
            proxy.flush().await.unwrap();
            proxy
        };
        let ((mut client, answer), mut proxy) = tokio::join!(asking, answering);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        if request == TUNNEL {
            let hello = greeting(Some("good.test"));
            client.write_all(&hello).await.unwrap();
            let mut came = vec![0; hello.len()];
            proxy.read_exact(&mut came).await.unwrap();
            assert_eq!(came, hello);
            proxy.write_all(b"pong").await.unwrap();
            proxy.flush().await.unwrap();
            assert_eq!(piece(&mut client).await, "pong");
        }
    }
    assert!(stage.office.dialled.lock().unwrap().is_empty());
    // Whether they are known to lead inside: nobody knows them here, so they are the proxy's.
    let lookups = stage.office.lookups.lock().unwrap();
    assert!(!lookups.is_empty() && lookups.iter().all(|name| name == "good.test"));
}

#[tokio::test]
async fn no_name_leads_into_the_proxys_own_computer_or_network() {
    for by_computer in [false, true] {
        let proxy = UpstreamProxy {
            by_computer,
            ..with_password()
        };
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsaid";
        let stage = stage_of(proxy, YES, plain).await;
        let open = Grant {
            policy: Policy {
                reach: Reach::Open,
                allow: Vec::new(),
                deny: Vec::new(),
            },
            ..stage.gateway.grant()
        };
        stage.gateway.set_grant(open);
        for name in [
            "localhost",
            "a.localhost",
            "router",
            "printer.local",
            "metadata.google.internal",
            "nas.home.arpa",
        ] {
            let (_, answer) = stage
                .ask(&format!("CONNECT {name}:443 HTTP/1.1\r\n\r\n"))
                .await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{name}: {answer}");
            let (_, answer) = stage
                .ask(&format!(
                    "GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n"
                ))
                .await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{name}: {answer}");
        }
        // One that is known here to lead inside: only a proxy on the computer itself is that near.
        let (_, answer) = stage.ask("CONNECT loop.office:443 HTTP/1.1\r\n\r\n").await;
        let says = if by_computer { "403" } else { "200" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {says}")), "{answer}");
        assert_eq!(stage.asked.lock().unwrap().len(), usize::from(!by_computer));
    }
}

fn with_posts(grant: Grant) -> Grant {
    Grant {
        policy: Policy {
            allow: vec!["good.test:80".parse().unwrap()],
            ..grant.policy
        },
        ..grant
    }
}

const POST: &str =
    "POST http://good.test/a HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\n\r\n";

/// However the bytes are split: what comes behind a body is no second request to the proxy.
#[tokio::test]
async fn a_body_ends_where_it_says() {
    let second = "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n";
    let whole = format!("{POST}body{second}");
    for cut in [0, 2, 4, 4 + second.len()] {
        let stage = stage("proxy.office", YES).await;
        stage.gateway.set_grant(with_posts(stage.gateway.grant()));
        let (first, rest) = whole.split_at(POST.len() + cut);
        let (mut client, answer) = stage.ask(first).await;
        assert!(answer.contains("said"), "{answer}");
        client.write_all(rest.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let bodies = stage.bodies.lock().unwrap().clone();
        assert_eq!(bodies, b"body", "cut at {cut}");
    }
}

#[tokio::test]
async fn a_plain_request_by_the_proxy_is_cut_when_its_rule_goes() {
    let stage = stage("proxy.office", YES).await;
    let before = stage.gateway.grant();
    // In its answer, and in its body.
    for (request, more) in [(PLAIN, ""), (POST, "bo")] {
        stage.bodies.lock().unwrap().clear();
        let rules = [before.clone(), with_posts(before.clone())];
        let [reads, posts] = rules;
        stage
            .gateway
            .set_grant(if request == POST { posts } else { reads });
        let (mut client, answer) = stage.ask(&format!("{request}{more}")).await;
        assert!(answer.contains("said"), "{answer}");
        while *stage.bodies.lock().unwrap() != more.as_bytes() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut blocked = before.clone();
        blocked.policy.deny.push("good.test".parse().unwrap());
        stage.gateway.set_grant(blocked);
        let _ = client.write_all(b"dy").await;
        let mut left = Vec::new();
        let closed = client.read_to_end(&mut left);
        let _ = tokio::time::timeout(Duration::from_secs(20), closed)
            .await
            .unwrap();
        assert_eq!(*stage.bodies.lock().unwrap(), more.as_bytes());
    }
}
