//! Where content comes from: the store, or a map in a test.

use std::io::{self, Read};

use crate::tree::BlobId;

/// Something that has file contents by their hash. Reading verifies the hash: damaged content is an
/// error of kind [`io::ErrorKind::InvalidData`], a missing one of kind [`io::ErrorKind::NotFound`].
pub trait BlobSource: Send + Sync {
    /// The content as a stream.
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>>;

    /// The whole content; fails with [`io::ErrorKind::FileTooLarge`] beyond `limit` bytes.
    fn read(&self, id: &BlobId, limit: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(id)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(content)
    }
}

/// Something that takes file contents: the store, or only their hash.
pub trait BlobSink: Send + Sync {
    /// Whether this content, of this length, need not be given again.
    fn has(&self, id: &BlobId, size: u64) -> bool;

    /// As [`Self::has`], of several at once, which can be quicker; `found` becomes the answers.
    fn has_each(&self, wanted: &[(BlobId, u64)], found: &mut Vec<bool>) {
        found.clear();
        found.extend(wanted.iter().map(|(id, size)| self.has(id, *size)));
    }

    /// Takes a content held in memory.
    fn put_bytes(&self, content: &[u8]) -> io::Result<BlobId>;

    /// Takes a content as a stream; gives its hash and length.
    fn put_reader(&self, reader: &mut dyn Read) -> io::Result<(BlobId, u64)>;

    /// As [`Self::put_reader`], where the stream is read from this file: it may be looked at elsewhere too, to
    /// tell what kind of content comes.
    fn put_read_of(
        &self,
        file: &std::fs::File,
        reader: &mut dyn Read,
    ) -> io::Result<(BlobId, u64)> {
        let _ = file;
        self.put_reader(reader)
    }

    /// Takes the content of a file from where it stands; may share its blocks where the file system can.
    fn put_file(&self, file: &std::fs::File) -> io::Result<(BlobId, u64)> {
        self.put_reader(&mut &*file)
    }
}

/// Keeps nothing but the hash.
#[derive(Debug, Default, Clone, Copy)]
pub struct HashOnly;

impl BlobSink for HashOnly {
    fn has(&self, _: &BlobId, _: u64) -> bool {
        true
    }

    fn put_bytes(&self, content: &[u8]) -> io::Result<BlobId> {
        Ok(BlobId::of(content))
    }

    fn put_reader(&self, reader: &mut dyn Read) -> io::Result<(BlobId, u64)> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut length = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok((BlobId(*hasher.finalize().as_bytes()), length)),
                Ok(n) => {
                    hasher.update(&buffer[..n]);
                    length += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Contents held in memory, for tests and small additions to another source.
#[derive(Debug, Default, Clone)]
pub struct MemoryBlobs(std::collections::HashMap<BlobId, Vec<u8>>);

impl MemoryBlobs {
    /// Adds a content and gives its hash.
    pub fn add(&mut self, content: impl Into<Vec<u8>>) -> BlobId {
        let content = content.into();
        let id = BlobId::of(&content);
        self.0.insert(id, content);
        id
    }
}

impl BlobSource for MemoryBlobs {
    fn open(&self, id: &BlobId) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.0.get(id) {
            Some(content) => Ok(Box::new(content.as_slice())),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}
