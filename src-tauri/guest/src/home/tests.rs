#![allow(clippy::unwrap_used)]
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use sandbox_protocol::Decoder;
use sandbox_protocol::home::Record;

use super::{open_root, put, take};

fn taken(folder: &Path, open_up: bool) -> Vec<u8> {
    let mut out = Vec::new();
    take::take(open_root(folder, open_up).unwrap(), open_up, &mut out).unwrap();
    out
}

/// Frames of a stream.
fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let mut all = Vec::new();
    while let Some((kind, payload)) = decoder.frame().unwrap() {
        all.push((kind, payload.to_vec()));
    }
    all
}

/// Everything but the free space at the end, to be compared.
fn told(folder: &Path) -> Vec<(u8, Vec<u8>)> {
    let mut all = frames(&taken(folder, true));
    all.pop();
    all
}

/// What was taken as what puts it back: folders get mode and time at the end.
fn as_steps(taken: &[u8]) -> Vec<u8> {
    let (mut steps, mut last) = (Vec::new(), Vec::new());
    for (kind, payload) in &frames(taken) {
        match Record::read(*kind, payload).unwrap() {
            Record::Special { .. } | Record::Unreadable { .. } | Record::End { .. } => {}
            Record::Folder { meta, path } => {
                Record::Folder { meta, path }.put(&mut steps);
                let mut touch = Vec::new();
                Record::Touch { meta, path }.put(&mut touch);
                last.push(touch);
            }
            record => record.put(&mut steps),
        }
    }
    steps.extend(last.into_iter().rev().flatten());
    steps
}

fn end(mut steps: Vec<u8>) -> Vec<u8> {
    Record::End {
        entries: 0,
        free: 0,
    }
    .put(&mut steps);
    steps
}

/// Gives what failed; the end must be told.
fn does(folder: &Path, steps: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    put::put(open_root(folder, true).unwrap(), steps, &mut out).unwrap();
    let mut answers = frames(&out);
    let (kind, payload) = answers.pop().unwrap();
    assert_eq!(Record::read(kind, &payload), Ok(Record::Done));
    let failed = |(kind, payload): &(u8, Vec<u8>)| match Record::read(*kind, payload).unwrap() {
        Record::Failed { path, reason } => format!("{}: {reason}", path.escape_ascii()),
        other => panic!("{other:?} is no answer"),
    };
    answers.iter().map(failed).collect()
}

fn hostile(root: &Path) {
    fs::create_dir_all(root.join(".local/lib/empty")).unwrap();
    fs::write(root.join(".local/lib/module.py"), "print()\n").unwrap();
    fs::write(
        root.join("large"),
        (0..200_000_u32)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .unwrap();
    fs::write(root.join("none"), "").unwrap();
    let mut holes = vec![0; 300_000];
    holes[150_000] = 1;
    fs::write(root.join("holes"), holes).unwrap();
    fs::write(root.join("zeros"), vec![0; 100_000]).unwrap();
    fs::write(root.join(std::ffi::OsStr::new("new\nline")), "x").unwrap();
    symlink("/etc/passwd", root.join("link")).unwrap();
    symlink("nowhere/at/all", root.join(".local/dangling")).unwrap();
    for (name, mode) in [("large", 0o444), ("none", 0o4755), (".local/lib", 0o555)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let old = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec {
            tv_sec: 1,
            tv_nsec: 2,
        },
        last_modification: rustix::fs::Timespec {
            tv_sec: 1_000_000_000,
            tv_nsec: 987_654_321,
        },
    };
    for name in ["large", ".local/lib", ".local", "link"] {
        let follow = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, root.join(name), &old, follow).unwrap();
    }
}

#[test]
fn what_is_taken_comes_back_to_the_byte() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    hostile(from.path());
    let stream = taken(from.path(), false);
    assert_eq!(does(to.path(), &end(as_steps(&stream))), [""; 0]);
    assert_eq!(told(to.path()), told(from.path()));
    let zeros = fs::metadata(to.path().join("zeros")).unwrap();
    assert_eq!(
        (zeros.len(), zeros.blocks()),
        (100_000, 0),
        "zeros take no room"
    );
    assert_eq!(
        fs::read_link(to.path().join("link")).unwrap(),
        Path::new("/etc/passwd")
    );
}

#[test]
fn what_is_no_file_is_told_and_never_opened_or_made() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    rustix::fs::mknodat(
        rustix::fs::CWD,
        from.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();
    // A FIFO that were opened would wait for ever.
    let stream = taken(from.path(), true);
    assert_eq!(frames(&stream).len(), 3);
    does(to.path(), &end(as_steps(&stream)));
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    let (kind, payload) = &frames(&stream)[0];
    let mut as_step = Vec::new();
    Record::read(*kind, payload).unwrap().put(&mut as_step);
    let refused = put::put(
        open_root(to.path(), true).unwrap(),
        as_step.as_slice(),
        Vec::new(),
    );
    assert!(refused.is_err(), "no step makes one");
}

#[test]
fn a_step_leads_through_no_link() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("canary"), "alive").unwrap();
    symlink(outside.path(), root.path().join("way")).unwrap();
    let meta = sandbox_protocol::home::Meta {
        mode: 0o600,
        seconds: 1,
        nanos: 0,
    };
    let path = b"way/canary".as_slice();
    let mut steps = Vec::new();
    for record in [
        Record::OpenUp { path: b"way" },
        Record::Remove {
            folder: false,
            path,
        },
        Record::Folder {
            meta,
            path: b"way/new",
        },
        Record::Touch { meta, path },
        Record::File { meta, path },
        Record::Data(b"dead"),
        Record::FileEnd { torn: false },
        Record::Link {
            meta,
            target: b"x",
            path,
        },
    ] {
        record.put(&mut steps);
    }
    let failed = does(root.path(), &end(steps.clone()));
    assert_eq!(failed.len(), 6, "each step failed: {failed:?}");
    assert_eq!(fs::read(outside.path().join("canary")).unwrap(), b"alive");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    // The control: in a folder that is one they work.
    fs::remove_file(root.path().join("way")).unwrap();
    fs::create_dir(root.path().join("way")).unwrap();
    let failed = does(root.path(), &end(steps));
    assert_eq!(
        failed.len(),
        1,
        "only the mode of what was just removed: {failed:?}"
    );
}

#[test]
fn a_stream_that_ends_too_soon_is_an_error_and_leaves_the_old_file() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "old").unwrap();
    let meta = sandbox_protocol::home::Meta {
        mode: 0o600,
        seconds: 1,
        nanos: 0,
    };
    let mut steps = Vec::new();
    for record in [Record::File { meta, path: b"a" }, Record::Data(b"new")] {
        record.put(&mut steps);
    }
    let done = put::put(
        open_root(root.path(), true).unwrap(),
        steps.as_slice(),
        Vec::new(),
    );
    assert!(done.is_err());
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"old");
    // What was lost on the way is not named either; then it is.
    for (torn, content, left) in [(true, "old", 1), (false, "new", 0)] {
        let mut whole = steps.clone();
        Record::FileEnd { torn }.put(&mut whole);
        assert_eq!(does(root.path(), &end(whole)).len(), left);
        assert_eq!(fs::read_to_string(root.path().join("a")).unwrap(), content);
    }
}

#[test]
fn a_file_that_grows_is_read_up_to_its_length_and_marked() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("log");
    fs::write(&path, "x".repeat(500_000)).unwrap();
    /// Adds to the file whenever something is written.
    struct Grows<'a>(Vec<u8>, &'a Path);
    impl std::io::Write for Grows<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut file = fs::File::options().append(true).open(self.1)?;
            file.write_all(&[b'y'; 300_000])?;
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut out = Grows(Vec::new(), &path);
    take::take(open_root(root.path(), false).unwrap(), false, &mut out).unwrap();
    let all = frames(&out.0);
    let records: Vec<_> = all
        .iter()
        .map(|(kind, payload)| Record::read(*kind, payload).unwrap())
        .collect();
    let bytes: usize = records
        .iter()
        .map(|r| if let Record::Data(d) = r { d.len() } else { 0 })
        .sum();
    assert_eq!(bytes, 500_000, "not one byte that came later");
    assert!(records.contains(&Record::FileEnd { torn: true }));
    // The control: one that stands still is whole.
    let still = frames(&taken(root.path(), false));
    let whole = still
        .iter()
        .any(|(kind, p)| Record::read(*kind, p) == Ok(Record::FileEnd { torn: false }));
    assert!(whole);
}
