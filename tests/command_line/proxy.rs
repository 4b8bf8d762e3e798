//! The proxy of the computer's network: offered, taken when the user says so, asked by CONNECT.

use std::io::{Read, Write, copy};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::bench_of_one::{Bench, feed};
use crate::network::{create, own_address, sh, tunnel};

const SITE: &str = "index.crates.io";

/// A small proxy on this computer's own network address.
struct Office {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Office {
    fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = asked.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let lines = lines.clone();
                std::thread::spawn(move || serve(client, &lines));
            }
        });
        Self {
            url: format!("http://{}:{port}", own_address()),
            asked,
        }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// One tunnel, wherever it is asked for; `None` at the first end of either side.
fn serve(mut client: TcpStream, lines: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let first = head.lines().next()?.to_owned();
    lines.lock().unwrap().push(first.clone());
    let target = first
        .strip_prefix("CONNECT ")?
        .split(' ')
        .next()?
        .to_owned();
    let Ok(mut upstream) = TcpStream::connect(target) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
        return None;
    };
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .ok()?;
    let (mut back, mut out) = (client.try_clone().ok()?, upstream.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = copy(&mut client, &mut out);
        let _ = out.shutdown(std::net::Shutdown::Write);
    });
    let _ = copy(&mut upstream, &mut back);
    let _ = back.shutdown(std::net::Shutdown::Both);
    Some(())
}

#[test]
fn gateways_go_by_the_proxy_and_the_rules_stay() {
    let office = Office::start();
    let bench = Bench::new();
    let id = create(&bench, &["--network", "approved", "--allow", SITE]);
    let fetch = format!("curl -sS -m 60 https://{SITE}/config.json");
    let said = sh(&bench, &id, &fetch).ended(0);
    assert!(
        said.out.contains("crates.io"),
        "straight out: {} {}",
        said.out,
        said.err
    );
    assert_eq!(office.asked(), Vec::<String>::new());

    // At once, while it runs.
    bench.run(["proxy", "--set", &office.url]).ended(0);
    let said = sh(&bench, &id, &fetch).ended(0);
    assert!(
        said.out.contains("crates.io"),
        "by the proxy: {} {}",
        said.out,
        said.err
    );
    assert_eq!(office.asked(), [format!("CONNECT {SITE}:443 HTTP/1.1")]);
    for (address, why) in [
        ("static.crates.io", "not approved"),
        ("169.254.169.254", "metadata"),
        ("127.0.0.1:22", "the gateway itself"),
        (
            office.url.strip_prefix("http://").unwrap(),
            "the proxy itself",
        ),
    ] {
        assert_eq!(tunnel(&bench, &id, address), "403", "{why}: {address}");
    }
    assert_eq!(
        office.asked(),
        Vec::<String>::new(),
        "the proxy heard of none of it"
    );

    // A gateway that is made anew goes by it too; one that is not there is said.
    bench.run(["stop", &id]).ended(0);
    bench.run(["start", &id]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "200");
    assert_eq!(office.asked().len(), 1);
    let nobody = format!("http://{}:9", own_address());
    bench.run(["proxy", "--set", &nobody]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "502");
    bench.run(["proxy", "--clear"]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "200");
    assert_eq!(office.asked(), Vec::<String>::new(), "straight out again");
}

#[test]
fn the_computers_own_proxy_is_offered_and_never_taken_by_itself() {
    let bench = Bench::new();
    let with = |proxy: &str, args: &[&str]| {
        let mut command = bench.command(args);
        feed(
            command.env_remove("HTTPS_PROXY").env("https_proxy", proxy),
            "",
        )
    };
    let office = "http://proxy.office.example:3128";
    let said = with(office, &["proxy", "--json"]).ended(0).json();
    assert_eq!(
        (said["proxy"].as_str(), said["offered"].as_str()),
        (None, Some(office))
    );
    let said = with(office, &["proxy", "--take", "--json"]).ended(0).json();
    assert_eq!(said["proxy"], office);
    // What it names later changes nothing.
    let said = with("http://other.example:1", &["proxy", "--json"])
        .ended(0)
        .json();
    assert_eq!(said["proxy"], office);
    bench.run(["proxy", "--clear"]).ended(0);

    let secret = "http://me:canary-password@proxy.office.example:3128";
    let said = with(secret, &["proxy"]).ended(0);
    assert!(said.out.contains("password"), "{}", said.out);
    assert!(!(said.out + &said.err).contains("canary"));
    with(secret, &["proxy", "--take"]).ended(1);
    for (wrong, why) in [
        ("https://proxy.example.com:3128", "http://"),
        ("http://localhost:3128", "localhost"),
        ("nonsense", "HOST:PORT"),
    ] {
        let said = bench.run(["proxy", "--set", wrong]).ended(2);
        assert!(said.err.contains(why), "{wrong}: {}", said.err);
    }
    bench.run(["proxy", "--take", "--clear"]).ended(2);
    assert_eq!(
        bench.run(["proxy", "--json"]).ended(0).json()["proxy"].as_str(),
        None
    );
}
