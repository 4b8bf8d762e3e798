//! The allowlist as a program in the sandbox meets it: many ways of asking, each by a tunnel and by a plain
//! request, and what was looked up and dialled for it.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sandbox_protocol::egress::{FromGateway, PATIENCE};
use sandbox_protocol::policy::Reach;
use tokio::io::AsyncWriteExt;

use super::tests::{greeting, piece, stage};

/// What the gateway says: let through, refused, no request at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    Nonsense,
}
use Says::{No, Nonsense, Yes};

fn said(answer: &str) -> Says {
    match answer.get(9..12) {
        Some("200") => Yes,
        Some("403") => No,
        Some("400") => Nonsense,
        _ => panic!("{answer:?}"),
    }
}

/// As host and port: by `CONNECT`, and by `GET http://…/`.
const TABLE: [(&str, Says, Says); 73] = [
    ("good.test:443", Yes, No),
    ("GOOD.test:443", Yes, No),
    ("good.test.:443", Yes, No),
    ("GooD.TeSt.:443", Yes, No),
    ("good.test:80", No, Yes),
    ("good.test.:80", No, Yes),
    ("good.test:8443", No, No),
    ("good.test:22", No, No),
    ("good.test:65535", No, No),
    ("good.test:0", Nonsense, Nonsense),
    ("good.test:65536", Nonsense, Nonsense),
    ("good.test:+443", Nonsense, Nonsense),
    ("good.test:-1", Nonsense, Nonsense),
    ("good.test:443x", Nonsense, Nonsense),
    ("good.test:0x1bb", Nonsense, Nonsense),
    ("good.test:443:443", Nonsense, Nonsense),
    ("good.test:", Nonsense, Nonsense),
    ("good.test..:443", Nonsense, Nonsense),
    (".good.test:443", Nonsense, Nonsense),
    ("good..test:443", Nonsense, Nonsense),
    ("-good.test:443", Nonsense, Nonsense),
    ("good-.test:443", Nonsense, Nonsense),
    ("good_.test:443", Nonsense, Nonsense),
    ("_good.test:443", Nonsense, Nonsense),
    ("x.good.test:443", No, No),
    ("notgood.test:443", No, No),
    ("good.tes:443", No, No),
    ("good.test.evil.test:443", No, No),
    ("evil.test.good.test:443", No, No),
    ("goodxtest:443", No, No),
    ("good:443", No, No),
    ("test:443", No, No),
    ("*.good.test:443", Nonsense, Nonsense),
    ("good.test%00.evil.test:443", Nonsense, Nonsense),
    ("good.test%2eevil.test:443", Nonsense, Nonsense),
    ("evil.test%20good.test:443", Nonsense, Nonsense),
    ("good.test@evil.test:443", Nonsense, Nonsense),
    ("evil.test@good.test:443", Nonsense, Nonsense),
    ("user:pass@good.test:443", Nonsense, Nonsense),
    ("good.test\\evil.test:443", Nonsense, Nonsense),
    ("good.test,evil.test:443", Nonsense, Nonsense),
    ("good.test;evil.test:443", Nonsense, Nonsense),
    ("good.test|evil.test:443", Nonsense, Nonsense),
    ("\u{ff47}ood.test:443", Nonsense, Nonsense),
    ("g\u{43e}\u{43e}d.test:443", Nonsense, Nonsense),
    ("good\u{3002}test:443", Nonsense, Nonsense),
    ("good.test\u{200b}:443", Nonsense, Nonsense),
    ("xn--good.test:443", No, No),
    ("sub.wide.test:443", Yes, No),
    ("a.b.wide.test:443", Yes, No),
    ("sub.wide.test:80", No, Yes),
    ("wide.test:443", No, No),
    ("xwide.test:443", No, No),
    ("bad.wide.test:443", No, No),
    ("x.bad.wide.test:443", Yes, No),
    ("BAD.wide.test.:443", No, No),
    ("port.test:8443", Yes, Yes),
    ("port.test:443", No, No),
    ("port.test:80", No, No),
    ("203.0.113.5:443", No, No),
    ("127.0.0.1:443", No, No),
    ("127.1:443", Nonsense, Nonsense),
    ("0x7f.0.0.1:443", Nonsense, Nonsense),
    ("0177.0.0.1:443", Nonsense, Nonsense),
    ("2130706433:443", Nonsense, Nonsense),
    ("10.0.0.1:443", No, No),
    ("169.254.169.254:80", No, No),
    ("[::1]:443", No, No),
    ("[::ffff:127.0.0.1]:443", No, No),
    ("[fe80::1%25lo]:443", Nonsense, Nonsense),
    ("::1:443", Nonsense, Nonsense),
    ("localhost:443", No, No),
    ("host.docker.internal:80", No, No),
];

#[tokio::test]
async fn each_way_of_asking_is_answered_as_the_table_says_and_nothing_else_is_looked_up() {
    let allow = ["good.test", "*.wide.test", "port.test:8443"];
    let stage = stage(Reach::Approved, &allow, &["bad.wide.test"]).await;
    let mut wrong = Vec::new();
    for (target, tunnel, plain) in TABLE {
        for (request, expected) in [
            (format!("CONNECT {target} HTTP/1.1\r\n\r\n"), tunnel),
            (
                format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n"),
                plain,
            ),
        ] {
            let seen = stage.seen.load(Ordering::SeqCst);
            stage.world.lookups.lock().unwrap().clear();
            let (_client, answer) = stage.ask(&request).await;
            let verb = request.split(' ').next().unwrap().to_owned();
            if said(&answer) != expected {
                wrong.push(format!("{verb} {target}: {:?}", said(&answer)));
            }
            let looked_up = !stage.world.lookups.lock().unwrap().is_empty();
            if looked_up != (expected == Yes) {
                wrong.push(format!("{verb} {target}: looked up: {looked_up}"));
            }
            let moved = stage.seen.load(Ordering::SeqCst) != seen;
            if moved && expected != Yes {
                wrong.push(format!("{verb} {target}: bytes went out"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The name leads to a public address when it is asked for, and inside an instant later.
#[tokio::test]
async fn a_name_that_moves_inside_is_dialled_where_it_was_vetted() {
    let stage = stage(Reach::Approved, &["moves.test"], &[]).await;
    let (mut client, answer) = stage.connect("moves.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client
        .write_all(&greeting(Some("moves.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    let dialled: Vec<IpAddr> = {
        let dialled = stage.world.dialled.lock().unwrap();
        dialled.iter().map(std::net::SocketAddr::ip).collect()
    };
    assert_eq!(dialled, ["203.0.113.5".parse::<IpAddr>().unwrap()]);
    assert_eq!(stage.world.lookups.lock().unwrap().len(), 1, "asked once");
    let (_, answer) = stage.connect("moves.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(stage.world.dialled.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_is_refused_in_the_end() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    let asking = tokio::spawn({
        let gateway = stage.gateway.clone();
        async move {
            let target = sandbox_protocol::policy::Authority::parse(b"good.test:443").unwrap();
            let begun = tokio::time::Instant::now();
            let via = sandbox_protocol::policy::Via::Tunnel;
            (gateway.admit(&target, via, None).await, begun.elapsed())
        }
    });
    let Some(FromGateway::Ask(ask)) = told.recv().await else {
        panic!("no question");
    };
    let (admitted, waited) = asking.await.unwrap();
    assert!(admitted.is_err());
    let patience = Duration::from_secs(PATIENCE);
    assert!(waited >= patience && waited < patience * 2, "{waited:?}");
    assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask.id)));
}
