//! Files that likely hold secrets, and how some go in without them.

use crate::path::WorkspacePath;

/// Whole names, in lower case.
const NAMES: &[&str] = &[
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    "credentials.tfrc.json",
];

/// Endings, in lower case.
const ENDINGS: &[&str] = &[".p12", ".pfx", ".ppk", ".jks", ".keystore", ".kdbx"];

/// Last two components, in lower case.
const PLACES: &[&str] = &[".aws/credentials", ".docker/config.json", ".kube/config"];

/// Endings of `.env` files that are there to be shared.
const SHARED: &[&str] = &[
    ".example",
    ".sample",
    ".template",
    ".dist",
    ".defaults",
    ".schema",
];

pub(super) fn by_name(path: &WorkspacePath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let whole = path.as_bytes().to_ascii_lowercase();
    is_env_file(&name)
        || NAMES.iter().any(|n| n.as_bytes() == name)
        || ENDINGS.iter().any(|e| name.ends_with(e.as_bytes()))
        || PLACES.iter().any(|place| {
            whole
                .strip_suffix(place.as_bytes())
                .is_some_and(|before| matches!(before.last(), None | Some(b'/')))
        })
}

/// `.env`, `.env.local`, `.envrc`, but not `.env.example`.
pub(crate) fn is_env_file(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let env = name == b".env" || name == b".envrc" || name.starts_with(b".env.");
    env && !SHARED
        .iter()
        .any(|shared| name.ends_with(shared.as_bytes()))
}

/// Names that only their content tells: `.key` is also a presentation, `.pem` also a public
/// certificate, `.npmrc` mostly settings.
pub(crate) fn wants_sniffing(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let json = name.ends_with(b".json");
    let has = |part: &[u8]| name.windows(part.len()).any(|w| w == part);
    [&b".pem"[..], b".key", b".asc"]
        .iter()
        .any(|e| name.ends_with(e))
        || [&b".npmrc"[..], b".yarnrc.yml", b".pypirc"].contains(&&name[..])
        || json
            && (has(b"credential")
                || has(b"service")
                || has(b"client_secret")
                || has(b"firebase")
                || has(b"token"))
}

/// Whether the beginning of a file whose name wants it shows a secret.
pub(crate) fn sniffed_as_secret(content: &[u8]) -> bool {
    const MARKS: &[&[u8]] = &[
        b"PRIVATE KEY",
        b"_authToken",
        b"_password",
        b"_auth=",
        b"_auth =",
        b"npmAuthToken",
        b"npmAuthIdent",
        b"password",
        b"\"private_key\"",
        b"\"client_secret\"",
        b"\"refresh_token\"",
        b"\"access_token\"",
    ];
    MARKS
        .iter()
        .any(|mark| content.windows(mark.len()).any(|w| w == *mark))
}

/// A `.env` file with every value replaced: names, comments and order stay, so that a program still
/// finds what it looks for. What is not understood is dropped rather than kept.
pub fn placeholders(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut open_quote = None;
    for line in content.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii();
        if let Some(quote) = open_quote {
            if ends_quote(text, quote) {
                open_quote = None;
            }
            continue;
        }
        if text.is_empty() {
            out.extend_from_slice(line);
            continue;
        }
        // A comment can hold yesterday's key: only its mark stays.
        if text.starts_with(b"#") {
            match assignment(text[1..].trim_ascii()) {
                Some(_) => out.extend_from_slice(b"#\n"),
                None => out.extend_from_slice(line),
            }
            continue;
        }
        let Some((name, value)) = assignment(text) else {
            continue;
        };
        out.extend_from_slice(name);
        out.extend_from_slice(b"=placeholder\n");
        if let Some(quote @ (b'"' | b'\'' | b'`')) = value.first().copied()
            && !ends_quote(&value[1..], quote)
        {
            open_quote = Some(quote);
        }
    }
    out
}

/// `export NAME` or `NAME`, and the value.
fn assignment(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == b'=')?;
    let name = text[..at].trim_ascii_end();
    let bare = name.strip_prefix(b"export ").unwrap_or(name).trim_ascii();
    let plain = !bare.is_empty()
        && bare
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    plain.then(|| (name, text[at + 1..].trim_ascii()))
}

fn ends_quote(text: &[u8], quote: u8) -> bool {
    let mut escaped = false;
    text.iter().any(|b| {
        let end = *b == quote && !escaped;
        escaped = *b == b'\\' && !escaped;
        end
    })
}

/// Whether this is a git configuration that goes in with a repository.
pub(crate) fn is_git_config(path: &WorkspacePath) -> bool {
    let name = path.file_name();
    (name == b"config" || name == b"config.worktree") && path.components().any(|c| c == b".git")
}

/// A git configuration without credentials: no `[credential]` section, no `extraHeader`, no user name
/// and password in any address. Byte for byte the same where there is nothing of the kind.
pub fn scrub_git_config(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut in_credential = false;
    let mut dropping = false;
    for line in content.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii();
        let continues = text.ends_with(b"\\");
        if dropping {
            dropping = continues;
            continue;
        }
        if text.starts_with(b"[") {
            let section = text[1..].to_ascii_lowercase();
            in_credential = section.starts_with(b"credential");
        }
        let key: Vec<u8> = text
            .iter()
            .take_while(|b| !matches!(b, b'=' | b' ' | b'\t'))
            .map(u8::to_ascii_lowercase)
            .collect();
        let secret = [
            "extraheader",
            "cookiefile",
            "sslkey",
            "sslcertpassword",
            "askpass",
        ]
        .iter()
        .any(|k| k.as_bytes() == key);
        // `[http "x"] extraHeader = …` on one line.
        let inline = text.starts_with(b"[") && contains_word(text, b"extraheader");
        if in_credential || secret || inline {
            dropping = continues;
            continue;
        }
        strip_userinfo(line, &mut out);
    }
    out
}

fn contains_word(text: &[u8], word: &[u8]) -> bool {
    text.to_ascii_lowercase()
        .windows(word.len())
        .any(|w| w == word)
}

/// `scheme://user:password@host` becomes `scheme://host`. `ssh://git@host` stays: a user name alone
/// is no secret there.
fn strip_userinfo(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = rest.windows(3).position(|w| w == b"://") {
        let (before, after) = rest.split_at(at + 3);
        out.extend_from_slice(before);
        let end = after
            .iter()
            .position(|b| matches!(b, b'/' | b' ' | b'"' | b'\n' | b'\t' | b'?' | b'#'))
            .unwrap_or(after.len());
        let is_ssh = before.ends_with(b"ssh://");
        let userinfo = after[..end].iter().rposition(|b| *b == b'@');
        rest = match userinfo {
            Some(at) if !is_ssh || after[..at].contains(&b':') => &after[at + 1..],
            _ => after,
        };
    }
    out.extend_from_slice(rest);
}
