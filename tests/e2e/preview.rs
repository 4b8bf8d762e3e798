//! A page that a sandbox serves: offered, opened in the user's own browser, closed with the sandbox.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::{ROWS, Stage};

/// Pages that tell what was asked, and a WebSocket that sends everything back.
const SERVER: &str = r#"
use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8000, Listen => 64, ReuseAddr => 1) or die;
$SIG{CHLD} = 'IGNORE';
print "serving\n";
while (my $c = $l->accept) {
  next if fork;
  $c->autoflush(1);
  my $head = '';
  while (my $line = <$c>) { last if $line =~ /^\r?\n$/; $head .= $line; }
  if ($head =~ /^upgrade: websocket/im) {
    print $c "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    while (sysread($c, my $piece, 4096)) { syswrite($c, $piece); }
    exit;
  }
  my $page = "served from inside: $head";
  print $c "HTTP/1.1 200 OK\r\nContent-Length: ", length($page), "\r\nContent-Type: text/plain\r\n\r\n$page";
  exit;
}
"#;

/// In the place of the user's browser: it writes down where it is sent.
fn browser(stage: &Stage) {
    let went = stage.path("went");
    let program = stage.path("bin/xdg-open");
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"$1\" > '{0}.new' && mv '{0}.new' '{0}'\n",
        went.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn until_written(path: &Path) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(text) = fs::read_to_string(path) {
            return text;
        }
        assert!(Instant::now() < until, "no browser was opened");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the browser is: a name of the preview's own, a port of this computer, what it was given to get in.
struct Place {
    host: String,
    port: u16,
    cookie: String,
}

impl Place {
    fn send(&self, path: &str, cookie: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let host = &self.host;
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: x=y; {cookie}\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    fn get(&self, path: &str, cookie: &str) -> String {
        let mut answer = Vec::new();
        let mut stream = self.send(path, cookie, "Connection: close\r\n");
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_sandbox_is_opened_in_the_browser_and_closed_with_it() {
    let stage = Stage::new();
    browser(&stage);
    fs::write(stage.path("site/server.pl"), SERVER).unwrap();
    stage.sandbox(&[]);
    let mut opened = stage.open("e2e-preview").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    assert_eq!(
        page.text("[data-testid='preview-bar']").await,
        "",
        "nothing listens yet"
    );
    page.type_line("perl server.pl").await;
    page.until_says("[data-testid='preview-bar']", "listens on port 8000")
        .await;
    page.picture("offered").await;
    assert!(!stage.path("went").exists(), "only when asked");
    page.click("open-preview").await;
    page.until_says(
        "[data-testid='preview-bar']",
        "Preview of port 8000 is open",
    )
    .await;
    page.picture("open").await;

    // As the browser that was sent there.
    let address = until_written(&stage.path("went"));
    let rest = address.strip_prefix("http://").unwrap();
    let (host, ticket) = rest.split_once('/').unwrap();
    let port = host.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut place = Place {
        host: host.to_owned(),
        port,
        cookie: String::new(),
    };
    let stranger = place.get("/", "");
    assert!(!stranger.contains("served from inside"), "{stranger}");
    let answer = place.get(&format!("/{ticket}"), "").to_ascii_lowercase();
    let cookie = answer.split("set-cookie: ").nth(1).expect("let in");
    place.cookie = cookie.split(';').next().unwrap().to_owned();
    let seen = place.get("/a?b", &place.cookie);
    assert!(seen.contains("served from inside: GET /a?b"), "{seen}");

    // A page that reloads itself by a WebSocket.
    let origin = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://{}\r\n",
        place.host
    );
    let mut socket = place.send("/hot", &place.cookie, &origin);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    socket.write_all(b"reload").unwrap();
    let mut back = [0; 6];
    socket.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"reload");

    // Stopped, it is gone.
    page.click("more").await;
    page.click("stop-sandbox").await;
    page.find("start-again").await;
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", place.port)).is_ok() {
        assert!(Instant::now() < until, "the port outlived its sandbox");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(page.text("[data-testid='preview-bar']").await, "");
    opened.page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_terminal_is_asked_about_and_then_opened_in_the_browser() {
    let stage = Stage::new();
    browser(&stage);
    stage.sandbox(&[]);
    let mut opened = stage.open("e2e-link").await;
    let page = &mut opened.page;
    page.until_says(ROWS, "$").await;
    // Its text names another place, and so does what stands before the host.
    page.type_line(
        r"clear; printf '\e]8;;https://bank.example@127.0.0.1:9/a\e\\https://bank.exam''ple\e]8;;\e\\\n'",
    )
    .await;
    page.click_in_terminal("https://bank.example").await;
    page.until_says("[role='dialog']", "https://127.0.0.1:9/a")
        .await;
    page.picture("asked").await;
    let said = page.text("[role='dialog']").await;
    assert!(!said.contains("bank.example"), "{said}");
    assert!(!stage.path("went").exists(), "only when asked");
    page.click_button("Open page").await;
    page.until_gone("[role='dialog']").await;
    assert_eq!(
        until_written(&stage.path("went")),
        "https://127.0.0.1:9/a",
        "where it leads, as it was shown"
    );
    opened.page.close().await;
}
