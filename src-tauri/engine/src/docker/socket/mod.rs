//! What an engine on this computer is reached by: a Unix socket, on Windows a named pipe.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{BELOW_HOME, KIND, connect, is_there, path, read};
#[cfg(windows)]
pub(super) use windows::{BELOW_HOME, KIND, connect, is_there, path, read};
