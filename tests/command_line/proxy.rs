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

/// What it must be shown: `me:canary password`.
const PASSWORD: &str = "canary password";
const BASIC: &str = "bWU6Y2FuYXJ5IHBhc3N3b3Jk";

impl Office {
    fn start() -> Self {
        Self::at("0.0.0.0:0", &own_address(), None)
    }

    /// Reached under that name; it may want a password.
    fn at(listens: &str, name: &str, wants: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(listens).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = asked.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let lines = lines.clone();
                std::thread::spawn(move || serve(client, &lines, wants));
            }
        });
        Self {
            url: format!("http://{name}:{port}"),
            asked,
        }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// One tunnel, wherever it is asked for; `None` at the first end of either side.
fn serve(
    mut client: TcpStream,
    lines: &Mutex<Vec<String>>,
    wants: Option<&'static str>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let first = head.lines().next()?.to_owned();
    lines.lock().unwrap().push(first.clone());
    let shown = |basic: &str| {
        let line = format!("Proxy-Authorization: Basic {basic}");
        head.lines().any(|one| one == line)
    };
    if !wants.is_none_or(shown) {
        let no = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"office\"\r\n\
            Content-Length: 0\r\n\r\n";
        let _ = client.write_all(no.as_bytes());
        return None;
    }
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
    let wanted = format!("CONNECT {SITE}:443 HTTP/1.1");
    assert_eq!(office.asked(), [wanted.as_str()], "the fence's own test");
    assert_eq!(tunnel(&bench, &id, SITE), "200");
    assert_eq!(office.asked(), [wanted.as_str()]);
    let nobody = format!("http://{}:9", own_address());
    bench.run(["proxy", "--set", &nobody]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "502");
    bench.run(["proxy", "--clear"]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "200");
    assert_eq!(office.asked(), Vec::<String>::new(), "straight out again");
}

fn set(bench: &Bench, url: &str, password: &str) {
    let args = ["proxy", "--set", url, "--user", "me", "--from-stdin"];
    let args = [&args[..], &["--keep", "file"]].concat();
    let said = feed(&mut bench.command(args), &format!("{password}\n")).ended(0);
    assert!(!(said.out + &said.err).contains("canary"));
}

#[test]
fn a_proxy_with_a_password_and_one_on_this_computer_are_gone_by() {
    let office = Office::at("0.0.0.0:0", &own_address(), Some(BASIC));
    let bench = Bench::new();
    let id = create(&bench, &["--network", "approved", "--allow", SITE]);
    let fetch = format!("curl -sS -m 60 https://{SITE}/config.json");
    let refused = |words: &str| {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT {SITE}:443 HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3"
        );
        let said = bench.run(["exec", &id, "--", "bash", "-c", &script]);
        let said = said.ended(0).out;
        assert!(said.starts_with("HTTP/1.1 502"), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("canary") && !said.contains("407"), "{said}");
    };
    bench.run(["proxy", "--set", &office.url]).ended(0);
    refused("wants a name and password");
    set(&bench, &office.url, "canary but wrong");
    refused("does not take the name and password");
    set(&bench, &office.url, PASSWORD);
    let said = sh(&bench, &id, &fetch).ended(0);
    assert!(said.out.contains("crates.io"), "{} {}", said.out, said.err);

    // The canary is nowhere that a sandbox, or whoever may ask the engine, can look.
    let name = format!("agent-sandbox-{id}");
    let docker = |args: &[&str]| {
        let said = std::process::Command::new("docker").args(args).output();
        let said = said.unwrap();
        assert!(said.status.success(), "{args:?}");
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    };
    for container in [name.clone(), format!("{name}-gateway")] {
        let all = docker(&["inspect", &container]) + &docker(&["logs", &container]);
        assert!(!all.contains("canary") && !all.contains(BASIC), "{all}");
    }
    // Not written as such, or the look would find itself.
    let inside = "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; \
        grep -rsE 'c[a]nary|bWU6Y2[F]' /workspace ~ /tmp /run /etc; true";
    let said = sh(&bench, &id, inside).ended(0).out;
    assert!(said.contains("PATH="), "the look sees something: {said}");
    assert!(!said.contains("canary") && !said.contains(BASIC), "{said}");
    let own = bench.data().join("sandboxes").join(&id);
    let lists = std::fs::read_dir(own)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let lists: Vec<_> = lists
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    assert!(!lists.is_empty(), "there is something to look at");
    for file in lists
        .into_iter()
        .chain([bench.data().join("settings.json")])
    {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("canary") && !text.contains(BASIC), "{text}");
    }

    // On loopback, which no gateway reaches by itself.
    let here = Office::at("127.0.0.1:0", "localhost", Some(BASIC));
    office.asked();
    set(&bench, &here.url, PASSWORD);
    let said = sh(&bench, &id, &fetch).ended(0);
    assert!(said.out.contains("crates.io"), "{} {}", said.out, said.err);
    assert_eq!(here.asked(), [format!("CONNECT {SITE}:443 HTTP/1.1")]);
    assert_eq!(office.asked(), Vec::<String>::new());
    let port = here.url.rsplit(':').next().unwrap();
    assert_eq!(
        tunnel(&bench, &id, &format!("host.sandbox:{port}")),
        "403",
        "no sandbox speaks to it by itself"
    );
    bench.run(["proxy", "--clear"]).ended(0);
    assert_eq!(tunnel(&bench, &id, SITE), "200");
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

    // With a password in it: kept apart, shown nowhere.
    let secret = "http://me:canary-password@proxy.office.example:3128";
    let said = with(secret, &["proxy", "--json"]).ended(0);
    assert_eq!(said.json()["offered"], office);
    assert!(!(said.out + &said.err).contains("canary"));
    let said = with(secret, &["proxy", "--take"]).ended(1);
    assert!(said.err.contains("--keep file"), "{}", said.err);
    assert_eq!(
        bench.run(["proxy", "--json"]).json()["proxy"].as_str(),
        None,
        "nothing is changed where the password cannot be kept"
    );
    let take = ["proxy", "--take", "--keep", "file", "--json"];
    let said = with(secret, &take).ended(0);
    let now = said.json();
    assert_eq!(
        (&now["proxy"], &now["user"], &now["password"]),
        (&office.into(), &"me".into(), &"file".into())
    );
    assert!(!(said.out + &said.err).contains("canary"));
    let kept = bench.data().join("keys/upstream-proxy");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "canary-password");
    let settings = std::fs::read_to_string(bench.data().join("settings.json")).unwrap();
    assert!(!settings.contains("canary"), "{settings}");
    bench.run(["proxy", "--clear"]).ended(0);
    assert!(!kept.exists(), "forgotten with the proxy");
    // It is never an argument, and never waited for where nobody types.
    bench
        .run(["proxy", "--set", office, "--user", "me"])
        .ended(2);
    let said = bench
        .run(["proxy", "--user", "me", "--from-stdin"])
        .ended(2);
    assert!(said.err.contains("--set"), "{}", said.err);
    for (wrong, why) in [
        ("https://proxy.example.com:3128", "http://"),
        ("http://me:canary-password@proxy.example.com:3128", "--user"),
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
