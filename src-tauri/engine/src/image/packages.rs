//! System packages that the user wants in the environment: a layer of ours below the agents, made outside
//! of every sandbox.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most packages of one list.
pub const MOST: usize = 100;

/// Name of a Debian package: two or more of `a-z0-9+-.`, the first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

/// A text that names no Debian package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\u{201c}{}\u{201d} is no name of a Debian package: small letters, digits, + - and . only",
    .0.escape_debug()
)]
pub struct NoPackage(pub String);

impl FromStr for PackageName {
    type Err = NoPackage;

    fn from_str(text: &str) -> Result<Self, NoPackage> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (2..=100).contains(&bytes.len())
            && plain(bytes[0])
            && bytes.iter().all(|c| plain(*c) || b"+-.".contains(c))
            // Behind a name these mean *remove* and *install* to apt.
            && !text.ends_with(['-', '+'])
            || ["g++", "libstdc++"].contains(&text);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoPackage(text.chars().take(100).collect()))
        }
    }
}

impl TryFrom<String> for PackageName {
    type Error = NoPackage;

    fn try_from(text: String) -> Result<Self, NoPackage> {
        text.parse()
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> Self {
        name.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The recipe of the layer, the same for the same packages in any order; none for no packages.
///
/// The engine fetches the lists anew where it has not built this before, over its own network.
pub fn dockerfile(below: &str, packages: &[PackageName]) -> Option<String> {
    if packages.is_empty() {
        return None;
    }
    let mut names: Vec<&str> = packages.iter().map(|name| name.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // `apt-get` by its whole path: the short name tells where to add packages.
    Some(format!(
        "FROM {below}\nUSER 0:0\nRUN export DEBIAN_FRONTEND=noninteractive && /usr/bin/apt-get update \
         && /usr/bin/apt-get install -y --no-install-recommends -- {} \
         && rm -rf /var/lib/apt/lists/* /var/cache/apt/*\n",
        names.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_names_are_taken() {
        for name in [
            "ffmpeg",
            "g++",
            "libgtk-3-dev",
            "python3.13",
            "7zip",
            "libc6",
        ] {
            assert!(name.parse::<PackageName>().is_ok(), "refused {name}");
        }
        for name in [
            "",
            "a",
            "-y",
            "A",
            "a b",
            "a;b",
            "a$(x)",
            "a\nb",
            "../x",
            "a/trixie",
            "a=1",
            "bash-",
            "vim+",
            "a:i386",
            "\u{430}bc",
        ] {
            assert!(name.parse::<PackageName>().is_err(), "took {name:?}");
        }
    }

    #[test]
    fn the_order_does_not_matter() {
        let names = |list: &[&str]| -> Vec<PackageName> {
            list.iter().map(|name| name.parse().unwrap()).collect()
        };
        assert_eq!(
            dockerfile("x", &names(&["tree", "bc", "tree"])),
            dockerfile("x", &names(&["bc", "tree"]))
        );
        assert_eq!(dockerfile("x", &[]), None);
    }
}
