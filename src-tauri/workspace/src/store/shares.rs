//! Whose the contents of the store are.

use std::collections::HashMap;
use std::fs;

use super::index::ByHash;
use super::pack::HEADER;
use super::upkeep::Ids;
use super::{Store, StoreError, TreeId, large};
use crate::system::allocated;
use crate::tree::{BlobId, EntryKind};

/// Who needs a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    By(usize),
    BySeveral,
}

type Needs = HashMap<BlobId, Needed, ByHash>;

impl Store {
    /// Of each group of trees, the bytes on the disk that no other group needs: what could be freed without it. What
    /// several need is in none of the sums, and neither is what is damaged or gone.
    pub fn own_bytes(&self, groups: &[Vec<TreeId>]) -> Result<Vec<u64>, StoreError> {
        self.inner.index.refresh()?;
        let mut needs = Needs::default();
        for (group, trees) in groups.iter().enumerate() {
            self.note_needs(group, trees, &mut needs);
        }
        let mut sums = vec![0; groups.len()];
        for (id, needed) in needs {
            if let Needed::By(group) = needed {
                sums[group] += self.bytes_of(&id);
            }
        }
        Ok(sums)
    }

    fn note_needs(&self, group: usize, trees: &[TreeId], needs: &mut Needs) {
        let mut note = |id: BlobId| {
            let needed = needs.entry(id).or_insert(Needed::By(group));
            if *needed != Needed::By(group) {
                *needed = Needed::BySeveral;
            }
        };
        // Snapshots of one sandbox share most of their parts: each is read once.
        let mut seen = Ids::default();
        for tree in trees {
            let chunks = self.manifest(tree).map(|manifest| manifest.chunks);
            for chunk in chunks.unwrap_or_default() {
                if !seen.insert(chunk) {
                    continue;
                }
                note(chunk);
                for entry in self.entries_of(&chunk, tree).unwrap_or_default() {
                    if let EntryKind::File { blob, .. } = entry.kind {
                        note(blob);
                    }
                }
            }
        }
    }

    /// What a content takes on the disk; nothing where it is not there.
    fn bytes_of(&self, id: &BlobId) -> u64 {
        if let Some(found) = self.inner.index.find(id) {
            return u64::from(found.place.stored) + HEADER as u64;
        }
        let files = large::places(&self.inner.root, id);
        let sizes = files.iter().filter_map(|path| fs::metadata(path).ok());
        sizes.map(|metadata| allocated(&metadata)).sum()
    }
}
