//! Likely keys in added lines: an agent may have copied one to where it does not belong.

use super::content::Added;
use super::{Class, Risk};

/// A fixed beginning, and the least number of letters, digits, `-` and `_` after it.
const PREFIXES: &[(&[u8], usize, &str)] = &[
    (b"AKIA", 16, "an AWS key"),
    (b"ASIA", 16, "an AWS key"),
    (b"ghp_", 30, "a GitHub token"),
    (b"gho_", 30, "a GitHub token"),
    (b"ghs_", 30, "a GitHub token"),
    (b"github_pat_", 40, "a GitHub token"),
    (b"glpat-", 18, "a GitLab token"),
    (b"sk-ant-", 24, "an Anthropic key"),
    (b"sk-proj-", 24, "an OpenAI key"),
    (b"sk_live_", 20, "a Stripe key"),
    (b"rk_live_", 20, "a Stripe key"),
    (b"xoxb-", 20, "a Slack token"),
    (b"xoxp-", 20, "a Slack token"),
    (b"AIza", 35, "a Google key"),
    (b"npm_", 36, "an npm token"),
    (b"hf_", 30, "a Hugging Face token"),
    (b"pypi-AgEI", 40, "a PyPI token"),
    (b"dop_v1_", 40, "a DigitalOcean token"),
    (b"SG.", 40, "a SendGrid key"),
];

pub(super) fn find(added: &Added<'_>) -> Option<Risk> {
    added.0.iter().find_map(|(number, line)| {
        let what = kind(line)?;
        Some(Risk::new(
            Class::Secret,
            &format!("Seems to hold {what}."),
            &format!("line {number}"),
        ))
    })
}

fn kind(line: &[u8]) -> Option<&'static str> {
    if memchr::memmem::find(line, b"PRIVATE KEY-----").is_some()
        && memchr::memmem::find(line, b"-----BEGIN ").is_some()
    {
        return Some("a private key");
    }
    PREFIXES
        .iter()
        .find(|(prefix, least, _)| token(line, prefix, *least))
        .map(|(_, _, what)| *what)
}

fn token(line: &[u8], prefix: &[u8], least: usize) -> bool {
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    memchr::memmem::find_iter(line, prefix).any(|at| {
        let alone = at == 0 || !line[at - 1].is_ascii_alphanumeric();
        let rest = &line[at + prefix.len()..];
        let length = rest.iter().take_while(|b| part(b) || **b == b'.').count();
        // Stand-ins such as `xxxx` repeat one character.
        alone && length >= least && rest[..length].iter().any(|b| *b != rest[0])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_words_are_not() {
        let github = format!("token: ghp_{}", "a1B2".repeat(9));
        assert_eq!(kind(github.as_bytes()), Some("a GitHub token"));
        assert_eq!(
            kind(b"-----BEGIN OPENSSH PRIVATE KEY-----"),
            Some("a private key")
        );
        assert_eq!(kind(b"AKIAIOSFODNN7EXAMPLE"), Some("an AWS key"));
        for line in [
            &b"ghp_xxx"[..],
            b"let sk_live_ = 1;",
            b"NAKIAIOSFODNN7EXAMPLE",
            b"plain words",
        ] {
            assert_eq!(kind(line), None);
        }
    }
}
