//! Who may come in: the browser that was sent here with a token, by the preview's own name, from its own pages.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;

use crate::ids::hex;

/// Carries the session. Cookies ignore ports, so it is sent to this preview's random name only.
pub(super) const COOKIE_NAME: &str = "agent-sandbox-preview";
/// Below it lie the one-time addresses. Nothing of the sandbox's is served there.
const ENTRANCE: &str = "/.agent-sandbox/open/";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Tokens that were given out and not used, and sessions: the oldest goes.
const MAX_KEPT: usize = 16;
/// How long a token waits for its browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Guards one preview.
pub(super) struct Door {
    /// `<random>.localhost:<port>`, as a browser writes it.
    authority: String,
    origin: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tokens: VecDeque<(String, Instant)>,
    sessions: VecDeque<String>,
}

/// What is done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// On to the sandbox.
    Pass,
    /// A token was used: the browser gets this session.
    Enter(String),
    /// The token was used before, by a browser that has a session.
    Again,
    /// Not let in.
    Refuse(Refusal),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By another name, or by none.
    Host,
    /// From a page of somebody else's.
    Origin,
    /// The token was used, is too old, or none.
    Token,
    /// Without a session.
    Session,
}

impl Door {
    /// For a preview that listens on this port, with a name that nobody can guess.
    pub(super) fn new(port: u16) -> Result<Self, getrandom::Error> {
        let authority = format!("{}.localhost:{port}", random()?);
        Ok(Self {
            origin: format!("http://{authority}"),
            authority,
            inner: Mutex::default(),
        })
    }

    /// `<random>.localhost:<port>`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// `http://` and the authority.
    #[cfg(test)]
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// An address that lets one browser in, once.
    pub(super) fn address(&self, now: Instant) -> Result<String, getrandom::Error> {
        let token = random()?;
        let mut inner = self.inner();
        inner.tokens.push_back((token.clone(), now + PATIENCE));
        while inner.tokens.len() > MAX_KEPT {
            inner.tokens.pop_front();
        }
        Ok(format!("{}{ENTRANCE}{token}", self.origin))
    }

    /// What to do with a request.
    pub(super) fn check(&self, request: &Parts, now: Instant) -> Entry {
        if !self.is_by_name(request) {
            return Entry::Refuse(Refusal::Host);
        }
        if !self.is_from_here(&request.headers) {
            return Entry::Refuse(Refusal::Origin);
        }
        let has_session = self.has_session(&request.headers);
        if let Some(token) = request.uri.path().strip_prefix(ENTRANCE) {
            return match self.enter(token, now) {
                Some(session) => Entry::Enter(session),
                None if has_session => Entry::Again,
                None => Entry::Refuse(Refusal::Token),
            };
        }
        if has_session {
            Entry::Pass
        } else {
            Entry::Refuse(Refusal::Session)
        }
    }

    /// A name of somebody else's that leads to this computer is how other sites get at local servers.
    fn is_by_name(&self, request: &Parts) -> bool {
        let mut hosts = request.headers.get_all(HOST).iter();
        let stated = match (hosts.next(), hosts.next()) {
            (Some(one), None) => one.as_bytes(),
            _ => return false,
        };
        request.uri.authority().is_none() && stated.eq_ignore_ascii_case(self.authority.as_bytes())
    }

    /// Requests of a page of ours, and those without a page: typed, or by a link that leads here.
    fn is_from_here(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).iter().all(|origin| {
            // As no page tells where it comes from (no-referrer), its forms say `null`; the browser itself
            // says that they are its own.
            let own_form = origin == "null"
                && headers
                    .get(FETCH_SITE)
                    .is_some_and(|site| site == "same-origin");
            origin.as_bytes() == self.origin.as_bytes() || own_form
        })
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let inner = self.inner();
        cookies(headers)
            .filter_map(|cookie| cookie.strip_prefix(COOKIE_NAME)?.strip_prefix('='))
            .any(|value| inner.sessions.iter().any(|session| session == value))
    }

    fn enter(&self, token: &str, now: Instant) -> Option<String> {
        let mut inner = self.inner();
        inner.tokens.retain(|(_, until)| *until > now);
        let at = inner.tokens.iter().position(|(kept, _)| kept == token)?;
        inner.tokens.remove(at);
        let session = random().ok()?;
        inner.sessions.push_back(session.clone());
        while inner.sessions.len() > MAX_KEPT {
            inner.sessions.pop_front();
        }
        Some(session)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The single cookies of a request.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';').map(str::trim))
}

/// 128 bits.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hyper::Request;

    fn request(path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut made = Request::get(path);
        for (name, value) in headers {
            made = made.header(*name, *value);
        }
        made.body(()).unwrap().into_parts().0
    }

    fn entered(door: &Door) -> String {
        let now = Instant::now();
        let address = door.address(now).unwrap();
        let path = address.strip_prefix(door.origin()).unwrap();
        let entry = door.check(&request(path, &[("host", door.authority())]), now);
        let Entry::Enter(session) = entry else {
            panic!("{entry:?}")
        };
        format!("{COOKIE_NAME}={session}")
    }

    #[test]
    fn only_its_own_name_is_answered() {
        let door = Door::new(4000).unwrap();
        let cookie = entered(&door);
        let with = |hosts: &[&str]| {
            let mut headers: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
            headers.push(("cookie", &cookie));
            door.check(&request("/", &headers), Instant::now())
        };
        let own = door.authority().to_owned();
        assert_eq!(with(&[&own]), Entry::Pass, "the probe can succeed");
        assert_eq!(with(&[&own.to_uppercase()]), Entry::Pass);
        let other_port = own.replace(":4000", ":4001");
        let below = format!("x.{own}");
        for hosts in [
            &["localhost:4000"][..],
            &["127.0.0.1:4000"],
            &["evil.test:4000"],
            &[&other_port],
            &[&below],
            &[own.trim_end_matches(":4000")],
            &[],
            &[&own, &own],
        ] {
            assert_eq!(with(hosts), Entry::Refuse(Refusal::Host), "{hosts:?}");
        }
        let absolute = request(
            "http://evil.test/",
            &[("host", door.authority()), ("cookie", &cookie)],
        );
        let entry = door.check(&absolute, Instant::now());
        assert_eq!(entry, Entry::Refuse(Refusal::Host));
    }

    #[test]
    fn only_its_own_pages_may_ask() {
        let door = Door::new(4000).unwrap();
        let cookie = entered(&door);
        let from = |more: &[(&str, &str)]| {
            let mut headers = vec![("host", door.authority()), ("cookie", cookie.as_str())];
            headers.extend(more);
            door.check(&request("/", &headers), Instant::now())
        };
        assert_eq!(from(&[("origin", door.origin())]), Entry::Pass);
        let form = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(from(&form), Entry::Pass, "a form of its own");
        let https = door.origin().replace("http:", "https:");
        for origin in [
            "http://localhost:4000",
            "https://evil.test",
            "null",
            &https,
            "",
        ] {
            let entry = from(&[("origin", origin)]);
            assert_eq!(entry, Entry::Refuse(Refusal::Origin), "{origin:?}");
        }
        let form = [("origin", "null"), ("sec-fetch-site", "cross-site")];
        assert_eq!(from(&form), Entry::Refuse(Refusal::Origin));
        let two = [("origin", door.origin()), ("origin", "https://evil.test")];
        assert_eq!(from(&two), Entry::Refuse(Refusal::Origin));
    }

    #[test]
    fn a_token_lets_one_browser_in_once_and_not_for_ever() {
        let door = Door::new(4000).unwrap();
        let now = Instant::now();
        let host = ("host", door.authority());
        let at = |path: &str, cookie: &str, now| {
            door.check(&request(path, &[host, ("cookie", cookie)]), now)
        };
        assert_eq!(at("/", "", now), Entry::Refuse(Refusal::Session));
        let path = |address: String| address.strip_prefix(door.origin()).unwrap().to_owned();
        let first = path(door.address(now).unwrap());
        let Entry::Enter(session) = at(&first, "", now) else {
            panic!("not let in")
        };
        let cookie = format!("other=1; {COOKIE_NAME}={session}");
        assert_eq!(at("/a?b", &cookie, now), Entry::Pass);
        assert_eq!(at(&first, "", now), Entry::Refuse(Refusal::Token), "once");
        assert_eq!(at(&first, &cookie, now), Entry::Again);
        let wrong = format!("{COOKIE_NAME}={session}x");
        assert_eq!(at("/", &wrong, now), Entry::Refuse(Refusal::Session));
        let second = path(door.address(now).unwrap());
        let late = now + PATIENCE + Duration::from_secs(1);
        assert_eq!(at(&second, "", late), Entry::Refuse(Refusal::Token));
        let path = format!("{ENTRANCE}x");
        assert_eq!(at(&path, "", now), Entry::Refuse(Refusal::Token));
    }
}
