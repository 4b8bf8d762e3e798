//! The little of git's configuration that is needed, read without git and without following includes.

use std::path::Path;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// For people.
    pub name: String,
    /// As git wants one, with an at sign.
    pub email: String,
}

impl Default for Person {
    /// Nobody in particular: where git's configuration names no one.
    fn default() -> Self {
        Self {
            name: "Agent Sandbox".to_owned(),
            email: "agent-sandbox@localhost".to_owned(),
        }
    }
}

impl Person {
    pub(super) fn signature(&self, seconds: i64) -> gix_actor::Signature {
        gix_actor::Signature {
            name: self.name.as_str().into(),
            email: self.email.as_str().into(),
            time: gix_actor::date::Time { seconds, offset: 0 },
        }
    }
}

/// `section.key` and value, in the order of the file. Sections with a name of their own are passed over.
pub(super) type Settings = Vec<(String, String)>;

/// A file of settings; none where there is no file, or it is not text.
pub(super) fn read(path: &Path) -> Settings {
    std::fs::read_to_string(path)
        .map(|text| parse(&text))
        .unwrap_or_default()
}

/// The last value of a key.
pub(super) fn last<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    let mut found = settings.iter().rev();
    found
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

fn parse(text: &str) -> Settings {
    let mut section: Option<String> = None;
    let mut settings = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix('[') {
            let head = rest.split(']').next().unwrap_or_default().trim();
            section = (!head.contains('"')).then(|| head.to_ascii_lowercase());
            continue;
        }
        let Some(section) = &section else { continue };
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            let name = format!("{section}.{}", key.trim().to_ascii_lowercase());
            settings.push((name, unquoted(value.trim())));
        }
    }
    settings
}

/// Quotes and escapes undone, a comment behind it cut off.
fn unquoted(value: &str) -> String {
    let (mut out, mut quoted, mut chars) = (String::new(), false, value.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => out.extend(chars.next()),
            '#' | ';' if !quoted => break,
            c => out.push(c),
        }
    }
    out.trim_end().to_owned()
}

/// What may stand in a commit's head line: no brackets, no line ends.
pub(super) fn clean(text: &str) -> Option<String> {
    let clean: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_git_reads_them() {
        let text = "[core]\n\tbare = false\n[user]\n\tname = \"Ada; B.\" # me\n\temail=ada@example.org\n\
                    [user \"other\"]\n\tname = No\n[User]\n\tName = Ada\n";
        let settings = parse(text);
        assert_eq!(last(&settings, "user.name"), Some("Ada"));
        assert_eq!(last(&settings, "user.email"), Some("ada@example.org"));
        assert_eq!(settings[1].1, "Ada; B.");
        assert_eq!(last(&settings, "user.none"), None);
        assert_eq!(clean("A <b>\nc").as_deref(), Some("A bc"));
        assert_eq!(clean("<>"), None);
    }
}
