//! What lies at a path of the project right now, by handle.

use std::io::Read;

use sandbox_workspace::{BlobId, Dir, Entry, EntryKind, FsError, Kind, Stat, WorkspacePath};

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A part of the way there is not a folder.
    Blocked,
    /// This.
    Entry(Entry),
}

/// Looks at a path; a file's content is hashed.
pub(super) fn look(root: &Dir, path: &WorkspacePath) -> Result<Found, FsError> {
    let (parent, name) = match root.open_parent(path) {
        Ok(found) => found,
        Err(e) if e.is_not_found() => return Ok(Found::Nothing),
        Err(FsError::Escapes { .. }) => return Ok(Found::Blocked),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => return Ok(Found::Blocked),
        Err(e) => return Err(e),
    };
    Ok(match look_at(&parent, name, path)? {
        Some((entry, _)) => Found::Entry(entry),
        None => Found::Nothing,
    })
}

/// Looks at one name of a folder; `path` is only what the entry is called.
pub(super) fn look_at(
    dir: &Dir,
    name: &[u8],
    path: &WorkspacePath,
) -> Result<Option<(Entry, Stat)>, FsError> {
    let Some(stat) = dir.stat_opt(name)? else {
        return Ok(None);
    };
    let (kind, stat) = match stat.kind {
        Kind::Dir => (EntryKind::Dir, stat),
        Kind::Special(special) => (EntryKind::Unsupported(special), stat),
        Kind::Symlink => {
            let target = dir.read_link(name)?;
            (EntryKind::Symlink { target }, stat)
        }
        Kind::File => {
            let (file, stat) = dir.open_file_at(name)?;
            let (blob, size) = hash(file, stat.size).map_err(|source| FsError::Io {
                op: "read",
                path: path.as_bytes().to_vec(),
                source,
            })?;
            (EntryKind::File { blob, size }, stat)
        }
    };
    let entry = Entry {
        path: path.clone(),
        mode: match kind {
            EntryKind::Symlink { .. } => 0o777,
            _ => stat.mode,
        },
        kind,
        mtime: stat.mtime,
    };
    Ok(Some((entry, stat)))
}

/// Most that is read of a file at once, in bytes.
const BUFFER: u64 = 256 * 1024;

/// Hashes a file that is thought to have `expected` bytes.
fn hash(mut file: impl Read, expected: u64) -> std::io::Result<(BlobId, u64)> {
    let mut hasher = blake3::Hasher::new();
    // One byte more: an ordinary file is read by one call, and a second one meets its end.
    let mut buffer = vec![0; expected.saturating_add(1).min(BUFFER) as usize];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((BlobId(*hasher.finalize().as_bytes()), size)),
            n => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
        }
    }
}

/// Whether two entries are the same for a copy-out: kind, content or target, permission bits.
pub(super) fn same(a: &Entry, b: &Entry) -> bool {
    let links = matches!(a.kind, EntryKind::Symlink { .. });
    a.kind == b.kind && (links || a.mode & 0o777 == b.mode & 0o777)
}

/// As [`same`], where permission bits say nothing: the file system keeps none.
pub(super) fn same_but_mode(a: &Entry, b: &Entry) -> bool {
    a.kind == b.kind
}

pub(super) fn same_opt(a: Option<&Entry>, b: Option<&Entry>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}
