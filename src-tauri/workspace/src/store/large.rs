//! Contents of 4 MiB and more, each a file named by its hash.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::sparse::HoleWriter;
use crate::system::{give_name, sync_folder};
use crate::tree::BlobId;

/// Where the content lies.
pub(super) fn path(root: &Path, id: &BlobId) -> PathBuf {
    let hex = id.to_hex();
    root.join("large").join(&hex[..2]).join(hex)
}

/// A file without a name: gone by itself if nothing comes of it.
pub(super) fn nameless(root: &Path) -> io::Result<File> {
    crate::system::nameless(&root.join("large"))
}

/// Gives a file its name; it is on the disk already. One that is there is as good.
pub(super) fn publish(root: &Path, file: &File, id: &BlobId) -> io::Result<()> {
    let path = path(root, id);
    if let Some(folder) = path.parent() {
        match std::fs::create_dir(folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        match give_name(file, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        sync_folder(folder)?;
    }
    Ok(())
}

/// Writes all of `reader` after `first`, hashing, with runs of zeros as holes.
pub(super) fn write(file: &File, reader: &mut dyn Read, first: &[u8]) -> io::Result<(BlobId, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut writer = HoleWriter::new(file);
    hasher.update(first);
    writer.put(first)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match read_full(reader, &mut buffer)? {
            0 => break,
            n => {
                hasher.update(&buffer[..n]);
                writer.put(&buffer[..n])?;
            }
        }
    }
    Ok((BlobId(*hasher.finalize().as_bytes()), writer.finish()?))
}

/// Reads until the buffer is full or nothing more comes.
pub(crate) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// A content as a stream that fails at its end if the bytes were not those of the hash.
pub(super) struct Checked {
    file: File,
    hasher: blake3::Hasher,
    id: BlobId,
    path: PathBuf,
}

impl Checked {
    pub fn open(path: &Path, id: BlobId) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            hasher: blake3::Hasher::new(),
            id,
            path: path.to_owned(),
        })
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 && !buffer.is_empty() && BlobId(*self.hasher.finalize().as_bytes()) != self.id {
            return Err(super::StoreError::Damaged {
                what: "a content",
                path: self.path.clone(),
            }
            .into());
        }
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}
