//! A service of this computer, opened on purpose by its port, and nothing else of it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use sandbox_engine::SandboxId;
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use support::containers::Run;

use crate::house::House;

/// A service that answers each connection with what it was sent, on loopback only.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    if stream.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// What comes back from a port of the sandbox's own loopback; empty where nothing listens.
async fn said(house: &House, id: &SandboxId, port: u16) -> String {
    let script = format!(
        "(exec 3<>/dev/tcp/127.0.0.1/{port} && echo hello >&3 && head -n 1 <&3) 2>/dev/null; true"
    );
    let command = ["timeout", "20", "bash", "-c", &script].map(str::to_owned);
    let running = house.engine.exec(id, command.to_vec(), Vec::new()).await;
    let (_, out, _) = running.unwrap().collect(4096).await.unwrap();
    String::from_utf8(out).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_port_is_reached_and_no_other() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let (opened, other) = (echo(), echo());
    let network = NetworkPolicy {
        mode: NetworkMode::Approved,
        services: vec![opened],
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(network, true).await;
    assert_eq!(
        said(&house, &id, opened).await,
        "",
        "with no window: refused"
    );
    house.engine.attend(&id);
    let until = Instant::now() + Duration::from_secs(20);
    while said(&house, &id, opened).await != "hello" {
        assert!(Instant::now() < until, "never reached");
    }
    assert_eq!(said(&house, &id, other).await, "", "it was not opened");
    // A program that asks the gateway itself gets no further.
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT host.sandbox:{other} HTTP/1.1\\r\\n\\r\\n' >&3; head -n 1 <&3"
    );
    let command = ["timeout", "20", "bash", "-c", &ask].map(str::to_owned);
    let running = house.engine.exec(&id, command.to_vec(), Vec::new()).await;
    let (_, out, _) = running.unwrap().collect(4096).await.unwrap();
    assert!(String::from_utf8_lossy(&out).starts_with("HTTP/1.1 403"));

    let close = NetworkChange {
        services: Some(Vec::new()),
        ..NetworkChange::default()
    };
    house.engine.set_network(&id, &close).await.unwrap();
    assert_eq!(said(&house, &id, opened).await, "", "closed again");
    house.engine.remove(&id).await.unwrap();
}
