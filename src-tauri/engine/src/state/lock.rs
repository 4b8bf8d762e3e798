//! Locks between processes: a shared one on the data directory, an exclusive one per sandbox and operation.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use sandbox_workspace::system::OpenOptionsExt;

use crate::{Error, Result};

/// How long an operation waits for another one on the same sandbox before it says so.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Held until dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub struct Held(#[allow(dead_code)] File);

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| Error::io("open the lock", path, source))
}

/// Shared with every other process of ours.
pub fn shared(path: &Path) -> Result<Held> {
    let file = open(path)?;
    file.lock_shared()
        .map_err(|source| Error::io("lock", path, source))?;
    Ok(Held(file))
}

/// Exclusive, at once or not at all: `None` means that somebody alive holds it.
pub fn try_exclusive(path: &Path) -> Result<Option<Held>> {
    at_once(path, File::try_lock)
}

fn try_shared(path: &Path) -> Result<Option<Held>> {
    at_once(path, File::try_lock_shared)
}

fn at_once(
    path: &Path,
    take: impl FnOnce(&File) -> std::result::Result<(), TryLockError>,
) -> Result<Option<Held>> {
    let file = open(path)?;
    match take(&file) {
        Ok(()) => Ok(Some(Held(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::io("lock", path, source)),
    }
}

/// Exclusive; waits up to [`PATIENCE`]. `busy` is the error's subject.
pub async fn exclusive(path: &Path, busy: &str) -> Result<Held> {
    let held = within(PATIENCE, || try_exclusive(path)).await?;
    held.ok_or_else(|| Error::Busy {
        sandbox: busy.to_owned(),
    })
}

/// Exclusive within some time; `None` when it is over.
pub async fn exclusive_within(path: &Path, patience: Duration) -> Result<Option<Held>> {
    within(patience, || try_exclusive(path)).await
}

/// Shared within some time; `None` when it is over.
pub async fn shared_within(path: &Path, patience: Duration) -> Result<Option<Held>> {
    within(patience, || try_shared(path)).await
}

async fn within(
    patience: Duration,
    take: impl Fn() -> Result<Option<Held>>,
) -> Result<Option<Held>> {
    let start = Instant::now();
    loop {
        match take()? {
            None if start.elapsed() <= patience => {}
            taken => return Ok(taken),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Exclusive, for the moment that a small file takes; waits without an end.
pub fn wait(path: &Path) -> Result<Held> {
    let file = open(path)?;
    file.lock()
        .map_err(|source| Error::io("lock", path, source))?;
    Ok(Held(file))
}
