//! Folders on disk for the tests: made from a few lines, read back whole, compared.
#![allow(dead_code, clippy::unwrap_used)]

#[cfg(feature = "failpoints")]
pub mod file_systems;
pub mod mounted;
pub mod race;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sandbox_review::changes::{Changes, Options, compare};
use sandbox_review::copyout::{self, Pick, Plan, Report, Request};
use sandbox_workspace::{
    BlobId, Cancel, Dir, Entry, EntryKind, FileTime, Kind, MemoryBlobs, Silent, Tree, WorkspacePath,
};

/// What lies in a folder: kind, permission bits, content or target.
pub type Picture = BTreeMap<Vec<u8>, (char, u32, Vec<u8>)>;

pub fn path(text: impl AsRef<[u8]>) -> WorkspacePath {
    WorkspacePath::new(text.as_ref()).unwrap()
}

/// Reads a folder into a tree, with its contents.
pub fn scan(root: &Path, blobs: &mut MemoryBlobs) -> Tree {
    let mut entries = Vec::new();
    let dir = Dir::open_root(root).unwrap();
    walk(&dir, None, &mut entries, blobs);
    Tree::new(entries)
}

fn walk(dir: &Dir, at: Option<&WorkspacePath>, out: &mut Vec<Entry>, blobs: &mut MemoryBlobs) {
    for (name, kind) in dir.list().unwrap() {
        let path = match at {
            Some(at) => at.join(&name).unwrap(),
            None => WorkspacePath::new(name.clone()).unwrap(),
        };
        let stat = dir.stat(&name).unwrap();
        let mut mode = stat.mode;
        let kind = match kind {
            Kind::Dir => {
                walk(&dir.child_dir(&name).unwrap(), Some(&path), out, blobs);
                EntryKind::Dir
            }
            Kind::Symlink => {
                mode = 0o777;
                EntryKind::Symlink {
                    target: dir.read_link(&name).unwrap(),
                }
            }
            Kind::File => {
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut dir.open_file_at(&name).unwrap().0, &mut content)
                    .unwrap();
                let size = content.len() as u64;
                EntryKind::File {
                    blob: blobs.add(content),
                    size,
                }
            }
            Kind::Special(special) => EntryKind::Unsupported(special),
        };
        out.push(Entry {
            path,
            kind,
            mode,
            mtime: stat.mtime,
        });
    }
}

/// The same as plain data, for comparing whole folders.
pub fn picture(root: &Path) -> Picture {
    let mut blobs = MemoryBlobs::default();
    let tree = scan(root, &mut blobs);
    tree.entries()
        .iter()
        .map(|entry| {
            let (kind, content) = match &entry.kind {
                EntryKind::File { blob, .. } => (
                    'f',
                    sandbox_workspace::BlobSource::read(&blobs, blob, 1 << 30).unwrap(),
                ),
                EntryKind::Dir => ('d', Vec::new()),
                EntryKind::Symlink { target } => ('l', target.clone()),
                EntryKind::Unsupported(_) => ('?', Vec::new()),
            };
            (
                entry.path.as_bytes().to_vec(),
                (kind, entry.mode & 0o777, content),
            )
        })
        .collect()
}

/// A project, a workspace that began as its copy, and the place for copy-outs.
pub struct Case {
    pub home: tempfile::TempDir,
    pub blobs: MemoryBlobs,
    pub base: Tree,
}

impl Case {
    /// Both folders made by `make`.
    pub fn new(make: impl Fn(&Path)) -> Self {
        Self::on(|_| (), make).0
    }

    /// As [`Self::new`], with the project's folder on what `mount` mounts there.
    pub fn on<M>(mount: impl Fn(&Path) -> M, make: impl Fn(&Path)) -> (Self, M) {
        let home = tempfile::tempdir().unwrap();
        for name in ["project", "workspace", "copyouts"] {
            std::fs::create_dir(home.path().join(name)).unwrap();
        }
        let mounted = mount(&home.path().join("project"));
        make(&home.path().join("project"));
        make(&home.path().join("workspace"));
        let mut blobs = MemoryBlobs::default();
        let base = scan(&home.path().join("workspace"), &mut blobs);
        (Self { home, blobs, base }, mounted)
    }

    pub fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    pub fn workspace(&self) -> PathBuf {
        self.home.path().join("workspace")
    }

    pub fn project_dir(&self) -> Dir {
        Dir::open_root(&self.project()).unwrap()
    }

    pub fn copyouts(&self) -> Dir {
        Dir::open_root(&self.home.path().join("copyouts")).unwrap()
    }

    /// The workspace as it is now.
    pub fn capture(&mut self) -> Tree {
        let workspace = self.workspace();
        scan(&workspace, &mut self.blobs)
    }

    pub fn changes(&mut self) -> Changes {
        let capture = self.capture();
        compare(&self.base, &capture, &self.blobs, &Options::default()).unwrap()
    }

    /// Every change of the workspace, planned.
    pub fn plan(&mut self, merge: bool) -> Plan {
        self.plan_of(merge, |_| true)
    }

    /// Chosen changes, planned.
    pub fn plan_of(&mut self, merge: bool, choose: impl Fn(&str) -> bool) -> Plan {
        let capture = self.capture();
        let changes = self.changes();
        let (mut picks, _): (Vec<Pick>, _) = copyout::choose(&changes.list, true);
        picks.retain(|pick| choose(&pick.change.path.to_lossy()));
        copyout::plan(&Request {
            project: &self.project_dir(),
            base: &self.base,
            capture: &capture,
            capture_id: Some("c1".into()),
            picks: &picks,
            blobs: &self.blobs,
            merge,
            leave_conflicts: false,
            resolutions: &[],
        })
        .unwrap()
    }

    pub fn run(&self, plan: &Plan) -> Result<Report, copyout::CopyOutError> {
        copyout::execute(
            plan,
            &self.project_dir(),
            &self.copyouts(),
            &self.blobs,
            &Silent,
            &Cancel::default(),
        )
    }

    /// Copies everything out and says that it is stored.
    pub fn copy_out(&mut self) -> Report {
        let plan = self.plan(true);
        let report = self.run(&plan).unwrap();
        self.settle(&report);
        report
    }

    pub fn settle(&mut self, report: &Report) {
        self.base = copyout::move_base(std::mem::take(&mut self.base), &report.base_moves);
        if let Some(id) = &report.id {
            copyout::settle(&self.copyouts(), id).unwrap();
        }
    }

    pub fn undo(&mut self) -> Report {
        let report = copyout::undo(
            &self.copyouts(),
            None,
            &self.project_dir(),
            &Silent,
            &Cancel::default(),
        )
        .unwrap();
        self.settle(&report);
        report
    }
}

/// All changes between two trees, for copying out, with what the user changed meanwhile merged.
pub fn plan_everything(project: &Dir, base: &Tree, capture: &Tree, blobs: &MemoryBlobs) -> Plan {
    let changes = compare(base, capture, blobs, &Options::default()).unwrap();
    let (picks, _) = copyout::choose(&changes.list, true);
    copyout::plan(&Request {
        project,
        base,
        capture,
        capture_id: None,
        picks: &picks,
        blobs,
        merge: true,
        leave_conflicts: false,
        resolutions: &[],
    })
    .unwrap()
}

/// What a child does that is to be killed: copies everything out in the folders of another process's case. Its
/// base was written down there before: the project as it was.
pub fn copy_out_in(home: &Path) -> Result<Report, copyout::CopyOutError> {
    let mut blobs = MemoryBlobs::default();
    let base = scan(&home.join("base"), &mut blobs);
    let capture = scan(&home.join("workspace"), &mut blobs);
    let project = Dir::open_root(&home.join("project")).unwrap();
    let copyouts = Dir::open_root(&home.join("copyouts")).unwrap();
    copyout::execute(
        &plan_everything(&project, &base, &capture, &blobs),
        &project,
        &copyouts,
        &blobs,
        &Silent,
        &Cancel::default(),
    )
}

pub fn write(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let at = root.join(name);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::fs::write(at, content).unwrap();
}

pub fn chmod(root: &Path, name: &str, mode: u32) {
    std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

pub fn link(root: &Path, name: &str, target: &str) {
    std::os::unix::fs::symlink(target, root.join(name)).unwrap();
}

pub fn names(list: &[WorkspacePath]) -> Vec<String> {
    list.iter().map(WorkspacePath::to_lossy).collect()
}

pub fn inode(at: &Path) -> u64 {
    std::fs::symlink_metadata(at).unwrap().ino()
}

pub fn blob(content: &[u8]) -> BlobId {
    BlobId::of(content)
}

pub fn epoch() -> FileTime {
    FileTime {
        seconds: 0,
        nanos: 0,
    }
}

/// A folder with something of every kind, for [`change_everything`].
pub fn rich(root: &Path) {
    for (name, content) in [
        ("a.txt", "one\ntwo\nthree\n"),
        ("b.txt", "b\n"),
        ("gone.txt", "gone\n"),
        ("run.sh", "echo\n"),
        (
            "docs/old.md",
            "a text that moves\nwith several lines\nand more\nof them\n",
        ),
        ("docs/keep.md", "keep\n"),
        ("emptying/x", "x\n"),
        ("emptying/deep/y", "y\n"),
        ("file-to-folder", "was a file\n"),
        ("folder-to-file/inside", "inside\n"),
        ("file-to-link", "was a file\n"),
        ("README.md", "read me\n"),
        ("m1", "1\n"),
        ("m2", "2\n"),
        ("m3", "3\n"),
        ("same.bin", "\0\u{1}\u{2}"),
    ] {
        write(root, name, content);
    }
    link(root, "link", "a.txt");
    link(root, "link-to-file", "b.txt");
    std::fs::create_dir(root.join("empty-goes")).unwrap();
    std::fs::create_dir(root.join("modes")).unwrap();
    for name in ["a.txt", "b.txt", "run.sh", "m1", "m2", "m3"] {
        chmod(root, name, 0o644);
    }
}

/// Of a [`rich`] folder, what any disk can hold: a file that goes, moves of files and of case alone, a folder that
/// is emptied, a file and a folder that take each other's kind, empty folders that come and go.
pub fn change_places(root: &Path) {
    std::fs::remove_file(root.join("gone.txt")).unwrap();
    std::fs::create_dir(root.join("moved")).unwrap();
    std::fs::rename(root.join("docs/old.md"), root.join("moved/new.md")).unwrap();
    std::fs::remove_dir_all(root.join("emptying")).unwrap();
    std::fs::remove_file(root.join("file-to-folder")).unwrap();
    write(root, "file-to-folder/inside", "now a folder\n");
    std::fs::remove_dir_all(root.join("folder-to-file")).unwrap();
    write(root, "folder-to-file", "now a file\n");
    std::fs::rename(root.join("README.md"), root.join("readme.md")).unwrap();
    std::fs::remove_dir(root.join("empty-goes")).unwrap();
    std::fs::create_dir(root.join("empty-comes")).unwrap();
}

/// At least 25 operations of every kind.
pub fn change_everything(root: &Path) {
    change_places(root);
    write(root, "a.txt", "one\nTWO\nthree\n");
    write(root, "new.txt", "new\n");
    write(root, "new/deep/er.txt", "deeper\n");
    chmod(root, "run.sh", 0o755);
    chmod(root, "modes", 0o700);
    std::fs::remove_file(root.join("file-to-link")).unwrap();
    link(root, "file-to-link", "b.txt");
    std::fs::remove_file(root.join("link-to-file")).unwrap();
    write(root, "link-to-file", "now a file\n");
    std::fs::remove_file(root.join("link")).unwrap();
    link(root, "link", "b.txt");
    for name in ["m1", "m2", "m3"] {
        write(root, name, format!("{name} changed\n"));
    }
    write(root, "same.bin", "\0\u{1}\u{3}");
    link(root, "dangling", "nowhere");
}

/// Real git, a tool of these tests only, as if nobody had configured it and whoever owns the folder.
pub fn git(at: &Path, args: &[&str]) -> std::process::Output {
    std::process::Command::new("git")
        .args(["-c", "safe.directory=*"])
        .args(args)
        .current_dir(at)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.org")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.org")
        .output()
        .unwrap()
}
