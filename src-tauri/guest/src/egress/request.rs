//! The head of a request, read once and strictly: what two readers could take in two ways is refused.

use sandbox_protocol::egress::SELF_TEST_MARK;
use sandbox_protocol::plain_text;
use sandbox_protocol::policy::{Authority, Via};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest head.
pub const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_CLAIM: usize = 60;

/// A head that is not taken, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// As it was written: `CONNECT`, `GET`.
    pub method: String,
    /// Where to.
    pub target: Authority,
    /// How.
    pub via: Via,
    /// What the program calls itself.
    pub claim: Option<String>,
    /// Whether it says that a tunnel is asked for only to see whether it would be opened.
    pub self_test: bool,
    /// For a plain request: the head to send on.
    pub head: Vec<u8>,
    /// For a plain request: the bytes of its body.
    pub body: u64,
}

/// Reads up to the end of a head; gives it and what came behind it. `None`: the client left or sent too much.
pub async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        let before = bytes.len();
        if before >= MAX_HEAD || from.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let seen = before.saturating_sub(3);
        if let Some(at) = bytes[seen..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            let rest = bytes.split_off(seen + at + 4);
            return Some((bytes, rest));
        }
    }
}

/// Takes a head apart.
pub fn parse(head: &[u8]) -> Result<Request, Malformed> {
    lines_end_well(head)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        _ => return Err(Malformed("the request does not read")),
    }
    let (Some(method), Some(path)) = (parsed.method, parsed.path) else {
        return Err(Malformed("the request does not read"));
    };
    let headers: &[httparse::Header<'_>] = parsed.headers;
    let body = body_length(headers)?;
    let claim = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("user-agent"))
        .map(|header| plain_text(header.value))
        .map(|text| text.chars().take(MAX_CLAIM).collect::<String>())
        .filter(|text| !text.is_empty());
    if method == "CONNECT" {
        if body > 0 {
            return Err(Malformed("a tunnel has no body"));
        }
        let target = Authority::parse(path.as_bytes())
            .map_err(|_| Malformed("a tunnel is asked for as host:port"))?;
        return Ok(Request {
            method: method.to_owned(),
            target,
            via: Via::Tunnel,
            claim,
            self_test: headers.iter().any(is_self_test),
            head: Vec::new(),
            body: 0,
        });
    }
    let (target, rest) = absolute(path)?;
    same_host(headers, &target)?;
    let reads = matches!(method, "GET" | "HEAD") && body == 0;
    Ok(Request {
        method: method.chars().take(16).collect(),
        head: head_to_send(method, rest, headers, &target),
        target,
        via: if reads {
            Via::PlainRead
        } else {
            Via::PlainWrite
        },
        claim,
        self_test: false,
        body,
    })
}

fn is_self_test(header: &httparse::Header<'_>) -> bool {
    let (name, value) = SELF_TEST_MARK;
    header.name.eq_ignore_ascii_case(name) && header.value == value.as_bytes()
}

/// A lone CR or LF ends a line for some readers and not for others.
pub fn lines_end_well(head: &[u8]) -> Result<(), Malformed> {
    let lone = head.iter().enumerate().any(|(at, byte)| match byte {
        b'\n' => at == 0 || head[at - 1] != b'\r',
        b'\r' => head.get(at + 1) != Some(&b'\n'),
        0 => true,
        _ => false,
    });
    if lone {
        return Err(Malformed("a line of the request does not end as it must"));
    }
    Ok(())
}

/// The body's length by the one header that two readers cannot take in two ways.
pub fn body_length(headers: &[httparse::Header<'_>]) -> Result<u64, Malformed> {
    let named = |name: &str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .count()
    };
    if named("transfer-encoding") > 0 {
        return Err(Malformed(
            "a body in chunks is not passed on; send it with its Content-Length",
        ));
    }
    if named("content-length") > 1 {
        return Err(Malformed("the request states its length twice"));
    }
    let Some(header) = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
    else {
        return Ok(0);
    };
    let digits = !header.value.is_empty() && header.value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(header.value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed("the request's length is no number"))
}

/// `http://host[:port]/path` taken apart.
fn absolute(path: &str) -> Result<(Authority, &str), Malformed> {
    let rest = path
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("http://"))
        .map(|_| &path[7..])
        .ok_or(Malformed(
            "this is a proxy: ask for http://host/path, or for a tunnel",
        ))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if rest.contains('#') {
        return Err(Malformed("the address has a fragment"));
    }
    Ok((plain_authority(authority)?, rest))
}

fn plain_authority(text: &str) -> Result<Authority, Malformed> {
    let wrong = Malformed("the host does not read");
    // An address in brackets has colons of its own.
    let has_port = text
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port {
        return Authority::parse(text.as_bytes()).map_err(|_| wrong);
    }
    Authority::parse(format!("{text}:80").as_bytes()).map_err(|_| wrong)
}

fn same_host(headers: &[httparse::Header<'_>], target: &Authority) -> Result<(), Malformed> {
    let mut hosts = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("host"));
    let stated = match (hosts.next(), hosts.next()) {
        (Some(one), None) => std::str::from_utf8(one.value).unwrap_or_default(),
        (None, _) => return Err(Malformed("the request names no host")),
        (Some(_), Some(_)) => return Err(Malformed("the request names its host twice")),
    };
    if plain_authority(stated)? != *target {
        return Err(Malformed("the Host header names another host"));
    }
    Ok(())
}

/// What concerns this hop only, or would speak to the next proxy.
pub const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "host",
];

/// Headers that `Connection` names belong to this hop too.
pub fn named_by_connection(headers: &[httparse::Header<'_>]) -> Vec<String> {
    headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("connection"))
        .flat_map(|header| {
            let text = String::from_utf8_lossy(header.value).to_ascii_lowercase();
            text.split(',')
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// One request on one connection: nothing that follows can be taken for a second one.
fn head_to_send(
    method: &str,
    rest: &str,
    headers: &[httparse::Header<'_>],
    target: &Authority,
) -> Vec<u8> {
    let path = if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    };
    let host = if target.port == 80 {
        target.host.to_string()
    } else {
        target.to_string()
    };
    let named = named_by_connection(headers);
    let mut out = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        let stays = name == "content-length" || !named.contains(&name);
        if stays && !HOP_BY_HOP.contains(&name.as_str()) {
            out.extend_from_slice(header.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(header.value);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn plain(headers: &str) -> Result<Request, Malformed> {
        parse(format!("GET http://example.com/a?b HTTP/1.1\r\n{headers}\r\n").as_bytes())
    }

    #[test]
    fn a_plain_request_is_rewritten_for_one_hop() {
        let read = plain(
            "Host: example.com\r\nAccept: */*\r\nConnection: keep-alive, x-drop\r\nX-Drop: 1\r\n\
             Proxy-Authorization: Basic xyz\r\nTE: trailers\r\n",
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(read.head).unwrap(),
            "GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            (read.via, read.target.to_string()),
            (Via::PlainRead, "example.com:80".into())
        );
    }

    #[test]
    fn a_tunnel_is_host_and_port_and_nothing_else() {
        let read = parse(b"CONNECT Example.com.:443 HTTP/1.1\r\nUser-Agent: pip/24\x1b[1m\r\n\r\n");
        // The escape is no header character at all.
        assert!(read.is_err());
        let read =
            parse(b"CONNECT Example.com.:443 HTTP/1.1\r\nUser-Agent: pip/24\r\n\r\n").unwrap();
        assert_eq!(
            (read.target.to_string(), read.claim),
            ("example.com:443".into(), Some("pip/24".into()))
        );
        for target in [
            "example.com",
            "example.com:",
            "example.com:0",
            "http://example.com:443",
            "a@b.com:443",
            "/x",
        ] {
            let head = format!("CONNECT {target} HTTP/1.1\r\n\r\n");
            assert!(parse(head.as_bytes()).is_err(), "{target}");
        }
    }

    #[test]
    fn what_two_readers_could_take_in_two_ways_is_refused() {
        assert!(
            plain("Host: example.com\r\n").is_ok(),
            "the probe can succeed"
        );
        for headers in [
            "",
            "Host: other.com\r\n",
            "Host: example.com\r\nHost: example.com\r\n",
            "Host: example.com:8080\r\n",
            "Host: example.com@evil.com\r\n",
            "Host: example.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Host: example.com\r\nTransfer-Encoding: chunked\r\n",
            "Host: example.com\r\nTransfer-Encoding: xchunked\r\n",
            "Host: example.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            "Host: example.com\r\nContent-Length: +5\r\n",
            "Host: example.com\r\nContent-Length: 5, 5\r\n",
            "Host: example.com\r\nContent-Length: 0x5\r\n",
            "Host: example.com\r\nContent-Length:\r\n",
            "Host : example.com\r\n",
            "Host: example.com\r\n folded: yes\r\n",
            "Host: example.com\nX: y\r\n",
            "Host: example.com\r\nX: a\rb\r\n",
            "Host: example.com\r\nX: a\0b\r\n",
        ] {
            assert!(plain(headers).is_err(), "{headers:?}");
        }
        for line in [
            "GET /a HTTP/1.1",
            "GET https://example.com/ HTTP/1.1",
            "GET http://example.com/#x HTTP/1.1",
            "GET http://u:p@example.com/ HTTP/1.1",
            "GET http:///x HTTP/1.1",
            "GET ftp://example.com/ HTTP/1.1",
            "GET http://example.com/ HTTP/2.0",
            "G\tET http://example.com/ HTTP/1.1",
            "GET  http://example.com/ HTTP/1.1",
        ] {
            let head = format!("{line}\r\nHost: example.com\r\n\r\n");
            assert!(parse(head.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_body_makes_a_read_a_write() {
        let head =
            b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(parse(head).unwrap().via, Via::PlainWrite);
    }

    /// Heads as they come, and what a head could be taken apart at.
    const HEADS: [&str; 5] = [
        "CONNECT example.com:443 HTTP/1.1\r\nUser-Agent: pip/24\r\nHost: example.com:443\r\n\r\n",
        "GET http://example.com/a?b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nConnection: close, x-drop\r\nX-Drop: 1\r\n\r\n",
        "POST http://example.com:8080/a HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 12\r\nTE: trailers\r\n\r\n",
        "HEAD http://[2606:4700::1111]/ HTTP/1.1\r\nHost: [2606:4700::1111]\r\nProxy-Connection: keep-alive\r\n\r\n",
        "GET http://1.1.1.1:80 HTTP/1.0\r\nHost: 1.1.1.1\r\nCookie: a=b; c=d\r\n\r\n",
    ];
    const PIECES: [&str; 22] = [
        "\r\n",
        "\n",
        "\r",
        "\0",
        " ",
        "\t",
        ":",
        "@",
        "#",
        "%0d%0a",
        "/",
        "?",
        "http://",
        "Host: other.com\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: content-length\r\n",
        " folded\r\n",
        "\r\n\r\nGET http://other.com/ HTTP/1.1\r\n",
        "CONNECT ",
        "HTTP/1.1",
        "\u{ff0e}",
    ];

    /// A head with pieces put in or left out.
    fn nearly() -> impl Strategy<Value = Vec<u8>> {
        let change = (0..240_usize, 0..12_usize, 0..PIECES.len(), any::<bool>());
        let changes = prop::collection::vec(change, 0..3);
        (0..HEADS.len(), changes).prop_map(|(head, changes)| {
            let mut head = HEADS[head].as_bytes().to_vec();
            for (at, count, piece, puts) in changes {
                let at = at % (head.len() + 1);
                let end = (at + count).min(head.len());
                let piece = if puts { PIECES[piece] } else { "" };
                let end = if puts { at } else { end };
                head.splice(at..end, piece.bytes());
            }
            head
        })
    }

    /// What goes out is one request, to the host that was decided about, however it is read.
    fn is_one_request(read: &Request) {
        let head = &read.head;
        let ends: Vec<_> = head.windows(4).filter(|four| four == b"\r\n\r\n").collect();
        assert!(ends.len() == 1 && head.ends_with(b"\r\n\r\n"));
        lines_end_well(head).unwrap();
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS + 2];
        let mut parsed = httparse::Request::new(&mut headers);
        let length = parsed.parse(head).unwrap();
        assert_eq!(length, httparse::Status::Complete(head.len()));
        assert!(parsed.path.unwrap().starts_with('/'));
        assert_eq!(parsed.method, Some(read.method.as_str()));
        let values = |name: &str| {
            let named = parsed
                .headers
                .iter()
                .filter(|h| h.name.eq_ignore_ascii_case(name));
            named
                .map(|h| std::str::from_utf8(h.value).unwrap())
                .collect::<Vec<_>>()
        };
        let hosts = values("host");
        assert_eq!(hosts.len(), 1);
        assert_eq!(plain_authority(hosts[0]).unwrap(), read.target);
        assert_eq!(values("connection"), ["close"]);
        let lengths: Vec<u64> = values("content-length")
            .iter()
            .map(|l| l.parse().unwrap())
            .collect();
        assert!(lengths == [read.body] || (lengths.is_empty() && read.body == 0));
        for gone in HOP_BY_HOP {
            let stays = ["connection", "host"].contains(&gone);
            assert!(stays || values(gone).is_empty(), "{gone}");
        }
    }

    #[test]
    fn what_is_nearly_a_head_is_one_request_or_none() {
        let (taken, refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4000));
        let tried = runner.run(&nearly(), |head| {
            let Ok(read) = parse(&head) else {
                refused.set(refused.get() + 1);
                return Ok(());
            };
            taken.set(taken.get() + 1);
            let again = Authority::parse(read.target.to_string().as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&read.target));
            match read.via {
                Via::Tunnel => prop_assert!(read.head.is_empty() && read.body == 0),
                Via::PlainRead | Via::PlainWrite => is_one_request(&read),
            }
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            taken.get() > 400 && refused.get() > 400,
            "{taken:?} {refused:?}"
        );
    }
}
