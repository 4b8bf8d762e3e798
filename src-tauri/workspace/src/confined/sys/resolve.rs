//! From a handle and a relative path to a new handle, without ever following a link.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

/// Flags of every open below a root.
const ALWAYS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// A folder to be listed, or reached through.
pub(in crate::confined) const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// A folder as a place only.
#[cfg(target_os = "linux")]
pub(super) const PLACE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
#[cfg(not(target_os = "linux"))]
pub(super) const PLACE: OFlags = FOLDER;

/// Longest path handed to the kernel at once; it takes 4,096 bytes with the final NUL.
const PIECE: usize = 4_000;

/// Opens one component. A link there fails with `ELOOP`, or `ENOTDIR` where a folder is asked for.
pub(super) fn open_one(at: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(at, name, flags | ALWAYS, Mode::empty())
}

/// Opens a folder any number of components below `at`.
pub(super) fn open_folder(
    at: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let mut rest = path;
    let mut reached: Option<OwnedFd> = None;
    loop {
        let (piece, after) = split(rest);
        let from = reached.as_ref().map_or(at, AsFd::as_fd);
        let next = open_piece(from, piece, flags)?;
        match after {
            None => return Ok(next),
            Some(after) => rest = after,
        }
        reached = Some(next);
    }
}

/// A first piece that the kernel takes at once, and what follows.
fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    if path.len() <= PIECE {
        return (path, None);
    }
    match path[..PIECE].iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        // One name this long: the kernel says ENAMETOOLONG.
        None => (path, None),
    }
}

#[cfg(target_os = "linux")]
fn open_piece(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    use std::sync::atomic::{AtomicBool, Ordering};

    // Kernels before 5.6 do not have the call, and some seccomp profiles refuse it.
    static MISSING: AtomicBool = AtomicBool::new(false);
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    if !MISSING.load(Ordering::Relaxed) {
        // Without O_NOFOLLOW a final link is refused by NO_SYMLINKS, as ELOOP and not as ENOTDIR.
        let mut flags = (flags | ALWAYS).difference(OFlags::NOFOLLOW);
        if flags.contains(OFlags::PATH) {
            // Which opens nothing that could block, and is refused with flags that mean nothing to it.
            flags.remove(OFlags::NONBLOCK | OFlags::NOCTTY);
        }
        // EAGAIN: a rename raced with the resolution.
        for _ in 0..64 {
            match openat2(at, path, flags, Mode::empty(), resolve) {
                Err(Errno::NOSYS | Errno::PERM) => {
                    MISSING.store(true, Ordering::Relaxed);
                    return walk(at, path, flags);
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => return done,
            }
        }
        return Err(Errno::AGAIN);
    }
    walk(at, path, flags)
}

/// macOS 15 has `O_RESOLVE_BENEATH` and `O_NOFOLLOW_ANY`; the walk holds on every version, at one call for
/// each component. A link is `ELOOP` there also where a folder is asked for.
#[cfg(target_os = "macos")]
fn open_piece(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    walk(at, path, flags)
}

/// Component by component: each open is of one name below a handle, and follows nothing.
pub(in crate::confined) fn walk(
    at: BorrowedFd<'_>,
    path: &[u8],
    last: OFlags,
) -> Result<OwnedFd, Errno> {
    let mut reached: Option<OwnedFd> = None;
    let mut components = path.split(|b| *b == b'/').peekable();
    while let Some(name) = components.next() {
        let from = reached.as_ref().map_or(at, AsFd::as_fd);
        let flags = if components.peek().is_some() {
            FOLDER
        } else {
            last
        };
        reached = Some(open_one(from, name, flags)?);
    }
    reached.ok_or(Errno::INVAL)
}
