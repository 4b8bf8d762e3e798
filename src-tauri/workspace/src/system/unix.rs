//! What Linux and macOS have in common.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

pub use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};

use rustix::fs::{OFlags, SeekFrom, XattrFlags};
use rustix::io::Errno;

/// The bytes of a name or path, as the system has them.
pub fn bytes(text: &OsStr) -> &[u8] {
    text.as_bytes()
}

/// The bytes of a relative path, with `/` between its components.
pub fn path_bytes(path: &Path) -> Cow<'_, [u8]> {
    Cow::Borrowed(path.as_os_str().as_bytes())
}

/// A name or path for the system; what it cannot spell (on Windows: no Unicode) becomes U+FFFD.
pub fn os_str(bytes: &[u8]) -> Cow<'_, OsStr> {
    Cow::Borrowed(OsStr::from_bytes(bytes))
}

/// As [`os_str`], but exactly; `None` where the system cannot spell it.
pub fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    Some(OsString::from_vec(bytes))
}

/// The number of the user that this process acts as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The number of the group that this process acts as.
pub fn group() -> u32 {
    rustix::process::getegid().as_raw()
}

/// User and group that a file belongs to.
pub fn owner(metadata: &Metadata) -> (u32, u32) {
    (metadata.uid(), metadata.gid())
}

/// Gives a path of the app's own away, following links.
pub fn give_to(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid))
}

/// Gives an open file away.
pub fn give_file_to(file: &File, (uid, gid): (u32, u32)) -> io::Result<()> {
    std::os::unix::fs::fchown(file, Some(uid), Some(gid))
}

/// Bytes that a file takes on the disk.
pub fn allocated(metadata: &Metadata) -> u64 {
    metadata.blocks() * 512
}

/// File system and number of a file: the same for one file, however it is reached.
pub(crate) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Takes all rights to a folder from others than its owner, where they have any.
pub fn close_to_others(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Opens a file for reading that is no link, without waiting for a FIFO's other end.
pub fn open_unfollowed(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
}

/// Makes the names in a folder of the app's own survive a power cut. (On macOS by `F_FULLFSYNC`, as
/// all of the standard library's syncs.)
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that an ordinary user can still write where `path` lies.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Fills a new file up to `length` with room on the disk.
pub(crate) fn allocate(file: &File, length: u64) -> io::Result<()> {
    let flags = rustix::fs::FallocateFlags::empty();
    Ok(rustix::fs::fallocate(file, flags, 0, length)?)
}

/// Where the next data at or after `at` begins and ends; `None` if only a hole follows.
pub(crate) fn data_after(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(start) => Ok(Some((
            start,
            rustix::fs::seek(file, SeekFrom::Hole(start))?,
        ))),
        Err(Errno::NXIO) => Ok(None),
        // A file system that cannot say: all is data.
        Err(_) => Ok(Some((at, u64::MAX))),
    }
}

/// Whether the system has used up what it needs to watch folders: instances, watches, memory.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|e| exhausted.contains(&e))
}

/// The extended attributes of a file that are carried to its next content.
pub fn attributes(file: &File) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0_u8; 64 * 1024];
    let Ok(length) = rustix::fs::flistxattr(file, &mut names[..]) else {
        return Vec::new();
    };
    names[..length]
        .split(|b| *b == 0)
        .filter(|name| super::is_carried_attribute(name))
        .filter_map(|name| {
            let mut value = vec![0_u8; 64 * 1024];
            let length = rustix::fs::fgetxattr(file, name, &mut value[..]).ok()?;
            value.truncate(length);
            Some((name.to_vec(), value))
        })
        .collect()
}

/// Gives a file an extended attribute; passes over what its file system has no place for, and a name
/// that only root may set.
pub fn set_attribute(file: &File, name: &[u8], value: &[u8]) -> io::Result<()> {
    let name = String::from_utf8_lossy(name);
    match rustix::fs::fsetxattr(file, name.as_ref(), value, XattrFlags::empty()) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
