//! The page and the shell speak of the same commands and the same types.
#![allow(clippy::unwrap_used)]

mod bindings;
mod commands;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
