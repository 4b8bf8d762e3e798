//! Folders that a build or an installation makes again.

use super::Beside;
use crate::path::WorkspacePath;

/// By the name alone: nobody keeps work in these.
const ALWAYS: &[&str] = &[
    "node_modules",
    "bower_components",
    "__pycache__",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".eggs",
    ".gradle",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".parcel-cache",
    ".angular",
    ".dart_tool",
    ".stack-work",
    ".zig-cache",
    ".terraform",
    "elm-stuff",
    "dist-newstyle",
    "DerivedData",
];

/// By the name, where one of these lies beside it.
const BESIDE: &[(&str, &[&str])] = &[
    ("target", &["Cargo.toml", "pom.xml", "build.sbt"]),
    ("zig-cache", &["build.zig"]),
    ("zig-out", &["build.zig"]),
    ("_build", &["mix.exs", "dune-project", "rebar.config"]),
    ("deps", &["mix.exs"]),
    ("Pods", &["Podfile"]),
    (".bundle", &["Gemfile"]),
];

/// By the name, where one of these lies in it.
const INSIDE: &[(&str, &[&str])] = &[
    ("venv", &["pyvenv.cfg"]),
    ("env", &["pyvenv.cfg"]),
    ("virtualenv", &["pyvenv.cfg"]),
    ("target", &["CACHEDIR.TAG"]),
];

/// Names that mean a build's output only where a build file lies beside them *and* the project's own
/// `.gitignore` says so: a folder called `build` may as well hold somebody's work.
const IGNORED: &[&str] = &["build", "dist", "out", ".output", "coverage"];
const BUILD_FILES: &[&str] = &[
    "package.json",
    "build.gradle",
    "build.gradle.kts",
    "CMakeLists.txt",
    "meson.build",
    "setup.py",
    "pyproject.toml",
    "pubspec.yaml",
];

/// Whether a file of this name, by being there, decides about the folder it lies in or one beside it.
pub fn decides(name: &[u8]) -> bool {
    let mut marks = BESIDE.iter().chain(INSIDE).flat_map(|(_, marks)| *marks);
    marks.any(|mark| mark.as_bytes() == name)
}

pub(super) fn is_rebuildable(path: &WorkspacePath, beside: &Beside<'_>) -> bool {
    let name = path.file_name();
    let listed = |list: &[(&str, &[&str])], in_it: bool| {
        list.iter()
            .filter(|(folder, _)| folder.as_bytes() == name)
            .any(|(_, marks)| marks.iter().any(|mark| lies(path, mark, in_it, beside)))
    };
    ALWAYS.iter().any(|folder| folder.as_bytes() == name)
        || listed(BESIDE, false)
        || listed(INSIDE, true)
}

/// Whether the folder counts as a build's output if `.gitignore` names it.
pub(crate) fn needs_gitignore(path: &WorkspacePath, beside: &Beside<'_>) -> bool {
    IGNORED
        .iter()
        .any(|folder| folder.as_bytes() == path.file_name())
        && BUILD_FILES
            .iter()
            .any(|mark| lies(path, mark, false, beside))
}

fn lies(path: &WorkspacePath, mark: &str, in_it: bool, beside: &Beside<'_>) -> bool {
    let folder = if in_it {
        Some(path.clone())
    } else {
        path.parent()
    };
    WorkspacePath::below(folder.as_ref(), mark.as_bytes()).is_ok_and(|mark| beside(&mark))
}
