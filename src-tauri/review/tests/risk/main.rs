//! The list of SECURITY §1.3, entry by entry, against what is flagged; and the ordinary files that are not.
#![allow(clippy::unwrap_used)]

mod list;
#[path = "../support/mod.rs"]
mod support;

use list::{BY_CONTENT, LIST, ORDINARY};
use sandbox_review::Class::{self, EscapingLink, Executable, RunsByItself, RunsOnBuild};
use sandbox_review::changes::{Change, Options, compare};
use sandbox_review::{Refusal, Status};
use sandbox_workspace::{Entry, EntryKind, MemoryBlobs, Tree, WorkspacePath};
use support::*;

fn at(path: &str) -> WorkspacePath {
    WorkspacePath::new(path.as_bytes()).unwrap()
}

fn entry(path: &str, kind: EntryKind) -> Entry {
    Entry {
        path: at(path),
        kind,
        mode: 0o644,
        mtime: epoch(),
    }
}

fn file(blobs: &mut MemoryBlobs, path: &str, content: &str) -> Entry {
    let size = content.len() as u64;
    let blob = blobs.add(content.as_bytes().to_vec());
    entry(path, EntryKind::File { blob, size })
}

/// The change of one path, from and to these entries. Another file keeps the workspace from being emptied.
fn change(blobs: &MemoryBlobs, from: Option<Entry>, to: Entry) -> Change {
    let path = to.path.clone();
    let from = Tree::new(from.into_iter().collect());
    let found = compare(&from, &Tree::new(vec![to]), blobs, &Options::default()).unwrap();
    let mut list = found.list;
    list.retain(|change| change.path == path);
    list.pop().unwrap()
}

fn added(path: &str, content: &str) -> Change {
    let mut blobs = MemoryBlobs::default();
    let to = file(&mut blobs, path, content);
    change(&blobs, None, to)
}

fn has(change: &Change, class: Class) -> bool {
    change.risks.iter().any(|risk| risk.class == class) && !change.is_ordinary()
}

/// Spellings that some file system or program takes for the same name.
fn spellings(path: &str) -> Vec<String> {
    let (folders, name) = path.rsplit_once('/').map_or(("", path), |(f, n)| (f, n));
    let in_folders = |name: String| {
        if folders.is_empty() {
            name
        } else {
            format!("{folders}/{name}")
        }
    };
    let letter = path.find(|c: char| c.is_ascii_lowercase() || c.is_ascii_uppercase());
    let letter = letter.unwrap();
    let wide = char::from_u32(u32::from(path.as_bytes()[letter]) - 0x21 + 0xff01).unwrap();
    vec![
        path.to_owned(),
        format!("some/where/deep/{path}"),
        path.to_uppercase(),
        path.to_lowercase(),
        // Ignorable on HFS+.
        format!("{}\u{200c}{}", &path[..=letter], &path[letter + 1..]),
        // Composed and decomposed, wide and narrow are one.
        format!("{}{wide}{}", &path[..letter], &path[letter + 1..]),
        // Windows cuts these off.
        in_folders(format!("{name}. ")),
        in_folders(format!("{name}::$DATA")),
        path.replace('/', "\\"),
    ]
}

#[test]
fn every_entry_of_the_list_is_flagged_with_its_class_in_every_spelling() {
    for (pattern, class, names) in LIST.into_iter().flatten() {
        for name in *names {
            for spelling in spellings(name) {
                let change = added(&spelling, "x\n");
                assert!(
                    has(&change, *class),
                    "{pattern}: {spelling:?} has {:?}",
                    change.risks
                );
                assert!(change.risks.iter().all(|risk| !risk.reason.is_empty()));
            }
        }
    }
}

#[test]
fn every_way_in_counts() {
    let all = LIST.into_iter().flatten();
    for (pattern, class, names) in all {
        let name = names[0];
        let mut blobs = MemoryBlobs::default();
        let old = file(&mut blobs, name, "old\n");
        let new = file(&mut blobs, name, "new\n");
        let long: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let elsewhere = file(&mut blobs, "ordinary", &long);
        let moved = Entry {
            path: at(name),
            ..elsewhere.clone()
        };
        let target = b"other".to_vec();
        let link = entry(name, EntryKind::Symlink { target });
        let open = Entry {
            mode: 0o600,
            ..old.clone()
        };
        for (from, to, status) in [
            (None, new.clone(), Status::Added),
            (Some(old.clone()), new, Status::Modified),
            (Some(elsewhere), moved, Status::Renamed),
            (Some(old.clone()), open, Status::Mode),
            (Some(old), link, Status::Type),
        ] {
            let change = change(&blobs, from, to);
            assert_eq!(change.status, status, "{pattern}");
            assert!(
                has(&change, *class),
                "{pattern} {status:?}: {:?}",
                change.risks
            );
        }
    }
}

#[test]
fn what_the_content_decides_is_decided_by_it_alone() {
    for (name, active, passive) in BY_CONTENT {
        for spelling in [(*name).to_owned(), format!("a/{}", name.to_uppercase())] {
            let change = added(&spelling, active);
            assert!(has(&change, RunsOnBuild), "{spelling}: {active}");
            assert_eq!(added(&spelling, passive).risks, [], "{spelling}: {passive}");
        }
        let mut blobs = MemoryBlobs::default();
        let old = file(&mut blobs, name, active);
        let more = file(&mut blobs, name, &format!("{active}\n"));
        let same = change(&blobs, Some(old.clone()), more);
        assert_eq!(same.risks, [], "{name}: was active before");
        // Moved into that name, it acts now.
        let elsewhere = Entry {
            path: at("docs/example"),
            ..old.clone()
        };
        let renamed = change(&blobs, Some(elsewhere), old);
        assert_eq!(renamed.status, Status::Renamed);
        assert!(has(&renamed, RunsOnBuild), "{name}: renamed into");
        // What is not read may be anything: a link's content is elsewhere, a very large one is passed over.
        let target = b"other.json".to_vec();
        let link = change(&blobs, None, entry(name, EntryKind::Symlink { target }));
        assert!(has(&link, RunsOnBuild), "{name}: a link");
        let blob = blobs.add(vec![b' '; 5000]);
        let size = (64 << 20) + 1;
        let large = change(&blobs, None, entry(name, EntryKind::File { blob, size }));
        assert!(has(&large, RunsOnBuild), "{name}: too large to be read");
    }
}

#[test]
fn programs_and_links_that_leave_are_flagged_whatever_they_are_called() {
    let mut blobs = MemoryBlobs::default();
    let plain = file(&mut blobs, "tool", "x\n");
    let started = Entry {
        mode: 0o755,
        ..plain.clone()
    };
    assert!(
        has(&change(&blobs, Some(plain), started), Executable),
        "newly executable"
    );
    let programs: [(&str, Vec<u8>); 4] = [
        ("a shebang", b"#!/bin/sh\necho\n".to_vec()),
        ("ELF", b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("Mach-O", b"\xcf\xfa\xed\xfe\x07\0\0\x01".to_vec()),
        ("PE", [b"MZ\x90\0".to_vec(), vec![0; 80]].concat()),
    ];
    for (what, content) in programs {
        let blob = blobs.add(content.clone());
        for size in [content.len() as u64, (64 << 20) + 1] {
            let to = entry("notes.txt", EntryKind::File { blob, size });
            assert!(
                has(&change(&blobs, None, to), Executable),
                "{what} of {size} bytes"
            );
        }
    }
    for (path, target, leaves) in [
        ("l", "/etc/passwd", true),
        ("l", "../x", true),
        ("a/l", "../../x", true),
        ("a/l", "b/../../../x", true),
        ("l", "C:\\x", true),
        ("a/l", "../x", false),
        ("l", "a/b", false),
    ] {
        let target = target.as_bytes().to_vec();
        let change = change(&blobs, None, entry(path, EntryKind::Symlink { target }));
        assert_eq!(has(&change, EscapingLink), leaves, "{path}: {change:?}");
    }
}

#[test]
fn gits_own_folder_is_refused_in_every_spelling_and_a_bare_repository_is_flagged() {
    for name in [
        ".git",
        ".git/config",
        ".git/hooks/x",
        "a/.git/info/attributes",
    ] {
        for spelling in spellings(name) {
            let change = added(&spelling, "x\n");
            assert_eq!(change.refused, Some(Refusal::Git), "{spelling:?}");
        }
    }
    assert_eq!(added("git~1/config", "x\n").refused, Some(Refusal::Git));
    let mut blobs = MemoryBlobs::default();
    let names = ["b/HEAD", "b/config", "b/objects/x", "b/refs/x"];
    let mut all: Vec<Entry> = names.iter().map(|n| file(&mut blobs, n, "x\n")).collect();
    all.extend(["b", "b/objects", "b/refs"].map(|n| entry(n, EntryKind::Dir)));
    let whole = compare(
        &Tree::default(),
        &Tree::new(all.clone()),
        &blobs,
        &Options::default(),
    );
    let whole = whole.unwrap().list;
    assert_eq!(whole.len(), 4);
    assert!(
        whole.iter().all(|change| has(change, RunsByItself)),
        "{whole:?}"
    );
    all.retain(|entry| entry.path != at("b/HEAD"));
    let part = compare(
        &Tree::default(),
        &Tree::new(all),
        &blobs,
        &Options::default(),
    );
    assert!(
        part.unwrap().list.iter().all(Change::is_ordinary),
        "only the three together"
    );
}

#[test]
fn ordinary_files_are_not_flagged() {
    let content = "Ordinary text — with “quotes”, ümläuts, 日本語 and 👩\u{200d}💻.\n";
    for path in ORDINARY {
        let change = added(path, content);
        assert_eq!(change.risks, [], "{path}");
        assert!(change.is_ordinary());
    }
}
