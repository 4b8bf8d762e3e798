//! Windows. The app's own files work; those of a workspace do not yet (see [`crate::confined`]).

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::FileExt as _;
use std::path::Path;

use super::not_yet;

/// The number that files have in a container where the system has none: Docker Desktop lets every user
/// of the container read and write what it shares.
const ANY_USER: u32 = 1000;

/// Reads and writes at a place, as on Unix. Here they move the file's own place too: nothing of ours
/// uses both.
pub trait FileExt {
    /// Reads at `offset`; fewer bytes than asked for are no error.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Fills the whole buffer; `UnexpectedEof` where the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all bytes.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

impl FileExt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.seek_read(buffer, offset)
    }

    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.seek_read(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.seek_write(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Modes of new files: Windows has none, a file inherits the rights of the user's profile.
pub trait OpenOptionsExt {
    /// Changes nothing.
    fn mode(&mut self, mode: u32) -> &mut Self;
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, _mode: u32) -> &mut Self {
        self
    }
}

/// Modes of new folders, likewise.
pub trait DirBuilderExt {
    /// Changes nothing.
    fn mode(&mut self, mode: u32) -> &mut Self;
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, _mode: u32) -> &mut Self {
        self
    }
}

/// The bytes of a name or path, as the system has them: WTF-8.
pub fn bytes(text: &OsStr) -> &[u8] {
    text.as_encoded_bytes()
}

/// The bytes of a relative path, with `/` between its components.
pub fn path_bytes(path: &Path) -> Cow<'_, [u8]> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    for byte in bytes.iter_mut().filter(|b| **b == b'\\') {
        *byte = b'/';
    }
    Cow::Owned(bytes)
}

/// A name or path for the system; what it cannot spell (no Unicode) becomes U+FFFD.
pub fn os_str(bytes: &[u8]) -> Cow<'_, OsStr> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => Cow::Borrowed(OsStr::new(text)),
        Cow::Owned(text) => Cow::Owned(text.into()),
    }
}

/// As [`os_str`], but exactly; `None` where the system cannot spell it.
pub fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// Users have no numbers here; that of the user inside a container.
pub fn user() -> u32 {
    ANY_USER
}

/// Groups have no numbers here; that of the user inside a container.
pub fn group() -> u32 {
    ANY_USER
}

/// User and group that a file has in a container.
pub fn owner(_metadata: &Metadata) -> (u32, u32) {
    (ANY_USER, ANY_USER)
}

/// Files belong to who makes them; there is nobody to give them to.
pub fn give_to(_path: &Path, _owner: (u32, u32)) -> io::Result<()> {
    Ok(())
}

/// Likewise.
pub fn give_file_to(_file: &File, _owner: (u32, u32)) -> io::Result<()> {
    Ok(())
}

/// Bytes that a file takes on the disk; holes and compression are not known and counted as data.
pub fn allocated(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// File system and number of a file, which the standard library does not tell yet; when it was made
/// stands for it.
pub(crate) fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::windows::fs::MetadataExt;
    (0, metadata.creation_time())
}

/// The user's profile is closed to others by itself.
pub fn close_to_others(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a file for reading that is no link.
pub fn open_unfollowed(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    /// `FILE_FLAG_OPEN_REPARSE_POINT`: the link itself, where it is one.
    const ITSELF: u32 = 0x0020_0000;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(ITSELF)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// NTFS journals names by itself.
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Not asked: the standard library cannot say.
pub(crate) fn free_bytes(_path: &Path) -> io::Result<u64> {
    Err(not_yet("free room is not measured"))
}

/// Fills a new file up to `length` with room on the disk.
pub(crate) fn allocate(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)
}

/// Nothing is reserved: a full disk is met when it is met.
pub fn reserve(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// Holes are not asked for: all is data.
pub(crate) fn data_after(_file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    Ok(Some((at, u64::MAX)))
}

/// A file in this folder that is not there yet under its own name.
pub(crate) fn nameless(_folder: &Path) -> io::Result<File> {
    Err(not_yet("contents of 4 MiB and more are not kept"))
}

/// Gives a nameless file its name.
pub(crate) fn give_name(_file: &File, _path: &Path) -> io::Result<()> {
    Err(not_yet("contents of 4 MiB and more are not kept"))
}

/// Blocks are not shared; the caller copies.
pub(crate) fn share_blocks(_to: &File, _from: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system has no such limits on watching.
pub(crate) fn is_exhausted(_error: &io::Error) -> bool {
    false
}

/// Alternate streams are not carried over.
pub fn attributes(_file: &File) -> Vec<(Vec<u8>, Vec<u8>)> {
    Vec::new()
}

/// See [`attributes`].
pub fn set_attribute(_file: &File, _name: &[u8], _value: &[u8]) -> io::Result<()> {
    Ok(())
}
