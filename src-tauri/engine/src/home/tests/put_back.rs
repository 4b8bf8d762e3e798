//! The way back: what is sent, and what comes in answer.
use sandbox_workspace::Entry;
use sandbox_workspace::restore::Plan;

use super::super::put::{Answers, MARGIN, check_room, put};
use super::*;

/// What `put` sends, by name.
fn steps(bytes: &[u8]) -> Vec<String> {
    let mut decoder = sandbox_protocol::Decoder::new();
    let mut steps = Vec::new();
    decoder.push(bytes);
    while let Some((kind, payload)) = decoder.frame().unwrap() {
        let path = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        steps.push(match Record::read(kind, payload).unwrap() {
            Record::OpenUp { path: p } => format!("open {}", path(p)),
            Record::Remove { path: p, .. } => format!("remove {}", path(p)),
            Record::Folder { path: p, .. } => format!("make {}", path(p)),
            Record::File { path: p, .. } => format!("file {}", path(p)),
            Record::Data(bytes) => format!("data {}", bytes.len()),
            Record::FileEnd { torn } => format!("end {torn}"),
            Record::Touch { path: p, .. } => format!("touch {}", path(p)),
            Record::Link { path: p, .. } => format!("link {}", path(p)),
            Record::End { .. } => "done".to_owned(),
            other => panic!("{other:?} is no step"),
        });
    }
    steps
}

#[test]
fn only_what_differs_is_sent_and_a_lost_content_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let writer = store.writer().unwrap();
    let wanted = Reads::default()
        .read(
            &writer,
            &ordinary().file("same", b"same").file("z", b"gone").end(),
        )
        .unwrap()
        .tree;
    writer.commit().unwrap();
    let lost = Stream::default().file("z", b"never kept").end();
    let lost = reads(&lost).unwrap().tree.into_entries();
    let mut entries: Vec<Entry> = wanted.into_entries();
    entries.retain(|entry| entry.path.as_bytes() != b"z");
    entries.extend(lost);
    let wanted = Tree::new(entries);
    let now = Stream::default()
        .file("same", b"same")
        .folder("new")
        .file("new/x", b"x")
        .end();
    let now = reads(&now).unwrap().tree;
    let plan = Plan::new(&now, &wanted, None);
    let mut sent = Vec::new();
    let failed = put(&plan, &store, &mut sent, &Silent).unwrap();
    assert_eq!(
        steps(&sent),
        [
            "remove new/x",
            "remove new",
            "make .local",
            "link .local/link",
            "file .local/tool",
            "data 10",
            "end false",
            "touch .local",
            "done",
        ]
    );
    assert_eq!(failed.len(), 1);
    assert!(failed[0].starts_with("~/z: "), "{failed:?}");
    assert_eq!(
        wanted
            .get(&WorkspacePath::try_from("pipe").unwrap())
            .unwrap()
            .kind,
        EntryKind::Unsupported(Special::Fifo),
        "a FIFO is recorded and never made"
    );
}

#[test]
fn a_way_back_that_would_fill_the_disk_is_not_gone() {
    let tree = |stream: Stream| reads(&stream.end()).unwrap().tree;
    let (wanted, now) = (
        tree(Stream::default().file("a", b"0123456789")),
        tree(Stream::default()),
    );
    let plan = Plan::new(&now, &wanted, None);
    assert!(check_room(&plan, MARGIN + 10).is_ok());
    let said = check_room(&plan, MARGIN + 9).unwrap_err();
    assert!(said.is_full(), "{said}");
    // To remove needs no room.
    assert!(check_room(&Plan::new(&wanted, &now, None), 0).is_ok());
}

#[test]
fn answers_are_failures_and_one_end() {
    let bytes = |records: &[Record<'_>]| {
        records.iter().fold(Vec::new(), |mut out, record| {
            record.put(&mut out);
            out
        })
    };
    let failed = Record::Failed {
        path: b"a/b",
        reason: "No space left on device\u{1b}[2J",
    };
    let mut answers = Answers::default();
    answers.push(&bytes(&[failed])).unwrap();
    assert!(!answers.is_done());
    answers.push(&bytes(&[Record::Done])).unwrap();
    assert!(answers.is_done());
    assert!(
        answers.push(&bytes(&[Record::Done])).is_err(),
        "it has ended"
    );
    assert_eq!(answers.into_failed(), ["~/a/b: No space left on device[2J"]);

    let mut many = Answers::default();
    for _ in 0..1000 {
        many.push(&bytes(&[failed])).unwrap();
    }
    let named = many.into_failed();
    assert_eq!(named.len(), 101);
    assert_eq!(named[100], "and 900 more in the home folder");

    for wrong in [
        Record::Data(b"x"),
        Record::End {
            entries: 0,
            free: 0,
        },
    ] {
        assert!(Answers::default().push(&bytes(&[wrong])).is_err());
    }
}
