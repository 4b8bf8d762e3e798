//! The last bytes of a terminal's output, addressed by their place in the whole of it.

use std::collections::VecDeque;

/// Kept of each terminal.
pub const CAPACITY: usize = 512 * 1024;

/// A ring with absolute places: every reader keeps its own and none holds the ring up.
#[derive(Debug, Default)]
pub struct Stream {
    bytes: VecDeque<u8>,
    end: u64,
}

impl Stream {
    /// The place behind the newest byte.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The place of the oldest byte that is still here.
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// Adds output; the oldest goes.
    pub fn push(&mut self, piece: &[u8]) {
        let piece_kept = &piece[piece.len().saturating_sub(CAPACITY)..];
        let over = (self.bytes.len() + piece_kept.len()).saturating_sub(CAPACITY);
        self.bytes.drain(..over);
        self.bytes.extend(piece_kept);
        self.end += piece.len() as u64;
    }

    /// Up to `most` bytes from a place on; `None` if they are gone.
    pub fn read(&self, from: u64, most: usize) -> Option<Vec<u8>> {
        let skip = usize::try_from(from.checked_sub(self.start())?).ok()?;
        let (older, newer) = self.bytes.as_slices();
        let older = older.get(skip..).unwrap_or_default();
        let newer = newer
            .get(skip.saturating_sub(self.bytes.as_slices().0.len())..)
            .unwrap_or_default();
        let mut found = older[..older.len().min(most)].to_vec();
        found.extend_from_slice(&newer[..newer.len().min(most - found.len())]);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_bytes_go_and_places_stay() {
        let mut stream = Stream::default();
        stream.push(b"abc");
        assert_eq!(stream.read(1, 10), Some(b"bc".to_vec()));
        stream.push(&vec![b'x'; CAPACITY]);
        assert_eq!((stream.start(), stream.end()), (3, 3 + CAPACITY as u64));
        assert_eq!(stream.read(2, 1), None, "byte 2 was pushed out");
        assert_eq!(stream.read(stream.end(), 5), Some(Vec::new()));
        stream.push(&vec![b'y'; 2 * CAPACITY]);
        assert_eq!(stream.read(stream.start(), 1), Some(b"y".to_vec()));
        assert_eq!(stream.end(), 3 + 3 * CAPACITY as u64);
    }
}
