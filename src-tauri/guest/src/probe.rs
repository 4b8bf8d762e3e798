//! `probe`: tries what must not work, and says what happened. The engine runs it in a container of the
//! same kind as a sandbox, before an agent starts; `doctor` runs it to see whether folders are shared.
//!
//! One line of JSON per target. Nothing here decides: "open" or "closed" is the engine's judgement, made
//! from the outcome, and an outcome that it does not know counts as open.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketType};
use sandbox_protocol::egress::{PASSED_MARK, PROXY_PORT, REFUSED_MARK, SELF_TEST_MARK};

use crate::relay::{self, NO_GATEWAY_MARK};

/// A closed fence answers at once; an open one to a silent address does not answer at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the gateway's word is waited for.
struct Waits {
    /// To what it must refuse.
    refused: Duration,
    /// To what it lets through: it says no at once, and only a site that is there makes it say yes.
    allowed: Duration,
}

/// At each start.
const USUAL: Waits = Waits {
    refused: PATIENCE,
    allowed: Duration::from_millis(500),
};
/// Where somebody waits for the answer, and where the computer was too busy for the first one.
const PATIENT: Waits = Waits {
    refused: Duration::from_secs(15),
    allowed: PATIENCE,
};
/// A canary is a line; whatever is longer is not ours.
const CANARY: u64 = 4096;
/// A question for the root's name servers: the smallest that every resolver answers.
const DNS_QUESTION: [u8; 17] = [0x5a, 0x42, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// The kernel fills the sum and the number in.
const ECHO_REQUEST: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 1];
/// Likewise by IPv6.
const ECHO_REQUEST_6: [u8; 8] = [128, 0, 0, 0, 0, 0, 0, 1];
/// Longest answer of a gateway, in bytes.
const ANSWER: usize = 4096;

/// `canary FOLDER TEXT`, or any number of `file:PATH`, `tcp:ADDRESS`, `udp:ADDRESS`, `icmp:ADDRESS`, `name:HOST`,
/// `proxy:HOST:PORT` (to be refused), `allowed:HOST:PORT` (to be let through), `links`. Before them `patient`: the
/// gateway has more time to answer; then `relay`: in a container of its own there is no process 1 of ours that passes on
/// to a gateway.
pub fn run(args: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args {
        [verb, folder, text] if verb == "canary" => canary(Path::new(folder), text, &mut out),
        [verb, rest @ ..] if verb == "patient" => try_targets(rest, &PATIENT, &mut out),
        targets => try_targets(targets, &USUAL, &mut out),
    }
}

fn try_targets(args: &[String], waits: &Waits, out: &mut impl Write) -> io::Result<()> {
    match args {
        [verb, targets @ ..] if verb == "relay" => {
            relay::start()?;
            try_all(targets, waits, out)
        }
        targets => try_all(targets, waits, out),
    }
}

/// What the gateway is asked, it is asked at once: there one may have to wait.
fn try_all(targets: &[String], waits: &Waits, out: &mut impl Write) -> io::Result<()> {
    thread::scope(|scope| {
        let asked: Vec<_> = targets
            .iter()
            .map(|target| {
                let (kind, _) = target.split_once(':')?;
                let waits_there = matches!(kind, "proxy" | "allowed");
                // One that cannot be begun waits for its turn.
                let begun =
                    || thread::Builder::new().spawn_scoped(scope, || attempt(target, waits));
                waits_there.then(begun)?.ok()
            })
            .collect();
        for (target, asked) in targets.iter().zip(asked) {
            let (outcome, detail) = match asked {
                Some(thread) => thread.join().unwrap_or_else(|_| unknown()),
                None => attempt(target, waits),
            };
            let line = serde_json::json!({
                "target": target, "outcome": outcome, "detail": detail,
            });
            writeln!(out, "{line}")?;
        }
        out.flush()
    })
}

/// Prints what the app put into the folder, and puts something there for the app.
fn canary(folder: &Path, text: &str, out: &mut impl Write) -> io::Result<()> {
    let mut content = Vec::new();
    File::open(folder.join("from-app"))?
        .take(CANARY)
        .read_to_end(&mut content)?;
    out.write_all(&content)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(folder.join("from-sandbox"))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn attempt(target: &str, waits: &Waits) -> (&'static str, String) {
    match target.split_once(':') {
        Some(("file", path)) => file(Path::new(path)),
        Some(("tcp", address)) => address.parse().map_or_else(|_| unknown(), tcp),
        Some(("proxy", target)) => by_proxy(target, waits.refused),
        Some(("allowed", target)) => by_proxy(target, waits.allowed),
        Some(("udp", address)) => address
            .parse()
            .map_or_else(|_| unknown(), |to| outcome(udp(to))),
        Some(("icmp", address)) => address.parse().map_or_else(|_| unknown(), icmp),
        Some(("name", host)) => name(host),
        None if target == "links" => links(),
        _ => unknown(),
    }
}

fn unknown() -> (&'static str, String) {
    ("unknown", "not a target".to_owned())
}

/// Looks for something of the user's; whatever it is, it is not opened.
fn file(path: &Path) -> (&'static str, String) {
    match std::fs::symlink_metadata(path) {
        Ok(_) => ("seen", "it is there".to_owned()),
        Err(error) => {
            let outcome = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "missing",
                io::ErrorKind::PermissionDenied => "denied",
                _ => "failed",
            };
            (outcome, error.to_string())
        }
    }
}

fn tcp(address: SocketAddr) -> (&'static str, String) {
    outcome(TcpStream::connect_timeout(&address, PATIENCE).map(|_| "connected".to_owned()))
}

/// Sends a question to a name server and waits for any answer.
fn udp(to: SocketAddr) -> io::Result<String> {
    let from: SocketAddr = if to.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(from)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    socket.send(&DNS_QUESTION)?;
    let mut answer = [0; 512];
    let count = socket.recv(&mut answer)?;
    Ok(format!("{count} bytes came back"))
}

/// Sends an echo request, as `ping` does, and waits for any answer.
fn icmp(to: IpAddr) -> (&'static str, String) {
    let (family, protocol, request) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, net::ipproto::ICMP, ECHO_REQUEST),
        IpAddr::V6(_) => (AddressFamily::INET6, net::ipproto::ICMPV6, ECHO_REQUEST_6),
    };
    let socket = match net::socket(family, SocketType::DGRAM, Some(protocol)) {
        Ok(socket) => socket,
        // There is no sending without one, wherever to.
        Err(error) => return ("no-socket", error.to_string()),
    };
    let asked = || -> io::Result<String> {
        net::sockopt::set_socket_timeout(&socket, net::sockopt::Timeout::Recv, Some(PATIENCE))?;
        net::connect(&socket, &SocketAddr::new(to, 0))?;
        net::send(&socket, &request, net::SendFlags::empty())?;
        let (count, _) = net::recv(&socket, &mut [0; 512], net::RecvFlags::empty())?;
        Ok(format!("{count} bytes came back"))
    };
    outcome(asked())
}

fn name(host: &str) -> (&'static str, String) {
    match (host, 443u16).to_socket_addrs() {
        Ok(mut found) => match found.next() {
            Some(address) => ("answered", address.ip().to_string()),
            None => ("no-name", "no address".to_owned()),
        },
        Err(error) => ("no-name", error.to_string()),
    }
}

/// Asks the gateway for a tunnel, and says what its word was; who answered else is not known.
fn by_proxy(target: &str, patience: Duration) -> (&'static str, String) {
    let answer = match ask_gateway(target, patience) {
        Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
        Err(error) => return outcome(Err(error)),
    };
    let (head, words) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let has = |mark| head.lines().any(|line| line == mark);
    let said = |outcome| (outcome, words.trim().to_owned());
    if has(NO_GATEWAY_MARK) {
        said("no-gateway")
    } else if has(REFUSED_MARK) && head.starts_with("HTTP/1.1 403 ") {
        said(if has(PASSED_MARK) {
            "leads-inside"
        } else {
            "said-no"
        })
    } else if has(REFUSED_MARK) && has(PASSED_MARK) {
        said("passed")
    } else if head.starts_with("HTTP/1.1 200 ") {
        said("let-through")
    } else {
        (
            "gateway",
            head.lines().next().unwrap_or("nothing").to_owned(),
        )
    }
}

/// The whole answer, or the head of one that opens a tunnel. What a tunnel would carry is not sent.
fn ask_gateway(target: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let proxy: SocketAddr = ([127, 0, 0, 1], PROXY_PORT).into();
    let mut stream = TcpStream::connect_timeout(&proxy, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let (name, value) = SELF_TEST_MARK;
    // In one piece: an answer to half of it would be lost with the rest.
    let asks = format!("CONNECT {target} HTTP/1.1\r\n{name}: {value}\r\n\r\n");
    stream.write_all(asks.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while answer.len() < ANSWER {
        let open = answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\n");
        let count = if open { 0 } else { stream.read(&mut piece)? };
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..count]);
    }
    Ok(answer)
}

/// Names of the network interfaces; the loopback one alone is closed.
fn links() -> (&'static str, String) {
    match std::fs::read_to_string("/proc/net/dev") {
        Ok(text) => {
            let names: Vec<&str> = text
                .lines()
                .skip(2)
                .filter_map(|line| line.split_once(':'))
                .map(|(name, _)| name.trim())
                .collect();
            ("links", names.join(" "))
        }
        Err(error) => ("unknown", error.to_string()),
    }
}

fn outcome(result: io::Result<String>) -> (&'static str, String) {
    use io::ErrorKind as Kind;
    match result {
        Ok(detail) => ("answered", detail),
        Err(error) => {
            let kind = match error.kind() {
                Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::AddrNotAvailable => {
                    "no-way"
                }
                // A refusal is an answer too: the packet arrived.
                Kind::ConnectionRefused | Kind::ConnectionReset => "refused",
                Kind::TimedOut | Kind::WouldBlock => "silent",
                Kind::PermissionDenied => "forbidden",
                // A kernel without IPv6.
                _ if error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) => "no-way",
                _ => "unknown",
            };
            (kind, error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listener_answers_and_a_closed_port_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has an address");
        assert_eq!(attempt(&format!("tcp:{address}"), &USUAL).0, "answered");
        drop(listener);
        assert_eq!(attempt(&format!("tcp:{address}"), &USUAL).0, "refused");
    }

    #[test]
    fn an_echo_request_is_answered_where_there_is_a_way() {
        let (outcome, detail) = attempt("icmp:127.0.0.1", &USUAL);
        // Some computers let ordinary users send none.
        assert!(
            ["answered", "no-socket"].contains(&outcome),
            "{outcome}: {detail}"
        );
    }

    #[test]
    fn an_echo_request_by_ipv6_is_answered_where_there_is_a_way() {
        let (outcome, detail) = attempt("icmp:::1", &USUAL);
        // Some computers have no IPv6, and let ordinary users send none.
        assert!(
            ["answered", "no-socket", "no-way"].contains(&outcome),
            "{outcome}: {detail}"
        );
    }

    #[test]
    fn a_file_that_is_there_is_seen_and_one_that_is_not_is_missing() {
        let folder = tempfile::tempdir().expect("temp dir");
        let target = |name: &str| format!("file:{}", folder.path().join(name).display());
        std::fs::write(folder.path().join("mine"), "").expect("writes");
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).expect("links");
        for there in ["", "mine", "link"] {
            assert_eq!(attempt(&target(there), &USUAL).0, "seen", "{there}");
        }
        for away in ["yours", "mine/below"] {
            assert_eq!(attempt(&target(away), &USUAL).0, "missing", "{away}");
        }
    }

    #[test]
    fn what_is_not_a_target_is_unknown_and_never_closed() {
        for bad in [
            "",
            "tcp:nowhere",
            "udp:1.2.3.4",
            "igmp:1.2.3.4",
            "icmp:nowhere",
            "linkss",
        ] {
            assert_eq!(attempt(bad, &USUAL).0, "unknown", "{bad}");
        }
    }

    #[test]
    fn every_target_has_its_line_in_its_place() {
        let targets = ["links", "proxy:a.test:443", "bad", "allowed:b.test:443"].map(str::to_owned);
        let mut out = Vec::new();
        try_all(&targets, &USUAL, &mut out).expect("writes");
        let lines = String::from_utf8(out).expect("text");
        let named: Vec<String> = lines
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect("a line");
                line["target"].as_str().expect("a target").to_owned()
            })
            .collect();
        assert_eq!(named, targets);
    }

    #[test]
    fn a_canary_is_read_and_answered_once() {
        let folder = tempfile::tempdir().expect("temp dir");
        std::fs::write(folder.path().join("from-app"), "hello").expect("writes");
        let mut out = Vec::new();
        canary(folder.path(), "back", &mut out).expect("reads and writes");
        assert_eq!(out, b"hello");
        let back = std::fs::read(folder.path().join("from-sandbox")).expect("is there");
        assert_eq!(back, b"back");
        let again = canary(folder.path(), "other", &mut Vec::new());
        assert!(again.is_err(), "what is there is never written over");
    }

    #[test]
    fn the_loopback_interface_is_listed() {
        let (outcome, names) = links();
        assert_eq!(outcome, "links");
        assert!(names.split(' ').any(|name| name == "lo"), "{names}");
    }
}
