//! Files of package managers, of which only a part is dangerous.

use std::collections::BTreeSet;

use serde_json::Value;

/// Parts of a package.json that name programs or replace packages.
const ACTIVE: &[&str] = &[
    "scripts",
    "bin",
    "overrides",
    "resolutions",
    "packageManager",
    "pnpm",
    "gypfile",
    "config",
    "husky",
    "lint-staged",
    "simple-git-hooks",
    "pre-commit",
    "workspaces",
    "trustedDependencies",
    "devEngines",
    "tasks",
    "imports",
    "gitHooks",
];

/// Where packages usually come from.
const USUAL: &[&str] = &[
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "github.com/rust-lang/crates.io-index",
    "index.crates.io",
    "pypi.org",
    "files.pythonhosted.org",
    "rubygems.org",
    "proxy.golang.org",
    "sum.golang.org",
    "repo.packagist.org",
    "jsr.io",
    "deno.land",
    "npm.jsr.io",
    "api.github.com",
];

/// The dangerous part that is new in a file of this name, in a few words.
pub(super) fn danger(name: &[u8], old: Option<&[u8]>, new: &[u8]) -> Option<String> {
    match super::names::folded(name).as_str() {
        "package.json" | "composer.json" | "deno.json" | "deno.jsonc" => json(old, new),
        "go.mod" => go_module(old, new),
        _ => sources(old, new),
    }
}

fn json(old: Option<&[u8]>, new: &[u8]) -> Option<String> {
    // What does not parse here may parse there.
    let Ok(new) = serde_json::from_slice::<Value>(new) else {
        return Some("not valid JSON".to_owned());
    };
    let old: Value = old
        .and_then(|old| serde_json::from_slice(old).ok())
        .unwrap_or(Value::Null);
    ACTIVE
        .iter()
        .find(|key| new.get(key).is_some() && new.get(key) != old.get(key))
        .map(|key| (*key).to_owned())
}

fn go_module(old: Option<&[u8]>, new: &[u8]) -> Option<String> {
    let active = |bytes: &[u8]| -> BTreeSet<String> {
        String::from_utf8_lossy(bytes)
            .lines()
            .map(str::trim)
            .filter(|line| {
                line.starts_with("toolchain") || line.contains("=>") || line.starts_with("tool ")
            })
            .map(str::to_owned)
            .collect()
    };
    let before = active(old.unwrap_or_default());
    active(new).difference(&before).next().cloned()
}

/// A place in a lock file that packages were not fetched from before.
fn sources(old: Option<&[u8]>, new: &[u8]) -> Option<String> {
    let before = hosts(old.unwrap_or_default());
    hosts(new)
        .into_iter()
        .find(|host| !before.contains(host) && !USUAL.iter().any(|usual| host == usual))
}

fn hosts(content: &[u8]) -> BTreeSet<String> {
    const KEYS: &[&str] = &[
        "resolved", "tarball", "source", "url =", "remote:", "registry", "git+", "repo:", "link:",
    ];
    String::from_utf8_lossy(content)
        .lines()
        .filter(|line| KEYS.iter().any(|key| line.contains(key)))
        .flat_map(|line| {
            line.match_indices("://")
                .map(move |(at, _)| place(&line[at + 3..]))
        })
        .filter(|host| !host.is_empty())
        .collect()
}

/// The host of an address; of the one place that holds an index beside everything else, its path too.
fn place(rest: &str) -> String {
    let end = rest
        .find(['"', '\'', ' ', '#', '?', ')', ','])
        .unwrap_or(rest.len());
    let address = rest[..end].to_lowercase();
    let host = address.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if address.starts_with("github.com/rust-lang/crates.io-index") {
        return "github.com/rust-lang/crates.io-index".to_owned();
    }
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_active_part_of_a_package_counts() {
        let old = br#"{"name":"a","version":"1","scripts":{"test":"x"}}"#;
        let version = br#"{"name":"a","version":"2","scripts":{"test":"x"}}"#;
        let script = br#"{"name":"a","version":"1","scripts":{"test":"x","postinstall":"curl"}}"#;
        assert_eq!(danger(b"package.json", Some(old), version), None);
        assert_eq!(
            danger(b"package.json", Some(old), script),
            Some("scripts".into())
        );
        assert_eq!(danger(b"package.json", None, br#"{"name":"a"}"#), None);
        assert!(danger(b"Package.JSON", None, b"{").is_some());
    }

    #[test]
    fn only_a_new_source_in_a_lock_file_counts() {
        let usual = br#"  "resolved": "https://registry.npmjs.org/a/-/a-1.tgz","#;
        let other = br#"  "resolved": "https://evil.example/a/-/a-1.tgz","#;
        let funding = br#"  "url": "https://opencollective.com/x""#;
        assert_eq!(danger(b"package-lock.json", None, usual), None);
        assert_eq!(danger(b"package-lock.json", None, funding), None);
        assert_eq!(
            danger(b"package-lock.json", Some(usual), other),
            Some("evil.example".into())
        );
        assert_eq!(danger(b"package-lock.json", Some(other), other), None);
        let crates = br#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
        assert_eq!(danger(b"Cargo.lock", None, crates), None);
    }
}
