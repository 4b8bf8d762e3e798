//! `store`: checking what is kept, freeing, sizes.

use std::collections::BTreeSet;

use sandbox_workspace::Size;
use serde_json::{Value, json};

use super::args::Store;
use super::verbs::{Call, Done};
use super::words::damage;

impl Call<'_> {
    pub(super) fn store(&self, store: &Store) -> Done {
        match store {
            Store::Verify => {
                let found = self.engine.verify(self.op.cancel())?;
                let damaged: Vec<Value> = found.damaged.iter().map(damage).collect();
                let count = damaged.len();
                let document = json!({
                    "blobs": found.blobs, "trees": found.trees, "damaged": damaged,
                });
                self.answer(&document, |_| {
                    let mut text = format!(
                        "{} contents and {} trees read, {count} damaged",
                        found.blobs, found.trees
                    );
                    for row in &found.damaged {
                        text += &format!("\n{}", row.reason);
                        let files = row.files.iter().filter_map(|(_, path)| path.as_ref());
                        let names: BTreeSet<String> = files.map(ToString::to_string).collect();
                        for name in names {
                            text += &format!("\n  {name}");
                        }
                    }
                    text
                })?;
                Ok(u8::from(count > 0))
            }
            Store::Prune => {
                let freed = self.engine.tidy_up()?;
                let document =
                    json!({ "trees": freed.trees, "blobs": freed.blobs, "freed": freed.freed });
                self.answer(&document, |_| {
                    format!(
                        "{} freed; what was stored within the last hour stays until a later one",
                        Size(freed.freed)
                    )
                })
            }
            Store::Stats => {
                let stats = self.engine.store_stats()?;
                let own = self.engine.own_snapshot_bytes()?;
                let sandboxes: Vec<Value> = own
                    .iter()
                    .map(|(record, bytes)| {
                        json!({ "sandbox": record.id, "name": record.name, "own": bytes })
                    })
                    .collect();
                let document = json!({
                    "trees": stats.trees, "logical": stats.logical, "on_disk": stats.on_disk,
                    "blobs": stats.blobs, "packs": stats.packs,
                    "sandboxes": sandboxes,
                });
                self.answer(&document, |printer| {
                    let mut text = format!(
                        "{} on the disk for {} of snapshots",
                        Size(stats.on_disk),
                        Size(stats.logical)
                    );
                    for (record, bytes) in &own {
                        let name = printer.name(record.name.as_bytes());
                        text +=
                            &format!("\n  {name}: {} that no other sandbox needs", Size(*bytes));
                    }
                    text
                })
            }
        }
    }
}
