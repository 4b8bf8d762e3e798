//! `home take`, `home put`: a sandbox's home folder as a stream of records.
//!
//! Run in a container of its own, with nothing but that volume: no program of the agent's shares its
//! processes, and it works whether the sandbox runs, stands still or is stopped. Names are reached by the
//! handle of their folder, links are never followed.

mod put;
mod take;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use sandbox_protocol::home::HOME_FOLDER;

/// How a folder is opened to be listed.
const LIST: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// `take` reads; `take --open-up` also what its owner closed, and closes it again; `put` does what comes in.
/// `None`: neither.
pub fn run(args: &[OsString]) -> Option<io::Result<()>> {
    let args: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let root = |open_up| open_root(Path::new(HOME_FOLDER), open_up);
    let (input, out) = (io::stdin(), io::stdout());
    Some(match args[..] {
        ["take"] => root(false).and_then(|root| take::take(root, false, out.lock())),
        ["take", "--open-up"] => root(true).and_then(|root| take::take(root, true, out.lock())),
        ["put"] => root(true).and_then(|root| put::put(root, input.lock(), out.lock())),
        _ => return None,
    })
}

/// A home that its owner closed to themselves is opened for good: nothing could be put back there.
fn open_root(path: &Path, open_up: bool) -> io::Result<OwnedFd> {
    let mode = rustix::fs::stat(path)?.st_mode & 0o7777;
    if open_up && mode & 0o700 != 0o700 {
        rustix::fs::chmod(path, Mode::from_raw_mode(mode | 0o700))?;
    }
    Ok(rustix::fs::open(path, LIST, Mode::empty())?)
}
