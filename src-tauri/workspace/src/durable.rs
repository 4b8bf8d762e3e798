//! Small files of the app's own, replaced whole and kept over a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::system::{OpenOptionsExt, sync_folder};

/// Writes `bytes` to `path`: afterwards it has the old content or the new one, never a part.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let temp = folder.join(format!(".new-{:016x}", u64::from_le_bytes(random)));
    let written = write_new(&temp, bytes).and_then(|()| fs::rename(&temp, path));
    if written.is_err() {
        let _ = fs::remove_file(&temp);
    }
    written?;
    sync_folder(folder)
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
