//! A page that a sandbox serves, seen as a browser would see it, and what a browser must not get.

use std::time::{Duration, Instant};

use sandbox_engine::preview::Kind;
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Error, Operation, SandboxId};
use support::containers::Run;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::House;

/// A server of one file: pages that tell what was asked, and a WebSocket that sends everything back.
const SERVER: &str = r#"
use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die;
$SIG{CHLD} = 'IGNORE';
while (my $c = $l->accept) {
  next if fork;
  $c->autoflush(1);
  my ($head, $size) = ('', 0);
  while (my $line = <$c>) { last if $line =~ /^\r?\n$/; $head .= $line; $size = $1 if $line =~ /^content-length: (\d+)/i; }
  if ($head =~ /^upgrade: websocket/im) {
    print $c "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    while (sysread($c, my $piece, 4096)) { syswrite($c, $piece); }
    exit;
  }
  read($c, my $body, $size) if $size;
  my $page = "head:\n$head\nbody:\n$body";
  print $c "HTTP/1.1 200 OK\r\nContent-Length: ", length($page), "\r\nSet-Cookie: own=1; Domain=localhost\r\n",
    "Reporting-Endpoints: x=\"https://evil.test\"\r\nContent-Type: text/plain\r\n\r\n$page";
  exit;
}
"#;

async fn serve(house: &House, id: &SandboxId, port: u16) {
    let script = format!("cat > /tmp/s.pl; (perl /tmp/s.pl {port} >/dev/null 2>&1 &)");
    let command = ["bash", "-c", &script].map(str::to_owned);
    let running = house.engine.exec(id, command.to_vec(), Vec::new()).await;
    let mut running = running.unwrap();
    let mut input = running.input.take().unwrap();
    input.write_all(SERVER.as_bytes()).await.unwrap();
    input.shutdown().await.unwrap();
    drop(input);
    assert_eq!(running.collect(4096).await.unwrap().0, 0);
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One request on a connection of its own; the whole answer.
async fn ask(local: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", local)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
    read.await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// What a browser is: the name it goes to, and the cookies it has.
struct Browser {
    local: u16,
    host: String,
    cookie: String,
}

impl Browser {
    fn request(&self, start: &str, more: &str) -> String {
        let (host, cookie) = (&self.host, &self.cookie);
        format!(
            "{start} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: theme=dark; {cookie}\r\n{more}\r\n"
        )
    }

    async fn get(&self, path: &str) -> String {
        ask(self.local, &self.request(&format!("GET {path}"), "")).await
    }
}

/// Follows the address as a browser that is sent there.
async fn enter(address: &str, local: u16) -> Browser {
    let rest = address.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    assert!(host.ends_with(&format!(".localhost:{local}")), "{host}");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = ask(local, &request).await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("httponly; samesite=strict"), "{answer}");
    let cookie = lower.split("set-cookie: ").nth(1).unwrap();
    Browser {
        local,
        host: host.to_owned(),
        cookie: cookie.split(';').next().unwrap().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_seen_by_the_browser_that_was_sent_there_and_by_nobody_else() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let engine = &house.engine;
    let _terminals = engine.terminals(&id).await.unwrap();
    serve(&house, &id, 8000).await;
    until("the guest reports the port", async || {
        let ports = engine.ports(&id);
        ports.iter().any(|port| port.number == 8000 && port.listens)
    })
    .await;

    let opened = engine.open_preview(&id, 8000, Kind::Page).await.unwrap();
    let (address, local) = (opened.address.as_str(), opened.local_port);
    let browser = enter(address, local).await;
    let page = browser.get("/a?b").await;
    assert!(page.contains("GET /a?b HTTP/1.1"), "{page}");
    // Inside it looks as from inside; our cookie stays outside, its own come along.
    assert!(page.contains("host: localhost:8000"), "{page}");
    assert!(page.contains("cookie: theme=dark\r\n"), "{page}");
    let lower = page.to_ascii_lowercase();
    assert!(lower.contains("set-cookie: own=1\r\n"), "{page}");
    assert!(lower.contains("referrer-policy: no-referrer"), "{page}");
    assert!(lower.contains("form-action 'self'"), "{page}");
    assert!(!lower.contains("reporting-endpoints"), "{page}");

    // A form of the page itself, as browsers send it where no page tells its address.
    let form = browser.request(
        "POST /form",
        "Origin: null\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 5\r\n",
    );
    let answer = ask(local, &format!("{form}a=b&c")).await;
    assert!(answer.contains("body:\na=b&c"), "{answer}");
    assert!(answer.contains("origin: http://localhost:8000"), "{answer}");

    // Others.
    let host = browser.host.clone();
    let with = |host: &str, cookie: &str, more: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookie}\r\n{more}\r\n"
        )
    };
    let cookie = browser.cookie.as_str();
    for (what, status, request) in [
        ("another name", 421, with("evil.test", cookie, "")),
        (
            "this computer's name",
            421,
            with(&format!("localhost:{local}"), cookie, ""),
        ),
        ("no cookie", 403, with(&host, "", "")),
        (
            "another cookie",
            403,
            with(&host, "agent-sandbox-preview=0", ""),
        ),
        (
            "another page",
            403,
            with(&host, cookie, "Origin: https://evil.test\r\n"),
        ),
        (
            "another port's page",
            403,
            with(&host, cookie, "Origin: http://localhost:3000\r\n"),
        ),
    ] {
        let answer = ask(local, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{what}: {answer}"
        );
        assert!(!answer.contains("head:"), "{what}: {answer}");
    }
    let path = address.split_once(&host).unwrap().1;
    let again = with(&host, "", "").replace("GET / ", &format!("GET {path} "));
    assert!(
        ask(local, &again).await.starts_with("HTTP/1.1 403"),
        "an address lets in once"
    );
    // Another window of the user's gets an address of its own, to the same preview.
    let second = engine.open_preview(&id, 8000, Kind::Page).await.unwrap();
    assert_eq!(second.local_port, local);
    assert_ne!(second.address, opened.address);
    enter(&second.address, local).await;

    // Hot reload.
    let mut socket = TcpStream::connect(("127.0.0.1", local)).await.unwrap();
    let origin = format!(
        "Origin: http://{host}\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    );
    let request = browser
        .request("GET /ws", &origin)
        .replace("Connection: close", "Connection: Upgrade");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut piece = [0; 4096];
    let count = socket.read(&mut piece).await.unwrap();
    let answer = String::from_utf8_lossy(&piece[..count]).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(answer.contains("upgrade: websocket"), "{answer}");
    for word in ["changed", "again"] {
        socket.write_all(word.as_bytes()).await.unwrap();
        let mut back = vec![0; word.len()];
        socket.read_exact(&mut back).await.unwrap();
        assert_eq!(back, word.as_bytes());
    }
    let refused = request.replace(&format!("http://{host}"), "https://evil.test");
    let mut other = TcpStream::connect(("127.0.0.1", local)).await.unwrap();
    other.write_all(refused.as_bytes()).await.unwrap();
    let count = other.read(&mut piece).await.unwrap();
    assert!(piece[..count].starts_with(b"HTTP/1.1 403"));

    // With the sandbox ends everything.
    engine.stop(&id).await.unwrap();
    assert_eq!(socket.read(&mut piece).await.unwrap_or(0), 0);
    until("the preview is closed", async || {
        TcpStream::connect(("127.0.0.1", local)).await.is_err()
    })
    .await;
    until("nothing is listed", async || engine.ports(&id).is_empty()).await;
    let said = engine.open_preview(&id, 8000, Kind::Page).await;
    assert!(matches!(said, Err(Error::NotRunning { .. })));
    engine.start(&id, &Operation::silent()).await.unwrap();
    let opened = engine.open_preview(&id, 8000, Kind::Page).await.unwrap();
    let browser = enter(&opened.address, opened.local_port).await;
    let page = browser.get("/").await;
    assert!(page.starts_with("HTTP/1.1 502"), "nobody listens: {page}");
    engine.close_preview(&id, 8000);
    let gone = TcpStream::connect(("127.0.0.1", opened.local_port)).await;
    assert!(gone.is_err() || ask_fails(opened.local_port).await);
    engine.remove(&id).await.unwrap();
}

/// The listener may take a moment to go; nothing is served meanwhile.
async fn ask_fails(local: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", local)).await else {
        return true;
    };
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
    let mut piece = [0; 64];
    matches!(stream.read(&mut piece).await, Ok(0) | Err(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_comes_back_by_the_same_port_and_brings_nothing_else() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let network = NetworkPolicy {
        mode: NetworkMode::Offline,
        ..NetworkPolicy::default()
    };
    let id = house.sandbox(network, true).await;
    let engine = &house.engine;
    // A port that nobody on this computer has.
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    serve(&house, &id, port).await;
    let opened = engine.open_preview(&id, port, Kind::LogIn).await.unwrap();
    assert_eq!(opened.local_port, port);
    let from = |start: &str, host: &str, more: &str| {
        format!("{start} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n{more}\r\n")
    };
    let callback = from(
        "GET /auth/callback?code=1",
        "localhost",
        "Cookie: other=secret\r\n",
    );
    let mut answer = String::new();
    until("the program in the sandbox is there", async || {
        answer = ask(port, &callback).await;
        answer.contains("GET /auth/callback?code=1")
    })
    .await;
    assert!(!answer.contains("secret"), "cookies ignore ports: {answer}");
    let lower = answer.to_ascii_lowercase();
    assert!(
        lower.contains("content-security-policy: sandbox;"),
        "{answer}"
    );
    assert!(!lower.contains("set-cookie"), "{answer}");
    for request in [
        from("POST /auth/callback", "localhost", "Content-Length: 0\r\n"),
        from("GET /", "evil.test", ""),
        from("GET /", "localhost", "Origin: https://evil.test\r\n"),
    ] {
        let answer = ask(port, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{request}: {answer}");
    }
    // What the computer itself uses is not taken away from it.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = taken.local_addr().unwrap().port();
    let said = engine.open_preview(&id, number, Kind::LogIn).await;
    assert!(
        matches!(said, Err(Error::InvalidRequest { .. })),
        "{said:?}"
    );
    engine.remove(&id).await.unwrap();
}

/// Nobody in the sandbox is asked for more than one program that joins the streams, whatever the number.
#[tokio::test(flavor = "multi_thread")]
async fn many_connections_cost_one_program_in_the_sandbox() {
    let run = Run::new().await;
    let house = House::new(run.guest.clone());
    let id = house.sandbox(NetworkPolicy::default(), true).await;
    let engine = &house.engine;
    serve(&house, &id, 8000).await;
    let opened = engine.open_preview(&id, 8000, Kind::Page).await.unwrap();
    let browser = enter(&opened.address, opened.local_port).await;
    until("it serves", async || {
        browser.get("/").await.contains("head:")
    })
    .await;
    let asked: Vec<_> = (0..60)
        .map(|at| browser.get(if at % 2 == 0 { "/a" } else { "/b" }))
        .collect();
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.contains("head:")));
    // Its own shells, which carry this line, do not match the pattern.
    let count = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'control --sock[e]t' | wc -l";
    let command = ["bash", "-c", count].map(str::to_owned).to_vec();
    let running = engine.exec(&id, command, Vec::new()).await.unwrap();
    let out = String::from_utf8(running.collect(4096).await.unwrap().1).unwrap();
    assert_eq!(out.trim(), "1", "programs that join the streams");
    engine.remove(&id).await.unwrap();
}
