//! One file from the project into the workspace and the store, in one pass.

use std::fs::File;
use std::io::{self, Read, Write};

use crate::blobs::BlobSink;
use crate::confined::{Dir, FsError, Stat, finish};
use crate::sparse::{HoleWriter, SparseReader};
use crate::store::{LARGE, read_full};
use crate::system::share_blocks;
use crate::tree::BlobId;

/// Times a file that changes while it is copied is read.
const ATTEMPTS: usize = 3;

/// Changes a small file's content on the way in; `None` leaves it.
pub(super) type Rewrite<'a> = dyn Fn(&[u8]) -> Option<Vec<u8>> + 'a;

/// A file that was copied.
pub(super) struct Copied {
    pub blob: BlobId,
    pub size: u64,
    /// Of the copy.
    pub stat: Stat,
    pub torn: bool,
    pub rewritten: bool,
}

/// What went wrong, and on which side.
pub(super) enum CopyError {
    Source(FsError),
    Target(FsError),
    Content(io::Error),
}

pub(super) struct Copy<'a> {
    pub from: &'a Dir,
    pub to: &'a Dir,
    pub name: &'a [u8],
    pub sink: &'a dyn BlobSink,
    pub owner: Option<(u32, u32)>,
    pub rewrite: Option<&'a Rewrite<'a>>,
}

impl Copy<'_> {
    /// Copies the file as it is at one moment; after several tries as it is, and then it is torn.
    pub fn run(&self) -> Result<Copied, CopyError> {
        for _ in 1..ATTEMPTS {
            if let Some(copied) = self.attempt(false)? {
                return Ok(copied);
            }
        }
        let torn = self.attempt(true)?;
        torn.ok_or_else(|| CopyError::Content(io::ErrorKind::Interrupted.into()))
    }

    /// `None`: it changed meanwhile, and `torn` is not wanted.
    fn attempt(&self, torn: bool) -> Result<Option<Copied>, CopyError> {
        let (file, before) = self
            .from
            .open_file_at(self.name)
            .map_err(CopyError::Source)?;
        if before.size < LARGE {
            return self.small(&file, &before, torn);
        }
        let mut copied = self.large(&file, &before)?;
        copied.torn |= !self.is_same(&file, &before)?;
        if copied.torn && !torn {
            self.to.unlink(self.name).map_err(CopyError::Target)?;
            return Ok(None);
        }
        Ok(Some(copied))
    }

    fn is_same(&self, file: &File, before: &Stat) -> Result<bool, CopyError> {
        match Stat::of(file) {
            Ok(after) => Ok(before.same_version(&after)),
            Err(e) => Err(CopyError::Source(FsError::io("examine", self.name, e))),
        }
    }

    fn small(&self, file: &File, before: &Stat, torn: bool) -> Result<Option<Copied>, CopyError> {
        thread_local! {
            static BUFFER: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        BUFFER.with_borrow_mut(|buffer| {
            let size = before.size as usize;
            if buffer.len() < size {
                buffer.resize(size.next_power_of_two(), 0);
            }
            let read = read_full(&mut &*file, &mut buffer[..size]);
            let n = read.map_err(|e| CopyError::Source(FsError::io("read", self.name, e)))?;
            let changed = n != size || !self.is_same(file, before)?;
            if changed && !torn {
                return Ok(None);
            }
            let rewritten = self.rewrite.and_then(|rewrite| rewrite(&buffer[..n]));
            let content = rewritten.as_deref().unwrap_or(&buffer[..n]);
            let mut target = self.create(before)?;
            target.write_all(content).map_err(CopyError::Content)?;
            let stat = self.finish(&target, before)?;
            Ok(Some(Copied {
                blob: self.sink.put_bytes(content).map_err(CopyError::Content)?,
                size: content.len() as u64,
                stat,
                torn: changed,
                rewritten: rewritten.is_some(),
            }))
        })
    }

    fn large(&self, file: &File, before: &Stat) -> Result<Copied, CopyError> {
        let target = self.create(before)?;
        let (blob, size) = if share_blocks(&target, file).is_ok() {
            self.sink.put_file(&target).map_err(CopyError::Content)?
        } else {
            let mut writer = HoleWriter::new(&target);
            let source = SparseReader::new(file).map_err(CopyError::Content)?;
            let mut tee = Tee {
                source,
                writer: &mut writer,
            };
            let put = self.sink.put_read_of(file, &mut tee);
            let put = put.map_err(CopyError::Content)?;
            writer.finish().map_err(CopyError::Content)?;
            put
        };
        let stat = self.finish(&target, before)?;
        let torn = size != before.size;
        Ok(Copied {
            blob,
            size,
            stat,
            torn,
            rewritten: false,
        })
    }

    fn create(&self, before: &Stat) -> Result<File, CopyError> {
        self.to
            .create_new(self.name, before.mode)
            .map_err(CopyError::Target)
    }

    fn finish(&self, target: &File, before: &Stat) -> Result<Stat, CopyError> {
        finish(target, self.owner, before.mtime)
            .map_err(|e| CopyError::Target(FsError::io("finish", self.name, e)))
    }
}

/// Writes what is read through it.
struct Tee<'a, 'f> {
    source: SparseReader<'f>,
    writer: &'a mut HoleWriter<'f>,
}

impl Read for Tee<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.writer.put(&buffer[..n])?;
        Ok(n)
    }
}
