//! Lists of sites in plain words. Data: each is what the package manager of that name was seen to need.

/// Sites that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// As it is written down and typed: `python`.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What it lets a program do, in words.
    pub what: &'static str,
    /// Rules.
    pub hosts: &'static [&'static str],
}

/// All presets, in the order in which they are shown.
pub const PRESETS: [Preset; 5] = [
    Preset {
        id: "python",
        name: "Python packages",
        what: "pip and uv install from PyPI",
        hosts: &["pypi.org", "files.pythonhosted.org"],
    },
    Preset {
        id: "javascript",
        name: "JavaScript packages",
        what: "npm, pnpm and yarn install from the npm registry",
        hosts: &["registry.npmjs.org", "registry.yarnpkg.com"],
    },
    Preset {
        id: "rust",
        name: "Rust crates",
        what: "cargo builds with crates from crates.io",
        hosts: &["crates.io", "index.crates.io", "static.crates.io"],
    },
    Preset {
        id: "debian",
        name: "Debian and Ubuntu packages",
        what: "package lists and packages can be read",
        hosts: &[
            "deb.debian.org",
            "security.debian.org",
            "archive.ubuntu.com",
            "security.ubuntu.com",
            "ports.ubuntu.com",
        ],
    },
    // A tunnel cannot tell reading from sending: the name says so.
    Preset {
        id: "github",
        name: "GitHub (can also send)",
        what: "git clones over https; with a password of yours it could also push",
        hosts: &[
            "github.com",
            "codeload.github.com",
            "objects.githubusercontent.com",
            "raw.githubusercontent.com",
            "release-assets.githubusercontent.com",
        ],
    },
];

/// What the window gives a new sandbox with approved sites: packages can be read, nothing of theirs be sent.
pub const USUAL: [&str; 4] = ["python", "javascript", "rust", "debian"];

/// The preset of that id.
pub fn find(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

/// What a host is known for, in words, if it is on one of the lists.
pub fn known_for(host: &str) -> Option<&'static str> {
    PRESETS
        .iter()
        .find(|preset| preset.hosts.contains(&host))
        .map(|preset| preset.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sandbox_protocol::policy::HostPattern;

    #[test]
    fn every_rule_reads() {
        for preset in PRESETS {
            for host in preset.hosts {
                assert!(host.parse::<HostPattern>().is_ok(), "{host}");
            }
        }
    }
}
