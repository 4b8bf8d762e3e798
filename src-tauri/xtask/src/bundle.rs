//! The `.deb`: made, and looked into.

use std::path::{Path, PathBuf};

use crate::cargo::Count;
use crate::ready;
use crate::shell::{Failure, Shell};

/// Makes the package; pinned, as everything that is fetched.
const TAURI: &str = "@tauri-apps/cli@2.12.5";
const MADE: &str = "target/release/bundle/deb";

/// What must be in it, besides the two programs.
const PARTS: [&str; 5] = [
    "usr/share/applications/Agent Sandbox.desktop",
    "usr/share/icons/hicolor/32x32/apps/agent-sandbox-window.png",
    "usr/share/icons/hicolor/128x128/apps/agent-sandbox-window.png",
    "usr/share/icons/hicolor/256x256@2/apps/agent-sandbox-window.png",
    "usr/share/icons/hicolor/512x512/apps/agent-sandbox-window.png",
];

/// Makes it; gives where it lies.
pub fn make(shell: &Shell) -> Result<PathBuf, Failure> {
    ready::everything(shell)?;
    // An older version's would lie beside it.
    let _ = std::fs::remove_dir_all(shell.path(MADE));
    let tauri = [
        "exec",
        "--yes",
        "--package",
        TAURI,
        "--",
        "tauri",
        "build",
        "--bundles",
        "deb",
    ];
    shell.run("npm", &tauri)?;
    let folder = shell.path(MADE);
    let made = std::fs::read_dir(&folder).map_err(|source| Failure::File {
        path: folder.clone(),
        source,
    })?;
    made.flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .ok_or_else(|| Failure::Missing(format!("no package was made in {}", folder.display())))
}

/// Makes it, unpacks it, and looks whether it holds the right programs: the command line starts and links no
/// WebKit, the window does. Both have been mixed up before.
pub fn check(shell: &Shell) -> Result<Count, Failure> {
    let package = make(shell)?;
    let unpacked = shell.path("target/bundle-check");
    let _ = std::fs::remove_dir_all(&unpacked);
    shell.run(
        "dpkg-deb",
        &[
            "-x",
            &package.to_string_lossy(),
            &unpacked.to_string_lossy(),
        ],
    )?;
    let missing = PARTS.iter().find(|part| !unpacked.join(part).is_file());
    if let Some(part) = missing {
        return Err(Failure::Missing(format!("the package has no {part}")));
    }
    let command_line = unpacked.join("usr/bin/agent-sandbox");
    let window = unpacked.join("usr/bin/agent-sandbox-window");
    shell.run(&command_line.to_string_lossy(), &["--version"])?;
    if links_webkit(shell, &command_line)? || !links_webkit(shell, &window)? {
        return Err(Failure::Missing(
            "the package has one program in the other's place".to_owned(),
        ));
    }
    Ok(Count {
        passed: 1,
        ..Count::default()
    })
}

fn links_webkit(shell: &Shell, program: &Path) -> Result<bool, Failure> {
    let program = program.to_string_lossy();
    shell
        .read("ldd", &[&program])
        .map(|libraries| libraries.contains("libwebkit2gtk"))
        .ok_or_else(|| Failure::Missing(format!("{program} is not a program that ldd reads")))
}
