//! The stream of a home folder: frames, and the records in them. The other end is the agent's own machine.
#![no_main]

use sandbox_protocol::Decoder;
use sandbox_protocol::home::Record;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut stream = Decoder::new();
    stream.push(bytes);
    while let Ok(Some((kind, payload))) = stream.frame() {
        read(kind, payload);
    }
    if let Some((kind, payload)) = bytes.split_first() {
        read(kind % 16, payload);
    }
});

/// What reads is written again as the same bytes, and names nothing outside the folder.
fn read(kind: u8, payload: &[u8]) {
    let Ok(record) = Record::read(kind, payload) else {
        return;
    };
    if let Record::Folder { path, .. } | Record::File { path, .. } | Record::Link { path, .. } =
        record
    {
        assert!(!path.starts_with(b"/") && path.split(|b| *b == b'/').all(|part| part != b".."));
    }
    let mut out = Vec::new();
    record.put(&mut out);
    let mut again = Decoder::new();
    again.push(&out);
    assert_eq!(again.frame(), Ok(Some((kind, payload))));
}
