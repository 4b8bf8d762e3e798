//! What goes into a snapshot comes out of it, whatever happened in between.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

use proptest::prelude::*;
use sandbox_workspace::*;
use support::{Sandbox, witness};

/// git loses each of these: the reason why snapshots are no git trees.
#[test]
fn a_hostile_tree_comes_back_byte_for_byte() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path());
    sandbox.write(".gitattributes", "* text=auto\n");
    sandbox.write("crlf.txt", "one\r\ntwo\r\n");
    sandbox.write(".gitignore", "ignored/\n");
    sandbox.write("ignored/file", "kept");
    sandbox.write("nested/.git/HEAD", "ref: refs/heads/main\n");
    sandbox.write(
        "nested/.git/config",
        "[core]\n\tfsmonitor = touch /tmp/pwned\n",
    );
    sandbox.write("empty", "");
    sandbox.write("-rf", "a name that is an option");
    sandbox.write("new\nline\x1b[2J", "a name that acts");
    sandbox.write(&"n".repeat(255), "a long name");
    let raw: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe");
    std::fs::write(sandbox.at("").join(raw), "no UTF-8").unwrap();
    std::fs::create_dir_all(sandbox.at("hollow/er")).unwrap();
    symlink("does/not/exist", sandbox.at("dangling")).unwrap();
    symlink("/etc/passwd", sandbox.at("absolute")).unwrap();
    let sparse = std::fs::File::create(sandbox.at("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    sparse.write_all_at(b"in the middle", 32 << 20).unwrap();
    for (path, mode) in [
        ("crlf.txt", 0o640),
        ("empty", 0o444),
        ("hollow", 0o700),
        ("-rf", 0o755),
    ] {
        std::fs::set_permissions(sandbox.at(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::hard_link(sandbox.at("crlf.txt"), sandbox.at("hard")).unwrap();
    let old = std::time::UNIX_EPOCH - std::time::Duration::new(86_400, 123_456_789);
    std::fs::File::options()
        .write(true)
        .open(sandbox.at("-rf"))
        .unwrap()
        .set_modified(old)
        .unwrap();

    let before = witness(&sandbox.at(""));
    let (id, _) = sandbox.snapshot();
    sandbox.workspace.remove_content().unwrap();
    assert!(
        witness(&sandbox.at("")).is_empty(),
        "the probe: all is gone"
    );
    sandbox.restore(&id).unwrap();
    assert_eq!(witness(&sandbox.at("")), before);
    use std::os::unix::fs::MetadataExt;
    let allocated = sandbox.at("sparse").metadata().unwrap().blocks() * 512;
    assert!(allocated < 4 << 20, "still sparse: {allocated}");
}

/// On a small stack: nothing grows with the depth.
#[test]
fn a_tree_3000_deep_is_handed_over_kept_and_put_back() {
    let all = || {
        let temp = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(temp.path());
        let project = temp.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let project = Dir::open_root(&project).unwrap();
        let mut here = project.try_clone().unwrap();
        for _ in 0..3_000 {
            here.mkdir(b"d", 0o755).unwrap();
            here = here.child_dir(b"d").unwrap();
        }
        std::io::Write::write_all(&mut here.create_new(b"leaf", 0o640).unwrap(), b"deep").unwrap();
        let given = sandbox.hand_over(&project).unwrap();
        let (id, tree) = sandbox.snapshot();
        assert_eq!((id, tree.entries().len()), (given.id, 3_001));
        sandbox.workspace.remove_content().unwrap();
        sandbox.restore(&id).unwrap();
        assert_eq!(sandbox.scan().tree, tree);
        // The rest of the test's clean-up goes by names, which such a tree is too deep for.
        sandbox.workspace.remove_content().unwrap();
        project.remove_content().unwrap();
    };
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    small.spawn(all).unwrap().join().unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    File(String, Vec<u8>),
    Folder(String),
    Link(String, String),
    Remove(String),
    Mode(String, u32),
    Move(String, String),
}

fn a_path() -> impl Strategy<Value = String> {
    // Few names, so that they meet: files where folders were and the other way round.
    proptest::collection::vec("[ab.]|\u{fc}|c c|-", 1..4).prop_map(|names| {
        let names = names
            .iter()
            .map(|n| if n == "." { ".x" } else { n })
            .collect::<Vec<_>>();
        names.join("/")
    })
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (a_path(), proptest::collection::vec(any::<u8>(), 0..300)).prop_map(|(p, c)| Step::File(p, c)),
        2 => a_path().prop_map(Step::Folder),
        1 => (a_path(), a_path()).prop_map(|(p, t)| Step::Link(p, t)),
        2 => a_path().prop_map(Step::Remove),
        1 => (a_path(), 0_u32..0o1000).prop_map(|(p, m)| Step::Mode(p, m | 0o600)),
        1 => (a_path(), a_path()).prop_map(|(a, b)| Step::Move(a, b)),
    ]
}

/// Does the step, or as much of it as the tree allows.
fn take(sandbox: &Sandbox, step: &Step) {
    let at = |path: &str| sandbox.at(path);
    let is_link = |path: &str| at(path).is_symlink();
    match step {
        Step::File(path, content) if !is_link(path) => {
            let _ = std::fs::create_dir_all(at(path).parent().unwrap());
            let _ = std::fs::write(at(path), content);
        }
        Step::Folder(path) => drop(std::fs::create_dir_all(at(path))),
        Step::Link(path, target) => {
            let _ = std::fs::create_dir_all(at(path).parent().unwrap());
            let _ = symlink(format!("nowhere/{target}"), at(path));
        }
        Step::Remove(path) => {
            let _ = std::fs::remove_file(at(path));
            let _ = std::fs::remove_dir_all(at(path));
        }
        Step::Mode(path, mode) if !is_link(path) => {
            let mode = if at(path).is_dir() {
                mode | 0o700
            } else {
                *mode
            };
            let _ = std::fs::set_permissions(at(path), PermissionsExt::from_mode(mode));
        }
        Step::Move(from, to) => drop(std::fs::rename(at(from), at(to))),
        Step::File(..) | Step::Mode(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn any_tree_comes_back_after_any_changes(
        first in proptest::collection::vec(a_step(), 0..25),
        then in proptest::collection::vec(a_step(), 0..25),
    ) {
        let temp = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(temp.path());
        first.iter().for_each(|step| take(&sandbox, step));
        let before = witness(&sandbox.at(""));
        let (id, tree) = sandbox.snapshot();
        then.iter().for_each(|step| take(&sandbox, step));
        let mess = witness(&sandbox.at(""));
        let (safety, _) = sandbox.snapshot();
        sandbox.restore(&id).unwrap();
        prop_assert_eq!(witness(&sandbox.at("")), before);
        prop_assert_eq!(&sandbox.scan().tree, &tree);
        sandbox.restore(&safety).unwrap();
        prop_assert_eq!(witness(&sandbox.at("")), mess, "the reset is undone");
    }
}
