//! What goes through, and what does not.

use std::collections::BTreeMap;

use sandbox_protocol::egress::{PASSED_MARK, REFUSED_MARK};
use sandbox_protocol::policy::Authority;

use super::*;

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
    let stage = stage(Reach::Approved, &["good.test", "good.test:8443"], &[]).await;
    let mut split = greeting(Some("good.test"));
    let tail = split.split_off(9);
    let firsts = [
        greeting(Some("other.test")),
        greeting(Some("good.test.evil.test")),
        greeting(Some("sub.good.test")),
        greeting(None),
        b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9\r\n".to_vec(),
        vec![0; 64],
        vec![22, 3, 1, 0xff, 0xff, 1, 2, 3],
    ];
    let ports = ["good.test:443", "good.test:8443"];
    for (target, first) in ports
        .iter()
        .flat_map(|port| firsts.iter().map(move |first| (port, first)))
    {
        let (mut client, answer) = stage.connect(target).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        client.write_all(first).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(piece(&mut client).await, "", "{target} {first:?}");
    }
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0, "upstream bytes");
    // The probe can succeed, also in two pieces.
    for target in ports {
        let (mut client, _) = stage.connect(target).await;
        client.write_all(&split).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.write_all(&tail).await.unwrap();
        assert_eq!(piece(&mut client).await, "pong", "{target}");
    }
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
async fn only_an_opened_port_leads_to_the_users_computer_and_only_through_the_engine() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, answer) = stage.connect("host.sandbox:11434").await;
    assert!(
        answer.starts_with("HTTP/1.1 403"),
        "nobody is there: {answer}"
    );
    let (_engine, mut arrive) = engine_of(&stage.gateway);
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

#[tokio::test]
async fn it_is_told_whether_the_rules_were_the_reason() {
    let stage = stage(
        Reach::Approved,
        &["good.test", "inside.test", "none.test"],
        &["blocked.test"],
    )
    .await;
    for (target, passed) in [
        ("inside.test:443", true),
        ("none.test:443", true),
        ("blocked.test:443", false),
        ("other.test:443", false),
        ("10.0.0.1:443", false),
    ] {
        let (_client, answer) = stage.connect(target).await;
        assert!(answer.contains(REFUSED_MARK), "{target}: {answer}");
        assert_eq!(answer.contains(PASSED_MARK), passed, "{target}: {answer}");
    }
}

/// As browsers open them ahead: nothing is told to anybody, and nobody was refused.
#[tokio::test]
async fn a_tunnel_that_is_closed_before_it_was_used_is_no_refusal() {
    let stage = stage(Reach::Approved, &["good.test"], &[]).await;
    for (said, refused) in [("", None), ("GET", Some(Refusal::Greeting))] {
        let (mut client, answer) = stage.connect("good.test:443").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        client.write_all(said.as_bytes()).await.unwrap();
        drop(client);
        let before = usize::from(refused.is_some());
        let decided = stage.decisions(before + 1).await;
        assert_eq!(decided[before].refused, refused, "{said:?}");
    }
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0);
}

/// Under its mark a program in the sandbox hides nothing that the self-test does not ask for.
#[tokio::test]
async fn the_self_test_is_told_and_carries_nothing() {
    let stage = stage(Reach::Approved, &["good.test", "other.test"], &[]).await;
    let tests = [
        "good.test:443",
        "10.0.0.1:443",
        &format!("{BLOCKED_HOST}:443"),
    ];
    let authority = |text: &&str| Authority::parse(text.as_bytes()).unwrap();
    stage.gateway.set_grant(Grant {
        tests: tests.iter().map(authority).collect(),
        ..stage.gateway.grant()
    });
    let (_listener, mut told, _) = stage.gateway.attend(0, true);
    let marked = async |target: &str| {
        let request = format!("CONNECT {target} HTTP/1.1\r\nX-Agent-Sandbox: self-test\r\n\r\n");
        stage.ask(&request).await
    };
    let (mut client, answer) = marked("good.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let _ = client.write_all(b"secret").await;
    let mut left = Vec::new();
    let ended = client.read_to_end(&mut left).await;
    assert!(ended.is_err() || left.is_empty(), "{left:?}");
    assert_eq!(stage.world.dialled.lock().unwrap().len(), 1);
    for refused in &tests[1..] {
        let (_, answer) = marked(refused).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{refused}: {answer}");
    }
    // A scan: near what is asked for, and nowhere near it.
    let scan = [
        ("10.0.0.1", 22),
        ("10.0.0.2", 443),
        ("169.254.169.254", 443),
        (BLOCKED_HOST, 80),
        ("good.test", 8443),
    ];
    for (host, port) in scan {
        let (_, answer) = marked(&format!("{host}:{port}")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    // What is approved is a tunnel like any other there.
    let (mut client, answer) = marked("other.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client
        .write_all(&greeting(Some("other.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    drop(client);
    let mut wanted = BTreeMap::from([((BLOCKED_HOST.to_owned(), 0, false), 3)]);
    wanted.extend(scan.map(|(host, port)| ((host.to_owned(), port, true), 1)));
    wanted.insert(("other.test".to_owned(), 443, false), 1);
    let all: u32 = wanted.values().sum();
    let mut entries = BTreeMap::new();
    for _ in 0..500 {
        entries.clear();
        for one in stage.decided() {
            *entries
                .entry((one.host, one.port, one.refused.is_some()))
                .or_insert(0) += one.count;
        }
        if entries.values().sum::<u32>() >= all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(entries, wanted);
    while let Ok(message) = told.try_recv() {
        assert!(!matches!(message, FromGateway::Ask(_)), "{message:?}");
    }
}
