//! The `.gitignore` files on the way to a folder.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::confined::Dir;
use crate::path::WorkspacePath;
use crate::system::os_str;

/// A file longer than this is not read: no project has one.
const LIMIT: u64 = 1 << 20;

/// The rules that hold in one folder: its own, then those of the folders above.
#[derive(Debug)]
pub(super) struct Ignores {
    here: Gitignore,
    /// Length of the folder's path with its `/`, to be cut off.
    prefix: usize,
    above: Option<Arc<Ignores>>,
}

impl Ignores {
    /// What holds in the folder `at`: its own `.gitignore`, if it has one, over those above.
    pub fn enter(
        dir: &Dir,
        at: Option<&WorkspacePath>,
        above: Option<Arc<Self>>,
    ) -> Option<Arc<Self>> {
        let Ok((file, _)) = dir.open_file_at(b".gitignore") else {
            return above;
        };
        let mut text = Vec::new();
        if file.take(LIMIT).read_to_end(&mut text).is_err() {
            return above;
        }
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&text).lines() {
            // What git would not understand either is passed over.
            let _ = builder.add_line(None, line);
        }
        let Ok(here) = builder.build() else {
            return above;
        };
        let prefix = at.map_or(0, |p| p.as_bytes().len() + 1);
        Some(Arc::new(Self {
            here,
            prefix,
            above,
        }))
    }

    /// Whether git would ignore this path, which lies directly in the folder.
    pub fn matches(&self, path: &WorkspacePath, is_dir: bool) -> bool {
        let mut level = Some(self);
        while let Some(ignores) = level {
            let relative = path.as_bytes().get(ignores.prefix..).unwrap_or_default();
            let relative = os_str(relative);
            let found = ignores.here.matched(Path::new(&relative), is_dir);
            if !found.is_none() {
                return found.is_ignore();
            }
            level = ignores.above.as_deref();
        }
        false
    }
}
