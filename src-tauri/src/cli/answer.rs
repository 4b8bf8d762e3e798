//! Printing: answers to standard output, errors to standard error. To a terminal everything that comes
//! from a project or a sandbox is escaped; to a pipe it is verbatim.

use std::io::{self, IsTerminal, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox_workspace::WorkspacePath;
use sandbox_workspace::escape::escaped;
use serde_json::{Map, Value, json};

use super::args::Global;
use super::mistake::Mistake;

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    json: bool,
    /// Progress may be shown.
    pub progress: bool,
    terminal: bool,
}

impl Printer {
    /// By the options and by what standard output is.
    pub fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            progress: !global.quiet && io::stderr().is_terminal(),
            terminal: io::stdout().is_terminal(),
        }
    }

    /// The answer: the document with `--json`, else the text.
    pub fn answer(
        &self,
        document: &Value,
        text: impl FnOnce(&Self) -> String,
    ) -> Result<(), Mistake> {
        let bytes = if self.json {
            let mut bytes = serde_json::to_vec(document)
                .map_err(|e| Mistake::failed(format!("could not print: {e}")))?;
            bytes.push(b'\n');
            bytes
        } else {
            let mut text = text(self);
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.into_bytes()
        };
        write(&bytes)
    }

    /// Whether answers and errors are JSON documents.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A diff: verbatim; to a terminal escaped, line by line; with `--json` as one document.
    pub fn diff(&self, bytes: &[u8]) -> Result<(), Mistake> {
        if self.json {
            let text = String::from_utf8_lossy(bytes);
            return self.answer(&json!({ "diff": text }), |_| String::new());
        }
        if !self.terminal {
            return write(bytes);
        }
        let mut shown = String::new();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let (content, end) = match line.strip_suffix(b"\n") {
                Some(content) => (content, "\n"),
                None => (line, ""),
            };
            // Tabs are what indented code is made of.
            for (at, part) in content.split(|b| *b == b'\t').enumerate() {
                if at > 0 {
                    shown.push('\t');
                }
                shown.push_str(&escaped(part));
            }
            shown.push_str(end);
        }
        write(shown.as_bytes())
    }

    /// A name from outside, for a text answer.
    pub fn name(&self, name: &[u8]) -> String {
        if self.terminal {
            escaped(name)
        } else {
            String::from_utf8_lossy(name).into_owned()
        }
    }

    /// What went wrong, what is safe, what to do: one line, or one JSON document with `--json`.
    pub fn error(&self, mistake: &Mistake) {
        let mut out = io::stderr().lock();
        if self.json {
            let mut document = json!({ "error": {
                "code": mistake.name(),
                "message": mistake.message(),
            }});
            for (key, words) in [("safe", mistake.safe()), ("fix", mistake.fix())] {
                if let Some(words) = words {
                    document["error"][key] = words.into();
                }
            }
            let _ = writeln!(out, "{document}");
            return;
        }
        let parts = [Some(mistake.message()), mistake.safe(), mistake.fix()];
        let mut line = String::from("agent-sandbox: ");
        for (at, part) in parts.into_iter().flatten().enumerate() {
            if at > 0 {
                line.push_str(if line.ends_with('.') { " " } else { ". " });
            }
            line.push_str(&part);
        }
        // An error can hold a name from a project.
        let _ = writeln!(out, "{}", escaped(line.as_bytes()));
    }
}

/// Writes to standard output. Whoever closed the other end has read enough: that is no error.
pub fn write(bytes: &[u8]) -> Result<(), Mistake> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Mistake::failed(format!("could not print: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Adds a path under `key`: U+FFFD for what is not UTF-8, and then the bytes as `<key>_b64`.
pub fn put_path(object: &mut Map<String, Value>, key: &str, path: &WorkspacePath) {
    object.insert(key.to_owned(), path.to_lossy().into());
    if path.as_str().is_none() {
        let bytes = STANDARD.encode(path.as_bytes());
        object.insert(format!("{key}_b64"), bytes.into());
    }
}
