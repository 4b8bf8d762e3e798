//! `login`: reads and puts the files that hold an agent's log-in. It runs as the agent's own user and meets what
//! that user made there: so no link is followed, nothing but a plain small file is read, and nothing waits.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use sandbox_protocol::login::{LOGIN_FILES, LOGIN_MOST, LoginFile, LoginSaid, is_login_path};

/// Why a file is left alone.
type Why = &'static str;

const A_LINK: Why = "a link stands in its way";
const NOT_PLAIN: Why = "it is no plain file";
const TOO_LARGE: Why = "it is larger than 64 KB";
const CHANGED: Why = "it changed while it was read";
const NO_TEXT: Why = "it is no text";
const NOT_ALLOWED: Why = "it cannot be opened";

/// `login read HOME PATH…` prints each; `login put HOME` writes those that come as lines on standard input.
pub fn run(args: &[OsString]) -> io::Result<()> {
    let text: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let mut out = io::stdout().lock();
    let mut say = |said: &LoginSaid| -> io::Result<()> {
        serde_json::to_writer(&mut out, said)?;
        out.write_all(b"\n")?;
        out.flush()
    };
    match text.as_slice() {
        ["read", home, paths @ ..] if (1..=LOGIN_FILES).contains(&paths.len()) => {
            let home = open_home(Path::new(home))?;
            paths.iter().try_for_each(|path| say(&read(&home, path)))
        }
        ["put", home] => {
            let home = open_home(Path::new(home))?;
            for line in bounded_lines(io::stdin().lock()).take(LOGIN_FILES) {
                let file: LoginFile = serde_json::from_slice(&line?)?;
                say(&put(&home, &file))?;
            }
            Ok(())
        }
        _ => Err(io::Error::other(
            "usage: login read HOME PATH... | login put HOME",
        )),
    }
}

/// Escapes can make a text six times as long.
fn bounded_lines(from: impl BufRead) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let most = (LOGIN_MOST * 6 + 1024) * LOGIN_FILES;
    from.take(most as u64).split(b'\n')
}

fn open_home(home: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(CWD, home, flags, Mode::empty())?)
}

fn read(home: &OwnedFd, path: &str) -> LoginSaid {
    match content(home, path, || {}) {
        Ok(Some(content)) => LoginSaid::Found {
            file: LoginFile {
                path: path.to_owned(),
                content,
            },
        },
        Ok(None) => LoginSaid::Missing {
            path: path.to_owned(),
        },
        Err(why) => refused(path, why),
    }
}

fn refused(path: &str, why: Why) -> LoginSaid {
    LoginSaid::Refused {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

/// The folder that a file is in, and the file's name. `None`: there is no such folder.
fn parent<'a>(
    home: &OwnedFd,
    path: &'a str,
    make: bool,
) -> Result<Option<(OwnedFd, &'a str)>, Why> {
    if !is_login_path(path) {
        return Err("that is no path of a log-in");
    }
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = home.try_clone().map_err(|_| NOT_ALLOWED)?;
    for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
        if make {
            match mkdirat(&at, folder, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(_) => return Err("its folder cannot be made"),
            }
        }
        at = match openat(&at, folder, flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(A_LINK),
            Err(_) => return Err(NOT_ALLOWED),
        };
    }
    Ok(Some((at, name)))
}

/// The whole of a plain, small file that stands still. `meanwhile` is for tests.
fn content(home: &OwnedFd, path: &str, meanwhile: impl FnOnce()) -> Result<Option<String>, Why> {
    let Some((folder, name)) = parent(home, path, false)? else {
        return Ok(None);
    };
    // Without NONBLOCK a pipe would wait for its other end for ever.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(A_LINK),
        Err(Errno::NXIO) => return Err(NOT_PLAIN),
        Err(_) => return Err(NOT_ALLOWED),
    };
    let before = look(&file)?;
    let mut bytes = Vec::new();
    let mut file = File::from(file);
    let most = LOGIN_MOST as u64 + 1;
    (&mut file)
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|_| "it cannot be read")?;
    meanwhile();
    if bytes.len() > LOGIN_MOST {
        return Err(TOO_LARGE);
    }
    let after = look(&file)?;
    if stamp(&before) != stamp(&after) || usize::try_from(after.st_size) != Ok(bytes.len()) {
        return Err(CHANGED);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| NO_TEXT)
}

fn look(file: impl AsFd) -> Result<Stat, Why> {
    let found = fstat(file).map_err(|_| NOT_ALLOWED)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(NOT_PLAIN);
    }
    if u64::try_from(found.st_size).unwrap_or(u64::MAX) > LOGIN_MOST as u64 {
        return Err(TOO_LARGE);
    }
    Ok(found)
}

/// What changes with a file's content, and cannot be put back.
fn stamp(found: &Stat) -> [i128; 5] {
    [
        i128::from(found.st_size),
        i128::from(found.st_mtime),
        i128::from(found.st_mtime_nsec),
        i128::from(found.st_ctime),
        i128::from(found.st_ctime_nsec),
    ]
}

/// Beside, then in its place: a link that is there is replaced, not followed.
fn put(home: &OwnedFd, file: &LoginFile) -> LoginSaid {
    let written = || -> Result<(), Why> {
        if file.content.len() > LOGIN_MOST {
            return Err(TOO_LARGE);
        }
        let (folder, name) = parent(home, &file.path, true)?.ok_or(NOT_ALLOWED)?;
        let beside = format!(".{name}.{}", std::process::id());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&folder, beside.as_str(), flags, Mode::RUSR | Mode::WUSR);
        let mut made = File::from(made.map_err(|_| "it cannot be made")?);
        let done = made
            .write_all(file.content.as_bytes())
            .and_then(|()| made.sync_all())
            .and_then(|()| Ok(renameat(&folder, beside.as_str(), &folder, name)?));
        done.map_err(|_| {
            let _ = unlinkat(&folder, beside.as_str(), AtFlags::empty());
            "it cannot be written"
        })
    };
    match written() {
        Ok(()) => LoginSaid::Put {
            path: file.path.clone(),
        },
        Err(why) => refused(&file.path, why),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const PATH: &str = ".agent/token.json";

    fn home() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".agent")).unwrap();
        let home = open_home(folder.path()).unwrap();
        (folder, home)
    }

    fn file(content: &str) -> LoginFile {
        LoginFile {
            path: PATH.to_owned(),
            content: content.to_owned(),
        }
    }

    #[test]
    fn a_plain_file_is_read_and_one_that_is_put_is_the_users_alone() {
        let (folder, home) = home();
        assert_eq!(content(&home, PATH, || {}), Ok(None));
        assert_eq!(content(&home, "no/such/folder.json", || {}), Ok(None));
        assert!(matches!(put(&home, &file("{}")), LoginSaid::Put { .. }));
        assert_eq!(content(&home, PATH, || {}), Ok(Some("{}".to_owned())));
        let made = fs::metadata(folder.path().join(PATH)).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o600);
        let deep = LoginFile {
            path: ".local/share/x/auth.json".to_owned(),
            content: "{}".to_owned(),
        };
        assert!(matches!(put(&home, &deep), LoginSaid::Put { .. }));
        let made = fs::metadata(folder.path().join(".local")).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn whatever_else_stands_there_is_refused_at_once() {
        let (folder, home) = home();
        let at = folder.path().join(PATH);
        let outside = folder.path().join("outside");
        fs::write(&outside, "{}").unwrap();
        type Make = fn(&Path, &Path);
        let table: [(&str, Make, Why); 7] = [
            (
                "a link",
                |at, outside| symlink(outside, at).unwrap(),
                A_LINK,
            ),
            (
                "a link to nothing",
                |at, _| symlink("/nowhere", at).unwrap(),
                A_LINK,
            ),
            ("a folder", |at, _| fs::create_dir(at).unwrap(), NOT_PLAIN),
            (
                "a pipe",
                |at, _| {
                    let mode = Mode::RUSR | Mode::WUSR;
                    rustix::fs::mknodat(CWD, at, FileType::Fifo, mode, 0).unwrap();
                },
                NOT_PLAIN,
            ),
            (
                "a socket",
                |at, _| drop(std::os::unix::net::UnixListener::bind(at).unwrap()),
                NOT_PLAIN,
            ),
            (
                "10 GB",
                |at, _| File::create(at).unwrap().set_len(10 << 30).unwrap(),
                TOO_LARGE,
            ),
            (
                "bytes",
                |at, _| fs::write(at, [0xff, 0xfe]).unwrap(),
                NO_TEXT,
            ),
        ];
        for (what, make, why) in table {
            make(&at, &outside);
            assert_eq!(content(&home, PATH, || {}), Err(why), "{what}");
            let _ = fs::remove_file(&at);
            let _ = fs::remove_dir(&at);
        }
        fs::write(&at, vec![b'a'; LOGIN_MOST]).unwrap();
        assert!(
            content(&home, PATH, || {}).unwrap().is_some(),
            "the largest"
        );
        fs::write(&at, vec![b'a'; LOGIN_MOST + 1]).unwrap();
        assert_eq!(content(&home, PATH, || {}), Err(TOO_LARGE));
    }

    #[test]
    fn one_that_changes_meanwhile_is_refused() {
        let (folder, home) = home();
        let at = folder.path().join(PATH);
        type Change = fn(&Path);
        let table: [(&str, Change); 4] = [
            ("grows", |at| fs::write(at, "{\"a\":1}").unwrap()),
            ("shrinks", |at| fs::write(at, "").unwrap()),
            ("is as long as before", |at| fs::write(at, "[]").unwrap()),
            ("grows without end", |at| {
                File::options()
                    .write(true)
                    .open(at)
                    .unwrap()
                    .set_len(10 << 30)
                    .unwrap();
            }),
        ];
        for (what, change) in table {
            fs::write(&at, "{}").unwrap();
            // Times are as coarse as the kernel's tick.
            let stamped = || stamp(&fstat(File::open(&at).unwrap()).unwrap());
            let before = stamped();
            while stamped() == before {
                fs::write(&at, "{}").unwrap();
            }
            assert_eq!(
                content(&home, PATH, || {}),
                Ok(Some("{}".to_owned())),
                "still: {what}"
            );
            let meanwhile = || {
                let before = stamped();
                while stamped() == before {
                    change(&at);
                }
            };
            let said = content(&home, PATH, meanwhile);
            assert!(
                matches!(said, Err(CHANGED | TOO_LARGE)),
                "it {what}: {said:?}"
            );
        }
    }

    #[test]
    fn nothing_is_put_by_a_link() {
        let (folder, home) = home();
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("target");
        fs::write(&target, "mine").unwrap();
        symlink(&target, folder.path().join(PATH)).unwrap();
        assert!(matches!(put(&home, &file("{}")), LoginSaid::Put { .. }));
        assert_eq!(
            fs::read_to_string(&target).unwrap(),
            "mine",
            "the link was replaced"
        );
        assert!(
            !fs::symlink_metadata(folder.path().join(PATH))
                .unwrap()
                .is_symlink()
        );

        fs::remove_dir_all(folder.path().join(".agent")).unwrap();
        symlink(outside.path(), folder.path().join(".agent")).unwrap();
        let said = put(&home, &file("{}"));
        assert_eq!(said, refused(PATH, A_LINK));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        for bad in ["../x", "/etc/x", "a/../x"] {
            let file = LoginFile {
                path: bad.to_owned(),
                content: "{}".to_owned(),
            };
            assert!(
                matches!(put(&home, &file), LoginSaid::Refused { .. }),
                "{bad}"
            );
        }
        assert_eq!(outside.path().read_dir().unwrap().count(), 1);
    }
}
