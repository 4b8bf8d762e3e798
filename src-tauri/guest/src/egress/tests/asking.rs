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
