//! Questions to the user.

use super::*;

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

/// The next question that is told.
async fn next_ask(told: &mut mpsc::Receiver<FromGateway>) -> sandbox_protocol::egress::Ask {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), told.recv());
        match next.await.unwrap().unwrap() {
            FromGateway::Ask(ask) => return ask,
            _ => continue,
        }
    }
}

/// Asks for a tunnel to `good.test` that must wait for the user; gives it and the question.
async fn waits(stage: &Stage, told: &mut mpsc::Receiver<FromGateway>) -> (UnixStream, u64) {
    let mut client = stage.open();
    client
        .write_all(b"CONNECT good.test:443 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let ask = next_ask(told).await;
    assert_eq!((ask.host.as_str(), ask.port), ("good.test", 443));
    (client, ask.id)
}

#[tokio::test]
async fn always_lasts_as_long_as_its_rule() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    let (mut client, ask) = waits(&stage, &mut told).await;
    // As the engine does it: the rule, then the answer.
    stage
        .gateway
        .set_grant(grant(Reach::Approved, &["good.test"], &[]));
    stage.gateway.answer(ask, Answer::Always);
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 200"));
    client
        .write_all(&greeting(Some("good.test")))
        .await
        .unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    // Taken away: what is open is cut, and the next one is asked about.
    stage.gateway.set_grant(grant(Reach::Approved, &[], &[]));
    assert_eq!(piece(&mut client).await, "");
    let (mut client, ask) = waits(&stage, &mut told).await;
    // Without its rule the answer is worth nothing.
    stage.gateway.answer(ask, Answer::Always);
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn once_ends_where_a_rule_decides_and_when_the_sandbox_goes_offline() {
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    for between in [
        grant(Reach::Approved, &["good.test"], &[]),
        grant(Reach::Approved, &[], &["good.test"]),
        grant(Reach::Offline, &[], &[]),
    ] {
        let (mut client, ask) = waits(&stage, &mut told).await;
        stage.gateway.answer(ask, Answer::Once);
        assert!(piece(&mut client).await.starts_with("HTTP/1.1 200"));
        // A rule about another site changes nothing.
        stage
            .gateway
            .set_grant(grant(Reach::Approved, &["other.test"], &[]));
        let (_, answer) = stage.connect("good.test:443").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "once lasts: {answer}");
        stage.gateway.set_grant(between);
        stage.gateway.set_grant(grant(Reach::Approved, &[], &[]));
    }
    waits(&stage, &mut told).await;
}

/// By another window, or the command line.
#[tokio::test]
async fn a_rule_that_comes_while_a_connection_waits_decides() {
    for (rules, says) in [
        (grant(Reach::Approved, &["good.test"], &[]), "200"),
        (grant(Reach::Open, &[], &[]), "200"),
        (grant(Reach::Approved, &[], &["good.test"]), "403"),
        (Grant::default(), "403"),
    ] {
        let stage = stage(Reach::Approved, &[], &[]).await;
        let (_, mut told, _) = stage.gateway.attend(0, true);
        let (mut client, ask) = waits(&stage, &mut told).await;
        stage
            .gateway
            .set_grant(grant(Reach::Approved, &["other.test"], &[]));
        stage.gateway.set_grant(rules);
        let answer = piece(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {says}")), "{answer}");
        assert_eq!(told.recv().await, Some(FromGateway::AskEnded(ask)));
    }
}

/// Whoever floods the user with names gets no more of them shown, and a name that waits already is no new one.
#[tokio::test]
async fn only_so_many_questions_wait_at_once() {
    const MOST: usize = 32;
    let stage = stage(Reach::Approved, &[], &[]).await;
    let (_, mut told, _) = stage.gateway.attend(0, true);
    let mut waiting = Vec::new();
    for number in 0..MOST {
        let mut client = stage.open();
        let request = format!("CONNECT n{number}.test:443 HTTP/1.1\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let ask = next_ask(&mut told).await;
        waiting.push((client, ask.id));
    }
    let (_, answer) = stage.connect("one-more.test:443").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let mut joins = stage.open();
    joins
        .write_all(b"CONNECT n0.test:443 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    // One that is answered makes room.
    let (mut client, ask) = waiting.remove(1);
    stage.gateway.answer(ask, Answer::Block);
    assert!(piece(&mut client).await.starts_with("HTTP/1.1 403"));
    let (_good, _) = waits(&stage, &mut told).await;
    stage.gateway.answer(waiting[0].1, Answer::Block);
    assert!(piece(&mut joins).await.starts_with("HTTP/1.1 403"));
}
