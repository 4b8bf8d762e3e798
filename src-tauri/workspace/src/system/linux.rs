//! What only Linux does in this way.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

/// A file in this folder without a name: gone by itself if nothing comes of it.
pub(crate) fn nameless(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::from_raw_mode(0o600))?;
    Ok(File::from(file))
}

/// Gives a nameless file its name, in a folder beside or below the one it was made in; fails where
/// anything is.
pub(crate) fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let followed = AtFlags::SYMLINK_FOLLOW;
    Ok(rustix::fs::linkat(CWD, own.as_str(), CWD, path, followed)?)
}

/// Makes an empty file hold what another one holds, sharing its blocks; an error where it cannot be.
pub(crate) fn share_blocks(to: &File, from: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

/// Keeps room on the disk for `bytes` of a file, whose length stays. Not every file system can: then a
/// full disk is met when it is met.
pub fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Whether an extended attribute belongs to the user, or is an access list. Never file capabilities.
pub(crate) fn is_carried_attribute(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name == b"system.posix_acl_access"
}
