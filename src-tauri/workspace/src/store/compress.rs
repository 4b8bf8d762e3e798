//! What a content is kept as: compressed where that pays.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, compress_bound};

use super::pack::Codec;

/// Below this length compressing does not pay: what it saves is less than the tables it takes to begin with cost.
const TINY: usize = 1024;
/// Of a content eight times this long, this much is tried first.
const SAMPLE: usize = 32 * 1024;
/// Room that a thread keeps from one content to the next.
const ROOM: usize = 1 << 20;
/// How hard zstd tries.
pub(super) const LEVEL: i32 = 1;

/// Whether keeping `stored` bytes for `raw` is worth the time.
pub(super) fn pays(stored: usize, raw: usize) -> bool {
    stored + raw / 16 < raw
}

/// Hands on what to keep of a content: compressed where that pays, else as it is. Each thread keeps its
/// encoder and the room for what comes out of it.
pub(super) fn packed<T>(content: &[u8], keep: impl FnOnce(&[u8], Codec) -> T) -> T {
    thread_local! {
        static ZSTD: RefCell<(Option<Compressor<'static>>, Vec<u8>)> =
            RefCell::new((compressor().ok(), Vec::new()));
    }
    if content.len() < TINY {
        return keep(content, Codec::Raw);
    }
    ZSTD.with_borrow_mut(|(zstd, out)| {
        let pays = zstd
            .as_mut()
            .is_some_and(|zstd| compress(zstd, content, out));
        let kept = if pays {
            keep(out, Codec::Zstd)
        } else {
            keep(content, Codec::Raw)
        };
        if out.capacity() > ROOM {
            *out = Vec::new();
        }
        kept
    })
}

/// False where it does not pay.
fn compress(zstd: &mut Compressor<'_>, content: &[u8], out: &mut Vec<u8>) -> bool {
    let mut pays_for = |part: &[u8]| {
        out.clear();
        out.reserve(compress_bound(part.len()));
        let done = zstd.compress_to_buffer(part, out);
        done.is_ok_and(|stored| pays(stored, part.len()))
    };
    // One sample, from the middle: what is packed already often begins with a head that is not.
    let middle = content.len() / 2;
    let sampled = content.len() <= 8 * SAMPLE || pays_for(&content[middle..middle + SAMPLE]);
    sampled && pays_for(content)
}

/// Tuned for source code and text in pieces of some kilobytes: a table that stays in the processor's nearest
/// cache and longer matches make level 1 a fifth faster, for 3 % more bytes. (Its negative levels gain less than
/// that again, for 20 % more.)
pub(super) fn compressor() -> io::Result<Compressor<'static>> {
    let mut zstd = Compressor::new(LEVEL)?;
    zstd.set_parameter(CParameter::HashLog(12))?;
    zstd.set_parameter(CParameter::MinMatch(7))?;
    Ok(zstd)
}

/// Each thread keeps its decoder: making one costs as much as most contents do.
pub(super) fn decompress(stored: &[u8], raw: usize) -> Option<Vec<u8>> {
    thread_local! {
        static ZSTD: RefCell<Option<Decompressor<'static>>> =
            RefCell::new(Decompressor::new().ok());
    }
    ZSTD.with_borrow_mut(|zstd| zstd.as_mut()?.decompress(stored, raw).ok())
}
