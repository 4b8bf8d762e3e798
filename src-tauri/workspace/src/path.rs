//! Paths inside a workspace or project: relative, byte-exact, and never able to leave the root.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A relative path below a root, in raw bytes with `/` between the components.
///
/// Never empty, absolute, or with an empty, `.` or `..` component or a NUL byte. Need not be UTF-8.
/// Ordered so that a folder comes directly before what lies in it (component-wise, not bytewise).
///
/// Cheap to clone: the bytes are shared, also with paths that were made together and with the folders above.
#[derive(Clone)]
pub struct WorkspacePath {
    shared: Arc<[u8]>,
    from: u32,
    to: u32,
}

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
    /// Longer than any system takes.
    #[error("the path is longer than 4 GB")]
    Length,
}

impl WorkspacePath {
    /// Checks and takes raw bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        check(&bytes)?;
        Self::whole(bytes.into())
    }

    /// All of these bytes, which were checked.
    fn whole(shared: Arc<[u8]>) -> Result<Self, PathError> {
        let to = u32::try_from(shared.len()).map_err(|_| PathError::Length)?;
        Ok(Self {
            shared,
            from: 0,
            to,
        })
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.shared[self.from as usize..self.to as usize]
    }

    /// The components from the root downwards; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.as_bytes().split(|b| *b == b'/')
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        let bytes = self.as_bytes();
        match bytes.iter().rposition(|b| *b == b'/') {
            Some(at) => &bytes[at + 1..],
            None => bytes,
        }
    }

    /// The folder this lies in; `None` directly below the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.as_bytes().iter().rposition(|b| *b == b'/')?;
        Some(Self {
            shared: Arc::clone(&self.shared),
            from: self.from,
            // Within the path, whose length fits.
            to: self.from + slash as u32,
        })
    }

    /// This path with one more component; fails if `name` is not a single component.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathError> {
        if name.contains(&b'/') {
            return Err(PathError::Component);
        }
        Self::new([self.as_bytes(), b"/", name].concat())
    }

    /// The path of `name` in `folder`, or in the root; fails if `name` is not a single component.
    pub fn below(folder: Option<&Self>, name: &[u8]) -> Result<Self, PathError> {
        check_name(name)?;
        Self::whole(match folder {
            None => name.into(),
            Some(folder) => [folder.as_bytes(), b"/", name].concat().into(),
        })
    }

    /// Whether this is `folder` or lies below it.
    pub fn starts_with(&self, folder: &Self) -> bool {
        let rest = self.as_bytes().strip_prefix(folder.as_bytes());
        rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    }

    /// As text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// As text, with U+FFFD for what is not UTF-8. Not escaped: control characters stay.
    pub fn to_lossy(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }
}

/// Paths that are made together: their bytes lie in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Paths {
    /// Adds the path of a name in a folder, as [`WorkspacePath::below`].
    pub fn add_below(
        &mut self,
        folder: Option<&WorkspacePath>,
        name: &[u8],
    ) -> Result<(), PathError> {
        check_name(name)?;
        if let Some(folder) = folder {
            self.bytes.extend_from_slice(folder.as_bytes());
            self.bytes.push(b'/');
        }
        self.bytes.extend_from_slice(name);
        self.end()
    }

    /// Adds a path that begins with the first `shared` bytes of the one before and goes on with `rest`; what is
    /// checked already is not checked again.
    pub fn add_like_the_last(&mut self, shared: usize, rest: &[u8]) -> Result<(), PathError> {
        let from = self.start();
        let before = match self.ends.len() {
            0 => from..from,
            1 => 0..from,
            n => self.ends[n - 2] as usize..from,
        };
        if shared > before.len() {
            return Err(PathError::Length);
        }
        self.bytes
            .extend_from_within(before.start..before.start + shared);
        self.bytes.extend_from_slice(rest);
        check_after(&self.bytes[from..], shared)?;
        self.end()
    }

    /// Takes all that were added, in order; none are left.
    pub fn take(&mut self) -> impl Iterator<Item = WorkspacePath> + use<'_> {
        let shared: Arc<[u8]> = self.bytes.as_slice().into();
        self.bytes.clear();
        let mut from = 0;
        self.ends.drain(..).map(move |to| WorkspacePath {
            shared: Arc::clone(&shared),
            from: std::mem::replace(&mut from, to),
            to,
        })
    }

    /// Where the next path begins.
    fn start(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    fn end(&mut self) -> Result<(), PathError> {
        let end = u32::try_from(self.bytes.len()).map_err(|_| PathError::Length)?;
        self.ends.push(end);
        Ok(())
    }
}

fn check_name(name: &[u8]) -> Result<(), PathError> {
    match name {
        b"" => Err(PathError::Empty),
        b"." | b".." => Err(PathError::Component),
        _ if name.contains(&b'/') => Err(PathError::Component),
        _ if name.contains(&0) => Err(PathError::Nul),
        _ => Ok(()),
    }
}

fn check(path: &[u8]) -> Result<(), PathError> {
    match path {
        [] => return Err(PathError::Empty),
        [b'/', ..] => return Err(PathError::Absolute),
        _ => {}
    }
    check_components(path)
}

/// Checks a path that begins with the first `valid` bytes of another: only what follows, from the component on
/// that it may have changed.
fn check_after(path: &[u8], valid: usize) -> Result<(), PathError> {
    match path[..valid].iter().rposition(|b| *b == b'/') {
        None => check(path),
        Some(slash) => check_components(&path[slash + 1..]),
    }
}

fn check_components(path: &[u8]) -> Result<(), PathError> {
    if path.contains(&0) {
        return Err(PathError::Nul);
    }
    let refused = |part: &[u8]| matches!(part, b"" | b"." | b"..");
    if path.split(|b| *b == b'/').any(refused) {
        return Err(PathError::Component);
    }
    Ok(())
}

impl TryFrom<&str> for WorkspacePath {
    type Error = PathError;
    fn try_from(text: &str) -> Result<Self, PathError> {
        Self::new(text.as_bytes())
    }
}

impl PartialEq for WorkspacePath {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for WorkspacePath {}

/// As its bytes, which it can be looked up by.
impl Hash for WorkspacePath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for WorkspacePath {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Ord for WorkspacePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // `/` sorts below every other byte, so that `a/b` comes before `a-b`.
        let key = |b: u8| if b == b'/' { 0u16 } else { u16::from(b) + 1 };
        let (mine, others) = (self.as_bytes(), other.as_bytes());
        let at = shared_length(mine, others);
        match (mine.get(at), others.get(at)) {
            (Some(a), Some(b)) => key(*a).cmp(&key(*b)),
            _ => mine.len().cmp(&others.len()),
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
        crate::escape::write_escaped(self.as_bytes(), f)
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
            None => serializer.collect_seq(self.as_bytes()),
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
                let mut paths = Paths::default();
                paths.add_like_the_last(0, before).expect("valid");
                let like = paths.add_like_the_last(valid, rest);
                assert_eq!(like.is_ok(), whole.is_some(), "{}", bytes.escape_ascii());
                let made = like.ok().and_then(|()| paths.take().nth(1));
                assert_eq!(made, whole, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn paths_made_together_are_what_they_are_alone() {
        let folder = WorkspacePath::try_from("a/b").expect("valid");
        let mut paths = Paths::default();
        assert_eq!(paths.take().next(), None);
        for folder in [None, Some(&folder)] {
            for name in [&b"n\xff"[..], b"m", b"o"] {
                paths.add_below(folder, name).expect("valid");
            }
            for name in [&b""[..], b".", b"..", b"x/y", b"x\0"] {
                assert!(paths.add_below(folder, name).is_err());
            }
            let alone = |name| WorkspacePath::below(folder, name).expect("valid");
            let together: Vec<_> = paths.take().collect();
            assert_eq!(together, [alone(b"n\xff"), alone(b"m"), alone(b"o")]);
            let parents = together.iter().map(WorkspacePath::parent);
            assert!(parents.eq([folder.cloned(), folder.cloned(), folder.cloned()]));
        }
        assert!(
            paths.add_like_the_last(1, b"x").is_err(),
            "nothing to share"
        );
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
