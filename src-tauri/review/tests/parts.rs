//! Accepting a part is what an independent program makes of it: `git apply` of the hunks as they are drawn, and
//! `git merge-file` of one part with the rest.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use sandbox_review::{Change, Decisions, FileDiff, Hunk, LineKind, TextDiff};
use support::*;

fn text(change: &Change, case: &Case) -> TextDiff {
    match change.diff(&case.blobs).unwrap().body {
        FileDiff::Text(diff) => *diff,
        other => panic!("{other:?}"),
    }
}

/// Lines that repeat now and then, so that a hunk could be put in the wrong place.
fn lines() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-e]|  \\}|\t x|", 0..60)
}

/// Added, removed and replaced lines, here and there.
fn edits() -> impl Strategy<Value = Vec<(Index, u8, String)>> {
    proptest::collection::vec((any::<Index>(), 0..3_u8, "[v-z]{1,3}"), 1..8)
}

fn edited(old: &[String], edits: &[(Index, u8, String)]) -> Vec<String> {
    let mut lines = old.to_vec();
    for (at, kind, new) in edits {
        let at = at.index(lines.len() + 1);
        match kind {
            0 => lines.insert(at, new.clone()),
            1 if at < lines.len() => drop(lines.remove(at)),
            _ if at < lines.len() => lines[at].clone_from(new),
            _ => {}
        }
    }
    lines
}

fn joined(lines: &[String], ends: bool) -> String {
    let mut text = lines.join("\n");
    if ends && !text.is_empty() {
        text.push('\n');
    }
    text
}

/// These hunks as a patch, written from nothing but the lines that a person sees.
fn drawn(hunks: &[Hunk]) -> String {
    let mut patch = String::from("diff --git a/f b/f\n--- a/f\n+++ b/f\n");
    let mut at = 0;
    for hunk in hunks {
        let (start, old_len, new_len) = (hunk.old_start, hunk.old_len, hunk.new_len);
        let moved = start.checked_add_signed(at).unwrap();
        writeln!(patch, "@@ -{start},{old_len} +{moved},{new_len} @@").unwrap();
        at += new_len.cast_signed() - old_len.cast_signed();
        for line in &hunk.lines {
            let sign = match line.kind {
                LineKind::Context => ' ',
                LineKind::Deleted => '-',
                LineKind::Added => '+',
            };
            writeln!(patch, "{sign}{}", line.text).unwrap();
            if line.no_newline {
                patch.push_str("\\ No newline at end of file\n");
            }
        }
    }
    patch
}

fn git_applies(at: &Path, old: &str, patch: &str) -> String {
    std::fs::write(at.join("f"), old).unwrap();
    std::fs::write(at.join("p"), patch).unwrap();
    let done = git(at, &["apply", "p"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{patch}");
    std::fs::read_to_string(at.join("f")).unwrap()
}

fn git_merges(at: &Path, old: &str, one: &str, other: &str) -> Option<String> {
    for (name, text) in [("old", old), ("one", one), ("other", other)] {
        std::fs::write(at.join(name), text).unwrap();
    }
    let done = git(at, &["merge-file", "-p", "one", "old", "other"]);
    let clean = done.status.success();
    clean.then(|| String::from_utf8(done.stdout).unwrap())
}

/// What accepting exactly these hunks comes to.
fn accepted(change: &Change, diff: &TextDiff, wanted: impl Fn(usize) -> bool) -> String {
    let mut decisions = Decisions::default();
    for (at, id) in diff.ids().iter().enumerate() {
        decisions.hunk(change, diff, id, wanted(at)).unwrap();
    }
    String::from_utf8(decisions.result_of(change, diff).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accepted_hunks_are_what_git_applies(
        old in lines(),
        edits in edits(),
        ends in any::<(bool, bool)>(),
        taken in any::<u64>(),
    ) {
        let new = joined(&edited(&old, &edits), ends.1);
        let old = joined(&old, ends.0);
        prop_assume!(old != new && !old.is_empty() && !new.is_empty());
        let mut case = Case::new(|root| write(root, "f", &old));
        write(&case.workspace(), "f", &new);
        let change = case.changes().list.remove(0);
        let diff = text(&change, &case);
        let wanted = |at: usize| taken >> (at % 64) & 1 == 1;
        let hunks: Vec<Hunk> = (0..diff.hunk_count()).filter(|at| wanted(*at)).map(|at| diff.hunk(at)).collect();
        let ours = accepted(&change, &diff, wanted);
        if hunks.is_empty() {
            prop_assert_eq!(ours, old);
        } else {
            let dir = tempfile::tempdir().unwrap();
            prop_assert_eq!(ours, git_applies(dir.path(), &old, &drawn(&hunks)));
        }
    }
}

/// One part, and the rest as if somebody else had made it: merged by git they are everything. Where they touch,
/// git may say that they do not go together; then it has no opinion.
#[test]
fn a_part_and_its_rest_are_merged_by_git_into_everything() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut draw = || {
        let strategy = (lines(), edits(), any::<u64>());
        strategy.new_tree(&mut runner).unwrap().current()
    };
    let dir = tempfile::tempdir().unwrap();
    let (mut clean, mut tried) = (0, 0);
    for _ in 0..300 {
        let (lines, edits, taken) = draw();
        // Every line another, so that there is one way to see each change.
        let lines: Vec<String> = (0..lines.len()).map(|n| format!("line {n}")).collect();
        let (old, new) = (joined(&lines, true), joined(&edited(&lines, &edits), true));
        if old == new || old.is_empty() || new.is_empty() {
            continue;
        }
        let mut case = Case::new(|root| write(root, "f", &old));
        write(&case.workspace(), "f", &new);
        let change = case.changes().list.remove(0);
        let diff = text(&change, &case);
        let wanted = |at: usize| taken >> (at % 64) & 1 == 1;
        let part = accepted(&change, &diff, wanted);
        let rest = accepted(&change, &diff, |at| !wanted(at));
        tried += 1;
        if let Some(merged) = git_merges(dir.path(), &old, &part, &rest) {
            clean += 1;
            assert_eq!(merged, new, "{part:?} and {rest:?} of {old:?}");
        }
    }
    println!("{clean} of {tried} are clean for git");
    assert!(clean > 150, "{clean} of {tried}");
}
