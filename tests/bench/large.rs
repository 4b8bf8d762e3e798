//! The tree of the benches of a review: 20,000 files, of which 2,000 are changed.

use std::path::Path;

/// Folders.
pub const FOLDERS: usize = 200;
/// Files in each.
pub const FILES_EACH: usize = 100;
/// Of those, how many are changed: the first.
pub const CHANGED_EACH: usize = 10;

/// Makes the project.
pub fn make(project: &Path) -> std::io::Result<()> {
    write(project, FILES_EACH, &lines(""))
}

/// Changes the copy of it.
pub fn change(workspace: &Path) -> std::io::Result<()> {
    write(workspace, CHANGED_EACH, &lines("changed"))
}

/// Writes the first so many files of each folder.
fn write(root: &Path, files: usize, content: &str) -> std::io::Result<()> {
    for folder in 0..FOLDERS {
        let folder = root.join(format!("src/m{folder:03}"));
        std::fs::create_dir_all(&folder)?;
        for file in 0..files {
            std::fs::write(folder.join(format!("f{file:02}.js")), content)?;
        }
    }
    Ok(())
}

/// 30 lines of which two can differ.
fn lines(word: &str) -> String {
    (0..30)
        .map(|n| match n {
            7 | 20 => format!("export const v{n} = {n};{word}\n"),
            _ => format!("export const v{n} = {n};\n"),
        })
        .collect()
}
