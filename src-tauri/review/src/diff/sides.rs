//! The two contents of a change, read from the store.

use std::io::Read;

use sandbox_workspace::{BlobSource, Entry, EntryKind, WorkspacePath};

use crate::text::{Encoding, Lines};
use crate::{Change, ReviewError};

/// Contents of more bytes are not compared line by line.
pub const LARGEST: u64 = 64 << 20;
/// Bytes that are read of a larger one.
const BEGINNING: u64 = 4096;

/// One content.
#[derive(Debug, Clone)]
pub enum Side {
    /// Not a file there.
    None,
    /// More than [`LARGEST`] bytes.
    TooLarge,
    /// All of it.
    Bytes(Vec<u8>),
}

/// Both contents.
#[derive(Debug, Clone)]
pub struct Sides {
    /// Before.
    pub old: Side,
    /// After.
    pub new: Side,
}

impl Sides {
    /// Reads both. A link's target counts as no content.
    pub fn read(change: &Change, blobs: &dyn BlobSource) -> Result<Self, ReviewError> {
        Ok(Self {
            old: Side::read(&change.path, change.from.as_ref(), blobs)?,
            new: Side::read(&change.path, change.to.as_ref(), blobs)?,
        })
    }
}

impl Side {
    /// Reads the content of one entry.
    pub fn read(
        path: &WorkspacePath,
        entry: Option<&Entry>,
        blobs: &dyn BlobSource,
    ) -> Result<Self, ReviewError> {
        let Some(EntryKind::File { blob, size }) = entry.map(|entry| &entry.kind) else {
            return Ok(Self::None);
        };
        if *size > LARGEST {
            return Ok(Self::TooLarge);
        }
        blobs
            .read(blob, *size)
            .map(Self::Bytes)
            .map_err(|source| ReviewError::Content {
                path: path.clone(),
                blob: *blob,
                source,
            })
    }

    /// The first bytes of a file of any size: enough to tell a program.
    pub(crate) fn beginning(
        path: &WorkspacePath,
        entry: Option<&Entry>,
        blobs: &dyn BlobSource,
    ) -> Result<Option<Vec<u8>>, ReviewError> {
        let Some(EntryKind::File { blob, .. }) = entry.map(|entry| &entry.kind) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = blobs
            .open(blob)
            .and_then(|content| content.take(BEGINNING).read_to_end(&mut bytes));
        read.map_err(|source| ReviewError::Content {
            path: path.clone(),
            blob: *blob,
            source,
        })?;
        Ok(Some(bytes))
    }

    /// The bytes, where there is a file.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::None | Self::TooLarge => None,
        }
    }

    /// The content in lines; none where there is no file.
    pub(crate) fn lines(&self, encoding: Encoding) -> Lines {
        Lines::new(self.bytes().unwrap_or_default().to_vec(), encoding)
    }
}
