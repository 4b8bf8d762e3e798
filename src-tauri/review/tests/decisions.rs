//! Accepting a part: by hunk and by line, into contents, into the project, and on to the next capture.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use sandbox_review::copyout::{self, Pick};
use sandbox_review::decisions::Outcome;
use sandbox_review::{Change, Decision, Decisions, FileDiff, LineKind, TextDiff};
use support::*;

fn text(change: &Change, case: &Case) -> TextDiff {
    match change.diff(&case.blobs).unwrap().body {
        FileDiff::Text(diff) => *diff,
        other => panic!("{other:?}"),
    }
}

fn numbered(edits: &[(usize, &str)]) -> String {
    (1..=40)
        .map(|n| match edits.iter().find(|(at, _)| *at == n) {
            Some((_, text)) => format!("{text}\n"),
            None => format!("{n}\n"),
        })
        .collect()
}

fn case(edits: &[(usize, &str)]) -> (Case, Change) {
    let mut case = Case::new(|root| write(root, "f", numbered(&[])));
    write(&case.workspace(), "f", numbered(edits));
    let change = case.changes().list.remove(0);
    (case, change)
}

#[test]
fn one_of_three_hunks_is_written_and_the_others_stay_proposed() {
    let (mut case, change) = case(&[(3, "three"), (20, "twenty"), (38, "last")]);
    let diff = text(&change, &case);
    assert_eq!(diff.hunk_count(), 3);
    let mut decisions = Decisions::default();
    assert_eq!(decisions.of(&change), Decision::Undecided);
    decisions
        .hunk(&change, &diff, &diff.ids()[1], true)
        .unwrap();
    assert_eq!(decisions.of(&change), Decision::Partly);
    let outcome = decisions.outcome(&change, &case.blobs).unwrap().unwrap();
    let Outcome::Part { content, .. } = &outcome else {
        panic!("a part")
    };
    assert_eq!(
        String::from_utf8_lossy(content),
        numbered(&[(20, "twenty")])
    );

    let capture = case.capture();
    let picks = [Pick { change, outcome }];
    let project = case.project_dir();
    let plan = copyout::plan(&copyout::Request {
        project: &project,
        base: &case.base,
        capture: &capture,
        capture_id: None,
        picks: &picks,
        blobs: &case.blobs,
        merge: true,
        leave_conflicts: false,
        resolutions: &[],
    })
    .unwrap();
    let report = case.run(&plan).unwrap();
    let part = std::fs::read(case.project().join("f")).unwrap();
    assert_eq!(part, numbered(&[(20, "twenty")]).as_bytes());
    // The base is what was written, which is in no capture.
    case.blobs.add(part);
    case.settle(&report);
    let rest = case.changes().list.remove(0);
    assert_eq!(
        text(&rest, &case).hunk_count(),
        2,
        "what was not accepted is still a change"
    );
    case.undo();
    assert_eq!(
        std::fs::read_to_string(case.project().join("f")).unwrap(),
        numbered(&[])
    );
}

#[test]
fn single_lines_can_be_taken_and_left() {
    let (case, change) = case(&[(10, "ten\neleven and a half")]);
    let diff = text(&change, &case);
    let hunk = diff.hunk(0);
    let added = hunk
        .lines
        .iter()
        .position(|l| l.kind == LineKind::Added && l.text.starts_with("eleven"))
        .unwrap();
    let mut decisions = Decisions::default();
    decisions
        .lines(&change, &diff, &hunk.id, &[added], true)
        .unwrap();
    let result = decisions.result_of(&change, &diff).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&result),
        numbered(&[(10, "10\neleven and a half")])
    );
    // From all, one left.
    decisions.file(&change, true);
    decisions
        .lines(&change, &diff, &hunk.id, &[added], false)
        .unwrap();
    let result = decisions.result_of(&change, &diff).unwrap();
    assert_eq!(String::from_utf8_lossy(&result), numbered(&[(10, "ten")]));
    // All lines one by one are the whole.
    let all: Vec<usize> = (0..hunk.lines.len()).collect();
    decisions
        .lines(&change, &diff, &hunk.id, &all, true)
        .unwrap();
    assert_eq!(decisions.of(&change), Decision::Accepted);
    assert_eq!(
        decisions.outcome(&change, &case.blobs).unwrap(),
        Some(Outcome::Whole)
    );
}

#[test]
fn decisions_live_on_where_the_content_does() {
    let (mut case, first) = case(&[(3, "three"), (20, "twenty")]);
    let diff = text(&first, &case);
    let mut decisions = Decisions::default();
    decisions.hunk(&first, &diff, &diff.ids()[0], true).unwrap();
    decisions
        .hunk(&first, &diff, &diff.ids()[1], false)
        .unwrap();
    decisions.view(&first, true);
    // Over the disk and back.
    let json = serde_json::to_string(&decisions).unwrap();
    let decisions: Decisions = serde_json::from_str(&json).unwrap();
    assert!(decisions.is_viewed(&first));

    // The agent goes on: a third change, and lines above that move everything.
    write(
        &case.workspace(),
        "f",
        format!(
            "above\n{}",
            numbered(&[(3, "three"), (20, "TWENTY"), (38, "last")])
        ),
    );
    let next = case.changes().list.remove(0);
    let carried = decisions
        .carry(std::slice::from_ref(&next), &case.blobs)
        .unwrap();
    assert!(!carried.is_viewed(&next), "changed again: no longer viewed");
    let diff = text(&next, &case);
    let of: Vec<Decision> = diff
        .ids()
        .iter()
        .map(|id| carried.of_hunk(&next, id))
        .collect();
    assert_eq!(of.len(), 3, "the line above and line 3 are one hunk now");
    assert_eq!(of, [Decision::Undecided; 3]);

    write(
        &case.workspace(),
        "f",
        numbered(&[(3, "three"), (20, "TWENTY"), (38, "last")]),
    );
    let next = case.changes().list.remove(0);
    let carried = decisions
        .carry(std::slice::from_ref(&next), &case.blobs)
        .unwrap();
    let diff = text(&next, &case);
    let of: Vec<Decision> = diff
        .ids()
        .iter()
        .map(|id| carried.of_hunk(&next, id))
        .collect();
    assert_eq!(
        of,
        [Decision::Accepted, Decision::Undecided, Decision::Undecided]
    );
    // Unchanged, everything stays.
    write(
        &case.workspace(),
        "f",
        numbered(&[(3, "three"), (20, "twenty")]),
    );
    let same = case.changes().list.remove(0);
    assert!(
        decisions
            .carry(std::slice::from_ref(&same), &case.blobs)
            .unwrap()
            .is_viewed(&same)
    );
}

#[test]
fn a_file_of_two_hundred_thousand_lines_opens_at_once() {
    let line = |n: usize, edited: bool| {
        if edited && n.is_multiple_of(20) {
            format!("line {n} edited\n")
        } else {
            format!("line {n}\n")
        }
    };
    let old: String = (0..200_000).map(|n| line(n, false)).collect();
    let new: String = (0..200_000).map(|n| line(n, true)).collect();
    let diff = TextDiff::of_bytes(old.as_bytes(), new.as_bytes());
    assert_eq!(diff.hunk_count(), 10_000);
    let screen = diff.hunks(5_000..5_020);
    assert_eq!(screen.len(), 20);
    assert!(screen.iter().all(|h| h.lines.len() == 8));
    assert_eq!(diff.unchanged(5..9).len(), 4);
}

#[test]
fn what_a_person_must_know_is_noted() {
    let notes = |old: &[u8], new: &[u8]| -> Vec<String> {
        let mut case = Case::new(|root| write(root, "f", old));
        write(&case.workspace(), "f", new);
        let change = case.changes().list.remove(0);
        change
            .diff(&case.blobs)
            .unwrap()
            .notes
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        notes(b"a\nb\n", b"a\r\nb\r\n"),
        ["Line endings change from LF to CRLF"]
    );
    assert_eq!(
        notes(b"a\n", b"a"),
        ["The last line no longer ends with a newline"]
    );
    let utf16: Vec<u8> = "\u{feff}a\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        notes(b"a\n", &utf16),
        ["Encoding changes from UTF-8 to UTF-16"]
    );
}

#[test]
fn words_are_marked_and_hidden_characters_are_found() {
    let diff = TextDiff::of_bytes(
        b"let x = old_name + 1;\n",
        "let x = new_name + 1;\u{202e}\n".as_bytes(),
    );
    let hunk = diff.hunk(0);
    let marked = |line: &sandbox_review::Line| -> Vec<String> {
        let units: Vec<u16> = line.text.encode_utf16().collect();
        line.words
            .iter()
            .map(|w| String::from_utf16_lossy(&units[w.start as usize..w.end as usize]))
            .collect()
    };
    assert_eq!(marked(&hunk.lines[0])[0], "old_name");
    assert_eq!(marked(&hunk.lines[1])[0], "new_name");
    assert_eq!(diff.hidden(), [1]);
    assert!(hunk.lines[1].hidden && !hunk.lines[0].hidden);
}

#[test]
fn a_change_of_white_space_alone_is_known_as_one() {
    let alone = |old: &str, new: &str| {
        let diff = TextDiff::of_bytes(old.as_bytes(), new.as_bytes());
        assert_eq!(diff.hunk_count(), 1);
        diff.hunk(0).whitespace_only
    };
    assert!(alone("if x {\ny();\n}\n", "if x {\n\ty();\n}\n"));
    assert!(alone("a b\n", "a  b \n"));
    assert!(!alone("a b\n", "a c\n"));
    assert!(
        !alone("a\nb\n", "a\n"),
        "a line that goes is no white space"
    );
}

#[test]
fn lines_that_differ_in_white_space_alone_are_counted() {
    let far = "same\n".repeat(20);
    let old = format!("a\nb\n{far}c\n{far}d\n");
    let new = format!("  a\n  b\n{far}C\n{far}d \n\n");
    let diff = TextDiff::of_bytes(old.as_bytes(), new.as_bytes());
    assert_eq!(diff.hunk_count(), 3);
    assert_eq!(
        diff.whitespace_lines(),
        4,
        "two, none, and one with a new empty line"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// All lines give the new text, none the old one, and a part together with its rest everything.
    #[test]
    fn parts_add_up(
        old in proptest::collection::vec("[a-c]?", 0..20),
        new in proptest::collection::vec("[a-d]?", 0..20),
        ends in any::<(bool, bool)>(),
        taken in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let joined = |lines: &[String], end: bool| {
            let mut text = lines.join("\n");
            if end && !text.is_empty() { text.push('\n'); }
            text
        };
        let (old, new) = (joined(&old, ends.0), joined(&new, ends.1));
        prop_assume!(old != new);
        let mut case = Case::new(|root| write(root, "f", &old));
        write(&case.workspace(), "f", &new);
        let change = case.changes().list.remove(0);
        let diff = text(&change, &case);
        let mut decisions = Decisions::default();
        decisions.file(&change, true);
        prop_assert_eq!(decisions.result_of(&change, &diff).unwrap(), new.as_bytes());
        decisions.file(&change, false);
        prop_assert_eq!(decisions.result_of(&change, &diff).unwrap(), old.as_bytes());
        let mut next = taken.iter().cycle();
        for at in 0..diff.hunk_count() {
            let hunk = diff.hunk(at);
            let lines: Vec<usize> = (0..hunk.lines.len()).filter(|_| *next.next().unwrap()).collect();
            decisions.lines(&change, &diff, &hunk.id, &lines, true).unwrap();
        }
        // A reader of the drawn lines gets the same text.
        let mut expected: Vec<String> = Vec::new();
        let mut at = 0;
        let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
        for place in 0..diff.hunk_count() {
            let hunk = diff.hunk(place);
            for (index, line) in hunk.lines.iter().enumerate() {
                let accepted = decisions.accepts(&change, &hunk.id, index);
                if let Some(number) = line.old_no {
                    expected.extend(old_lines[at..number - 1].iter().map(|l| l.trim_end_matches('\n').to_owned()));
                    at = number;
                }
                let stays = match line.kind {
                    LineKind::Context => true,
                    LineKind::Deleted => !accepted,
                    LineKind::Added => accepted,
                };
                if stays { expected.push(line.text.clone()); }
            }
        }
        expected.extend(old_lines[at..].iter().map(|l| l.trim_end_matches('\n').to_owned()));
        let result = String::from_utf8(decisions.result_of(&change, &diff).unwrap()).unwrap();
        let read: Vec<String> = result.split_inclusive('\n').map(|l| l.trim_end_matches('\n').to_owned()).collect();
        prop_assert_eq!(read, expected);
    }
}
