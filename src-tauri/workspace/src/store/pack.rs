//! The bytes of packs and their indexes.
//!
//! A pack is a run of records: a header that says everything about its content, then the content. Its
//! index is a run of batches, each with a checksum and with the pack's length when it was written. A
//! batch is appended only after the records it names are on the disk; what lies in either file after
//! the last whole batch was never committed and is cut off by the next writer. Nothing that was
//! committed is ever rewritten in place.

use crate::tree::BlobId;

/// First bytes of an index: the name and the format.
pub(super) const INDEX_MAGIC: &[u8; 8] = b"ASINDEX\x01";
/// First bytes of a pack.
pub(super) const PACK_MAGIC: &[u8; 8] = b"ASPACK\x00\x01";

const ENTRY: usize = 32 + 8 + 4 + 4 + 1;
const CHECK: usize = 16;
/// Length of a record's header.
pub(super) const HEADER: usize = 32 + 4 + 4 + 1 + 3 + 4;

/// How a content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Raw,
    Zstd,
}

/// Where a content lies in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the content, after its header.
    pub offset: u64,
    pub stored: u32,
    pub raw: u32,
    pub codec: Codec,
}

impl Codec {
    fn byte(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Zstd => 1,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Raw),
            1 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The header in front of a content: enough to find it again if the index were lost.
pub(super) fn header(id: &BlobId, stored: u32, raw: u32, codec: Codec) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..32].copy_from_slice(&id.0);
    out[32..36].copy_from_slice(&raw.to_le_bytes());
    out[36..40].copy_from_slice(&stored.to_le_bytes());
    out[40] = codec.byte();
    let check = blake3::hash(&out[..44]);
    out[44..].copy_from_slice(&check.as_bytes()[..4]);
    out
}

/// One batch of an index.
pub(super) fn batch(pack_end: u64, entries: &[(BlobId, Place)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + entries.len() * ENTRY + CHECK);
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    out.extend_from_slice(&pack_end.to_le_bytes());
    for (id, place) in entries {
        out.extend_from_slice(&id.0);
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&place.stored.to_le_bytes());
        out.extend_from_slice(&place.raw.to_le_bytes());
        out.push(place.codec.byte());
    }
    let check = blake3::hash(&out);
    out.extend_from_slice(&check.as_bytes()[..CHECK]);
    out
}

/// What [`read_batches`] found.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub entries: Vec<(BlobId, Place)>,
    /// Bytes of whole batches read.
    pub used: usize,
    /// Length of the pack after the last of them.
    pub pack_end: Option<u64>,
}

/// Reads whole batches and stops at the first that is cut off or damaged.
pub(super) fn read_batches(bytes: &[u8]) -> Batches {
    let mut found = Batches::default();
    while let Some((length, pack_end)) = read_batch(&bytes[found.used..], &mut found.entries) {
        found.used += length;
        found.pack_end = Some(pack_end);
    }
    found
}

fn read_batch(bytes: &[u8], into: &mut Vec<(BlobId, Place)>) -> Option<(usize, u64)> {
    let count = u32_at(bytes, 0)? as usize;
    let pack_end = u64_at(bytes, 4)?;
    let body = count.checked_mul(ENTRY)?.checked_add(12)?;
    let whole = bytes.get(..body.checked_add(CHECK)?)?;
    if blake3::hash(&whole[..body]).as_bytes()[..CHECK] != whole[body..] {
        return None;
    }
    let before = into.len();
    for entry in whole[12..body].chunks_exact(ENTRY) {
        let Some(entry) = read_entry(entry, pack_end) else {
            into.truncate(before);
            return None;
        };
        into.push(entry);
    }
    Some((whole.len(), pack_end))
}

fn read_entry(bytes: &[u8], pack_end: u64) -> Option<(BlobId, Place)> {
    let place = Place {
        offset: u64_at(bytes, 32)?,
        stored: u32_at(bytes, 40)?,
        raw: u32_at(bytes, 44)?,
        codec: Codec::from_byte(*bytes.get(48)?)?,
    };
    let end = place.offset.checked_add(u64::from(place.stored))?;
    let sane = end <= pack_end
        && u64::from(place.raw) <= super::LARGE
        && (place.stored == place.raw || place.codec == Codec::Zstd && place.stored < place.raw);
    sane.then_some((BlobId(bytes.get(..32)?.try_into().ok()?), place))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(n: u8) -> (BlobId, Place) {
        let place = Place {
            offset: 60 + u64::from(n),
            stored: 10,
            raw: 20,
            codec: Codec::Zstd,
        };
        (BlobId([n; 32]), place)
    }

    #[test]
    fn batches_come_back_up_to_the_first_damage() {
        let mut bytes = batch(500, &[some(1), some(2)]);
        let first = bytes.len();
        bytes.extend(batch(900, &[some(3)]));
        let all = read_batches(&bytes);
        assert_eq!(
            (all.entries.len(), all.used, all.pack_end),
            (3, bytes.len(), Some(900))
        );
        for cut in first..bytes.len() {
            let some = read_batches(&bytes[..cut]);
            assert_eq!(
                (some.entries.len(), some.used, some.pack_end),
                (2, first, Some(500))
            );
        }
        for at in first..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(read_batches(&bad).entries.len(), 2, "flipped at {at}");
        }
    }

    #[test]
    fn a_place_beyond_the_pack_is_refused() {
        let bytes = batch(50, &[some(1)]);
        assert_eq!(read_batches(&bytes).used, 0);
    }
}
