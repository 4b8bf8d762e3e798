//! Small state files: JSON, replaced as a whole, never seen half-written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use sandbox_workspace::system::{OpenOptionsExt, sync_folder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// Reads a file; `None` where there is none.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::io("read", path, source)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| Error::Damaged {
            path: path.to_owned(),
            reason: source.to_string(),
        })
}

/// Writes a file so that after a crash it holds either the old or the new content.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|source| Error::Damaged {
        path: path.to_owned(),
        reason: source.to_string(),
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.new", std::process::id()));
    let put = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(folder)
    };
    put().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::io("write", path, source)
    })
}
