//! What an engine on this computer is reached by: a Unix socket, on Windows a named pipe.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;

#[cfg(unix)]
pub(super) use unix::{BELOW_HOME, KIND, connect, is_there, path};
#[cfg(windows)]
pub(super) use windows::{BELOW_HOME, KIND, connect, is_there, path};

/// What an engine answers to a plain question, for what the client library has no field for.
pub(super) async fn answer<T: DeserializeOwned>(
    path: &Path,
    what: &str,
    patience: Duration,
) -> Option<T> {
    #[cfg(unix)]
    use unix::read;
    #[cfg(windows)]
    use windows::read;
    let asked = tokio::time::timeout(patience, read(path, what)).await;
    let answer = asked.ok()?.ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    serde_json::from_slice(&answer[end + 4..]).ok()
}
