//! Log-in files on their way out of a sandbox's home and into another's: one line of JSON each.
//!
//! What comes out is the agent's word: the engine bounds it and takes it for nothing but a text to keep.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Longest log-in file, in bytes.
pub const LOGIN_MOST: usize = 64 * 1024;
/// Most files that make one log-in.
pub const LOGIN_FILES: usize = 4;

/// One file below the home folder. Its content is never shown, and wiped when it is let go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFile {
    /// Below the home folder, parts between slashes.
    pub path: String,
    /// The whole of it.
    pub content: String,
}

impl fmt::Debug for LoginFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginFile({:?})", self.path)
    }
}

impl Drop for LoginFile {
    fn drop(&mut self) {
        self.content.zeroize();
    }
}

/// What the guest says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum LoginSaid {
    /// It was read.
    Found {
        /// With its content.
        file: LoginFile,
    },
    /// There is none.
    Missing {
        /// Which.
        path: String,
    },
    /// It was written.
    Put {
        /// Which.
        path: String,
    },
    /// It was neither read nor written.
    Refused {
        /// Which.
        path: String,
        /// Why, in words.
        why: String,
    },
}

/// Whether a path can be a log-in file's: below the home folder, of ordinary names, nothing stepping out.
pub fn is_login_path(path: &str) -> bool {
    let one = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
    };
    path.len() <= 200 && path.split('/').all(one)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_ordinary_paths_below_the_home_folder_are_taken() {
        for good in [".claude/.credentials.json", "auth.json", ".a/b_c/d-e.json"] {
            assert!(is_login_path(good), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../x",
            "a//b",
            "a/",
            "./a",
            "a b",
            "a\n",
            "~/x",
            "a\\b",
        ] {
            assert!(!is_login_path(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_it_holds_is_never_shown() {
        let file = LoginFile {
            path: "a".to_owned(),
            content: "canary".to_owned(),
        };
        assert!(!format!("{file:?}").contains("canary"));
        let said = LoginSaid::Found { file };
        assert!(!format!("{said:?}").contains("canary"));
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<LoginSaid>(&text).unwrap(), said);
    }
}
