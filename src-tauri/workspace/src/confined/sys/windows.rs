//! Windows: not yet. No root opens, so there is never a [`Handle`] to call the rest with.
//!
//! What it takes: `NtCreateFile` with `RootDirectory` and `OBJ_DONT_REPARSE` in place of `openat2`,
//! `FILE_RENAME_POSIX_SEMANTICS` and `ReplaceFileW` in place of `renameat2` (there is no swap), names that
//! Windows keeps for itself (`CON`, `a:b`, trailing dots) refused, and sharing violations tried again.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::Path;

use super::Rename;
use crate::confined::{Kind, Space, Stat};
use crate::system::not_yet;
use crate::tree::FileTime;

/// An open folder: there is none.
#[derive(Debug)]
pub(in crate::confined) struct Handle(Infallible);

impl Handle {
    pub(in crate::confined) fn try_clone(&self) -> io::Result<Self> {
        match self.0 {}
    }
}

pub(in crate::confined) fn open_root(_path: &Path) -> io::Result<Handle> {
    Err(not_yet("files of a workspace cannot be reached"))
}

pub(in crate::confined) fn is_refused(_error: &io::Error) -> bool {
    false
}

pub(in crate::confined) fn is_no_file(_error: &io::Error) -> bool {
    false
}

pub(in crate::confined) fn stat_file(_file: &File) -> io::Result<Stat> {
    Err(not_yet("files of a workspace cannot be examined"))
}

pub(in crate::confined) fn set_mtime_of(_file: &File, _time: FileTime) -> io::Result<()> {
    Err(not_yet("files of a workspace cannot be changed"))
}

pub(in crate::confined) fn chown_of(_file: &File, _uid: u32, _gid: u32) -> io::Result<()> {
    Err(not_yet("files of a workspace cannot be changed"))
}

pub(in crate::confined) fn set_mode_of(_file: &File, _mode: u32) -> io::Result<()> {
    Err(not_yet("files of a workspace cannot be changed"))
}

pub(in crate::confined) fn shows_system_state(at: &Handle) -> bool {
    match at.0 {}
}

pub(in crate::confined) fn has_true_folder_times(at: &Handle) -> bool {
    match at.0 {}
}

pub(in crate::confined) fn keeps_entries(at: &Handle) -> bool {
    match at.0 {}
}

/// The functions that take an open folder, of which there is none.
macro_rules! of_a_folder {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {$(
        pub(in crate::confined) fn $name(at: &Handle, $(_: $argument),*) -> io::Result<$result> {
            match at.0 {}
        }
    )*};
}

of_a_folder! {
    open_folder(&[u8]) -> Handle;
    open_child(&[u8]) -> Handle;
    open_place(&[u8]) -> Handle;
    open_place_below(&[u8]) -> Handle;
    open_itself() -> Handle;
    open_file(&[u8]) -> File;
    open_append(&[u8]) -> File;
    stat(&[u8]) -> Stat;
    stat_self() -> Stat;
    read_link(&[u8]) -> Vec<u8>;
    list() -> Vec<(Vec<u8>, Option<Kind>)>;
    list_once() -> Vec<(Vec<u8>, Option<Kind>)>;
    space() -> Space;
    check_writable() -> ();
    create_new(&[u8]) -> File;
    mkdir(&[u8], u32) -> ();
    symlink(&[u8], &[u8]) -> ();
    rename(&[u8], &Handle, &[u8], Rename) -> ();
    hard_link(&[u8], &Handle, &[u8]) -> ();
    unlink(&[u8]) -> ();
    rmdir(&[u8]) -> ();
    set_mode(&[u8], u32) -> ();
    set_mtime(&[u8], FileTime) -> ();
    chown(&[u8], u32, u32) -> ();
    set_mode_self(u32) -> ();
    set_mtime_self(FileTime) -> ();
    chown_self(u32, u32) -> ();
    sync() -> ();
    sync_fs() -> ();
}
