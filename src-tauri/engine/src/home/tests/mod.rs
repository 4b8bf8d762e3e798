#![allow(clippy::unwrap_used)]
mod put_back;

use std::cell::Cell;

use sandbox_protocol::home::{Meta, Odd, Record};
use sandbox_workspace::{BlobSink, Cancel, EntryKind, Silent, Special, Store, Tree, WorkspacePath};

use super::take::{Taken, Takes, take};
use super::{Bounds, HomeError};

const META: Meta = Meta {
    mode: 0o640,
    seconds: 1_700_000_000,
    nanos: 123_456_789,
};

/// A stream of records, with its end.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    entries: u64,
}

impl Stream {
    fn add(mut self, record: Record<'_>) -> Self {
        let names = matches!(
            record,
            Record::Folder { .. }
                | Record::File { .. }
                | Record::Link { .. }
                | Record::Special { .. }
        );
        self.entries += u64::from(names);
        record.put(&mut self.bytes);
        self
    }

    fn folder(self, path: &str) -> Self {
        let meta = Meta {
            mode: 0o755,
            ..META
        };
        self.add(Record::Folder {
            meta,
            path: path.as_bytes(),
        })
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        let mut stream = self.add(Record::File {
            meta: META,
            path: path.as_bytes(),
        });
        for piece in content.chunks(sandbox_protocol::MAX_DATA) {
            stream = stream.add(Record::Data(piece));
        }
        stream.add(Record::FileEnd { torn: false })
    }

    fn end(self) -> Vec<u8> {
        let entries = self.entries;
        self.add(Record::End { entries, free: 77 }).bytes
    }
}

struct Reads {
    bounds: Bounds,
    room: bool,
    cancel: Cancel,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            room: true,
            cancel: Cancel::default(),
        }
    }
}

impl Reads {
    fn read(&self, sink: &dyn BlobSink, mut bytes: &[u8]) -> Result<Taken, HomeError> {
        let to = Takes {
            sink,
            bounds: self.bounds,
            has_room: &|| self.room,
            progress: &Silent,
            cancel: &self.cancel,
        };
        take(&mut bytes, &to)
    }

    fn said(&self, bytes: &[u8]) -> String {
        self.read(&sandbox_workspace::HashOnly, bytes)
            .unwrap_err()
            .to_string()
    }
}

fn reads(bytes: &[u8]) -> Result<Taken, HomeError> {
    Reads::default().read(&sandbox_workspace::HashOnly, bytes)
}

fn ordinary() -> Stream {
    Stream::default()
        .folder(".local")
        .file(".local/tool", b"#!/bin/sh\n")
        .add(Record::Link {
            meta: META,
            target: b"/etc/passwd",
            path: b".local/link",
        })
        .add(Record::Special {
            odd: Odd::Fifo,
            meta: META,
            path: b"pipe",
        })
}

#[test]
fn a_stream_becomes_a_tree() {
    let taken = reads(&ordinary().end()).unwrap();
    assert_eq!(taken.free, 77);
    let paths: Vec<String> = taken
        .tree
        .entries()
        .iter()
        .map(|e| e.path.to_lossy())
        .collect();
    assert_eq!(paths, [".local", ".local/link", ".local/tool", "pipe"]);
    let kinds: Vec<&EntryKind> = taken.tree.entries().iter().map(|e| &e.kind).collect();
    assert!(
        matches!(kinds[1], EntryKind::Symlink { target } if target == b"/etc/passwd"),
        "kept as text, never followed"
    );
    assert!(matches!(kinds[2], EntryKind::File { size: 10, .. }));
    assert_eq!(*kinds[3], EntryKind::Unsupported(Special::Fifo));
    assert_eq!(taken.tree.entries()[2].mode, 0o640);
    assert_eq!(taken.tree.entries()[2].mtime.nanos, 123_456_789);
}

#[test]
fn a_stream_that_breaks_off_anywhere_is_nothing() {
    let whole = ordinary().end();
    assert!(reads(&whole).is_ok(), "the control");
    for at in 0..whole.len() {
        let said = reads(&whole[..at]).unwrap_err();
        assert!(matches!(said, HomeError::BrokenOff), "cut at {at}: {said}");
    }
}

#[test]
fn what_is_told_twice_or_lies_nowhere_is_refused() {
    let twice = Stream::default().file("a", b"1").file("a", b"2").end();
    assert!(Reads::default().said(&twice).contains("twice"));
    let orphan = Stream::default().file("a/b", b"").end();
    assert!(Reads::default().said(&orphan).contains("no folder"));
    // Below a link: put back, it would lead elsewhere.
    let below = Stream::default()
        .add(Record::Link {
            meta: META,
            target: b"/etc",
            path: b"a",
        })
        .file("a/passwd", b"")
        .end();
    assert!(Reads::default().said(&below).contains("no folder"));
    let fine = Stream::default().folder("a").file("a/passwd", b"").end();
    assert!(reads(&fine).is_ok(), "the control");
}

#[test]
fn records_out_of_place_are_refused() {
    let data = || Stream::default().add(Record::Data(b"x"));
    let begun = || {
        Stream::default().add(Record::File {
            meta: META,
            path: b"a",
        })
    };
    let cases = [
        ("bytes of no file", data().end()),
        (
            "an end of no file",
            Stream::default().add(Record::FileEnd { torn: false }).end(),
        ),
        ("a file in a file", begun().file("b", b"").end()),
        ("an end in a file", begun().end()),
        (
            "a step of putting back",
            Stream::default()
                .add(Record::Remove {
                    folder: false,
                    path: b"a",
                })
                .end(),
        ),
        ("an answer", Stream::default().add(Record::Done).end()),
    ];
    for (what, bytes) in cases {
        let said = reads(&bytes).unwrap_err();
        assert!(matches!(said, HomeError::Wrong(_)), "{what}: {said}");
    }
    let mut after = ordinary().end();
    after.push(0);
    assert!(
        Reads::default().said(&after).contains("goes on"),
        "a byte after the end"
    );
    let mut short = Stream::default().file("a", b"");
    short.entries += 1;
    assert!(Reads::default().said(&short.end()).contains("not all"));
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    for path in ["/etc/passwd", "../x", "a/../../x", "a//b", "."] {
        let said = Reads::default().said(&Stream::default().file(path, b"").end());
        assert!(said.contains("path"), "{path}: {said}");
    }
}

#[test]
fn more_than_the_bounds_is_refused_and_exactly_the_bounds_is_not() {
    let three = || {
        Stream::default()
            .folder("a")
            .file("a/b", b"12345")
            .file("c", b"67890")
    };
    let with = |change: fn(&mut Bounds)| {
        let mut reads = Reads::default();
        change(&mut reads.bounds);
        reads
    };
    let sink = sandbox_workspace::HashOnly;
    for (fits, not) in [
        (with(|b| b.entries = 3), with(|b| b.entries = 2)),
        (with(|b| b.bytes = 10), with(|b| b.bytes = 9)),
        (with(|b| b.names = 5), with(|b| b.names = 4)),
    ] {
        assert!(
            fits.read(&sink, &three().end()).is_ok(),
            "{:?}",
            fits.bounds
        );
        let said = not.read(&sink, &three().end()).unwrap_err();
        assert!(matches!(said, HomeError::TooLarge(_)), "{said}");
    }
    let closed = |count: usize| {
        (0..count)
            .fold(Stream::default(), |stream, _| {
                stream.add(Record::Unreadable {
                    path: b"a",
                    reason: "Permission denied",
                })
            })
            .end()
    };
    let few = with(|b| b.unreadable = 3);
    assert_eq!(
        few.read(&sink, &closed(3)).unwrap().tree.unreadable.len(),
        3
    );
    assert!(few.read(&sink, &closed(4)).is_err());
}

/// Bytes for ever; each piece a record of a file's content.
struct Endless {
    piece: Vec<u8>,
    at: usize,
    given: Cell<u64>,
}

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.piece.len();
        self.given.set(self.given.get() + count as u64);
        Ok(count)
    }
}

#[test]
fn a_stream_without_an_end_ends_at_a_bound() {
    let endless = |record: Record<'_>| {
        let mut piece = Vec::new();
        record.put(&mut piece);
        Endless {
            piece,
            at: 0,
            given: Cell::new(0),
        }
    };
    let content = endless(Record::Data(&[7; 1024]));
    let begin = Stream::default()
        .add(Record::File {
            meta: META,
            path: b"a",
        })
        .bytes;
    let folders = endless(Record::Folder {
        meta: META,
        path: b"a",
    });
    let reasons = endless(Record::Unreadable {
        path: b"",
        reason: "no",
    });
    for (begin, mut endless) in [
        (begin, content),
        (Vec::new(), folders),
        (Vec::new(), reasons),
    ] {
        let bounds = Bounds {
            entries: 1000,
            bytes: 1 << 20,
            names: 1 << 20,
            unreadable: 1000,
        };
        let to = Takes {
            sink: &sandbox_workspace::HashOnly,
            bounds,
            has_room: &|| true,
            progress: &Silent,
            cancel: &Cancel::default(),
        };
        let mut stream = std::io::Read::chain(begin.as_slice(), &mut endless);
        let said = take(&mut stream, &to).unwrap_err();
        assert!(matches!(said, HomeError::TooLarge(_)), "{said}");
        assert!(endless.given.get() < 3 << 20, "it stopped near the bound");
    }
}

#[test]
fn a_full_disk_is_noticed_before_it_is_full() {
    let bytes = ordinary().end();
    let mut reads = Reads::default();
    assert!(
        reads.read(&sandbox_workspace::HashOnly, &bytes).is_ok(),
        "the control"
    );
    reads.room = false;
    let said = reads
        .read(&sandbox_workspace::HashOnly, &bytes)
        .unwrap_err();
    assert!(said.is_full(), "{said}");
    let as_engine: crate::Error = said.into();
    assert_eq!(as_engine.code(), crate::Code::DiskFull);
}

#[test]
fn a_sink_that_is_full_is_a_full_disk() {
    struct Full;
    impl BlobSink for Full {
        fn has(&self, _: &sandbox_workspace::BlobId, _: u64) -> bool {
            false
        }
        fn put_bytes(&self, _: &[u8]) -> std::io::Result<sandbox_workspace::BlobId> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn put_reader(
            &self,
            _: &mut dyn std::io::Read,
        ) -> std::io::Result<(sandbox_workspace::BlobId, u64)> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let said = Reads::default().read(&Full, &ordinary().end()).unwrap_err();
    assert!(said.is_full(), "{said}");
}

#[test]
fn it_stops_when_it_is_cancelled() {
    let reads = Reads::default();
    reads.cancel.cancel();
    let said = reads.read(&sandbox_workspace::HashOnly, &ordinary().end());
    assert!(matches!(said, Err(HomeError::Cancelled)));
}
