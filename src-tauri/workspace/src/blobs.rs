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
