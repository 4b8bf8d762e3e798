//! What lies in the data directory: the layout, records, locks, settings, the activity list.

pub mod activity;
pub mod data_dir;
pub mod json_file;
pub mod lock;
pub mod record;
pub mod settings;
