//! After a rule went, not one more byte goes out: at whatever point the connection is.

use super::*;

fn blocked() -> Grant {
    grant(Reach::Approved, &[], &["good.test", "slow.test"])
}

async fn open_to(target: &str) -> (Stage, UnixStream) {
    let allow = ["good.test", "good.test:22", "good.test:80", "slow.test"];
    let stage = stage(Reach::Approved, &allow, &[]).await;
    let (client, answer) = stage.connect(target).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    (stage, client)
}

/// Closed for whoever reads, whatever they still send.
async fn is_cut(client: &mut UnixStream, sends: &[u8]) {
    let _ = client.write_all(sends).await;
    assert_eq!(piece(client).await, "");
}

#[tokio::test]
async fn a_tunnel_that_is_blocked_before_its_greeting_carries_nothing() {
    let hello = greeting(Some("good.test"));
    let (first, last) = hello.split_at(20);
    for (target, before, after) in [
        ("good.test:443", &b""[..], &hello[..]),
        ("good.test:443", first, last),
        ("good.test:22", b"", b"SSH-2.0-OpenSSH_9\r\n"),
    ] {
        let (stage, mut client) = open_to(target).await;
        client.write_all(before).await.unwrap();
        stage.gateway.set_grant(blocked());
        is_cut(&mut client, after).await;
        assert_eq!(stage.seen.load(Ordering::SeqCst), 0, "{target}");
        let refused = Some(Refusal::Policy(Reason::Blocked));
        assert_eq!(stage.decisions(1).await[0].refused, refused);
    }
    let (_, mut client) = open_to("good.test:443").await;
    client.write_all(&hello).await.unwrap();
    assert_eq!(piece(&mut client).await, "pong", "the probe can succeed");
}

#[tokio::test]
async fn a_site_that_is_blocked_while_its_name_is_looked_up_is_not_dialled() {
    let plain = "GET http://slow.test/ HTTP/1.1\r\nHost: slow.test\r\n\r\n";
    let tunnel = "CONNECT slow.test:443 HTTP/1.1\r\n\r\n";
    for (request, is_blocked) in [
        (plain, true),
        (tunnel, true),
        (plain, false),
        (tunnel, false),
    ] {
        let stage = stage(Reach::Approved, &["slow.test"], &[]).await;
        let mut client = stage.open();
        client.write_all(request.as_bytes()).await.unwrap();
        while stage.world.lookups.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if is_blocked {
            stage.gateway.set_grant(blocked());
        }
        stage.world.found.notify_one();
        let answer = piece(&mut client).await;
        if is_blocked {
            assert!(answer.contains("the user has blocked it"), "{answer}");
        } else {
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let dialled = stage.world.dialled.lock().unwrap().len();
        assert_eq!(dialled, usize::from(!is_blocked), "{request}");
    }
}

#[tokio::test]
async fn a_plain_request_is_cut_in_its_answer_and_in_its_body() {
    let rules = ["good.test", "good.test:80"];
    let stage = stage(Reach::Approved, &rules, &[]).await;
    let get = "GET http://good.test/hold HTTP/1.1\r\nHost: good.test\r\n\r\n";
    let post =
        "POST http://good.test/hold HTTP/1.1\r\nHost: good.test\r\nContent-Length: 50\r\n\r\nbegun";
    for request in [get, post] {
        stage.gateway.set_grant(grant(Reach::Approved, &rules, &[]));
        let (mut client, answer) = stage.ask(request).await;
        assert!(answer.ends_with("part"), "{answer}");
        if request == post {
            client.write_all(b" goes on").await.unwrap();
            assert_eq!(piece(&mut client).await, "pong", "it goes on");
        }
        let seen = stage.seen.load(Ordering::SeqCst);
        stage.gateway.set_grant(blocked());
        is_cut(&mut client, b" and on").await;
        assert_eq!(stage.seen.load(Ordering::SeqCst), seen);
    }
}

#[tokio::test]
async fn a_service_that_is_closed_while_it_is_dialled_gets_nothing() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_engine, mut arrive) = engine_of(&stage.gateway);
    let mut client = stage.open();
    client
        .write_all(b"CONNECT host.sandbox:11434 HTTP/1.1\r\n\r\nearly")
        .await
        .unwrap();
    let mut service = arrive.recv().await.unwrap();
    assert_eq!(service.wanted_port().await.unwrap(), 11434);
    stage.gateway.set_grant(Grant {
        services: Vec::new(),
        ..grant(Reach::Approved, &[], &[])
    });
    let answer = piece(&mut client).await;
    assert!(answer.contains("has not opened it"), "{answer}");
    let _ = service.answer(true).await;
    let mut left = Vec::new();
    let _ = service.read_to_end(&mut left).await;
    assert_eq!(left, b"");
}
