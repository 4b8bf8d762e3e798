//! The readers of the store's files, for any bytes.

use std::io::Read;

use super::manifest::{self, Manifest};
use super::pack::{self, Codec, Place};
use super::{LARGE, content_of, large};
use crate::tree::{BlobId, Tree};

pub(crate) fn manifest(bytes: &[u8]) {
    let _ = Manifest::read(bytes);
    // With a checksum that holds, so that what is behind it is reached.
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(blake3::hash(bytes).as_bytes());
    if let Some(read) = Manifest::read(&whole) {
        assert_eq!(Manifest::read(&read.write()).as_ref(), Some(&read));
    }
}

pub(crate) fn chunk(bytes: &[u8]) {
    let mut entries = Vec::new();
    if manifest::read_chunk(bytes, &mut entries).is_some() {
        let mut again = Vec::new();
        let written = manifest::write_chunk(&entries);
        assert_eq!(manifest::read_chunk(&written, &mut again), Some(()));
        assert_eq!(entries, again);
        // In any order, and with doubles.
        let _ = Tree::new(entries);
    }
}

pub(crate) fn batches(bytes: &[u8]) {
    let found = pack::read_batches(bytes);
    assert!(found.used <= bytes.len());
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    for (_, place) in pack::read_batches(&whole).entries {
        assert!(u64::from(place.raw) <= LARGE);
    }
}

/// The first bytes say how the content is kept; the rest is what is kept.
pub(crate) fn record(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let place = Place {
        offset: 0,
        stored: rest.len() as u32,
        raw: pack::u32_at(head, 0).unwrap_or(0) % (LARGE as u32 + 1),
        codec: if head[4] & 1 == 0 {
            Codec::Raw
        } else {
            Codec::Zstd
        },
    };
    // As a large content: an error, or what the hash names.
    let mut content = Vec::new();
    if let Ok(decoder) = zstd::stream::read::Decoder::new(rest) {
        let id = BlobId::of(rest);
        let mut checked = large::Checked::new(decoder.take(LARGE), id, Default::default());
        let read = checked.read_to_end(&mut content);
        assert!(read.is_err() || content == rest);
    }
    let kept = content_of(rest.to_vec(), place, &BlobId::of(rest));
    assert!(kept.is_none_or(|content| content == rest));
}
