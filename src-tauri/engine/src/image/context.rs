//! The build context of a folder's own image: what was handed over, and nothing else.

use std::ffi::OsStr;
use std::io::{self, Read, Write};

use globset::{Glob, GlobBuilder, GlobMatcher};
use sandbox_workspace::{BlobSource, Entry, EntryKind, Tree, WorkspacePath, system};

use super::folder::RECIPE_MOST;

/// Most bytes of files that are sent.
pub const CONTEXT_MOST: u64 = 4 << 30;
/// Where a recipe is put that does not lie in the context, or has a name that cannot be told.
const RECIPE: &str = ".agent-sandbox.Dockerfile";

/// The context: entries of the tree, with the folder's path taken off.
#[derive(Debug)]
pub struct Context {
    entries: Vec<(WorkspacePath, Entry)>,
    /// The recipe, where it does not lie in the context by itself.
    recipe: Option<Vec<u8>>,
    /// Where the recipe lies in the context.
    pub recipe_name: String,
    /// Bytes of the files.
    pub bytes: u64,
}

impl Context {
    /// What of `tree` lies in `folder` and is not in its `.dockerignore`.
    ///
    /// # Errors
    /// A recipe that is missing or too long; contents that the store has not.
    pub fn new(
        tree: &Tree,
        blobs: &dyn BlobSource,
        folder: Option<&WorkspacePath>,
        dockerfile: &WorkspacePath,
    ) -> io::Result<Self> {
        let recipe = content(tree, blobs, dockerfile)?
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let within = |path: &WorkspacePath| match folder {
            None => Some(path.clone()),
            Some(folder) if path == folder => None,
            Some(folder) if path.starts_with(folder) => {
                WorkspacePath::new(&path.as_bytes()[folder.as_bytes().len() + 1..]).ok()
            }
            Some(_) => None,
        };
        let ignore_file = match folder {
            Some(folder) => WorkspacePath::new([folder.as_bytes(), b"/.dockerignore"].concat()),
            None => WorkspacePath::new(&b".dockerignore"[..]),
        };
        let ignored = match ignore_file {
            Ok(path) => Ignored::new(&content(tree, blobs, &path)?.unwrap_or_default()),
            Err(_) => Ignored::new(b""),
        };
        let entries: Vec<(WorkspacePath, Entry)> = tree
            .entries()
            .iter()
            .filter_map(|entry| Some((within(&entry.path)?, entry.clone())))
            .filter(|(path, entry)| {
                path.as_bytes() != RECIPE.as_bytes()
                    && !matches!(entry.kind, EntryKind::Unsupported(_))
                    && !ignored.matches(path)
            })
            .collect();
        let bytes = entries
            .iter()
            .map(|(_, entry)| match entry.kind {
                EntryKind::File { size, .. } => size,
                _ => 0,
            })
            .sum();
        let own = within(dockerfile)
            .filter(|own| entries.iter().any(|(path, _)| path == own))
            .and_then(|own| own.as_str().map(str::to_owned));
        Ok(Self {
            recipe: own.is_none().then_some(recipe),
            recipe_name: own.unwrap_or_else(|| RECIPE.to_owned()),
            entries,
            bytes,
        })
    }

    /// Changes with everything that can change the image, and not with times.
    pub fn key(&self, target: Option<&str>) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        };
        add(b"folder image 1");
        add(self.recipe_name.as_bytes());
        add(self.recipe.as_deref().unwrap_or_default());
        add(target.unwrap_or_default().as_bytes());
        for (path, entry) in &self.entries {
            add(path.as_bytes());
            add(&entry.mode.to_le_bytes());
            match &entry.kind {
                EntryKind::File { blob, .. } => add(&blob.0),
                EntryKind::Symlink { target } => add(target),
                EntryKind::Dir | EntryKind::Unsupported(_) => add(b""),
            }
        }
        crate::ids::hex(&hasher.finalize().as_bytes()[..6])
    }

    /// Writes it as an archive. Owners are root, setuid bits are gone.
    pub fn write(&self, blobs: &dyn BlobSource, out: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        if let Some(recipe) = &self.recipe {
            let mut header = header_of(tar::EntryType::Regular, 0o644, recipe.len() as u64, 0);
            tar.append_data(&mut header, RECIPE, recipe.as_slice())?;
        }
        for (path, entry) in &self.entries {
            let name = system::os_str(path.as_bytes());
            let name: &OsStr = &name;
            let mode = entry.mode & 0o777;
            let time = u64::try_from(entry.mtime.seconds).unwrap_or(0);
            match &entry.kind {
                EntryKind::Dir => {
                    let mut header = header_of(tar::EntryType::Directory, mode, 0, time);
                    tar.append_data(&mut header, name, io::empty())?;
                }
                EntryKind::File { blob, size } => {
                    let mut header = header_of(tar::EntryType::Regular, mode, *size, time);
                    tar.append_data(&mut header, name, blobs.open(blob)?.take(*size))?;
                }
                EntryKind::Symlink { target } => {
                    let mut header = header_of(tar::EntryType::Symlink, 0o777, 0, time);
                    tar.append_link(&mut header, name, system::os_str(target))?;
                }
                EntryKind::Unsupported(_) => {}
            }
        }
        tar.into_inner()?.flush()
    }
}

fn header_of(kind: tar::EntryType, mode: u32, size: u64, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header
}

/// A small file of a tree; `None` where there is none or it is no file.
pub fn content(
    tree: &Tree,
    blobs: &dyn BlobSource,
    path: &WorkspacePath,
) -> io::Result<Option<Vec<u8>>> {
    match tree.get(path).map(|entry| &entry.kind) {
        Some(EntryKind::File { blob, .. }) => blobs.read(blob, RECIPE_MOST).map(Some),
        _ => Ok(None),
    }
}

/// `.dockerignore`: patterns from the root of the context, the last one that matches decides.
struct Ignored(Vec<(GlobMatcher, bool)>);

impl Ignored {
    fn new(content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let rules = text.lines().filter_map(|line| {
            let line = line.trim();
            if line.starts_with('#') {
                return None;
            }
            let (line, leaves) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), false),
                None => (line, true),
            };
            let pattern = line.trim_start_matches("./").trim_matches('/');
            if pattern.is_empty() || pattern == "." {
                return None;
            }
            glob(pattern).map(|glob| (glob.compile_matcher(), leaves))
        });
        Self(rules.collect())
    }

    /// A pattern that names a folder names what lies in it.
    fn matches(&self, path: &WorkspacePath) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let way: Vec<&[u8]> = std::iter::successors(Some(path.clone()), WorkspacePath::parent)
            .map(|part| &path.as_bytes()[..part.as_bytes().len()])
            .collect();
        let named = |glob: &GlobMatcher| way.iter().any(|part| glob.is_match(system::os_str(part)));
        self.0
            .iter()
            .rev()
            .find(|(glob, _)| named(glob))
            .is_some_and(|(_, leaves)| *leaves)
    }
}

fn glob(pattern: &str) -> Option<Glob> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn ignored_as_the_engine_s_own_program_does() {
        let ignored = Ignored::new(b"# note\n*.log\n!keep.log\n/docs\n**/tmp\n");
        for out in ["a.log", "docs", "docs/a/b", "x/y/tmp", "x/y/tmp/z"] {
            assert!(ignored.matches(&path(out)), "{out} goes in");
        }
        for within in ["keep.log", "sub/a.log", "a", "x/docs"] {
            assert!(!ignored.matches(&path(within)), "{within} stays out");
        }
    }
}
