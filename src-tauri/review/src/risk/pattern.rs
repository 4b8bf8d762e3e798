//! Which rows of the table a path matches: component by component from its end, folded.

use std::sync::OnceLock;

use sandbox_workspace::WorkspacePath;

use super::names;
use super::table::{Rule, TABLE};

/// The rows that match a path, at most one per reason.
pub(super) fn matches(path: &WorkspacePath) -> impl Iterator<Item = &'static Rule> {
    let components = names::components(path);
    compiled()
        .iter()
        .filter_map(move |rows| rows.iter().find(|row| row.fits(&components)))
        .map(|row| row.rule)
}

/// A rule with its pattern in components.
struct Compiled {
    rule: &'static Rule,
    parts: Vec<&'static str>,
    below: bool,
}

fn compiled() -> &'static [Vec<Compiled>] {
    static COMPILED: OnceLock<Vec<Vec<Compiled>>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let compile = |rule: &'static Rule| {
            let (folder, below) = match rule.pattern.strip_suffix("/**") {
                Some(folder) => (folder, true),
                None => (rule.pattern, false),
            };
            let parts = folder.split('/').collect();
            Compiled { rule, parts, below }
        };
        TABLE
            .iter()
            .map(|rows| rows.iter().map(compile).collect())
            .collect()
    })
}

impl Compiled {
    fn fits(&self, path: &[String]) -> bool {
        let length = self.parts.len();
        if self.below {
            return path
                .windows(length)
                .take(path.len().saturating_sub(length))
                .any(|part| same(&self.parts, part));
        }
        path.len() >= length && same(&self.parts, &path[path.len() - length..])
    }
}

fn same(pattern: &[&str], names: &[String]) -> bool {
    pattern
        .iter()
        .zip(names)
        .all(|(p, name)| glob(p.as_bytes(), name.as_bytes()))
}

/// `*` for any run of bytes, the rest literally.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, n) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_components_from_the_end() {
        let found = |pattern: &'static str, path: &str| {
            let (folder, below) = match pattern.strip_suffix("/**") {
                Some(folder) => (folder, true),
                None => (pattern, false),
            };
            let parts = folder.split('/').collect();
            let rule = &TABLE[0][0];
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            Compiled { rule, parts, below }.fits(&path)
        };
        assert!(found("a", "x/a") && !found("a", "a/x") && !found("a", "xa"));
        assert!(found("a/b", "x/a/b") && !found("a/b", "b") && !found("a/b", "a/x/b"));
        assert!(found("a/**", "a/x/y") && found("a/**", "z/a/x") && !found("a/**", "a"));
        assert!(found("a/b/**", "a/b/c") && !found("a/b/**", "a/b"));
        assert!(found("*.x", ".x") && found("*.x", "a.b.x") && !found("*.x", "a.xx"));
        assert!(found("a*c.*ml", "abc.yaml") && !found("a*c.*ml", "abd.yaml"));
    }

    #[test]
    fn patterns_are_in_the_form_they_are_compared_in() {
        for rule in TABLE.iter().copied().flatten() {
            let forms: Vec<String> = rule
                .pattern
                .split('/')
                .filter(|part| *part != "**")
                .map(|part| names::folded(part.as_bytes()))
                .collect();
            assert_eq!(rule.pattern.trim_end_matches("/**"), forms.join("/"));
            assert!(!rule.pattern.is_empty() && !rule.reason.is_empty());
        }
    }
}
