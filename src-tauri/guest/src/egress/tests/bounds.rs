//! How long a connection may take, how much of it is held, and where a request ends.

use super::*;

/// How long until it is closed, of nothing but waiting.
async fn closes_after(client: &mut UnixStream) -> Duration {
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let mut left = Vec::new();
    let patience = Duration::from_secs(3600);
    let read = tokio::time::timeout(patience, client.read_to_end(&mut left));
    let _ = read.await.unwrap();
    assert_eq!(left, b"");
    let waited = begun.elapsed();
    tokio::time::resume();
    waited
}

#[tokio::test]
async fn a_head_and_a_greeting_that_do_not_end_are_waited_for_fifteen_seconds() {
    let stage = stage(Reach::Approved, &["good.test"], &[]).await;
    let bounds = Duration::from_secs(15)..Duration::from_secs(20);
    for begin in ["", "CONNECT good.test:443 HTTP/1.1\r\n"] {
        let mut client = stage.open();
        client.write_all(begin.as_bytes()).await.unwrap();
        let waited = closes_after(&mut client).await;
        assert!(bounds.contains(&waited), "{begin:?}: {waited:?}");
    }
    let hello = greeting(Some("good.test"));
    for begin in [&b""[..], &hello[..hello.len() - 1]] {
        let (mut client, answer) = stage.connect("good.test:443").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        client.write_all(begin).await.unwrap();
        let waited = closes_after(&mut client).await;
        assert!(bounds.contains(&waited), "{}: {waited:?}", begin.len());
    }
    assert_eq!(stage.seen.load(Ordering::SeqCst), 0);
    // One that greeted in time is not cut by it.
    let (mut client, _) = stage.connect("good.test:443").await;
    client.write_all(&hello).await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    client.write_all(b"ping").await.unwrap();
    assert_eq!(piece(&mut client).await, "pong");
}

#[tokio::test]
async fn a_greeting_is_held_up_to_its_bound() {
    let stage = stage(Reach::Approved, &["good.test"], &[]).await;
    for (padding, goes) in [
        (20 * 1024, true),
        (31 * 1024, true),
        (33 * 1024, false),
        (60 * 1024, false),
    ] {
        let seen = stage.seen.load(Ordering::SeqCst);
        let (mut client, _) = stage.connect("good.test:443").await;
        let hello = padded_greeting(Some("good.test"), padding);
        let _ = client.write_all(&hello).await;
        if goes {
            assert!(piece(&mut client).await.starts_with("pong"), "{padding}");
        } else {
            assert_eq!(piece(&mut client).await, "", "{padding}");
            assert_eq!(stage.seen.load(Ordering::SeqCst), seen, "{padding}");
        }
    }
}

/// However the bytes are split: what comes behind a body is no second request.
#[tokio::test]
async fn a_body_ends_where_it_says() {
    let stage = stage(Reach::Approved, &["good.test:80"], &[]).await;
    let heads = "Host: good.test\r\nContent-Length: 4\r\n";
    let sent = format!("POST /hold HTTP/1.1\r\n{heads}Connection: close\r\n\r\nbody").len();
    let head = format!("POST http://good.test/hold HTTP/1.1\r\n{heads}\r\n");
    let second = "GET http://good.test/second HTTP/1.1\r\nHost: other.test\r\n\r\n";
    let whole = format!("{head}body{second}");
    for cut in [0, 2, 4, 4 + second.len()] {
        let before = stage.seen.load(Ordering::SeqCst);
        let came = || stage.seen.load(Ordering::SeqCst) - before;
        let mut client = stage.open();
        let (first, rest) = whole.split_at(head.len() + cut);
        client.write_all(first.as_bytes()).await.unwrap();
        // The rest comes by itself.
        assert!(piece(&mut client).await.contains("part"));
        client.write_all(rest.as_bytes()).await.unwrap();
        for _ in 0..200 {
            if came() >= sent {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(came(), sent, "cut at {cut}");
    }
}
