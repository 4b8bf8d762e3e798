//! Our answers beside git's, on copies in a temporary folder. Git is a tool of these tests only.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use sandbox_review::merge::Merge;
use sandbox_review::unified::{Form, patch};
use support::*;

/// What git says about the step from the project to the workspace of a case.
fn git_diff(case: &Case, args: &[&str]) -> Vec<u8> {
    let repository = case.project();
    git(&repository, &["init", "-q"]);
    git(&repository, &["add", "-A"]);
    git(&repository, &["commit", "-qm", "base"]);
    for entry in std::fs::read_dir(&repository).unwrap().flatten() {
        if entry.file_name() != ".git" {
            remove(&entry.path());
        }
    }
    copy(&case.workspace(), &repository);
    git(&repository, &["add", "-A"]);
    let mut all = vec!["diff", "--cached", "--abbrev=7"];
    all.extend(args);
    git(&repository, &all).stdout
}

fn remove(at: &Path) {
    if at.symlink_metadata().unwrap().is_dir() {
        std::fs::remove_dir_all(at).unwrap();
    } else {
        std::fs::remove_file(at).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status()
        .unwrap();
    assert!(done.success());
}

fn ours(case: &mut Case, form: Form) -> Vec<u8> {
    let changes = case.changes();
    patch(&changes.list, &case.blobs, form).unwrap()
}

#[test]
fn the_diff_is_gits_byte_for_byte() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    let workspace = case.workspace();
    write(&workspace, "quo\"te\n\t\u{1b}ä b", "odd\n");
    write(&workspace, "with space", "x\n");
    write(&workspace, "no-newline", "x");
    write(&workspace, "empty", "");
    let mine = String::from_utf8_lossy(&ours(&mut case, Form::Readable)).into_owned();
    let theirs = String::from_utf8_lossy(&git_diff(&case, &[])).into_owned();
    // Git orders names bytewise, we put a folder's content right behind it.
    let sorted = |text: &str| {
        let mut files: Vec<String> = text.split("diff --git ").map(str::to_owned).collect();
        files.sort();
        files
    };
    assert_eq!(sorted(&mine), sorted(&theirs));
}

#[test]
fn git_applies_our_patch_and_gets_the_same_folder() {
    let mut case = Case::new(rich);
    change_everything(&case.workspace());
    write(
        &case.workspace(),
        "big.bin",
        (0..200_000_u32)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<u8>>(),
    );
    write(&case.workspace(), "empty.txt", "");
    let patch = ours(&mut case, Form::Patch);
    let project = case.project();
    git(&project, &["init", "-q"]);
    std::fs::write(case.home.path().join("p"), &patch).unwrap();
    let applied = git(&project, &["apply", "../p"]);
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    std::fs::remove_dir_all(project.join(".git")).unwrap();
    // Git knows no folders, and of modes only whether a file is executable.
    let files = |at: &Path| {
        picture(at)
            .into_iter()
            .filter(|(_, (kind, _, _))| *kind != 'd')
            .map(|(name, (kind, mode, content))| (name, (kind, mode & 0o100 != 0, content)))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(files(&project), files(&case.workspace()));
}

#[test]
fn counts_and_renames_are_gits() {
    let mut case = Case::new(|root| {
        for n in 0..30 {
            write(root, &format!("d{}/f{n}", n % 4), lines(n, 40));
        }
        write(root, "twin1", lines(99, 20));
        write(root, "twin2", lines(99, 20));
    });
    let workspace = case.workspace();
    for n in 0..30 {
        let from = workspace.join(format!("d{}/f{n}", n % 4));
        let text = std::fs::read_to_string(&from).unwrap();
        match n % 5 {
            0 => {
                // Moved and edited, more and more.
                std::fs::remove_file(&from).unwrap();
                let edited: Vec<String> = text
                    .lines()
                    .enumerate()
                    .map(|(at, l)| {
                        if at < n {
                            format!("edited {l}")
                        } else {
                            l.to_owned()
                        }
                    })
                    .collect();
                write(&workspace, &format!("moved/g{n}"), edited.join("\n"));
            }
            1 => std::fs::rename(&from, workspace.join(format!("r{n}"))).unwrap(),
            2 => std::fs::write(&from, text.replace("7", "seven")).unwrap(),
            3 => std::fs::remove_file(&from).unwrap(),
            _ => {}
        }
    }
    std::fs::rename(workspace.join("twin1"), workspace.join("twin3")).unwrap();
    link(&workspace, "link", "d0/f0");
    std::fs::remove_file(workspace.join("d0/f4")).unwrap();
    link(&workspace, "d0/f4", "f5");
    chmod(&workspace, "d1/f9", 0o755);
    let changes = case.changes();
    let mut mine: Vec<String> = changes
        .list
        .iter()
        .map(|c| {
            let old = c
                .old_path
                .as_ref()
                .map_or(String::new(), |old| format!("{}\0", old.to_lossy()));
            let (a, d) = (c.additions.unwrap(), c.deletions.unwrap());
            format!("{a}\t{d}\t{old}{}", c.path.to_lossy())
        })
        .collect();
    let raw = git_diff(&case, &["--numstat", "-z"]);
    let text = String::from_utf8(raw).unwrap();
    let mut theirs = Vec::new();
    let mut fields = text.split_terminator('\0');
    while let Some(field) = fields.next() {
        theirs.push(if field.ends_with('\t') {
            format!(
                "{field}{}\0{}",
                fields.next().unwrap(),
                fields.next().unwrap()
            )
        } else {
            field.to_owned()
        });
    }
    mine.sort();
    theirs.sort();
    assert_eq!(mine, theirs);
}

fn lines(seed: usize, count: usize) -> String {
    (0..count)
        .map(|n| format!("line {} of {seed}\n", n * (seed + 3) % 101))
        .collect()
}

/// Texts of few different lines: the hard case for any diff.
fn text() -> impl Strategy<Value = String> {
    (
        proptest::collection::vec("[a-d]|  x|\t\\}|", 0..24),
        any::<bool>(),
    )
        .prop_map(|(lines, end)| {
            let mut text = lines.join("\n");
            if end && !text.is_empty() {
                text.push('\n');
            }
            text
        })
}

/// A text made from another by a few edits.
fn edited(base: String) -> impl Strategy<Value = String> {
    proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[a-f]"), 0..4).prop_map(
        move |edits| {
            let mut lines: Vec<String> = base.split_inclusive('\n').map(str::to_owned).collect();
            for (at, kind, new) in edits {
                let at = at.index(lines.len() + 1);
                match kind {
                    0 => lines.insert(at, format!("{new}\n")),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ if at < lines.len() => lines[at] = format!("{new}\n"),
                    _ => {}
                }
            }
            lines.concat()
        },
    )
}

#[test]
fn patches_of_random_texts_apply_and_count_like_gits() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pairs: Vec<(String, String)> = (0..300)
        .map(|_| {
            use proptest::strategy::ValueTree;
            let base = text().new_tree(&mut runner).unwrap().current();
            let new = edited(base.clone())
                .new_tree(&mut runner)
                .unwrap()
                .current();
            (base, new)
        })
        .collect();
    let mut case = Case::new(|root| {
        for (n, (base, _)) in pairs.iter().enumerate() {
            write(root, &format!("f{n}"), base);
        }
    });
    for (n, (_, new)) in pairs.iter().enumerate() {
        write(&case.workspace(), &format!("f{n}"), new);
    }
    let mine = ours(&mut case, Form::Patch);
    std::fs::write(case.home.path().join("p"), &mine).unwrap();
    let theirs = git_diff(&case, &["--no-renames"]);
    let count = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        text.lines()
            .filter(|l| l.starts_with('+') || l.starts_with('-'))
            .count()
    };
    let (a, b) = (count(&mine), count(&theirs));
    assert!(a.abs_diff(b) * 50 <= b, "lines in ours {a}, in git's {b}");
    let mine_text = String::from_utf8_lossy(&mine).into_owned();
    let theirs_text = String::from_utf8_lossy(&theirs).into_owned();
    let files = |text: &str| -> std::collections::BTreeSet<String> {
        text.split("diff --git ").map(str::to_owned).collect()
    };
    let same = files(&mine_text).intersection(&files(&theirs_text)).count();
    let all = files(&theirs_text).len();
    assert!(
        same * 100 >= all * 95,
        "{same} of {all} files print exactly as git's"
    );

    let project = case.project();
    git(&project, &["reset", "-q", "--hard"]);
    let applied = git(&project, &["apply", "../p"]);
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    for (n, (_, new)) in pairs.iter().enumerate() {
        assert_eq!(
            std::fs::read_to_string(project.join(format!("f{n}"))).unwrap(),
            *new
        );
    }
}

/// What git's own merge says: the text, if it is clean.
fn git_merge(base: &str, yours: &str, agents: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("base", base), ("yours", yours), ("agents", agents)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let done = git(dir.path(), &["merge-file", "-p", "yours", "base", "agents"]);
    done.status
        .success()
        .then(|| String::from_utf8(done.stdout).unwrap())
}

fn our_merge(base: &str, yours: &str, agents: &str) -> Option<String> {
    let merge = Merge::of(base.as_bytes(), yours.as_bytes(), agents.as_bytes()).unwrap();
    merge.result().map(|text| String::from_utf8(text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where every line is another, there is one way to see each change, and we answer as git does.
    #[test]
    fn a_merge_is_the_one_git_makes(
        count in 0..14_usize,
        mine in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..4),
        theirs in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..4),
        same in any::<bool>(),
    ) {
        let base: Vec<String> = (0..count).map(|n| format!("line {n}\n")).collect();
        let edit = |edits: &[(prop::sample::Index, u8)], who: &str| {
            let mut lines = base.clone();
            for (n, (at, kind)) in edits.iter().enumerate() {
                let at = at.index(lines.len() + 1);
                match kind {
                    0 => lines.insert(at, format!("{who} {n}\n")),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ if at < lines.len() => lines[at] = format!("{who} {n}\n"),
                    _ => {}
                }
            }
            lines.concat()
        };
        let (yours, agents) = (edit(&mine, "x"), edit(&theirs, if same { "x" } else { "y" }));
        let base = base.concat();
        prop_assert_eq!(our_merge(&base, &yours, &agents), git_merge(&base, &yours, &agents));
    }
}

/// Texts of a few equal lines can be seen in many ways. A clean merge of ours is git's all the same, but
/// for one in some hundreds.
#[test]
fn ambiguous_texts_are_merged_with_care() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut clean, mut other) = (0, 0);
    for _ in 0..300 {
        let mut draw = |base: &str| {
            edited(base.to_owned())
                .new_tree(&mut runner)
                .unwrap()
                .current()
        };
        let base = draw("a\nb\n\n\tx\n}\n\nb\n\tx\n}\na\n\n");
        let (yours, agents) = (draw(&base), draw(&base));
        if let Some(merged) = our_merge(&base, &yours, &agents) {
            clean += 1;
            other += u32::from(git_merge(&base, &yours, &agents) != Some(merged));
        }
    }
    assert!(clean > 60, "{clean} of 300 are clean");
    assert!(other * 100 <= clean, "{other} of {clean} differ from git's");
}
