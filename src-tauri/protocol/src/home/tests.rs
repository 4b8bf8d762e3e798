#![allow(clippy::unwrap_used)]
use super::*;
use crate::frame::Decoder;
use proptest::prelude::*;

const META: Meta = Meta {
    mode: 0o4755,
    seconds: -5,
    nanos: 999_999_999,
};

fn back(record: Record<'_>) -> Result<(u8, Vec<u8>), RecordError> {
    let mut bytes = Vec::new();
    record.put(&mut bytes);
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    let (kind, payload) = decoder.frame()?.unwrap();
    Ok((kind, payload.to_vec()))
}

#[test]
fn every_record_comes_back() {
    let path = b"a/\xff b".as_slice();
    for record in [
        Record::Folder { meta: META, path },
        Record::File { meta: META, path },
        Record::Data(b"bytes"),
        Record::FileEnd { torn: true },
        Record::Link {
            meta: META,
            target: b"../../etc/passwd",
            path,
        },
        Record::Special {
            odd: Odd::BlockDevice,
            meta: META,
            path,
        },
        Record::Unreadable { path, reason: "no" },
        Record::Unreadable {
            path: b"",
            reason: "",
        },
        Record::End {
            entries: u64::MAX,
            free: 7,
        },
        Record::OpenUp { path },
        Record::Remove { folder: true, path },
        Record::Touch { meta: META, path },
        Record::Failed { path, reason: "é" },
        Record::Done,
    ] {
        let (kind, payload) = back(record).unwrap();
        assert_eq!(Record::read(kind, &payload), Ok(record));
        let mut longer = payload.clone();
        longer.push(0);
        let data = matches!(record, Record::Data(_));
        assert_eq!(
            Record::read(kind, &longer).is_ok(),
            data,
            "{record:?} and a byte"
        );
    }
}

#[test]
fn a_path_that_could_leave_the_folder_does_not_read() {
    let reads = |path: &[u8]| {
        let (kind, payload) = back(Record::File { meta: META, path }).unwrap();
        Record::read(kind, &payload).is_ok()
    };
    assert!(reads(b".local/lib/..x/file"), "the control");
    let long = vec![b'a'; MAX_PATH + 1];
    for bad in [
        b"".as_slice(),
        b"/etc/passwd",
        b"..",
        b"../x",
        b"a/../../x",
        b"a/./b",
        b"a//b",
        b"a/",
        b"a\0b",
        &long,
    ] {
        assert!(!reads(bad), "{:?}", bad.escape_ascii().to_string());
    }
}

#[test]
fn a_value_that_cannot_be_does_not_read() {
    let reads = |meta: Meta| {
        let (kind, payload) = back(Record::Touch { meta, path: b"a" }).unwrap();
        Record::read(kind, &payload).map(drop)
    };
    assert!(reads(META).is_ok(), "the control");
    // A device's bits, as they stand in a mode.
    let device = Meta {
        mode: 0o060_644,
        ..META
    };
    assert_eq!(reads(device), Err(RecordError::Value(TOUCH)));
    let late = Meta {
        nanos: 1_000_000_000,
        ..META
    };
    assert_eq!(reads(late), Err(RecordError::Value(TOUCH)));
    for (target, fine) in [
        (1, true),
        (MAX_TARGET, true),
        (0, false),
        (MAX_TARGET + 1, false),
    ] {
        let target = vec![b't'; target];
        let link = Record::Link {
            meta: META,
            target: &target,
            path: b"a",
        };
        let (kind, payload) = back(link).unwrap();
        assert_eq!(
            Record::read(kind, &payload).is_ok(),
            fine,
            "{}",
            target.len()
        );
    }
}

#[test]
fn a_long_reason_is_cut_between_letters() {
    let reason = "é".repeat(MAX_REASON);
    let (kind, payload) = back(Record::Failed {
        path: b"a",
        reason: &reason,
    })
    .unwrap();
    let Ok(Record::Failed { reason: cut, path }) = Record::read(kind, &payload) else {
        panic!("it reads");
    };
    assert_eq!((path, cut.len()), (b"a".as_slice(), MAX_REASON));
}

proptest! {
    #[test]
    fn noise_never_panics(kind in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::read(kind % 16, &payload);
    }
}
