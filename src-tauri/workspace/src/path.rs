//! Paths inside a workspace or project: relative, byte-exact, and never able to leave the root.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A relative path below a root, in raw bytes with `/` between the components.
///
/// Never empty, absolute, or with an empty, `.` or `..` component or a NUL byte. Need not be UTF-8.
/// Ordered so that a folder comes directly before what lies in it (component-wise, not bytewise).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WorkspacePath(Box<[u8]>);

/// Why bytes are not a [`WorkspacePath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No bytes at all.
    #[error("the path is empty")]
    Empty,
    /// Starts with `/`.
    #[error("the path is absolute; paths are relative to the folder")]
    Absolute,
    /// Has an empty, `.` or `..` component.
    #[error("the path has an empty, `.` or `..` component")]
    Component,
    /// Has a NUL byte.
    #[error("the path has a NUL byte")]
    Nul,
}

impl WorkspacePath {
    /// Checks and takes raw bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(PathError::Empty);
        }
        if bytes[0] == b'/' {
            return Err(PathError::Absolute);
        }
        if bytes.contains(&0) {
            return Err(PathError::Nul);
        }
        if bytes
            .split(|b| *b == b'/')
            .any(|c| c.is_empty() || c == b"." || c == b"..")
        {
            return Err(PathError::Component);
        }
        Ok(Self(bytes.into_boxed_slice()))
    }

    /// Checks and takes raw bytes that begin with the first `valid` bytes of another path: only what follows is
    /// checked, from the component on that it may have changed.
    pub(crate) fn changed_after(bytes: &[u8], valid: usize) -> Result<Self, PathError> {
        let Some(from) = bytes[..valid].iter().rposition(|b| *b == b'/') else {
            return Self::new(bytes);
        };
        let changed = &bytes[from + 1..];
        if changed.contains(&0) {
            return Err(PathError::Nul);
        }
        let refused = |part: &[u8]| matches!(part, b"" | b"." | b"..");
        if changed.split(|b| *b == b'/').any(refused) {
            return Err(PathError::Component);
        }
        Ok(Self(bytes.into()))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The components from the root downwards; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/')
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        match self.0.iter().rposition(|b| *b == b'/') {
            Some(at) => &self.0[at + 1..],
            None => &self.0,
        }
    }

    /// The folder this lies in; `None` directly below the root.
    pub fn parent(&self) -> Option<Self> {
        self.0
            .iter()
            .rposition(|b| *b == b'/')
            .map(|at| Self(self.0[..at].into()))
    }

    /// This path with one more component; fails if `name` is not a single component.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        if name.contains(&b'/') {
            return Err(PathError::Component);
        }
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        Self::new(bytes)
    }

    /// The path of `name` in `folder`, or in the root; fails if `name` is not a single component.
    pub fn below(folder: Option<&Self>, name: &[u8]) -> Result<Self, PathError> {
        match name {
            b"" => return Err(PathError::Empty),
            b"." | b".." => return Err(PathError::Component),
            _ if name.contains(&b'/') => return Err(PathError::Component),
            _ if name.contains(&0) => return Err(PathError::Nul),
            _ => {}
        }
        Ok(match folder {
            None => Self(name.into()),
            Some(folder) => Self([folder.as_bytes(), b"/", name].concat().into_boxed_slice()),
        })
    }

    /// Whether this is `folder` or lies below it.
    pub fn starts_with(&self, folder: &Self) -> bool {
        self.0.starts_with(&folder.0)
            && (self.0.len() == folder.0.len() || self.0[folder.0.len()] == b'/')
    }

    /// As text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// As text, with U+FFFD for what is not UTF-8. Not escaped: control characters stay.
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl TryFrom<&str> for WorkspacePath {
    type Error = PathError;
    fn try_from(text: &str) -> Result<Self, PathError> {
        Self::new(text.as_bytes())
    }
}

impl Borrow<[u8]> for WorkspacePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Ord for WorkspacePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // `/` sorts below every other byte, so that `a/b` comes before `a-b`.
        let key = |b: u8| if b == b'/' { 0u16 } else { u16::from(b) + 1 };
        let at = shared_length(&self.0, &other.0);
        match (self.0.get(at), other.0.get(at)) {
            (Some(a), Some(b)) => key(*a).cmp(&key(*b)),
            _ => self.0.len().cmp(&other.0.len()),
        }
    }
}

/// Bytes at the beginning that both have alike; neighbours in a tree share most of theirs.
pub(crate) fn shared_length(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 16;
    let same = a
        .chunks_exact(STEP)
        .zip(b.chunks_exact(STEP))
        .take_while(|(a, b)| a == b)
        .count()
        * STEP;
    let rest = a[same..].iter().zip(&b[same..]);
    same + rest.take_while(|(a, b)| a == b).count()
}

impl PartialOrd for WorkspacePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// For messages and logs: control characters and what is not UTF-8 come out as `\xNN` or `\u{…}`.
impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::escape::write_escaped(&self.0, f)
    }
}

impl fmt::Debug for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// On disk: a string where it is UTF-8, else an array of bytes.
impl Serialize for WorkspacePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_seq(self.0.iter()),
        }
    }
}

impl<'de> Deserialize<'de> for WorkspacePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Text(String),
            Bytes(Vec<u8>),
        }
        let bytes = match Raw::deserialize(deserializer)? {
            Raw::Text(text) => text.into_bytes(),
            Raw::Bytes(bytes) => bytes,
        };
        Self::new(bytes).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_the_root_is_refused() {
        for (bytes, why) in [
            (&b""[..], PathError::Empty),
            (b"/etc", PathError::Absolute),
            (b"..", PathError::Component),
            (b"a/../b", PathError::Component),
            (b"a//b", PathError::Component),
            (b"a/", PathError::Component),
            (b"./a", PathError::Component),
            (b"a\0b", PathError::Nul),
        ] {
            assert_eq!(WorkspacePath::new(bytes), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn a_path_that_begins_as_another_is_checked_where_it_differs() {
        let before = b"a/bc/d";
        for rest in [
            &b""[..],
            b"/",
            b"/..",
            b"/x",
            b"x",
            b".",
            b"..",
            b"\0",
            b"//",
            b"x/./y",
        ] {
            for valid in 0..=before.len() {
                let bytes = [&before[..valid], rest].concat();
                let whole = WorkspacePath::new(&bytes[..]).ok();
                let changed = WorkspacePath::changed_after(&bytes, valid).ok();
                assert_eq!(changed, whole, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn a_folder_is_followed_by_its_content() {
        let mut paths: Vec<WorkspacePath> = ["a-b", "a", "a/b", "a.c", "a/b/c"]
            .into_iter()
            .map(|p| WorkspacePath::try_from(p).expect("valid"))
            .collect();
        paths.sort();
        let order: Vec<String> = paths.iter().map(WorkspacePath::to_lossy).collect();
        assert_eq!(order, ["a", "a/b", "a/b/c", "a-b", "a.c"]);
    }

    #[test]
    fn bytes_survive_a_round_trip_through_json() {
        for bytes in [&b"plain/name"[..], b"not\xffutf8", b"new\nline"] {
            let path = WorkspacePath::new(bytes).expect("valid");
            let json = serde_json::to_string(&path).expect("serialises");
            assert_eq!(
                serde_json::from_str::<WorkspacePath>(&json).expect("parses"),
                path
            );
        }
    }
}
