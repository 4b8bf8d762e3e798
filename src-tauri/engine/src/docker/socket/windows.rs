//! Windows.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::windows::named_pipe::ClientOptions;

/// For messages.
pub(in crate::docker) const KIND: &str = "an npipe:// named pipe";

/// Pipes lie below no home.
pub(in crate::docker) const BELOW_HOME: [(&str, &str); 0] = [];

/// The pipe that a `DOCKER_HOST` names, if it is one of this computer.
pub(in crate::docker) fn path(host: &str) -> Option<PathBuf> {
    let path = host.strip_prefix("npipe://")?.replace('/', "\\");
    path.starts_with(r"\\.\pipe\").then(|| path.into())
}

/// A pipe cannot be looked at without using it up; connecting says whether it is there.
pub(in crate::docker) fn is_there(_path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Connects and hangs up.
pub(in crate::docker) async fn connect(path: &Path) -> io::Result<()> {
    /// `ERROR_PIPE_BUSY`: somebody listens, and talks to others just now.
    const BUSY: i32 = 231;
    match ClientOptions::new().open(path) {
        Err(error) if error.raw_os_error() == Some(BUSY) => Ok(()),
        opened => opened.map(drop),
    }
}

/// Not here: what is asked by it concerns engines on Linux.
pub(super) async fn read(_path: &Path, _what: &str) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}
