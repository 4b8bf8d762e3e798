//! What the operating systems differ in, by one set of names. Elsewhere no code asks which system it is on.
//!
//! | | Linux | macOS | Windows |
//! |---|---|---|---|
//! | files of a workspace | `openat2` beneath a handle | `openat`, one component at a time | not yet |
//! | swap two names, move without replacing | `renameat2` | `renameatx_np` with `RENAME_SWAP`, `RENAME_EXCL` | not yet |
//! | a second name | `linkat` | `linkat` | not yet |
//! | on the disk before we go on | `fsync`, `syncfs` | `F_FULLFSYNC` (`fsync` stops at the drive's cache) | `FlushFileBuffers`; folders need none |
//! | a file without a name | `O_TMPFILE` | a random name, taken away again | likewise |
//! | share blocks of an open file | `FICLONE` | copied (`clonefile` only makes new names) | copied |
//! | room kept for a journal | `fallocate` | none, where the length must stay | none |
//! | names | bytes | UTF-8; by default "A" is "a", and é is é however it is written | UTF-16 (bytes here are WTF-8) |
//! | private to the user | mode 0600, 0700 | the same | what the user's profile gives |
//!
//! On Windows [`crate::Dir::open_root`] says `Unsupported` ([`not_yet`]), so nothing is handed over there;
//! the app's own files (settings, records, locks) work.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub use linux::reserve;
#[cfg(target_os = "linux")]
pub(crate) use linux::{give_name, is_carried_attribute, nameless, share_blocks};
#[cfg(target_os = "macos")]
pub use macos::reserve;
#[cfg(target_os = "macos")]
pub(crate) use macos::{give_name, is_carried_attribute, nameless, share_blocks};
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// The error of what is not there on this system yet.
pub fn not_yet(what: &str) -> std::io::Error {
    let system = std::env::consts::OS;
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        format!("{what} on {system} yet"),
    )
}

/// Whether a move failed because both places are not on one mount.
pub fn is_other_mount(error: &crate::FsError) -> bool {
    error.kind() == std::io::ErrorKind::CrossesDevices
}
