//! Contents of 4 MiB and more, each a file named by its hash: as it is (it may share its blocks with a
//! workspace then), or as one zstd stream with `.zst` after the name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::compress::{LEVEL, compressor, pays};
use super::pack::Codec;

use crate::sparse::{HoleWriter, is_zero};
use crate::system::{FileExt, give_name, sync_folder};
use crate::tree::BlobId;

/// How much is tried before a content is compressed, and at how many places of it.
const SAMPLE: usize = 32 * 1024;
const SAMPLES: u64 = 16;

/// Where the content lies, if it is kept so.
pub(super) fn path(root: &Path, id: &BlobId, codec: Codec) -> PathBuf {
    let hex = id.to_hex();
    let folder = root.join("large").join(&hex[..2]);
    match codec {
        Codec::Raw => folder.join(hex),
        Codec::Zstd => folder.join(hex + ".zst"),
    }
}

/// Where the content can lie, in whichever way it is kept.
pub(super) fn places(root: &Path, id: &BlobId) -> [PathBuf; 2] {
    [Codec::Raw, Codec::Zstd].map(|codec| path(root, id, codec))
}

/// Whether the content is there, in whichever way.
pub(super) fn exists(root: &Path, id: &BlobId) -> bool {
    places(root, id).iter().any(|path| path.exists())
}

/// The content that a file with this path holds.
pub(super) fn id_of(path: &Path) -> Option<BlobId> {
    let name = path.file_name()?.to_str()?;
    BlobId::from_hex(name.strip_suffix(".zst").unwrap_or(name))
}

/// A file without a name: gone by itself if nothing comes of it.
pub(super) fn nameless(root: &Path) -> io::Result<File> {
    crate::system::nameless(&root.join("large"))
}

/// Gives a file its name; it is on the disk already. One that is there is as good.
pub(super) fn publish(root: &Path, file: &File, id: &BlobId, codec: Codec) -> io::Result<()> {
    let path = path(root, id, codec);
    if let Some(folder) = path.parent() {
        match std::fs::create_dir(folder) {
            Ok(()) => sync_folder(&root.join("large"))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        match give_name(file, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        sync_folder(folder)?;
    }
    Ok(())
}

/// A content that was written.
pub(super) struct Written {
    pub id: BlobId,
    pub length: u64,
    pub codec: Codec,
}

/// Writes all of `reader` after `first`, hashing: compressed where that is `worth` it, else as it is, with runs
/// of zeros as holes.
pub(super) fn write(
    file: &File,
    reader: &mut dyn Read,
    first: &[u8],
    worth: bool,
) -> io::Result<Written> {
    if !worth {
        let mut writer = HoleWriter::new(file);
        let (id, _) = pass(reader, first, |bytes| writer.put(bytes))?;
        let length = writer.finish()?;
        let codec = Codec::Raw;
        return Ok(Written { id, length, codec });
    }
    let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
    let (id, length) = pass(reader, first, |bytes| encoder.write_all(bytes))?;
    encoder.finish()?;
    let codec = Codec::Zstd;
    Ok(Written { id, length, codec })
}

/// Whether compressing pays, by samples all over what is in memory.
pub(super) fn is_worth_compressing(content: &[u8]) -> bool {
    samples_pay(content.len() as u64, |offset, sample| {
        let rest = content.get(usize::try_from(offset).ok()?..)?;
        let n = rest.len().min(sample.len());
        sample[..n].copy_from_slice(&rest[..n]);
        Some(n)
    })
}

/// Whether compressing pays, by samples all over a file: a packed part at its beginning says nothing of the
/// rest. Only a guess, so that the file may change meanwhile.
pub(super) fn is_file_worth_compressing(file: &File) -> bool {
    let length = file.metadata().map_or(0, |m| m.len());
    samples_pay(length, |offset, sample| file.read_at(sample, offset).ok())
}

/// Zeros are not counted: as holes they cost nothing, and are read faster.
fn samples_pay(length: u64, read: impl Fn(u64, &mut [u8]) -> Option<usize>) -> bool {
    let Ok(mut zstd) = compressor() else {
        return false;
    };
    let (mut raw, mut stored) = (0, 0);
    let mut sample = vec![0; SAMPLE];
    for nth in 0..SAMPLES {
        let n = read(length / SAMPLES * nth, &mut sample).unwrap_or(0);
        let sample = &sample[..n];
        if is_zero(sample) {
            continue;
        }
        raw += n;
        stored += zstd.compress(sample).map_or(n, |s| s.len());
    }
    pays(stored, raw)
}

fn pass(
    reader: &mut dyn Read,
    first: &[u8],
    mut put: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(BlobId, u64)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(first);
    put(first)?;
    let mut length = first.len() as u64;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match read_full(reader, &mut buffer)? {
            0 => return Ok((BlobId(*hasher.finalize().as_bytes()), length)),
            n => {
                hasher.update(&buffer[..n]);
                put(&buffer[..n])?;
                length += n as u64;
            }
        }
    }
}

/// Reads until the buffer is full or nothing more comes.
pub(crate) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// The content as a stream, checked.
pub(super) fn open(root: &Path, id: &BlobId) -> io::Result<Box<dyn Read + Send>> {
    let plain = path(root, id, Codec::Raw);
    match File::open(&plain) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        file => return Ok(Box::new(Checked::new(file?, *id, plain))),
    }
    let compressed = path(root, id, Codec::Zstd);
    let content = zstd::stream::read::Decoder::new(File::open(&compressed)?)?;
    Ok(Box::new(Checked::new(content, *id, compressed)))
}

/// A content as a stream that fails at its end if the bytes were not those of the hash, and before that
/// where they are no zstd stream.
pub(super) struct Checked<R> {
    content: R,
    hasher: blake3::Hasher,
    id: BlobId,
    path: PathBuf,
}

impl<R> Checked<R> {
    pub fn new(content: R, id: BlobId, path: PathBuf) -> Self {
        Self {
            content,
            hasher: blake3::Hasher::new(),
            id,
            path,
        }
    }

    fn damaged(&self) -> io::Error {
        let path = self.path.clone();
        let what = "a content";
        super::StoreError::Damaged { what, path }.into()
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match self.content.read(buffer) {
            // Not of the system, so of the decoder.
            Err(e) if e.raw_os_error().is_none() => return Err(self.damaged()),
            read => read?,
        };
        if n == 0 && !buffer.is_empty() && BlobId(*self.hasher.finalize().as_bytes()) != self.id {
            return Err(self.damaged());
        }
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}
