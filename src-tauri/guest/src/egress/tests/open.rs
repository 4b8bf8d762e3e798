//! *Open*: every public site by its name. What a block by name would not hold for, and what nobody can look into, is
//! open by a rule only.

use super::*;

const SSH: &[u8] = b"SSH-2.0-OpenSSH_9\r\n";

/// What comes back of bytes that are no TLS.
async fn raw(stage: &Stage, target: &str) -> String {
    let (mut client, answer) = stage.connect(target).await;
    if !answer.starts_with("HTTP/1.1 200") {
        return answer;
    }
    let _ = client.write_all(SSH).await;
    piece(&mut client).await
}

#[tokio::test]
async fn a_blocked_site_is_not_reached_by_its_address() {
    let stage = stage(Reach::Open, &[], &["good.test"]).await;
    let mut greets = stage.connect("other.test:443").await.0;
    greets
        .write_all(&greeting(Some("other.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut greets).await, "pong", "the probe can succeed");
    stage.world.dialled.lock().unwrap().clear();
    let plain = "GET http://203.0.113.5/ HTTP/1.1\r\nHost: 203.0.113.5\r\n\r\n";
    for (_, answer) in [
        stage.connect("good.test:443").await,
        stage.connect("203.0.113.5:443").await,
        stage.connect("[2001:db8::5]:443").await,
        stage.ask(plain).await,
    ] {
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let (_, answer) = stage.connect("203.0.113.5:443").await;
    let words = "`agent-sandbox network SANDBOX --allow 203.0.113.5:443`";
    assert!(answer.contains(words), "{answer}");
    assert!(stage.world.dialled.lock().unwrap().is_empty());
    // By a rule that says so.
    stage
        .gateway
        .set_grant(grant(Reach::Open, &["203.0.113.5"], &["good.test"]));
    let (mut client, answer) = stage.connect("203.0.113.5:443").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client.write_all(&greeting(None)).await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
}

#[tokio::test]
async fn nothing_that_is_no_tls_goes_out_but_by_a_rule_that_states_the_port() {
    let stage = stage(Reach::Open, &["port.test"], &[]).await;
    for target in ["good.test:443", "good.test:8443", "good.test:2222"] {
        assert_eq!(raw(&stage, target).await, "", "{target}");
    }
    for target in ["good.test:22", "port.test:22", "203.0.113.5:22"] {
        let answer = raw(&stage, target).await;
        assert!(answer.starts_with("HTTP/1.1 403 Not approved"), "{answer}");
    }
    let answer = raw(&stage, "good.test:22").await;
    assert!(answer.contains("cannot be looked into"), "{answer}");
    assert!(answer.contains("--allow good.test:22"), "{answer}");
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0, "upstream bytes");
    stage
        .gateway
        .set_grant(grant(Reach::Open, &["good.test:22"], &[]));
    assert_eq!(raw(&stage, "good.test:22").await, "pong");
    assert_eq!(raw(&stage, "good.test:443").await, "");
}

/// Somebody who is there can open it until the sandbox stops, knowing that it is not looked into.
#[tokio::test]
async fn the_port_that_nobody_looks_into_is_asked_about_also_when_all_is_open() {
    let stage = stage(Reach::Open, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    let mut client = stage.open();
    client
        .write_all(b"CONNECT good.test:22 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let Some(FromGateway::Ask(ask)) = told.recv().await else {
        panic!("no question");
    };
    assert_eq!((ask.host.as_str(), ask.port), ("good.test", 22));
    stage.gateway.answer(ask.id, Answer::Once);
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 200"));
    client.write_all(SSH).await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    let mut other = stage.open();
    other
        .write_all(b"CONNECT other.test:22 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask.id)));
    assert!(matches!(told.recv().await, Some(FromGateway::Ask(_))));
}

/// The name of the user's own computer, by every way of asking and in every mode.
#[tokio::test]
async fn the_users_computer_is_never_looked_up() {
    for (reach, allow) in [
        (Reach::Open, &[][..]),
        (Reach::Approved, &["host.sandbox", "host.sandbox:80"][..]),
    ] {
        let stage = stage(reach, allow, &[]).await;
        for request in [
            "GET http://host.sandbox/ HTTP/1.1\r\nHost: host.sandbox\r\n\r\n",
            "GET http://HOST.sandbox.:11434/ HTTP/1.1\r\nHost: host.sandbox:11434\r\n\r\n",
            "POST http://host.sandbox/ HTTP/1.1\r\nHost: host.sandbox\r\nContent-Length: 0\r\n\r\n",
            "CONNECT host.sandbox:443 HTTP/1.1\r\n\r\n",
        ] {
            let (_, answer) = stage.ask(request).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{request}: {answer}");
        }
        let (_, answer) = stage
            .ask("GET http://host.sandbox:11434/ HTTP/1.1\r\nHost: host.sandbox:11434\r\n\r\n")
            .await;
        assert!(answer.contains("http://127.0.0.1:11434/"), "{answer}");
        assert_eq!(*stage.world.lookups.lock().unwrap(), Vec::<String>::new());
        let plain = "GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n";
        stage.gateway.set_grant(grant(reach, &["good.test"], &[]));
        stage.ask(plain).await;
        assert_eq!(*stage.world.lookups.lock().unwrap(), ["good.test"]);
    }
}
