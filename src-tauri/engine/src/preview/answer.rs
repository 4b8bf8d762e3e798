//! What the sandbox's server answers, made fit for the user's browser.

use hyper::header::{
    CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, HeaderMap, HeaderName,
    HeaderValue, LINK, LOCATION, REFERRER_POLICY, SET_COOKIE, X_DNS_PREFETCH_CONTROL,
};
use sandbox_protocol::policy::{HostPattern, Policy, Reach};

use super::door::COOKIE_NAME;

/// Sites named to the browser; more would only make a longer header.
const MAX_SITES: usize = 200;
/// They tell the browser to report somewhere, or to connect beforehand: past any policy.
const TALKATIVE: [HeaderName; 5] = [
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("nel"),
    CONTENT_SECURITY_POLICY_REPORT_ONLY,
    HeaderName::from_static("alt-svc"),
];

/// What of an answer depends on the preview.
pub(super) struct Fitting<'a> {
    /// `<random>.localhost:<port>`.
    pub authority: &'a str,
    /// The port in the sandbox.
    pub port: u16,
    /// What the sandbox may reach.
    pub policy: &'a Policy,
}

/// Changes an answer's head.
pub(super) fn fit(headers: &mut HeaderMap, fitting: &Fitting<'_>) {
    for name in TALKATIVE {
        headers.remove(name);
    }
    keep_cookies_here(headers);
    keep_location_here(headers, fitting.port);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if fitting.policy.reach == Reach::Open {
        return;
    }
    headers.remove(LINK);
    headers.insert(X_DNS_PREFETCH_CONTROL, HeaderValue::from_static("off"));
    let theirs: Vec<HeaderValue> = headers
        .get_all(CONTENT_SECURITY_POLICY)
        .iter()
        .filter_map(without_reports)
        .collect();
    headers.remove(CONTENT_SECURITY_POLICY);
    let ours = security_policy(fitting);
    // A browser holds a page to every policy that is sent: theirs can only take more away.
    for policy in theirs.into_iter().chain(HeaderValue::try_from(ours)) {
        headers.append(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Itself, and the sites that the sandbox may reach.
fn security_policy(fitting: &Fitting<'_>) -> String {
    let mut sources = format!(
        "'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws://{}",
        fitting.authority
    );
    if fitting.policy.reach == Reach::Approved {
        let (allow, deny) = (&fitting.policy.allow, &fitting.policy.deny);
        let sites = allow.iter().filter(|site| !is_partly_blocked(site, deny));
        for site in sites.take(MAX_SITES) {
            use std::fmt::Write;
            let _ = write!(sources, " https://{site} wss://{site}");
        }
    }
    format!(
        "default-src {sources}; object-src 'none'; base-uri 'self'; form-action 'self'; \
         frame-ancestors 'self'; webrtc 'block'"
    )
}

/// A policy cannot say "but not": a site of which a part is blocked is left out.
fn is_partly_blocked(site: &HostPattern, deny: &[HostPattern]) -> bool {
    let name = |pattern: &HostPattern| {
        let text = pattern.to_string();
        let text = match pattern.port() {
            Some(port) => text.trim_end_matches(&format!(":{port}")).to_owned(),
            None => text,
        };
        text.trim_start_matches("*.").to_owned()
    };
    let below = |a: &str, b: &str| a == b || a.ends_with(&format!(".{b}"));
    deny.iter().any(|rule| {
        let (rule, site) = (name(rule), name(site));
        below(&rule, &site) || below(&site, &rule)
    })
}

/// Their own policy without the addresses that it reports to.
fn without_reports(policy: &HeaderValue) -> Option<HeaderValue> {
    let text = policy.to_str().ok()?;
    let kept: Vec<&str> = text
        .split([';', ','])
        .map(str::trim)
        .filter(|part| {
            let name = part.split_ascii_whitespace().next().unwrap_or("");
            !name.is_empty() && !name.to_ascii_lowercase().starts_with("report-")
        })
        .collect();
    HeaderValue::try_from(kept.join("; ")).ok()
}

/// Cookies stay with this name, and ours is not theirs to set.
fn keep_cookies_here(headers: &mut HeaderMap) {
    let fitted: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| fitted_cookie(cookie.to_str().ok()?))
        .collect();
    headers.remove(SET_COOKIE);
    for cookie in fitted {
        headers.append(SET_COOKIE, cookie);
    }
}

fn fitted_cookie(cookie: &str) -> Option<HeaderValue> {
    let mut parts = cookie.split(';');
    let pair = parts.next()?.trim();
    let name = pair.split('=').next()?.trim();
    if name.is_empty() || name.eq_ignore_ascii_case(COOKIE_NAME) {
        return None;
    }
    let mut kept = vec![pair];
    kept.extend(parts.map(str::trim).filter(|part| {
        let name = part.split('=').next().unwrap_or("").trim();
        // `Secure` would keep it from coming back over this plain connection.
        !name.eq_ignore_ascii_case("domain") && !name.eq_ignore_ascii_case("secure")
    }));
    HeaderValue::try_from(kept.join("; ")).ok()
}

/// A server that names itself by the address it has inside means this preview.
fn keep_location_here(headers: &mut HeaderMap, port: u16) {
    let Some(there) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let own = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"]
        .iter()
        .find_map(|host| there.strip_prefix(&format!("http://{host}:{port}")));
    if let Some(path) = own
        && (path.is_empty() || path.starts_with(['/', '?', '#']))
    {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        if let Ok(path) = HeaderValue::try_from(path) {
            headers.insert(LOCATION, path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn policy(reach: Reach, allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Policy {
            reach,
            allow: rules(allow),
            deny: rules(deny),
        }
    }

    fn fitted(policy: &Policy, sent: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        let fitting = Fitting {
            authority: "abc.localhost:4000",
            port: 3000,
            policy,
        };
        fit(&mut headers, &fitting);
        let list = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        list.collect()
    }

    fn all(list: &[(String, String)], name: &str) -> Vec<String> {
        let found = list.iter().filter(|(n, _)| n == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    #[test]
    fn a_page_may_load_itself_and_the_approved_sites() {
        let rules = policy(
            Reach::Approved,
            &["a.test", "*.b.test", "c.test:8443", "*.d.test", "e.test"],
            &["x.d.test", "*.e.test"],
        );
        let said = all(&fitted(&rules, &[]), "content-security-policy");
        assert_eq!(
            said,
            [
                "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws://abc.localhost:4000 \
                 https://a.test wss://a.test https://*.b.test wss://*.b.test https://c.test:8443 \
                 wss://c.test:8443; object-src 'none'; base-uri 'self'; form-action 'self'; \
                 frame-ancestors 'self'; webrtc 'block'"
            ],
            "what is blocked in part is left out"
        );
        let offline = policy(Reach::Offline, &["a.test"], &[]);
        let said = all(&fitted(&offline, &[]), "content-security-policy");
        assert!(!said[0].contains("a.test"), "{said:?}");
        let open = fitted(&policy(Reach::Open, &[], &[]), &[]);
        assert!(all(&open, "content-security-policy").is_empty());
        assert_eq!(all(&open, "referrer-policy"), ["no-referrer"]);
    }

    #[test]
    fn what_would_talk_past_the_policy_goes() {
        let sent = [
            (
                "content-security-policy",
                "default-src *; report-uri https://evil.test/a; img-src 'none'",
            ),
            ("content-security-policy", "script-src 'self', Report-To x"),
            (
                "content-security-policy-report-only",
                "default-src 'none'; report-uri https://evil.test",
            ),
            ("reporting-endpoints", "x=\"https://evil.test\""),
            ("report-to", "{}"),
            ("nel", "{}"),
            ("link", "<https://evil.test>; rel=preconnect"),
            ("referrer-policy", "unsafe-url"),
            ("x-other", "stays"),
        ];
        let list = fitted(&policy(Reach::Offline, &[], &[]), &sent);
        assert!(
            !list.iter().any(|(_, value)| value.contains("evil")),
            "{list:?}"
        );
        let policies = all(&list, "content-security-policy");
        assert_eq!(policies.len(), 3, "{policies:?}");
        assert_eq!(policies[0], "default-src *; img-src 'none'");
        assert_eq!(policies[1], "script-src 'self'");
        assert_eq!(all(&list, "referrer-policy"), ["no-referrer"]);
        assert_eq!(all(&list, "x-other"), ["stays"]);
    }

    #[test]
    fn cookies_stay_here_and_ours_is_not_theirs() {
        let sent = [
            ("set-cookie", "a=1; Domain=localhost; Path=/; HttpOnly"),
            (
                "set-cookie",
                "b=2; SameSite=None; Secure; dOmAiN = .localhost",
            ),
            ("set-cookie", "agent-sandbox-preview=stolen"),
            ("set-cookie", " Agent-Sandbox-Preview =stolen; Path=/x"),
            ("set-cookie", "=nameless"),
        ];
        let list = fitted(&policy(Reach::Open, &[], &[]), &sent);
        assert_eq!(
            all(&list, "set-cookie"),
            ["a=1; Path=/; HttpOnly", "b=2; SameSite=None"]
        );
    }

    #[test]
    fn a_server_that_names_itself_means_the_preview() {
        let open = policy(Reach::Open, &[], &[]);
        for (sent, comes) in [
            ("http://localhost:3000/a?b", "/a?b"),
            ("http://127.0.0.1:3000", "/"),
            ("http://[::1]:3000/x", "/x"),
            ("http://localhost:3000?x", "/?x"),
            ("http://localhost:30001/x", "http://localhost:30001/x"),
            (
                "http://localhost:3000.evil.test/",
                "http://localhost:3000.evil.test/",
            ),
            ("https://elsewhere.test/", "https://elsewhere.test/"),
            ("/local", "/local"),
        ] {
            let list = fitted(&open, &[("location", sent)]);
            assert_eq!(all(&list, "location"), [comes], "{sent}");
        }
    }
}
