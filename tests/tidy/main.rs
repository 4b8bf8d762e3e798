//! What holds for the sources as a whole: the arrows between the crates, where a library may be used, licences,
//! and what is never committed.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn metadata(more: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(more)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names of a package's dependencies; those of its tests only where they are asked for.
fn dependencies(package: &Value, tests_too: bool) -> BTreeSet<String> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| tests_too || one["kind"] != "dev")
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

fn packages(metadata: &Value) -> BTreeMap<String, Value> {
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone()))
        .collect()
}

#[test]
fn arrows_between_crates_only_go_down() {
    let allowed: [(&str, &[&str]); 6] = [
        (
            "agent-sandbox",
            &["sandbox-engine", "sandbox-review", "sandbox-workspace"],
        ),
        (
            "sandbox-engine",
            &["sandbox-review", "sandbox-workspace", "sandbox-protocol"],
        ),
        ("sandbox-review", &["sandbox-workspace"]),
        ("sandbox-workspace", &[]),
        ("sandbox-protocol", &[]),
        ("sandbox-guest", &["sandbox-protocol"]),
    ];
    let all = packages(&metadata(&["--no-deps"]));
    let ours: BTreeSet<&String> = all.keys().collect();
    for (name, below) in allowed {
        let found: BTreeSet<String> = dependencies(&all[name], false)
            .into_iter()
            .filter(|one| ours.contains(one))
            .collect();
        let below: BTreeSet<String> = below.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(found, below, "the arrows of {name}");
    }
    let known: BTreeSet<String> = allowed
        .iter()
        .map(|(name, _)| *name)
        .chain(["sandbox-tests", "xtask"])
        .map(str::to_owned)
        .collect();
    let all: BTreeSet<String> = all.into_keys().collect();
    assert_eq!(all, known, "a new crate needs a reason, and a line here");
}

#[test]
fn a_library_is_used_in_its_place_only() {
    let all = packages(&metadata(&["--no-deps"]));
    for (library, home) in [
        ("tauri", "agent-sandbox"),
        ("bollard", "sandbox-engine"),
        ("notify", "sandbox-workspace"),
    ] {
        let users: Vec<&String> = all
            .iter()
            .filter(|(name, package)| {
                // The tests ask the container engine themselves, to see that it says the same.
                *name != "sandbox-tests" && dependencies(package, true).contains(library)
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(users, [home], "who uses {library}");
    }
}

#[test]
fn the_page_meets_tauri_in_one_file() {
    let mut users = Vec::new();
    each_file(&root().join("ui/src"), &mut |path, text| {
        if text.contains("'@tauri-apps/") {
            users.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    });
    assert_eq!(users, [PathBuf::from("ui/src/ipc/tauri.ts")]);
}

#[test]
fn everything_we_build_on_is_free_and_from_the_registry() {
    const FREE: [&str; 12] = [
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CDLA-Permissive-2.0",
        "ISC",
        "MIT",
        "MPL-2.0",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ];
    let mut bad = Vec::new();
    for (name, package) in packages(&metadata(&[])) {
        let licence = package["license"].as_str().unwrap_or("");
        let words = licence.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
        if !words.into_iter().any(|word| FREE.contains(&word)) {
            bad.push(format!("{name}: licence {licence:?}"));
        }
        let source = package["source"].as_str();
        if source.is_some_and(|source| !source.starts_with("registry+")) {
            bad.push(format!("{name}: from {source:?}"));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// Files have a size that a person can hold in mind; tests and tables may be longer.
#[test]
fn no_source_file_is_too_long() {
    const MOST: usize = 900;
    let mut long = Vec::new();
    for folder in ["src-tauri", "ui/src", "tests"] {
        each_file(&root().join(folder), &mut |path, text| {
            let lines = text.lines().count();
            if lines > MOST {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        });
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn public_documents_are_there_and_their_links_lead_somewhere() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        assert!(text.len() > 200, "{name} says nothing");
        for link in text.split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap();
            if !link.is_empty() && !link.contains("://") {
                assert!(root().join(link).exists(), "{name}: {link} is not there");
            }
        }
    }
}

fn each_file(folder: &Path, act: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["node_modules", "target", "gen", "dist"].contains(&name.as_str()) {
                each_file(&path, act);
            }
        } else if ["rs", "ts", "svelte", "css"]
            .iter()
            .any(|end| name.ends_with(&format!(".{end}")))
        {
            act(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
