#![allow(clippy::unwrap_used, unused_qualifications)]
use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::blobs::BlobSink;
use crate::path::WorkspacePath;
use crate::progress::Cancel;
use crate::tree::{EntryKind, FileTime};

fn open() -> (tempfile::TempDir, Store) {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("store")).unwrap();
    (temp, store)
}

fn tree_of(writer: &Writer, files: &[(&str, &[u8])]) -> Tree {
    let entries = files.iter().map(|(path, content)| Entry {
        path: WorkspacePath::try_from(*path).unwrap(),
        kind: EntryKind::File {
            blob: writer.put_bytes(content).unwrap(),
            size: content.len() as u64,
        },
        mode: 0o644,
        mtime: FileTime {
            seconds: 1,
            nanos: 2,
        },
    });
    Tree::new(entries.collect())
}

/// Compresses to nothing.
fn large(fill: u8) -> Vec<u8> {
    let mut content = vec![fill; LARGE as usize + 5];
    content[100] = 1;
    content
}

/// Does not compress.
fn large_noise() -> Vec<u8> {
    let mut content = vec![0; LARGE as usize + 5];
    blake3::Hasher::new().finalize_xof().fill(&mut content);
    content
}

#[test]
fn what_was_put_comes_back_also_in_another_process() {
    let (temp, store) = open();
    let other = Store::open(&temp.path().join("store")).unwrap();
    let writer = store.writer().unwrap();
    let text = b"compresses well ".repeat(1000);
    let (big, noise) = (large(9), large_noise());
    let tree = tree_of(
        &writer,
        &[
            ("a", b""),
            ("b", b"tiny"),
            ("c", &text),
            ("d", &big),
            ("e", &noise),
        ],
    );
    let id = writer.put_tree(&tree).unwrap();
    assert_eq!(
        writer.put_tree(&tree).unwrap(),
        id,
        "the same tree has the same name"
    );
    drop(writer);
    for store in [
        store,
        other,
        Store::open(&temp.path().join("store")).unwrap(),
    ] {
        assert_eq!(store.tree(&id).unwrap(), tree);
        for content in [&b""[..], b"tiny", &text, &big, &noise] {
            let read = BlobSource::read(&store, &BlobId::of(content), u64::MAX).unwrap();
            assert!(read == content);
        }
        assert!(
            BlobSource::read(&store, &BlobId::of(&text), 10).is_err(),
            "the limit holds"
        );
    }
}

#[test]
fn the_same_content_is_kept_once() {
    let (_temp, store) = open();
    let writer = store.writer().unwrap();
    tree_of(&writer, &[("a", b"same"), ("b", b"same")]);
    writer.commit().unwrap();
    let again = store.writer().unwrap();
    tree_of(&again, &[("c", b"same")]);
    again.commit().unwrap();
    assert_eq!(store.stats().unwrap().blobs, 1);
}

#[test]
fn two_writers_take_two_packs_and_disturb_nobody() {
    let (temp, store) = open();
    let (one, two) = (store.writer().unwrap(), store.writer().unwrap());
    let a = tree_of(&one, &[("a", b"from one")]);
    let b = tree_of(&two, &[("b", b"from two")]);
    let (a_id, b_id) = (one.put_tree(&a).unwrap(), two.put_tree(&b).unwrap());
    assert_eq!(store.stats().unwrap().packs, 2);
    drop((one, two));
    let fresh = Store::open(&temp.path().join("store")).unwrap();
    assert_eq!(
        (fresh.tree(&a_id).unwrap(), fresh.tree(&b_id).unwrap()),
        (a, b)
    );
    let third = fresh.writer().unwrap();
    let c = tree_of(&third, &[("c", b"later")]);
    third.put_tree(&c).unwrap();
    assert_eq!(
        fresh.stats().unwrap().packs,
        2,
        "a pack that is not full is used again"
    );
}

#[test]
fn what_was_not_committed_never_was() {
    let (_temp, store) = open();
    let writer = store.writer().unwrap();
    tree_of(&writer, &[("a", b"kept")]);
    writer.commit().unwrap();
    let before = store.stats().unwrap();
    tree_of(&writer, &[("b", &vec![3; 2 << 20])]);
    drop(writer);
    assert_eq!(store.stats().unwrap(), before);
    assert!(!store.has(&BlobId::of(&vec![3; 2 << 20])));
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let newer = format!("{{\"format\":{}}}", FORMAT + 1);
    std::fs::write(temp.path().join("format"), newer).unwrap();
    let refused = Store::open(temp.path()).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Newer { found, known: FORMAT, .. } if found == FORMAT + 1
        ),
        "{refused}"
    );
}

#[test]
fn damage_is_found_named_and_kept_apart() {
    let (temp, store) = open();
    let writer = store.writer().unwrap();
    let noise: Vec<u8> = (0..5000_u32)
        .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    let big = large(9);
    let tree = tree_of(
        &writer,
        &[
            ("good", b"fine"),
            ("rotten", &noise),
            ("big", &big),
            ("vast", &large_noise()),
        ],
    );
    let id = writer.put_tree(&tree).unwrap();
    drop(writer);
    let cancel = Cancel::default();
    assert_eq!(
        store.verify(&cancel).unwrap().damaged,
        [],
        "the probe: nothing is damaged yet"
    );

    let packs = temp.path().join("store/packs");
    let pack = std::fs::read_dir(packs).unwrap().map(|e| e.unwrap().path());
    let pack = pack
        .filter(|p| p.extension().is_some_and(|e| e == "pack"))
        .last()
        .unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    let at = bytes
        .windows(64)
        .position(|w| w == &noise[1000..1064])
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    let at = |content: &[u8], codec| {
        large::path(&temp.path().join("store"), &BlobId::of(content), codec)
    };
    let cut = std::fs::File::options()
        .write(true)
        .open(at(&big, Codec::Zstd));
    cut.unwrap().set_len(100).unwrap();
    let flipped = at(&large_noise(), Codec::Raw);
    let mut bytes = std::fs::read(&flipped).unwrap();
    bytes[1 << 20] ^= 1;
    std::fs::write(&flipped, bytes).unwrap();

    let store = Store::open(&temp.path().join("store")).unwrap();
    let found = store.verify(&cancel).unwrap();
    let mut named: Vec<_> = found.damaged.iter().flat_map(|d| &d.files).collect();
    named.sort();
    let path = |p: &str| Some(WorkspacePath::try_from(p).unwrap());
    assert_eq!(
        named,
        ["big", "rotten", "vast"].map(|p| (id, path(p))).each_ref()
    );
    assert!(BlobSource::read(&store, &BlobId::of(&noise), u64::MAX).is_err());
    assert!(BlobSource::read(&store, &BlobId::of(&big), u64::MAX).is_err());
    assert_eq!(
        BlobSource::read(&store, &BlobId::of(b"fine"), 9).unwrap(),
        b"fine"
    );
}

#[test]
fn prune_keeps_what_lives_and_gives_back_the_rest() {
    let (_temp, store) = open();
    let writer = store.writer().unwrap();
    let noise: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..8].to_vec())
        .collect();
    let big = large_noise();
    let old = tree_of(&writer, &[("a", b"shared"), ("b", &noise), ("c", &big)]);
    let new = tree_of(&writer, &[("a", b"shared"), ("b", b"small now")]);
    let old_id = writer.put_tree(&old).unwrap();
    let new_id = writer.put_tree(&new).unwrap();
    let live = HashSet::from([new_id]);
    assert!(
        matches!(store.prune(&live, Duration::ZERO), Err(StoreError::Busy)),
        "a writer is open"
    );
    drop(writer);
    let kept = store.prune(&live, Duration::from_secs(3600)).unwrap();
    assert_eq!(kept.trees, 0, "young trees may not be recorded yet");
    let done = store.prune(&live, Duration::ZERO).unwrap();
    assert_eq!(done.trees, 1);
    assert!(done.freed > 4 << 20, "{done:?}");
    assert!(matches!(store.tree(&old_id), Err(StoreError::NoTree(_))));
    assert_eq!(store.tree(&new_id).unwrap(), new);
    assert_eq!(
        BlobSource::read(&store, &BlobId::of(b"shared"), 9).unwrap(),
        b"shared"
    );
    assert_eq!(store.verify(&Cancel::default()).unwrap().damaged, []);
}

#[test]
fn a_torn_end_is_cut_off_by_the_next_writer() {
    let (temp, store) = open();
    let writer = store.writer().unwrap();
    let id = writer
        .put_tree(&tree_of(&writer, &[("a", b"whole")]))
        .unwrap();
    drop(writer);
    for entry in std::fs::read_dir(temp.path().join("store/packs")).unwrap() {
        use std::io::Write;
        let path = entry.unwrap().path();
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        file.write_all(&[0xaa; 777]).unwrap();
    }
    let store = Store::open(&temp.path().join("store")).unwrap();
    let writer = store.writer().unwrap();
    let next = writer
        .put_tree(&tree_of(&writer, &[("b", b"after")]))
        .unwrap();
    drop(writer);
    let store = Store::open(&temp.path().join("store")).unwrap();
    assert_eq!(store.stats().unwrap().packs, 1);
    assert!(store.tree(&id).is_ok() && store.tree(&next).is_ok());
    assert_eq!(store.verify(&Cancel::default()).unwrap().damaged, []);
}

#[test]
fn a_large_content_is_compressed_where_that_pays() {
    let (temp, store) = open();
    let root = temp.path().join("store");
    let writer = store.writer().unwrap();
    let text: Vec<u8> = (0..400_000)
        .flat_map(|n| format!("line {n} of a log\n").into_bytes())
        .collect();
    assert!(text.len() as u64 > LARGE);
    let id = writer.put_reader(&mut &text[..]).unwrap().0;
    let noise = writer.put_bytes(&large_noise()).unwrap();
    assert!(
        writer.has(&id, text.len() as u64),
        "also before it has a name"
    );
    let tree = tree_of(&writer, &[("log", &text), ("noise", &large_noise())]);
    let tree = writer.put_tree(&tree).unwrap();
    let length = |id, codec| large::path(&root, id, codec).metadata().map(|m| m.len());
    let packed = length(&id, Codec::Zstd).unwrap();
    assert!(packed < text.len() as u64 / 4, "{packed} of {}", text.len());
    assert!(length(&id, Codec::Raw).is_err(), "kept once");
    assert_eq!(length(&noise, Codec::Raw).unwrap(), LARGE + 5);
    assert!(writer.has(&id, text.len() as u64) && store.has(&id));
    assert!(store.large_file(&id).is_none() && store.large_file(&noise).is_some());
    drop(writer);
    assert_eq!(store.stats().unwrap().blobs, 3, "two contents and a chunk");
    assert_eq!(store.verify(&Cancel::default()).unwrap().damaged, []);

    let path = large::path(&root, &id, Codec::Zstd);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    for bad in [&flipped[..], &longer, &whole[..whole.len() - 1], b""] {
        std::fs::write(&path, bad).unwrap();
        let read = BlobSource::read(&store, &id, u64::MAX).unwrap_err();
        assert_eq!(read.kind(), io::ErrorKind::InvalidData);
    }
    std::fs::write(&path, &whole).unwrap();
    let live = HashSet::from([tree]);
    assert_eq!(store.prune(&live, Duration::ZERO).unwrap().blobs, 0);
    assert!(BlobSource::read(&store, &id, u64::MAX).unwrap() == text);
    assert_eq!(
        store.prune(&HashSet::new(), Duration::ZERO).unwrap().blobs,
        3
    );
    assert!(!path.exists());
}

/// A log behind a packed head, as an archive can be, and the other way round.
#[test]
fn samples_are_taken_all_over_a_large_content() {
    let (temp, store) = open();
    let root = temp.path().join("store");
    let writer = store.writer().unwrap();
    let text = b"a line of a log, again and again\n".repeat(1 << 20);
    let head = large_noise();
    assert!(head.len() as u64 > LARGE, "all of what is read first");
    let content = [&head[..], &text].concat();
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&content, 0).unwrap();
    let is_packed = |id| large::path(&root, &id, Codec::Zstd).exists();

    let stream = writer.put_reader(&mut &content[1..]).unwrap().0;
    let (read, length) = writer.put_read_of(&file, &mut &content[..]).unwrap();
    assert_eq!(length, content.len() as u64);
    writer.commit().unwrap();
    assert!(
        !large::is_worth_compressing(&content[1..=LARGE as usize]),
        "the probe: its beginning alone does not tell"
    );
    assert!(is_packed(stream), "so it is looked at again at its end");
    assert!(is_packed(read));
    let held = writer.put_bytes(&content[2..]).unwrap();
    let noise: Vec<u8> = (0..4).flat_map(|n| head[n..].to_vec()).collect();
    let mostly_noise = writer
        .put_bytes(&[&noise[..], &text[..1 << 10]].concat())
        .unwrap();
    writer.commit().unwrap();
    let noisy_stream = writer.put_reader(&mut &noise[1..]).unwrap().0;
    writer.commit().unwrap();
    assert!(is_packed(held));
    assert!(!is_packed(mostly_noise) && !is_packed(noisy_stream));
    let length = content.len() as u64 - 1;
    let back = BlobSource::read(&store, &stream, length).unwrap();
    assert!(back == content[1..]);
}

#[test]
fn a_store_of_the_first_format_is_read_and_raised_by_its_first_writer() {
    let (temp, store) = open();
    let root = temp.path().join("store");
    let writer = store.writer().unwrap();
    let tree = tree_of(&writer, &[("a", b"old"), ("b", &large_noise())]);
    let id = writer.put_tree(&tree).unwrap();
    drop(writer);
    let format = root.join("format");
    std::fs::write(&format, "{\"format\":1}\n").unwrap();
    let store = Store::open(&root).unwrap();
    assert_eq!(store.tree(&id).unwrap(), tree);
    assert_eq!(store.verify(&Cancel::default()).unwrap().damaged, []);
    store.prune(&HashSet::from([id]), Duration::ZERO).unwrap();
    let text = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!(text(&format), "{\"format\":1}\n", "reading changes nothing");
    drop(store.writer().unwrap());
    assert_eq!(text(&format), format!("{{\"format\":{FORMAT}}}\n"));
}

#[test]
fn a_sparse_file_stays_sparse() {
    let (temp, store) = open();
    let file = tempfile::tempfile().unwrap();
    file.set_len(256 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"end", (256 << 20) - 3).unwrap();
    let writer = store.writer().unwrap();
    let (id, length) = writer.put_file(&file).unwrap();
    writer.commit().unwrap();
    assert_eq!(length, 256 << 20);
    use std::os::unix::fs::MetadataExt;
    let kept = large::path(&temp.path().join("store"), &id, Codec::Raw)
        .metadata()
        .unwrap();
    assert_eq!(kept.len(), 256 << 20);
    assert!(kept.blocks() * 512 < 1 << 20, "{} blocks", kept.blocks());
}

#[test]
fn a_flipped_or_cut_manifest_or_index_is_told_and_takes_nothing_else_along() {
    let (temp, store) = open();
    let writer = store.writer().unwrap();
    let good = writer
        .put_tree(&tree_of(&writer, &[("a", b"one"), ("b", b"two")]))
        .unwrap();
    let bad = writer
        .put_tree(&tree_of(&writer, &[("c", b"three")]))
        .unwrap();
    drop(writer);
    let root = temp.path().join("store");
    let cancel = Cancel::default();
    let manifest = root.join("trees").join(bad.to_string());
    let whole = std::fs::read(&manifest).unwrap();
    let mut broken: Vec<Vec<u8>> = (0..whole.len())
        .step_by(7)
        .map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            flipped
        })
        .collect();
    broken.extend([0, 8, 40, whole.len() - 1].map(|length| whole[..length].to_vec()));
    for bytes in broken {
        std::fs::write(&manifest, bytes).unwrap();
        let store = Store::open(&root).unwrap();
        assert!(matches!(store.tree(&bad), Err(StoreError::Damaged { .. })));
        let found = store.verify(&cancel).unwrap();
        assert_eq!(found.damaged.len(), 1);
        assert_eq!(found.damaged[0].files, [(bad, None)]);
        assert_eq!(store.tree(&good).unwrap().entries().len(), 2);
        let live = HashSet::from([good, bad]);
        assert!(
            store.prune(&live, Duration::ZERO).is_err(),
            "what a damaged tree needs is not known: nothing is freed"
        );
    }
    std::fs::write(&manifest, &whole).unwrap();

    let index = std::fs::read_dir(root.join("packs"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "index"))
        .unwrap();
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&index, bytes).unwrap();
    let store = Store::open(&root).unwrap();
    assert!(store.tree(&good).is_err() && store.tree(&bad).is_err());
    assert_eq!(store.verify(&cancel).unwrap().damaged.len(), 2);
}

#[test]
fn what_only_one_needs_is_what_is_freed_without_it() {
    let (_temp, store) = open();
    let writer = store.writer().unwrap();
    let (own, other, small) = (large_noise(), large(3), b"needed by both".as_slice());
    let first = [("a", own.as_slice()), ("b", &other), ("c", small)];
    let first = writer.put_tree(&tree_of(&writer, &first)).unwrap();
    let second = [("b", other.as_slice()), ("c", small), ("d", b"mine")];
    let second = writer.put_tree(&tree_of(&writer, &second)).unwrap();
    drop(writer);
    // A snapshot often has the tree of the one before.
    let groups = [vec![first, first], vec![second], vec![]];
    let sums = store.own_bytes(&groups).unwrap();
    assert!(sums[0] > LARGE && sums[1] < 1024 && sums[1] > 0, "{sums:?}");
    assert_eq!(sums[2], 0);
    let both = store.own_bytes(&[vec![first, second]]).unwrap()[0];
    assert!(both > sums[0] + sums[1] + small.len() as u64, "{both}");
    let freed = store
        .prune(&HashSet::from([second]), Duration::ZERO)
        .unwrap();
    assert!(freed.freed.abs_diff(sums[0]) <= 8192, "{freed:?} {sums:?}");
    // One that is gone needs nothing.
    assert_eq!(store.own_bytes(&[vec![first]]).unwrap(), [0]);
}
