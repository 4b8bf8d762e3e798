//! Where the data lies: in the usual folder, or on the disk that the user chose. The choice is one line in a file
//! beside the user's other settings, read by both faces before anything is opened. Choosing moves nothing and removes
//! nothing: what was made before stays where it is, and is there again when one goes back.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use sandbox_engine::state::data_dir::make_private;
use sandbox_workspace::system::sync_folder;
use sandbox_workspace::{Dir, FsError};

/// Less than this is no room for an environment and a project; the first check wants as much.
pub const ROOM: u64 = 4 << 30;
/// The folder that is made on a chosen disk.
const FOLDER: &str = "Agent Sandbox data";
/// There in every data folder of ours.
const MARK: &str = "format";
/// What goes along to a new one: choices, and nothing secret. The keychain knows keys by their data folder.
const CHOICES: [&str; 4] = [
    "settings.json",
    "sites.json",
    "agents.toml",
    "agent-versions.json",
];

/// Why the data cannot be, or not be kept, somewhere.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum PlaceError {
    #[error(
        "your home folder is not known, so there is no place to keep data; name one with --data-dir"
    )]
    NoHome,
    #[error(
        "the data of Agent Sandbox lies in {}, and that folder is not there: connect its disk, then start again",
        .0.display()
    )]
    Away(PathBuf),
    #[error("{} does not say where the data lies; remove it to use the usual folder", .0.display())]
    Unreadable(PathBuf),
    #[error("{} is not a folder", .0.display())]
    NoFolder(PathBuf),
    #[error("{} has other files in it; choose another folder", .0.display())]
    Taken(PathBuf),
    #[error("{} is where the data lies already", .0.display())]
    Already(PathBuf),
    #[error("{} has {} MB free; at least 4 GB are needed", .path.display(), .free >> 20)]
    NoRoom { path: PathBuf, free: u64 },
    #[error(
        "the disk of {} cannot keep {what}, which copies of your folders need; choose a disk that is formatted for this system",
        .path.display()
    )]
    Unfit { path: PathBuf, what: &'static str },
    #[error("could not {what} {}", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Data(#[from] sandbox_engine::Error),
    #[error(transparent)]
    Files(#[from] FsError),
}

/// The two places that decide.
#[derive(Debug, Clone)]
pub struct Place {
    usual: PathBuf,
    choice: PathBuf,
}

/// A folder that could be used, looked at and tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The data folder itself.
    pub path: PathBuf,
    /// Bytes.
    pub free: u64,
    /// Whether data of ours lies there from before.
    pub known: bool,
}

/// The data in `root` is gone: as [`Place::is_gone`] for the user who runs this. Without a home folder nothing was
/// ever chosen.
///
/// # Errors
/// [`PlaceError::Io`].
pub fn forget(root: &Path) -> Result<(), PlaceError> {
    match Place::of_user() {
        Ok(place) => place.is_gone(root),
        Err(PlaceError::NoHome) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Place {
    /// Of the user who runs this.
    pub fn of_user() -> Result<Self, PlaceError> {
        let dirs = ProjectDirs::from("io", "agent-sandbox", "agent-sandbox");
        let dirs = dirs.ok_or(PlaceError::NoHome)?;
        Ok(Self {
            usual: dirs.data_dir().to_owned(),
            choice: dirs.config_dir().join("data-folder"),
        })
    }

    /// Where the data lies if nothing was chosen.
    pub fn usual(&self) -> &Path {
        &self.usual
    }

    /// Whether another place was chosen.
    pub fn is_chosen(&self) -> bool {
        self.choice.exists()
    }

    /// Where the data lies.
    ///
    /// # Errors
    /// [`PlaceError::Away`] where the chosen folder is not there: one in its place would look as if all were lost.
    pub fn data_dir(&self) -> Result<PathBuf, PlaceError> {
        let text = match fs::read_to_string(&self.choice) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.usual.clone()),
            Err(_) => return Err(PlaceError::Unreadable(self.choice.clone())),
        };
        let path = PathBuf::from(text.trim_end_matches('\n'));
        if !path.is_absolute() {
            return Err(PlaceError::Unreadable(self.choice.clone()));
        }
        if path.join(MARK).is_file() {
            Ok(path)
        } else {
            Err(PlaceError::Away(path))
        }
    }

    /// Looks at a folder that the user chose, and tries it; makes nothing that stays.
    ///
    /// # Errors
    /// [`PlaceError`] says why it cannot be used.
    pub fn look_at(&self, folder: &Path) -> Result<Candidate, PlaceError> {
        let folder = fs::canonicalize(folder).map_err(io_error("open", folder))?;
        if !folder.is_dir() {
            return Err(PlaceError::NoFolder(folder));
        }
        let path = if folder.join(MARK).is_file() {
            folder.clone()
        } else {
            folder.join(FOLDER)
        };
        if fs::canonicalize(self.data_dir().unwrap_or_default()).is_ok_and(|now| now == path) {
            return Err(PlaceError::Already(path));
        }
        let known = path.join(MARK).is_file();
        if !known && fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(PlaceError::Taken(path));
        }
        let dir = Dir::open_root(&folder)?;
        let free = dir.free_space()?.free;
        if !known && free < ROOM {
            return Err(PlaceError::NoRoom { path: folder, free });
        }
        try_out(&dir, &folder)?;
        Ok(Candidate { path, free, known })
    }

    /// From the next start on the data lies there. Choices of `now`, the data folder that is open, go along to a new
    /// one.
    ///
    /// # Errors
    /// What could not be made or written; the data lies where it did, then.
    pub fn choose(&self, chosen: &Candidate, now: &Path) -> Result<(), PlaceError> {
        let path = &chosen.path;
        if fs::canonicalize(&self.usual).is_ok_and(|usual| usual == *path) {
            return self.go_back();
        }
        if !chosen.known {
            make_private(path)?;
            for name in CHOICES {
                let (from, to) = (now.join(name), path.join(name));
                if from.is_file() && !to.exists() {
                    fs::copy(&from, &to).map_err(io_error("write", &to))?;
                }
            }
            let mark = path.join(MARK);
            let text = format!("{}\n", sandbox_engine::state::data_dir::FORMAT);
            fs::write(&mark, text).map_err(io_error("write", &mark))?;
        }
        let text = path
            .to_str()
            .filter(|text| !text.contains('\n'))
            .ok_or_else(|| PlaceError::Unfit {
                path: path.clone(),
                what: "a name that can be written down",
            })?;
        self.write(text)
    }

    /// From the next start on the data lies in the usual folder again.
    ///
    /// # Errors
    /// [`PlaceError::Io`].
    pub fn go_back(&self) -> Result<(), PlaceError> {
        match fs::remove_file(&self.choice) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &self.choice)(error))
            }
            _ => Ok(()),
        }
    }

    /// The usual folder, where data of ours lies there and another one is in use.
    pub fn left_behind(&self) -> Option<&Path> {
        let usual = self.usual.as_path();
        (self.is_chosen() && usual.join("sandboxes").is_dir()).then_some(usual)
    }

    /// The data in `root` is gone; where it was the chosen folder, nothing is chosen any more.
    ///
    /// # Errors
    /// [`PlaceError::Io`].
    pub fn is_gone(&self, root: &Path) -> Result<(), PlaceError> {
        match self.data_dir() {
            Ok(path) | Err(PlaceError::Away(path)) if self.is_chosen() && path == root => {
                self.go_back()
            }
            _ => Ok(()),
        }
    }

    /// Beside the old one, then in its place: never half a line.
    fn write(&self, text: &str) -> Result<(), PlaceError> {
        let folder = self.choice.parent().unwrap_or(Path::new("."));
        make_private(folder)?;
        let temporary = folder.join(format!(".data-folder.{}.new", std::process::id()));
        let put = || -> io::Result<()> {
            let mut file = fs::File::create(&temporary)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            fs::rename(&temporary, &self.choice)?;
            sync_folder(folder)
        };
        put().map_err(|source| {
            let _ = fs::remove_file(&temporary);
            io_error("write", &self.choice)(source)
        })
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError::Io { what, path, source }
}

/// Whether the disk keeps what a workspace is made of: found out, for a drive's name says little.
fn try_out(dir: &Dir, folder: &Path) -> Result<(), PlaceError> {
    let name = format!(".agent-sandbox-trial-{}", std::process::id()).into_bytes();
    let unfit = |what| PlaceError::Unfit {
        path: folder.to_owned(),
        what,
    };
    dir.mkdir(&name, 0o700)?;
    let tried = (|| {
        let trial = dir.child_dir(&name)?;
        drop(
            trial
                .create_new(b"a:b", 0o700)
                .map_err(|_| unfit("every name"))?,
        );
        trial
            .symlink(b"nowhere", b"link")
            .map_err(|_| unfit("symbolic links"))?;
        trial.set_mode(b"a:b", 0o600)?;
        let kept = (
            trial.stat(b"a:b")?.mode & 0o777,
            trial.stat_self()?.mode & 0o077,
        );
        if kept != (0o600, 0) {
            return Err(unfit("permissions"));
        }
        Ok(())
    })();
    dir.remove_tree(&name)?;
    tried
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> (Self, Place) {
            let home = tempfile::tempdir().expect("a folder");
            let root = fs::canonicalize(home.path()).expect("a path");
            let place = Place {
                usual: root.join("usual"),
                choice: root.join("config/data-folder"),
            };
            fs::create_dir_all(&place.usual).expect("a folder");
            fs::write(place.usual.join(MARK), "1\n").expect("a mark");
            fs::write(place.usual.join("settings.json"), "{\"a\":1}").expect("settings");
            fs::write(place.usual.join("keys.json"), "[]").expect("keys");
            (Self(home), place)
        }

        fn disk(&self, name: &str) -> PathBuf {
            let path = fs::canonicalize(self.0.path()).expect("a path").join(name);
            fs::create_dir_all(&path).expect("a folder");
            path
        }
    }

    #[test]
    fn a_chosen_disk_is_used_from_then_on_and_what_was_there_stays() {
        let (home, place) = Home::new();
        let disk = home.disk("disk");
        assert_eq!(place.data_dir().expect("a place"), place.usual);
        let found = place.look_at(&disk).expect("it can be used");
        assert_eq!(found.path, disk.join(FOLDER));
        assert!(
            !found.known && !found.path.exists(),
            "looking makes nothing"
        );
        assert_eq!(fs::read_dir(&disk).expect("a list").count(), 0);

        place.choose(&found, &place.usual).expect("chosen");
        assert_eq!(place.data_dir().expect("a place"), found.path);
        let settings = fs::read_to_string(found.path.join("settings.json"));
        assert_eq!(settings.expect("settings went along"), "{\"a\":1}");
        assert!(!found.path.join("keys.json").exists(), "no key goes along");
        assert!(place.usual.join("settings.json").exists());
        assert!(matches!(place.look_at(&disk), Err(PlaceError::Already(_))));

        place.go_back().expect("back");
        assert_eq!(place.data_dir().expect("a place"), place.usual);
        assert!(place.look_at(&disk).expect("known by now").known);
    }

    #[test]
    fn the_usual_folder_can_be_chosen_like_any_other() {
        let (home, place) = Home::new();
        let found = place.look_at(&home.disk("disk")).expect("it can be used");
        place.choose(&found, &place.usual).expect("chosen");
        let usual = place.look_at(&place.usual).expect("it can be used");
        assert!(usual.known);
        place.choose(&usual, &found.path).expect("chosen");
        assert!(!place.is_chosen());
    }

    #[test]
    fn a_disk_that_is_away_is_not_taken_for_an_empty_one() {
        let (home, place) = Home::new();
        let disk = home.disk("disk");
        let found = place.look_at(&disk).expect("it can be used");
        place.choose(&found, &place.usual).expect("chosen");
        fs::rename(&disk, home.disk("elsewhere").join("disk")).expect("taken away");
        assert!(matches!(place.data_dir(), Err(PlaceError::Away(path)) if path == found.path));
        // Mounted elsewhere, and its folder left behind: still not the data.
        fs::create_dir_all(&found.path).expect("an empty folder");
        assert!(matches!(place.data_dir(), Err(PlaceError::Away(_))));
    }

    #[test]
    fn removing_everything_of_the_chosen_folder_removes_the_choice() {
        let (home, place) = Home::new();
        let found = place.look_at(&home.disk("disk")).expect("it can be used");
        place.choose(&found, &place.usual).expect("chosen");
        place.is_gone(&home.disk("another")).expect("not ours");
        assert!(place.is_chosen());
        fs::remove_dir_all(&found.path).expect("removed");
        place.is_gone(&found.path).expect("forgotten");
        assert_eq!(place.data_dir().expect("a place"), place.usual);
    }

    #[test]
    fn what_cannot_be_used_is_said_and_left_as_it_is() {
        let (home, place) = Home::new();
        let disk = home.disk("disk");
        fs::create_dir_all(disk.join(FOLDER)).expect("a folder");
        fs::write(disk.join(FOLDER).join("mine.txt"), "x").expect("a file");
        assert!(matches!(place.look_at(&disk), Err(PlaceError::Taken(_))));
        let file = disk.join("file");
        fs::write(&file, "x").expect("a file");
        assert!(matches!(place.look_at(&file), Err(PlaceError::NoFolder(_))));
        assert!(place.look_at(&disk.join("missing")).is_err());
        fs::create_dir_all(place.choice.parent().expect("a parent")).expect("a folder");
        for bad in ["relative/path\n", "\n", ""] {
            fs::write(&place.choice, bad).expect("a line");
            assert!(
                matches!(place.data_dir(), Err(PlaceError::Unreadable(_))),
                "{bad:?}"
            );
        }
    }
}
