//! A content cut into lines, each with its ending.

use std::ops::Range;

use super::Encoding;

/// A content and where its lines end. Every byte belongs to exactly one line.
#[derive(Debug, Clone)]
pub struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eol {
    /// There is no line ending at all.
    None,
    /// Line feed.
    Lf,
    /// Carriage return and line feed.
    Crlf,
    /// Both kinds.
    Mixed,
}

impl Lines {
    /// Cuts after each line feed of `encoding`.
    pub fn new(bytes: Vec<u8>, encoding: Encoding) -> Self {
        let mut ends: Vec<usize> = match encoding {
            Encoding::Utf16Le => feeds16(&bytes, [b'\n', 0]),
            Encoding::Utf16Be => feeds16(&bytes, [0, b'\n']),
            Encoding::Utf8 | Encoding::Utf8Marked | Encoding::Other(_) => {
                memchr::memchr_iter(b'\n', &bytes)
                    .map(|at| at + 1)
                    .collect()
            }
        };
        if ends.last().copied().unwrap_or(0) < bytes.len() {
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    /// How many there are; an empty content has none.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One line with its ending.
    pub fn get(&self, line: usize) -> &[u8] {
        &self.bytes[self.start(line)..self.ends[line]]
    }

    /// Several lines at once.
    pub fn range(&self, lines: Range<usize>) -> &[u8] {
        if lines.is_empty() {
            return &[];
        }
        &self.bytes[self.start(lines.start)..self.ends[lines.end - 1]]
    }

    /// All lines.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|line| self.get(line))
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the last line has no ending.
    pub fn unfinished(&self, encoding: Encoding) -> bool {
        self.ends.last().is_some() && !ends_in_feed(&self.bytes, encoding)
    }

    /// The kind of endings, from the first 10,000 lines.
    pub fn eol(&self, encoding: Encoding) -> Eol {
        let (mut lf, mut crlf) = (false, false);
        for line in self.iter().take(10_000) {
            if !ends_in_feed(line, encoding) {
                continue;
            }
            let unit = encoding.unit();
            let before = line
                .len()
                .checked_sub(2 * unit)
                .map(|at| &line[at..at + unit]);
            match (encoding, before) {
                (Encoding::Utf16Le, Some([b'\r', 0])) | (Encoding::Utf16Be, Some([0, b'\r'])) => {
                    crlf = true;
                }
                (_, Some([b'\r'])) => crlf = true,
                _ => lf = true,
            }
        }
        match (lf, crlf) {
            (false, false) => Eol::None,
            (true, false) => Eol::Lf,
            (false, true) => Eol::Crlf,
            (true, true) => Eol::Mixed,
        }
    }

    fn start(&self, line: usize) -> usize {
        if line == 0 { 0 } else { self.ends[line - 1] }
    }
}

impl Eol {
    /// What the user is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lf => "LF",
            Self::Crlf => "CRLF",
            Self::Mixed => "mixed",
        }
    }
}

pub(crate) fn ends_in_feed(line: &[u8], encoding: Encoding) -> bool {
    match encoding {
        Encoding::Utf16Le => line.ends_with(&[b'\n', 0]),
        Encoding::Utf16Be => line.ends_with(&[0, b'\n']),
        Encoding::Utf8 | Encoding::Utf8Marked | Encoding::Other(_) => line.ends_with(b"\n"),
    }
}

fn feeds16(bytes: &[u8], feed: [u8; 2]) -> Vec<usize> {
    bytes
        .chunks_exact(2)
        .enumerate()
        .filter(|(_, unit)| *unit == feed)
        .map(|(at, _)| at * 2 + 2)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_belongs_to_one_line() {
        let lines = Lines::new(b"a\r\n\nb".to_vec(), Encoding::Utf8);
        assert_eq!(
            lines.iter().collect::<Vec<_>>(),
            [&b"a\r\n"[..], b"\n", b"b"]
        );
        assert_eq!(lines.range(1..3), b"\nb");
        assert!(lines.unfinished(Encoding::Utf8));
        assert_eq!(lines.eol(Encoding::Utf8), Eol::Mixed);
        assert_eq!(Lines::new(Vec::new(), Encoding::Utf8).len(), 0);
    }

    #[test]
    fn a_line_feed_of_utf16_is_two_aligned_bytes() {
        // U+0A0D and U+0D0A hold the same bytes and are no line ends.
        let text = "x\u{0a0d}\u{0d0a}\n y";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let lines = Lines::new(bytes, Encoding::Utf16Le);
        assert_eq!(lines.len(), 2);
        assert_eq!(Encoding::Utf16Le.decode(lines.get(1)), " y");
    }
}
