//! Frames that are nearly right. Plain noise hardly ever has a length that fits, so no reader of what lies in a frame
//! would be tried by it.

use proptest::prelude::*;

use crate::frame::put;

/// What takes the place of a word: a number, a name or a literal.
const WORDS: [&str; 14] = [
    "",
    "0",
    "-1",
    "65536",
    "4294967296",
    "18446744073709551616",
    "1e999",
    "null",
    "true",
    "[]",
    "{}",
    "\\u0000",
    "\\ud800",
    "*.",
];

/// One change of a payload. Places count from the front and begin anew at its end.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Byte(usize, u8),
    Cut(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
    Word(usize, usize),
}

/// A few of them.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = 0..400_usize;
    let change = prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at.clone(), 0..40_usize).prop_map(|(at, count)| Change::Cut(at, count)),
        (at.clone(), prop::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at, 0..40_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        (0..60_usize, 0..WORDS.len()).prop_map(|(at, word)| Change::Word(at, word)),
    ];
    prop::collection::vec(change, 1..4)
}

/// One frame with its payload changed; its length is right.
pub(crate) fn changed(frame: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut payload = frame[5..].to_vec();
    changes.iter().for_each(|change| change.make(&mut payload));
    let mut out = Vec::new();
    put(&mut out, frame[4], &[&payload]);
    out
}

impl Change {
    fn make(&self, payload: &mut Vec<u8>) {
        let length = payload.len();
        let part = |at: &usize, count: &usize| {
            let at = at % (length + 1);
            at..(at + count).min(length)
        };
        match self {
            Self::Byte(at, byte) => {
                if let Some(place) = payload.get_mut(at % length.max(1)) {
                    *place = *byte;
                }
            }
            Self::Cut(at, count) => drop(payload.drain(part(at, count))),
            Self::Insert(at, bytes) => {
                let at = at % (length + 1);
                payload.splice(at..at, bytes.iter().copied());
            }
            Self::Repeat(at, count) => {
                let again = payload[part(at, count)].to_vec();
                let at = at % (length + 1);
                payload.splice(at..at, again);
            }
            Self::Word(at, word) => {
                let words = words(payload);
                if let Some((start, end)) = words.get(at % words.len().max(1)) {
                    payload.splice(*start..*end, WORDS[*word].bytes());
                }
            }
        }
    }
}

/// Where letters and digits stand together.
fn words(payload: &[u8]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, byte) in payload.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() && *byte != b'_' {
            continue;
        }
        match found.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

/// Tries a reader with each of these frames and many changes of them. What is read must be written as something that
/// reads as the same. `read` gives the whole message anew as its own frame; `None`: refused.
pub(crate) fn try_reader(frames: &[Vec<u8>], read: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    for frame in frames {
        assert_eq!(read(frame).as_ref(), Some(frame), "the probe can succeed");
    }
    let (taken, refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(2000));
    let tried = runner.run(&(0..frames.len(), changes()), |(which, changes)| {
        let frame = changed(&frames[which], &changes);
        match read(&frame) {
            Some(written) => {
                taken.set(taken.get() + 1);
                prop_assert_eq!(read(&written), Some(written));
            }
            None => refused.set(refused.get() + 1),
        }
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
    assert!(taken.get() > 20, "it is reached: {taken:?} taken");
    assert!(refused.get() > 100, "it is tried: {refused:?} refused");
}
