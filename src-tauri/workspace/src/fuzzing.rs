//! What `cargo fuzz` calls: the readers of everything that lies on the disk. They must answer for any
//! bytes, and what they read and write again must be the same.

use crate::store::fuzzing as store;

/// A manifest, and a chunk of entries. The checksum is put right first: it is not what is tried.
pub fn manifest(bytes: &[u8]) {
    store::manifest(bytes);
    store::chunk(bytes);
}

/// Batches of a pack's index, and one content read by what they say.
pub fn pack(bytes: &[u8]) {
    store::batches(bytes);
    store::record(bytes);
}

/// The index of a scan, and a path.
pub fn records(bytes: &[u8]) {
    crate::scan::Index::any(bytes);
    if let Ok(path) = crate::WorkspacePath::new(bytes) {
        let parts = path.components().collect::<Vec<_>>().join(&b'/');
        assert_eq!(parts, path.as_bytes());
    }
}
