//! Bytes as text: encoding, lines, line endings, and which lines differ.

mod encoding;
mod lines;
mod ops;
mod slide;

pub use encoding::Encoding;
pub(crate) use lines::ends_in_feed;
pub use lines::{Eol, Lines};
pub(crate) use ops::blocks_to_merge;
pub use ops::{Block, blocks};

/// Whether git would call this content binary: a NUL byte within the first 8,000 bytes.
pub fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(8_000)]).is_some()
}
