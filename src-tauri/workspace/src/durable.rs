//! Small files of the app's own, replaced whole and kept over a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::system::{OpenOptionsExt, sync_folder};

/// What the name of a file begins with while it is written.
const NEW: &str = ".new-";

/// Writes `bytes` to `path`: afterwards it has the old content or the new one, never a part.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let temp = folder.join(format!("{NEW}{:016x}", u64::from_le_bytes(random)));
    let written = write_new(&temp, bytes).and_then(|()| {
        fail::fail_point!("durable-new");
        fs::rename(&temp, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temp);
    }
    written?;
    fail::fail_point!("durable-named");
    sync_folder(folder)
}

/// Removes a file of the app's own: afterwards it stays removed over a power cut.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Removes what processes that died while they wrote left in a folder in which nobody writes now.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(NEW.as_bytes())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
