//! What only macOS does in this way.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags};

/// What is older than this and still nameless was left by a crash.
const LEFT_OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A file below this folder that is not there yet under its own name. There is no `O_TMPFILE` on macOS: it
/// has a random name in a folder `new` of its own, which is emptied of what crashes left.
pub(crate) fn nameless(folder: &Path) -> io::Result<File> {
    let new = folder.join("new");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&new)?;
    remove_left_over(&new);
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new.join(format!("{:032x}", u128::from_le_bytes(random))))
}

fn remove_left_over(new: &Path) {
    for entry in fs::read_dir(new).into_iter().flatten().flatten() {
        let changed = entry.metadata().and_then(|m| m.modified());
        if changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_OVER)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives a nameless file its name; fails where anything is, and then its random one is gone.
pub(crate) fn give_name(file: &File, path: &Path) -> io::Result<()> {
    let own = rustix::fs::getpath(file)?;
    let own = Path::new(OsStr::from_bytes(own.as_bytes()));
    let named = rustix::fs::renameat_with(CWD, own, CWD, path, RenameFlags::NOREPLACE);
    if named.is_err() {
        let _ = fs::remove_file(own);
    }
    Ok(named?)
}

/// APFS shares blocks between names (`clonefile`), not between open files; the caller copies.
pub(crate) fn share_blocks(_to: &File, _from: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// `F_PREALLOCATE` is not used: a full disk is met when it is met, and the journal's write then fails
/// before the step that it is about.
pub fn reserve(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// Whether an extended attribute is carried over: all are the user's (there are no namespaces), also the
/// mark that a file came from the network, which makes the system ask before it runs.
pub(crate) fn is_carried_attribute(name: &[u8]) -> bool {
    !name.is_empty()
}
