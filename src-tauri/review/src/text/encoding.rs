//! Which characters the bytes mean. Detection decides only what is shown; bytes are what is written.

use encoding_rs::{Encoding as Charset, UTF_8};

/// How much of a content is looked at to guess a charset that does not say itself.
const SAMPLE: usize = 64 * 1024;

/// How the bytes of a text are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, also plain ASCII.
    Utf8,
    /// UTF-8 that begins with a byte-order mark.
    Utf8Marked,
    /// UTF-16, low byte first, with its mark.
    Utf16Le,
    /// UTF-16, high byte first, with its mark.
    Utf16Be,
    /// Another charset, guessed from the bytes.
    Other(&'static Charset),
}

impl Encoding {
    /// The encoding of a whole content; `None` where it is not text.
    pub fn detect(content: &[u8]) -> Option<Self> {
        match content {
            [0xff, 0xfe, rest @ ..] if plausible_utf16(rest, u16::from_le_bytes) => {
                return Some(Self::Utf16Le);
            }
            [0xfe, 0xff, rest @ ..] if plausible_utf16(rest, u16::from_be_bytes) => {
                return Some(Self::Utf16Be);
            }
            _ => {}
        }
        if super::is_binary(content) {
            return None;
        }
        if content.starts_with(&[0xef, 0xbb, 0xbf]) {
            return Some(Self::Utf8Marked);
        }
        if std::str::from_utf8(content).is_ok() {
            return Some(Self::Utf8);
        }
        Some(guess(content))
    }

    /// Bytes of one code unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf8 | Self::Utf8Marked | Self::Other(_) => 1,
        }
    }

    /// A piece of the content as text; what does not decode becomes U+FFFD. A mark is left out.
    pub fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 | Self::Utf8Marked => {
                let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
                String::from_utf8_lossy(bytes).into_owned()
            }
            Self::Utf16Le => decode_utf16(bytes, u16::from_le_bytes),
            Self::Utf16Be => decode_utf16(bytes, u16::from_be_bytes),
            Self::Other(charset) => charset.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// What the user is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Marked => "UTF-8 with a byte-order mark",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            // What every browser takes for Latin-1.
            Self::Other(charset) if charset == encoding_rs::WINDOWS_1252 => "Latin-1",
            Self::Other(charset) => charset.name(),
        }
    }
}

fn guess(content: &[u8]) -> Encoding {
    let sample = &content[..content.len().min(SAMPLE)];
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(sample, sample.len() == content.len());
    let charset = detector.guess(None, chardetng::Utf8Detection::Allow);
    if charset == UTF_8 {
        Encoding::Utf8
    } else {
        Encoding::Other(charset)
    }
}

/// Whole units, and none of them NUL: the mark alone also begins some binary formats.
fn plausible_utf16(rest: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    rest.len().is_multiple_of(2)
        && rest
            .chunks_exact(2)
            .take(4_000)
            .all(|pair| unit([pair[0], pair[1]]) != 0)
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .filter(|unit| *unit != 0xfeff);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_told_apart() {
        let utf16: Vec<u8> = "\u{feff}grüße\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Encoding::detect(b"plain"), Some(Encoding::Utf8));
        assert_eq!(Encoding::detect(b""), Some(Encoding::Utf8));
        assert_eq!(
            Encoding::detect(b"\xef\xbb\xbfa"),
            Some(Encoding::Utf8Marked)
        );
        assert_eq!(Encoding::detect(&utf16), Some(Encoding::Utf16Le));
        assert_eq!(Encoding::Utf16Le.decode(&utf16), "grüße\r\n");
        assert_eq!(Encoding::detect(b"a\0b"), None, "NUL means binary");
        let latin = Encoding::detect(b"caf\xe9 au lait, d\xe9j\xe0 vu\n").expect("is text");
        assert_eq!(latin.decode(b"caf\xe9"), "café");
        assert_eq!(latin.name(), "Latin-1");
    }
}
