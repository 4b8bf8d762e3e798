//! A request for a credential route, read as strictly as every other, without any credential of the
//! program's own.

use sandbox_protocol::egress::PROXY_PORT;
use sandbox_protocol::routes::{ROUTE_PATH, Route};

use crate::egress::request::{self, HOP_BY_HOP, Malformed};

/// Longest body: what providers take at most is far below.
const MAX_BODY: u64 = 512 * 1024 * 1024;
const MAX_HEADERS: usize = 96;

/// What is asked for, of which route.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// The provider's id.
    pub route: String,
    /// As it was written.
    pub method: String,
    /// Behind the id: `/…`.
    pub path: String,
    /// With its `?`, or empty. Without credentials.
    pub query: String,
    /// What is passed on: no credentials, nothing of this hop.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the body.
    pub body: u64,
    /// The client waits for a word before it sends the body.
    pub waits: bool,
}

/// Whether a head is for a route: it names a path of this gateway, and no other host.
pub fn is_one(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let target = words.nth(1).unwrap_or_default();
    own_path(target).is_some_and(|path| path.starts_with(ROUTE_PATH.as_bytes()))
}

/// Programs that use the proxy for loopback too write the address before the path.
fn own_path(target: &[u8]) -> Option<&[u8]> {
    if target.starts_with(b"/") {
        return Some(target);
    }
    ["127.0.0.1", "localhost"].iter().find_map(|host| {
        let own = format!("http://{host}:{PROXY_PORT}");
        target.strip_prefix(own.as_bytes())
    })
}

/// Takes a head apart.
pub fn parse(head: &[u8]) -> Result<Ask, Malformed> {
    request::lines_end_well(head)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        _ => return Err(Malformed("the request does not read")),
    }
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(Malformed("the request does not read"));
    };
    if method == "CONNECT" || method == "TRACE" {
        return Err(Malformed("this cannot be asked of a key's route"));
    }
    let headers: &[httparse::Header<'_>] = parsed.headers;
    let body = request::body_length(headers)?;
    if body > MAX_BODY {
        return Err(Malformed("the request is too long"));
    }
    let waits = waits(headers)?;
    let path = own_path(target.as_bytes())
        .and_then(|path| std::str::from_utf8(path).ok())
        .and_then(|path| path.strip_prefix(ROUTE_PATH))
        .ok_or(Malformed("the path does not read"))?;
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let (route, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let path = if path.is_empty() { "/" } else { path };
    path_is_plain(path)?;
    Ok(Ask {
        route: route.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: without_credentials(query),
        headers: passed_on(headers),
        body,
        waits,
    })
}

impl Ask {
    /// Whether the route lets this path be asked for.
    pub fn is_allowed(&self, route: &Route) -> bool {
        route.paths.is_empty() || route.paths.iter().any(|begin| covers(begin, &self.path))
    }

    /// The head to send on, but for the key.
    pub fn head(&self, route: &Route, host: &str) -> Vec<u8> {
        let line = format!(
            "{} {}{}{} HTTP/1.1\r\nHost: {host}\r\n",
            self.method, route.base, self.path, self.query
        );
        let mut out = line.into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        // A body that is packed cannot be searched for the key.
        out.extend_from_slice(b"Accept-Encoding: identity\r\nConnection: close\r\n");
        out
    }
}

/// By whole segments, or further where the beginning ends with a sign of its own: `/v1/models` covers
/// `/v1/models/x`, not `/v1/modelsx`.
fn covers(begin: &str, path: &str) -> bool {
    path.strip_prefix(begin).is_some_and(|rest| {
        rest.is_empty() || begin.ends_with('/') || rest.starts_with('/') || rest.starts_with(':')
    })
}

/// No way around the beginnings that are allowed.
fn path_is_plain(path: &str) -> Result<(), Malformed> {
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "%00", "\\", "#", ";"];
    let walks = path.split('/').any(|part| part == "." || part == "..");
    if walks || hidden.iter().any(|sign| lower.contains(sign)) || path.contains("//") {
        return Err(Malformed("the path is not written plainly"));
    }
    Ok(())
}

fn waits(headers: &[httparse::Header<'_>]) -> Result<bool, Malformed> {
    let mut found = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("expect"));
    match (found.next(), found.next()) {
        (None, _) => Ok(false),
        (Some(one), None) if one.value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Malformed("the request expects what cannot be done")),
    }
}

/// Names that carry a credential, by a part of them: a provider's own spelling is one of these too.
const TELLING: [&str; 10] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "api-key",
    "apikey",
    "-key",
    "password",
    "credential",
    "signature",
];
/// Likewise, and named otherwise.
const NAMED: [&str; 7] = [
    "key",
    "x-goog-user-project",
    "x-goog-iam-authority-selector",
    "forwarded",
    "via",
    "x-real-ip",
    "expect",
];
/// Look like one and are none.
const HARMLESS: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

/// Whether a header could carry a credential, or say on whose behalf a request is made.
pub fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    !HARMLESS.contains(&name.as_str())
        && (NAMED.contains(&name.as_str())
            || name.starts_with("x-forwarded")
            || TELLING.iter().any(|part| name.contains(part)))
}

fn passed_on(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    let named = request::named_by_connection(headers);
    headers
        .iter()
        .filter(|header| {
            let name = header.name.to_ascii_lowercase();
            let stays = name == "content-length" || !named.contains(&name);
            stays
                && !HOP_BY_HOP.contains(&name.as_str())
                && name != "accept-encoding"
                && !is_credential(&name)
        })
        .map(|header| (header.name.to_owned(), header.value.to_vec()))
        .collect()
}

/// Names of query parameters that carry a credential.
const PARAMETERS: [&str; 9] = [
    "key",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "token",
    "auth",
    "authorization",
    "oauth_token",
];

fn without_credentials(query: &str) -> String {
    let Some(query) = query.strip_prefix('?') else {
        return String::new();
    };
    let kept: Vec<&str> = query
        .split(['&', ';'])
        .filter(|part| {
            let name = part.split('=').next().unwrap_or_default();
            let name = unescaped(name).to_ascii_lowercase();
            !PARAMETERS.contains(&name.trim_start_matches('$'))
        })
        .collect();
    match kept.join("&") {
        joined if joined.is_empty() => String::new(),
        joined => format!("?{joined}"),
    }
}

/// With `%41` and `+` read.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let two = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(two.unwrap_or(bytes[at]));
        at += if two.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ask(line: &str, headers: &str) -> Result<Ask, Malformed> {
        let head = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:3128\r\n{headers}\r\n");
        assert!(is_one(head.as_bytes()), "{line}");
        parse(head.as_bytes())
    }

    #[test]
    fn what_a_route_is_asked_for() {
        let read = ask(
            "POST /keys/anthropic/v1/messages?beta=true",
            "Content-Length: 3\r\n",
        )
        .unwrap();
        assert_eq!(
            (read.route.as_str(), read.path.as_str(), read.query.as_str()),
            ("anthropic", "/v1/messages", "?beta=true")
        );
        assert_eq!(ask("HEAD /keys/anthropic", "").unwrap().path, "/");
        let read = ask("GET http://localhost:3128/keys/own/v1/models", "").unwrap();
        assert_eq!(read.path, "/v1/models");
        for line in [
            "GET /",
            "GET http://example.com/keys/x/",
            "CONNECT a:443",
            "GET http://127.0.0.1:80/keys/x",
        ] {
            assert!(
                !is_one(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()),
                "{line}"
            );
        }
    }

    #[test]
    fn no_credential_of_the_programs_own_is_passed_on() {
        let stays = "Accept: */*\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: a\r\nIdempotency-Key: 7\r\n\
                     User-Agent: x\r\nx-stainless-lang: js\r\nContent-Type: application/json\r\n";
        let read = ask("GET /keys/x/v1", stays).unwrap();
        assert_eq!(read.headers.len(), 7, "{:?}", read.headers);
        for name in [
            "Authorization",
            "AUTHORIZATION",
            "Proxy-Authorization",
            "X-Api-Key",
            "x_api_key",
            "Api-Key",
            "apikey",
            "x-goog-api-key",
            "X-Goog-Iam-Authorization-Token",
            "Cookie",
            "Cookie2",
            "Set-Cookie",
            "X-Amz-Security-Token",
            "X-Auth-Token",
            "Ocp-Apim-Subscription-Key",
            "X-Secret",
            "x-goog-user-project",
            "X-Forwarded-For",
            "Forwarded",
            "Via",
            "X-Client-Signature",
            "Expect-Auth",
        ] {
            let read = ask(
                "GET /keys/x/v1",
                &format!("Accept: */*\r\n{name}: mine\r\n"),
            )
            .unwrap();
            assert_eq!(read.headers.len(), 1, "{name}");
        }
        for (query, left) in [
            ("?key=mine", ""),
            ("?alt=sse&key=mine", "?alt=sse"),
            ("?KEY=mine&alt=sse", "?alt=sse"),
            ("?%6bey=mine", ""),
            ("?a=1;key=mine", "?a=1"),
            ("?$key=mine&access_token=x&a=b", "?a=b"),
            ("?keyword=1", "?keyword=1"),
        ] {
            let read = ask(&format!("GET /keys/x/v1{query}"), "").unwrap();
            assert_eq!(read.query, left, "{query}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        assert!(ask("GET /keys/x/v1", "").is_ok(), "the probe can succeed");
        for path in [
            "/../admin",
            "/v1/../x",
            "/v1/%2e%2E/x",
            "/v1%2fx",
            "/a//b",
            "/./x",
            "/v1\\x",
            "/v1#x",
            "/v1;x",
        ] {
            assert!(ask(&format!("GET /keys/x{path}"), "").is_err(), "{path}");
        }
        for headers in [
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 99999999999\r\n",
            "Expect: 100-continue\r\nExpect: 100-continue\r\n",
            "Expect: more\r\n",
            " folded: x\r\n",
        ] {
            assert!(ask("POST /keys/x/v1", headers).is_err(), "{headers:?}");
        }
        assert!(ask("TRACE /keys/x/v1", "").is_err());
    }

    #[test]
    fn a_beginning_covers_whole_segments() {
        for (begin, path, covered) in [
            ("/v1/models", "/v1/models", true),
            ("/v1/models", "/v1/models/x", true),
            ("/v1/models", "/v1/modelsx", false),
            (
                "/v1beta/models/",
                "/v1beta/models/m:streamGenerateContent",
                true,
            ),
            ("/v1/messages", "/v1/organizations", false),
        ] {
            assert_eq!(covers(begin, path), covered, "{begin} {path}");
        }
    }
}
