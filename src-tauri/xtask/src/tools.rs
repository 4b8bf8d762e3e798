//! Programs that only the tests need, kept below `target`.

use std::path::PathBuf;

use crate::shell::{Failure, Shell};

/// The driver of the window, at the version that is tried.
const DRIVER: &str = "2.0.6";

/// Installs tauri-driver once; gives the folder to put on the search path.
pub fn driver(shell: &Shell) -> Result<PathBuf, Failure> {
    let place = shell.path("target/tools");
    let program = place.join("bin/tauri-driver");
    if !program.exists() {
        let root = place.to_string_lossy().into_owned();
        let install = [
            "install",
            "tauri-driver",
            "--locked",
            "--version",
            DRIVER,
            "--root",
            &root,
        ];
        shell.run("cargo", &install)?;
    }
    Ok(place.join("bin"))
}
