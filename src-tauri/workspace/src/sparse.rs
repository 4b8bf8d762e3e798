//! Files with holes: read at the speed of memory, written as holes again.

use std::fs::File;
use std::io::{self, Read};

use crate::system::{FileExt, data_after};

/// Reads a file from its start; where it has holes, zeros come without a read.
#[derive(Debug)]
pub(crate) struct SparseReader<'f> {
    file: &'f File,
    at: u64,
    length: u64,
    /// Where the data known last begins and ends.
    data: (u64, u64),
}

impl<'f> SparseReader<'f> {
    pub fn new(file: &'f File) -> io::Result<Self> {
        Ok(Self {
            file,
            at: 0,
            length: file.metadata()?.len(),
            data: (0, 0),
        })
    }

    /// Finds the data at or after the current place.
    fn look(&mut self) -> io::Result<()> {
        // `None`: nothing but a hole up to the end.
        let found = data_after(self.file, self.at)?;
        self.data = found.unwrap_or((self.length, self.length));
        Ok(())
    }
}

impl Read for SparseReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.data.1 && self.at < self.length {
            self.look()?;
        }
        let room = buffer.len() as u64;
        if self.at < self.data.0.min(self.length) {
            let zeros = (self.data.0.min(self.length) - self.at).min(room) as usize;
            buffer[..zeros].fill(0);
            self.at += zeros as u64;
            return Ok(zeros);
        }
        let wanted = room.min(self.data.1.saturating_sub(self.at)) as usize;
        let n = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Runs of zeros of this length become holes.
const HOLE: usize = 64 * 1024;

/// Writes a file from its start, in order; long runs of zeros are left as holes.
#[derive(Debug)]
pub(crate) struct HoleWriter<'f> {
    file: &'f File,
    at: u64,
}

impl<'f> HoleWriter<'f> {
    pub fn new(file: &'f File) -> Self {
        Self { file, at: 0 }
    }

    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        for block in bytes.chunks(HOLE) {
            if !is_zero(block) {
                self.file.write_all_at(block, self.at)?;
            }
            self.at += block.len() as u64;
        }
        Ok(())
    }

    /// Gives the file its length, which a hole at the end did not; returns it.
    pub fn finish(self) -> io::Result<u64> {
        self.file.set_len(self.at)?;
        Ok(self.at)
    }
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Compares with itself shifted by one: as quick as memcmp.
    bytes.first() == Some(&0) && bytes[..bytes.len() - 1] == bytes[1..]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn holes_read_as_zeros_and_data_as_it_is() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 << 20).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(b"middle", 1 << 20).unwrap();
        let mut read = Vec::new();
        SparseReader::new(&file)
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        let mut plain = vec![0; 3 << 20];
        plain[..5].copy_from_slice(b"begin");
        plain[1 << 20..(1 << 20) + 6].copy_from_slice(b"middle");
        assert!(read == plain);
    }
}
