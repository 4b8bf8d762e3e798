//! Paths: text for people, exact bytes where they are not text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox_workspace::WorkspacePath;

use crate::ipc::path::WirePath;

/// What came back from the window is not a path of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a path of a workspace: \"{text}\"")]
pub struct BadPath {
    /// As it came.
    pub text: String,
}

impl From<&WorkspacePath> for WirePath {
    fn from(path: &WorkspacePath) -> Self {
        Self {
            text: path.to_lossy(),
            raw: path
                .as_str()
                .is_none()
                .then(|| STANDARD.encode(path.as_bytes())),
        }
    }
}

impl TryFrom<WirePath> for WorkspacePath {
    type Error = BadPath;

    fn try_from(path: WirePath) -> Result<Self, BadPath> {
        let WirePath { text, raw } = path;
        let bytes = match raw {
            Some(raw) => STANDARD.decode(raw).ok(),
            None => Some(text.clone().into_bytes()),
        };
        bytes
            .and_then(|bytes| Self::new(bytes).ok())
            .ok_or(BadPath { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        for bytes in [
            &b"src/caf\xe9.txt"[..],
            b"plain.txt",
            "caf\u{e9}\n.txt".as_bytes(),
        ] {
            let path = WorkspacePath::new(bytes).expect("a path");
            let wire = WirePath::from(&path);
            assert_eq!(wire.raw.is_some(), std::str::from_utf8(bytes).is_err());
            assert_eq!(WorkspacePath::try_from(wire), Ok(path));
        }
    }

    #[test]
    fn nothing_that_leaves_the_workspace_comes_in() {
        for text in ["../x", "/etc/passwd", "", "a/../b"] {
            let wire = WirePath {
                text: text.to_owned(),
                raw: None,
            };
            assert!(WorkspacePath::try_from(wire).is_err(), "{text}");
        }
    }
}
