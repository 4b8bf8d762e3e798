//! The data directory: one folder, 0700, that holds everything the app keeps.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

use sandbox_workspace::system::{DirBuilderExt, close_to_others};
use sandbox_workspace::{Dir, Kind};

use super::activity::ActivityLog;
use super::lock::{self, Held};
use crate::{Error, Result, SandboxId, ids};

/// The layout's version. A newer one on disk is refused.
pub const FORMAT: u32 = 1;

/// An opened data directory; holds the shared lock for as long as it lives.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    instance: String,
    _shared: Held,
}

impl DataDir {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a newer format or a folder of somebody else's, [`Error::Io`].
    pub fn open(root: &Path) -> Result<Self> {
        make_private(root)?;
        let root = fs::canonicalize(root).map_err(|e| Error::io("open", root, e))?;
        let shared = lock::shared(&root.join("lock"))?;
        check_format(&root)?;
        for folder in ["sandboxes", "store"] {
            make_private(&root.join(folder))?;
        }
        let instance = instance(&root)?;
        Ok(Self {
            root,
            instance,
            _shared: shared,
        })
    }

    /// Its path, without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names this data directory in container labels: what carries another one is never touched.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The content-addressed store, shared by all sandboxes.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The folder of all sandboxes.
    pub fn sandboxes(&self) -> PathBuf {
        self.root.join("sandboxes")
    }

    /// The folders of one sandbox.
    pub fn sandbox(&self, id: &SandboxId) -> SandboxDir {
        SandboxDir(self.sandboxes().join(id.as_str()))
    }

    /// Ids of all sandbox folders, in no order. Names that are not ids are not ours and are left alone.
    pub fn ids(&self) -> Result<Vec<SandboxId>> {
        let folder = self.sandboxes();
        let read = fs::read_dir(&folder).map_err(|e| Error::io("list", &folder, e))?;
        let mut ids = Vec::new();
        for entry in read {
            let entry = entry.map_err(|e| Error::io("list", &folder, e))?;
            if let Some(id) = entry
                .file_name()
                .into_string()
                .ok()
                .and_then(|name| SandboxId::try_from(name).ok())
            {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// Where the parts of one sandbox lie.
#[derive(Debug, Clone)]
pub struct SandboxDir(PathBuf);

#[allow(missing_docs)]
impl SandboxDir {
    pub fn root(&self) -> &Path {
        &self.0
    }
    pub fn record(&self) -> PathBuf {
        self.0.join("sandbox.json")
    }
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    /// Held shared by who brings a command into the sandbox, and alone by who pauses it.
    pub fn entering(&self) -> PathBuf {
        self.0.join("entering")
    }
    /// Held by who hands rules and keys to its gateway: what was written down last is handed over last.
    pub fn handing_over(&self) -> PathBuf {
        self.0.join("handing-over")
    }
    /// There while `create` has not finished.
    pub fn creating(&self) -> PathBuf {
        self.0.join("creating")
    }
    pub fn workspace(&self) -> PathBuf {
        self.0.join("workspace")
    }
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }
    pub fn captures(&self) -> PathBuf {
        self.0.join("captures")
    }
    pub fn copy_outs(&self) -> PathBuf {
        self.0.join("copyouts")
    }
    /// What was brought in from the project: transactions like copy-outs, into the workspace.
    pub fn bring_ins(&self) -> PathBuf {
        self.0.join("bringins")
    }
    /// Names the newest of them, for its undo.
    pub fn brought_in(&self) -> PathBuf {
        self.0.join("bringin.json")
    }
    /// What the last reading of the project knew.
    pub fn project_index(&self) -> PathBuf {
        self.0.join("project-index")
    }
    pub fn trash(&self) -> PathBuf {
        self.0.join("trash")
    }
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }
    pub fn restore_journal(&self) -> PathBuf {
        self.0.join("restore")
    }
    /// What happened in it.
    pub fn activity(&self) -> ActivityLog {
        ActivityLog::of(&self.0)
    }
    /// The newest decision of its gateway that was written down.
    pub fn decisions(&self) -> PathBuf {
        self.0.join("decisions.json")
    }
    /// What a reset is about to do, until it is done.
    pub fn reset_intent(&self) -> PathBuf {
        self.0.join("reset.json")
    }
    /// When its fence was proven last, and of what.
    pub fn proof(&self) -> PathBuf {
        self.0.join("proof.json")
    }
    /// Who paused the container, written before the pause.
    pub fn pause(&self) -> PathBuf {
        self.0.join("pause.json")
    }

    /// There while a container copies the home folder.
    pub fn home_copier(&self) -> PathBuf {
        self.0.join("home-copier")
    }

    /// Opens the workspace. A link in its place is never followed: a reset through it would empty what it
    /// points to.
    pub fn open_workspace(&self) -> Result<Dir> {
        let folder = Dir::open_root(&self.0)?;
        folder
            .child_dir(b"workspace")
            .map_err(|error| Error::Damaged {
                path: self.workspace(),
                reason: match folder.stat(b"workspace").map(|stat| stat.kind) {
                    Ok(Kind::Symlink) => "a link is in the workspace\u{2019}s place".to_owned(),
                    _ => error.to_string(),
                },
            })
    }

    /// Makes the folder and its parts, all 0700.
    pub fn make(&self) -> Result<()> {
        for folder in [
            self.0.clone(),
            self.snapshots(),
            self.captures(),
            self.copy_outs(),
            self.trash(),
        ] {
            make_private(&folder)?;
        }
        Ok(())
    }
}

/// Makes a folder that only its owner can enter, with its parents.
pub fn make_private(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Error::io("make the folder", path, e))?;
    close_to_others(path).map_err(|e| Error::io("protect", path, e))
}

fn check_format(root: &Path) -> Result<()> {
    let path = root.join("format");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found <= FORMAT => Ok(()),
            Ok(found) => Err(Error::Damaged {
                path,
                reason: format!(
                    "it was written by a newer Agent Sandbox (format {found}, this one knows {FORMAT}); use the newer one"
                ),
            }),
            Err(_) => Err(Error::Damaged {
                path,
                reason: "it does not hold a format number".to_owned(),
            }),
        },
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            fs::write(&path, format!("{FORMAT}\n")).map_err(|e| Error::io("write", &path, e))
        }
        Err(source) => Err(Error::io("read", &path, source)),
    }
}

fn instance(root: &Path) -> Result<String> {
    let path = root.join("instance");
    // Two first starts at once must agree on one name.
    let lock_path = root.join("instance.lock");
    let _held = loop {
        match lock::try_exclusive(&lock_path)? {
            Some(held) => break held,
            None => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    };
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == 32 => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(source) if source.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::io("read", &path, source)),
    }
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|source| Error::Internal {
        message: format!("no random numbers from the system: {source}"),
    })?;
    let name = ids::hex(&bytes);
    fs::write(&path, format!("{name}\n")).map_err(|e| Error::io("write", &path, e))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_newer_format_is_refused_and_nothing_is_made() {
        let temp = tempfile::tempdir().expect("temp dir");
        fs::write(temp.path().join("format"), "2\n").expect("writes");
        let error = DataDir::open(temp.path()).expect_err("must refuse");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(
            !temp.path().join("sandboxes").exists(),
            "made before the check"
        );
    }

    #[test]
    fn a_link_in_the_workspace_s_place_is_not_followed() {
        let temp = tempfile::tempdir().expect("temp dir");
        let dir = SandboxDir(temp.path().join("one"));
        dir.make().expect("makes");
        fs::create_dir(dir.workspace()).expect("makes");
        assert!(dir.open_workspace().is_ok(), "the control fails");
        fs::remove_dir(dir.workspace()).expect("removes");
        std::os::unix::fs::symlink(temp.path(), dir.workspace()).expect("links");
        let error = dir.open_workspace().expect_err("must refuse");
        assert!(error.to_string().contains("a link"), "{error}");
    }

    #[test]
    fn it_is_private_and_keeps_its_name() {
        let temp = tempfile::tempdir().expect("temp dir");
        let root = temp.path().join("deep/data");
        let first = DataDir::open(&root).expect("opens").instance().to_owned();
        let again = DataDir::open(&root).expect("opens again");
        assert_eq!(first, again.instance());
        let mode = fs::metadata(&root).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
