//! Pictures: what they are and how large, from their first bytes. Nothing is decoded.

/// One side of a picture's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSide {
    /// Its media type.
    pub media_type: &'static str,
    /// Bytes.
    pub size: u64,
    /// Width and height in pixels, where the format is known to us.
    pub pixels: Option<(u32, u32)>,
}

impl ImageSide {
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        let kind = infer::get(content)?;
        (kind.matcher_type() == infer::MatcherType::Image).then(|| Self {
            media_type: kind.mime_type(),
            size: content.len() as u64,
            pixels: dimensions(content),
        })
    }
}

/// Width and height of a PNG, GIF, BMP, WebP or JPEG.
pub fn dimensions(content: &[u8]) -> Option<(u32, u32)> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => Some((be32(content, 16)?, be32(content, 20)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((le16(content, 6)?, le16(content, 8)?)),
        [b'B', b'M', ..] => Some((
            le32(content, 18)?,
            le32(content, 22)?.cast_signed().unsigned_abs(),
        )),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(content),
        [0xff, 0xd8, ..] => jpeg(content),
        _ => None,
    }
}

fn webp(content: &[u8]) -> Option<(u32, u32)> {
    match content.get(12..16)? {
        b"VP8 " => Some((le16(content, 26)? & 0x3fff, le16(content, 28)? & 0x3fff)),
        b"VP8L" => {
            let bits = le32(content, 21)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => Some((
            (le32(content, 24)? & 0xff_ffff) + 1,
            (le32(content, 27)? & 0xff_ffff) + 1,
        )),
        _ => None,
    }
}

/// The size lies in the first start-of-frame segment.
fn jpeg(content: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let marker = *content.get(at + 1)?;
        if *content.get(at)? != 0xff {
            return None;
        }
        let frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if frame {
            return Some((be16(content, at + 7)?, be16(content, at + 5)?));
        }
        at += 2 + usize::try_from(be16(content, at + 2)?).ok()?;
    }
}

fn bytes<const N: usize>(content: &[u8], at: usize) -> Option<[u8; N]> {
    content.get(at..at + N)?.try_into().ok()
}

fn be16(content: &[u8], at: usize) -> Option<u32> {
    bytes(content, at).map(|b| u16::from_be_bytes(b).into())
}

fn le16(content: &[u8], at: usize) -> Option<u32> {
    bytes(content, at).map(|b| u16::from_le_bytes(b).into())
}

fn be32(content: &[u8], at: usize) -> Option<u32> {
    bytes(content, at).map(u32::from_be_bytes)
}

fn le32(content: &[u8], at: usize) -> Option<u32> {
    bytes(content, at).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_short_files_are_not_trusted() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend_from_slice(&[0, 0, 2, 0, 0, 0, 1, 0]);
        assert_eq!(dimensions(&png), Some((512, 256)));
        assert_eq!(dimensions(&png[..20]), None);
        assert_eq!(dimensions(b"GIF89a\x10\0\x20\0"), Some((16, 32)));
        assert_eq!(
            dimensions(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x30\0\x40"),
            Some((64, 48))
        );
        assert_eq!(dimensions(b"\xff\xd8\xff\xe0\0\0"), None);
    }
}
