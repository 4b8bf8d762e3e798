//! The guarded network on a real engine. `index.crates.io` is the site that can be reached: this test was
//! built with crates from there.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench_of_one::{Bench, Said};

const SITE: &str = "https://index.crates.io/config.json";

pub fn create(bench: &Bench, more: &[&str]) -> String {
    let project = bench.project();
    let mut args = vec!["create", "--json", project.to_str().unwrap()];
    args.extend(more);
    let said = bench.run(args).ended(0);
    said.json()["id"].as_str().unwrap().to_owned()
}

pub fn sh(bench: &Bench, id: &str, script: &str) -> Said {
    bench.run(["exec", id, "--", "sh", "-c", script])
}

/// The proxy's status for a tunnel, as curl tells it: 200, 403, 000 where there is no proxy at all.
pub fn tunnel(bench: &Bench, id: &str, address: &str) -> String {
    let script = format!(
        "curl -s -m 30 -x http://127.0.0.1:3128 --noproxy '' -o /dev/null -w '%{{http_connect}}' https://{address} || true"
    );
    sh(bench, id, &script).ended(0).out
}

/// Listens on every address of this computer and counts who comes.
fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let counter = came.clone();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        }
    });
    (port, came)
}

/// The address by which this computer reaches others.
pub fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip().to_string()
}

#[test]
fn approved_sites_are_reached_and_nothing_else() {
    let bench = Bench::new();
    let id = create(
        &bench,
        &["--network", "approved", "--allow", "index.crates.io"],
    );

    let said = sh(&bench, &id, &format!("curl -sS -m 60 {SITE}"));
    assert!(said.out.contains("crates.io"), "{} {}", said.out, said.err);
    for (address, why) in [
        ("static.crates.io", "a sibling"),
        ("index.crates.io.example.com", "a name that begins alike"),
        ("1.1.1.1", "a bare address"),
        ("169.254.169.254", "metadata"),
        ("127.0.0.1:22", "the gateway itself"),
        ("index.crates.io:8443", "another port"),
    ] {
        assert_eq!(tunnel(&bench, &id, address), "403", "{why}: {address}");
    }
    let said = sh(&bench, &id, "curl -s -m 30 http://example.com/").ended(0);
    assert!(
        said.out.contains("tell the user which site"),
        "{}",
        said.out
    );
    // Tools that ask the environment, Node's own fetch and the JVM are told of the way, each in its own words.
    let told = sh(&bench, &id, "env").ended(0).out;
    let way = "127.0.0.1:3128";
    for (name, value) in [
        ("http_proxy", format!("http://{way}")),
        ("https_proxy", format!("http://{way}")),
        ("HTTP_PROXY", format!("http://{way}")),
        ("HTTPS_PROXY", format!("http://{way}")),
        ("no_proxy", "localhost,127.0.0.1,::1".to_owned()),
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ] {
        let line = format!("{name}={value}");
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
    let jvm = told
        .lines()
        .find(|one| one.starts_with("JAVA_TOOL_OPTIONS="));
    let jvm = jvm.unwrap_or_default();
    for scheme in ["http", "https"] {
        let words = format!("-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort=3128");
        assert!(jvm.contains(&words), "{jvm}");
    }
    // Past the proxy there is nothing: no interface, no names.
    sh(&bench, &id, &format!("curl -s -m 5 --noproxy '*' {SITE}")).ended(6);
    sh(&bench, &id, "curl -s -m 5 --noproxy '*' https://1.1.1.1").ended(7);
    sh(
        &bench,
        &id,
        "ls /sys/class/net | grep -qvx lo && exit 9; exit 0",
    )
    .ended(0);
    // The socket's folder is not the sandbox's to change.
    sh(
        &bench,
        &id,
        "rm -f /run/agent-sandbox/egress.sock 2>/dev/null; test -S /run/agent-sandbox/egress.sock",
    )
    .ended(0);
    sh(
        &bench,
        &id,
        "touch /run/agent-sandbox/x 2>/dev/null && exit 9; exit 0",
    )
    .ended(0);
}

#[test]
fn this_computer_is_reached_by_no_way() {
    let bench = Bench::new();
    let id = create(&bench, &["--network", "open"]);
    let (port, came) = canary();
    let own = own_address();

    assert_eq!(
        tunnel(&bench, &id, "index.crates.io"),
        "200",
        "open is open"
    );
    // The probe succeeds where nothing protects: on the gateway's own network there is a way to this computer.
    let networks = docker(&[
        "inspect",
        "-f",
        "{{.HostConfig.NetworkMode}}",
        &format!("agent-sandbox-{id}-gateway"),
    ]);
    let images = docker(&["images", "-q", "agent-sandbox/env"]);
    let image = images.lines().next().unwrap();
    let url = format!("http://{own}:{port}/");
    let reached = docker(&[
        "run",
        "--rm",
        "--network",
        &networks,
        image,
        "curl",
        "-s",
        "-m",
        "10",
        &url,
    ]);
    assert_eq!(reached, "hi", "the canary answers");
    let before = came.load(Ordering::SeqCst);

    // Nor is another sandbox, by its gateway.
    let other = create(&bench, &["--network", "open"]);
    let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    for id_there in [&id, &other] {
        let name = format!("agent-sandbox-{id_there}-gateway");
        let there = docker(&["inspect", "-f", address, &name]);
        assert_eq!(tunnel(&bench, &id, &there), "403", "{there}");
    }
    for address in [
        own.as_str(),
        "172.17.0.1",
        "127.0.0.1",
        "host.docker.internal",
        "localhost",
        "0.0.0.0",
    ] {
        let script = format!(
            "curl -s -m 10 -x http://127.0.0.1:3128 http://{address}:{port}/ ; \
             curl -s -m 10 -x http://127.0.0.1:3128 -k https://{address}:{port}/ ; \
             curl -s -m 5 --noproxy '*' http://{address}:{port}/ ; exit 0"
        );
        sh(&bench, &id, &script).ended(0);
    }
    assert_eq!(came.load(Ordering::SeqCst), before, "somebody got through");
}

#[test]
fn rules_change_while_it_runs_and_offline_takes_the_way_out_away() {
    let bench = Bench::new();
    let id = create(&bench, &["--network", "approved"]);
    let (code, site) = ("403", "index.crates.io");
    assert_eq!(tunnel(&bench, &id, site), code, "nothing is approved yet");
    sh(&bench, &id, "touch /tmp/still-the-same").ended(0);

    let said = bench
        .run(["network", &id, "--allow", site, "--json"])
        .ended(0);
    assert_eq!(said.json()["allow"][0], site);
    assert_eq!(tunnel(&bench, &id, site), "200");
    bench
        .run(["network", &id, "--block", "*.crates.io"])
        .ended(0);
    assert_eq!(tunnel(&bench, &id, site), code, "deny beats allow");
    bench
        .run(["network", &id, "--forget", "*.crates.io"])
        .ended(0);
    assert_eq!(tunnel(&bench, &id, site), "200");
    sh(&bench, &id, "test -e /tmp/still-the-same").ended(0);

    // What is no rule is named, and nothing changes.
    let said = bench.run(["network", &id, "--allow", "http://x"]).ended(1);
    assert!(said.err.contains("http://x"), "{}", said.err);
    assert_eq!(tunnel(&bench, &id, site), "200");

    bench.run(["network", &id, "offline"]).ended(0);
    assert_eq!(tunnel(&bench, &id, site), "000", "there is no proxy at all");
    sh(&bench, &id, "test -e /run/agent-sandbox").ended(1);
    assert_eq!(
        docker(&["ps", "-aq", "--filter", &format!("name={id}-gateway")]),
        ""
    );
    bench.run(["network", &id, "approved"]).ended(0);
    assert_eq!(tunnel(&bench, &id, site), "200", "its rules were kept");

    bench.run(["remove", &id]).ended(0);
    for kind in ["ps -aq", "volume ls -q"] {
        let mut args: Vec<&str> = kind.split(' ').collect();
        let filter = format!("name={id}");
        args.extend(["--filter", &filter]);
        assert_eq!(docker(&args), "", "{kind}: something is left");
    }
}

#[test]
fn without_its_gateway_nothing_goes_and_a_start_brings_it_back() {
    let bench = Bench::new();
    let id = create(&bench, &["--network", "open"]);
    assert_eq!(tunnel(&bench, &id, "index.crates.io"), "200");
    docker(&["kill", &format!("agent-sandbox-{id}-gateway")]);
    let said = sh(&bench, &id, "curl -s -m 10 http://example.com/");
    assert!(
        said.out.contains("guarded network is not running"),
        "{}",
        said.out
    );
    bench.run(["start", &id]).ended(0);
    assert_eq!(tunnel(&bench, &id, "index.crates.io"), "200");
    // Restarted by somebody else it knows no policy, and denies,
    docker(&["restart", "-t", "0", &format!("agent-sandbox-{id}-gateway")]);
    let past_us = "curl -s -m 30 -o /dev/null -w '%{http_connect}' https://index.crates.io; true";
    let name = format!("agent-sandbox-{id}");
    assert_eq!(docker(&["exec", &name, "sh", "-c", past_us]), "403");
    // until the fence was proven anew: no command of ours is let in before.
    assert_eq!(tunnel(&bench, &id, "index.crates.io"), "200");
    bench.run(["stop", &id]).ended(0);
    assert_eq!(docker(&["ps", "-q", "--filter", &format!("name={id}")]), "");
}

pub fn docker(args: &[&str]) -> String {
    let said = std::process::Command::new("docker")
        .args(args)
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}
