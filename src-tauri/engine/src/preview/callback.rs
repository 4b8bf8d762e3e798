//! A log-in that comes back: the provider sends the browser to `http://localhost:PORT/…` with a code for the
//! program that waits in the sandbox. It needs the same port number, and gets as little else as can be.

use hyper::Method;
use hyper::header::{
    CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderMap, HeaderValue, LINK, ORIGIN, REFERRER_POLICY,
    SET_COOKIE,
};
use hyper::http::request::Parts;

/// No script, no storage, no cookies, nothing loaded: it is shown under a name that the user's own servers have
/// had, or will have.
const PAGE: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'";

/// Whether a request is one of a browser that was sent here: by this computer's name, only reading, and neither from
/// a page's script nor for a picture or a frame of one.
pub(super) fn lets_in(request: &Parts, port: u16) -> bool {
    let mut hosts = request.headers.get_all(HOST).iter();
    let by_name = match (hosts.next(), hosts.next()) {
        (Some(one), None) => ["localhost", "127.0.0.1"]
            .iter()
            .any(|name| one.as_bytes() == format!("{name}:{port}").as_bytes()),
        _ => false,
    };
    by_name
        && request.uri.authority().is_none()
        && request.method == Method::GET
        && !request.headers.contains_key(ORIGIN)
        && says_at_most(&request.headers, "sec-fetch-mode", "navigate")
        && says_at_most(&request.headers, "sec-fetch-dest", "document")
}

/// Browsers say what a request is for; old ones say nothing.
fn says_at_most(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get_all(name).iter().all(|said| said == value)
}

/// Cookies ignore ports: those of the user's own local servers come along, and are not the sandbox's to see.
pub(super) fn prepare(headers: &mut HeaderMap) {
    headers.remove(COOKIE);
}

/// Changes an answer's head.
pub(super) fn fit(headers: &mut HeaderMap) {
    headers.remove(SET_COOKIE);
    headers.remove(LINK);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hyper::Request;

    #[test]
    fn only_a_browser_that_was_sent_here_comes_in() {
        let asks = |method: Method, headers: &[(&str, &str)]| {
            let mut made = Request::builder()
                .method(method)
                .uri("/auth/callback?code=1");
            for (name, value) in headers {
                made = made.header(*name, *value);
            }
            lets_in(&made.body(()).unwrap().into_parts().0, 1455)
        };
        assert!(asks(Method::GET, &[("host", "localhost:1455")]));
        assert!(asks(Method::GET, &[("host", "127.0.0.1:1455")]));
        assert!(!asks(Method::POST, &[("host", "localhost:1455")]));
        assert!(!asks(Method::GET, &[("host", "evil.test:1455")]));
        assert!(!asks(Method::GET, &[("host", "localhost:1456")]));
        assert!(!asks(Method::GET, &[("host", "localhost")]));
        assert!(!asks(Method::GET, &[]));
        let from_a_page = [("host", "localhost:1455"), ("origin", "https://evil.test")];
        assert!(!asks(Method::GET, &from_a_page));
        let for_what = |mode, dest| {
            let host = ("host", "localhost:1455");
            asks(
                Method::GET,
                &[host, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)],
            )
        };
        assert!(for_what("navigate", "document"));
        assert!(!for_what("navigate", "iframe"));
        assert!(!for_what("no-cors", "image"));
        assert!(!for_what("no-cors", "empty"));
    }
}
