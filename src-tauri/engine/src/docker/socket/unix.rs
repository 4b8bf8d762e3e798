//! Linux and macOS.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// For messages.
pub(in crate::docker) const KIND: &str = "a unix:// socket";

/// Where engines of one user put theirs, and their names. On macOS each is the socket of a virtual machine: there
/// is no engine without one.
pub(in crate::docker) const BELOW_HOME: [(&str, &str); 7] = [
    (".docker/run/docker.sock", "Docker Desktop"),
    (".docker/desktop/docker.sock", "Docker Desktop"),
    (".colima/default/docker.sock", "Colima"),
    (".config/colima/default/docker.sock", "Colima"),
    (".orbstack/run/docker.sock", "OrbStack"),
    (".rd/docker.sock", "Rancher Desktop"),
    (
        ".local/share/containers/podman/machine/podman.sock",
        "Podman",
    ),
];

/// The socket that a `DOCKER_HOST` names, if it is a local one.
pub(in crate::docker) fn path(host: &str) -> Option<PathBuf> {
    let path = host.strip_prefix("unix://")?;
    path.starts_with('/').then(|| path.into())
}

/// Whether what lies there is a socket; an error where nothing does.
pub(in crate::docker) fn is_there(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.file_type().is_socket())
}

/// Connects and hangs up.
pub(in crate::docker) async fn connect(path: &Path) -> io::Result<()> {
    UnixStream::connect(path).await.map(drop)
}

/// What an engine answers to a plain question, as it comes, at most 8 MiB.
pub(super) async fn read(path: &Path, what: &str) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    // The old version of HTTP: the answer is in one piece and ends with the connection.
    let asked = format!("GET {what} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(asked.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(8 << 20).read_to_end(&mut answer).await?;
    Ok(answer)
}
