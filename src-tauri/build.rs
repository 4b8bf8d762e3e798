//! Names the folders that lie under `src-tauri`, makes sure that there is an interface to embed, and takes
//! the guest in where it was built.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in ["src-tauri/capabilities", "src-tauri/permissions", "ui/dist"] {
        println!("cargo:rerun-if-changed={path}");
    }
    placeholder_interface(Path::new("ui/dist"))?;
    embed_guest()?;
    // Permissions are written by hand: with any of our own there, a command that is on no list is refused.
    let manifest =
        tauri_build::AppManifest::new().permissions_path_pattern("src-tauri/permissions/*.toml");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("src-tauri/capabilities/*.json")
        .app_manifest(manifest);
    tauri_build::try_build(attributes)?;
    Ok(())
}

/// A plain `cargo build` works before Node was ever run; the window then says what is missing.
fn placeholder_interface(dist: &Path) -> io::Result<()> {
    let index = dist.join("index.html");
    if index.exists() {
        return Ok(());
    }
    fs::create_dir_all(dist)?;
    fs::write(
        index,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Agent Sandbox</title>\
         <p>The interface was not built. Run <code>cargo xtask run</code>.</p></html>\n",
    )
}

/// `cargo xtask guest` leaves the static binary under `target`; without it, or with `cargo check` alone, an
/// empty file stands in and starting a sandbox says so.
fn embed_guest() -> Result<(), Box<dyn std::error::Error>> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH")?;
    let built = PathBuf::from(format!("target/guest/{arch}/sandbox-guest"));
    println!("cargo:rerun-if-changed={}", built.display());
    let taken = PathBuf::from(env::var("OUT_DIR")?).join("sandbox-guest");
    match fs::read(&built) {
        Ok(bytes) => fs::write(taken, bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::write(taken, [])?,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
