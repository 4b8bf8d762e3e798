//! Reading: every name below the folder, each folder before what lies in it.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sandbox_protocol::MAX_DATA;
use sandbox_protocol::home::{MAX_ENTRIES, MAX_PATH, Meta, Odd, Record};

use super::LIST;

/// How a file is opened: never through a link, never waiting for a FIFO's other end.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// Folders inside each other: each holds a handle, and a process has 16,384.
const MAX_DEPTH: usize = 8_000;
/// Bytes gathered before they are written.
const GATHER: usize = 128 * 1024;

/// Writes the whole folder. `open_up`: nobody else writes there, so what its owner closed is opened for the
/// moment.
pub fn take(root: OwnedFd, open_up: bool, out: impl Write) -> io::Result<()> {
    let free = rustix::fs::fstatvfs(&root)?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    let names = names(&root)?;
    let mut walk = Walk {
        out,
        gathered: Vec::with_capacity(2 * GATHER),
        path: Vec::new(),
        entries: 0,
        open_up,
        buffer: vec![0; MAX_DATA],
    };
    walk.below(Level {
        dir: root,
        names,
        length: 0,
        close_again: None,
    })?;
    let entries = walk.entries;
    walk.tell(&Record::End { entries, free })?;
    walk.flush()
}

/// A folder that is being read.
struct Level {
    dir: OwnedFd,
    names: std::vec::IntoIter<Vec<u8>>,
    /// Of its path.
    length: usize,
    /// The mode that it had before it was opened up.
    close_again: Option<u32>,
}

struct Walk<W> {
    out: W,
    gathered: Vec<u8>,
    path: Vec<u8>,
    entries: u64,
    open_up: bool,
    buffer: Vec<u8>,
}

impl<W: Write> Walk<W> {
    fn below(&mut self, root: Level) -> io::Result<()> {
        let mut open = vec![root];
        while let Some(level) = open.last_mut() {
            let Some(name) = level.names.next() else {
                if let Some(mode) = level.close_again {
                    let _ = rustix::fs::fchmod(&level.dir, Mode::from_raw_mode(mode));
                }
                open.pop();
                continue;
            };
            self.path.truncate(level.length);
            if level.length + 1 + name.len() > MAX_PATH {
                self.unreadable("its path is too long")?;
                continue;
            }
            if level.length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            let deeper = match self.entry(&level.dir, &name) {
                Ok(deeper) => deeper,
                Err(Stopped::Out(error)) => return Err(error),
                // It went while we looked.
                Err(Stopped::Here(Errno::NOENT)) => continue,
                Err(Stopped::Here(error)) => {
                    self.unreadable(&error.to_string())?;
                    continue;
                }
            };
            match deeper {
                Some(_) if open.len() >= MAX_DEPTH => self.unreadable("it lies too deep")?,
                Some(level) => open.push(level),
                None => {}
            }
        }
        Ok(())
    }

    /// Tells one name; gives the folder that it is.
    fn entry(&mut self, dir: &OwnedFd, name: &[u8]) -> Result<Option<Level>, Stopped> {
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.folder(dir, name, &stat).map(Some),
            FileType::RegularFile => self.file(dir, name, &stat).map(|()| None),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(dir, name, Vec::new())?;
                let path = std::mem::take(&mut self.path);
                let told = self.name(&Record::Link {
                    meta: meta(&stat),
                    target: target.as_bytes(),
                    path: &path,
                });
                self.path = path;
                Ok(told.map(|()| None)?)
            }
            other => {
                let path = std::mem::take(&mut self.path);
                let told = self.name(&Record::Special {
                    odd: odd(other),
                    meta: meta(&stat),
                    path: &path,
                });
                self.path = path;
                Ok(told.map(|()| None)?)
            }
        }
    }

    fn folder(&mut self, dir: &OwnedFd, name: &[u8], stat: &Stat) -> Result<Level, Stopped> {
        let (opened, closed) = self.open(dir, name, LIST, stat, 0o700)?;
        let names = names(&opened)?;
        let path = std::mem::take(&mut self.path);
        let told = self.name(&Record::Folder {
            meta: meta(stat),
            path: &path,
        });
        self.path = path;
        told?;
        Ok(Level {
            dir: opened,
            names,
            length: self.path.len(),
            close_again: closed,
        })
    }

    fn file(&mut self, dir: &OwnedFd, name: &[u8], stat: &Stat) -> Result<(), Stopped> {
        let (opened, closed) = self.open(dir, name, READ, stat, 0o400)?;
        if let Some(mode) = closed {
            // The handle reads on whatever the mode is.
            let _ = rustix::fs::fchmod(&opened, Mode::from_raw_mode(mode));
        }
        let before = rustix::fs::fstat(&opened)?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Err(Errno::AGAIN.into());
        }
        let path = std::mem::take(&mut self.path);
        let told = self.name(&Record::File {
            meta: meta(&before),
            path: &path,
        });
        self.path = path;
        told?;
        let mut file = File::from(opened);
        let mut left = u64::try_from(before.st_size).unwrap_or(0);
        let mut failed = false;
        let mut buffer = std::mem::take(&mut self.buffer);
        // No more than it had when it was opened: one that grows for ever ends too.
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(MAX_DATA).min(MAX_DATA);
            match file.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(count) => {
                    left -= count as u64;
                    self.tell(&Record::Data(&buffer[..count]))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        self.buffer = buffer;
        let after = rustix::fs::fstat(&file)?;
        let torn = failed || left > 0 || changed(&before, &after);
        Ok(self.tell(&Record::FileEnd { torn })?)
    }

    /// Opens a name; one that its owner closed is given `bits` for it, and the mode to be put back is told.
    fn open(
        &self,
        dir: &OwnedFd,
        name: &[u8],
        flags: OFlags,
        stat: &Stat,
        bits: u32,
    ) -> Result<(OwnedFd, Option<u32>), Errno> {
        // A folder that can be listed and not entered is closed as well.
        let mode = stat.st_mode & 0o7777;
        let enters = flags != LIST || mode & 0o500 == 0o500 || !self.open_up;
        match rustix::fs::openat(dir, name, flags, Mode::empty()) {
            Ok(opened) if enters => return Ok((opened, None)),
            Err(error) if error != Errno::ACCESS || !self.open_up => return Err(error),
            _ => {}
        }
        let open = Mode::from_raw_mode(mode | bits);
        rustix::fs::chmodat(dir, name, open, AtFlags::empty())?;
        let opened = rustix::fs::openat(dir, name, flags, Mode::empty());
        if opened.is_err() {
            let _ = rustix::fs::chmodat(dir, name, Mode::from_raw_mode(mode), AtFlags::empty());
        }
        Ok((opened?, Some(mode)))
    }

    fn unreadable(&mut self, reason: &str) -> io::Result<()> {
        let path = std::mem::take(&mut self.path);
        let told = self.tell(&Record::Unreadable {
            path: &path,
            reason,
        });
        self.path = path;
        told
    }

    /// A record that stands for one name.
    fn name(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(too_many());
        }
        self.tell(record)
    }

    fn tell(&mut self, record: &Record<'_>) -> io::Result<()> {
        record.put(&mut self.gathered);
        if self.gathered.len() >= GATHER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.gathered)?;
        self.gathered.clear();
        self.out.flush()
    }
}

/// Why a name was not told.
enum Stopped {
    /// The name cannot be read.
    Here(Errno),
    /// Nobody listens any more.
    Out(io::Error),
}

impl From<Errno> for Stopped {
    fn from(error: Errno) -> Self {
        Self::Here(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}

fn too_many() -> io::Error {
    io::Error::other(format!(
        "the home folder has more than {MAX_ENTRIES} files and folders"
    ))
}

/// Sorted, so that the same folder gives the same stream.
fn names(dir: &OwnedFd) -> Result<std::vec::IntoIter<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names.into_iter())
}

fn meta(stat: &Stat) -> Meta {
    Meta {
        mode: stat.st_mode & 0o7777,
        seconds: stat.st_mtime,
        nanos: u32::try_from(stat.st_mtime_nsec)
            .unwrap_or(0)
            .min(999_999_999),
    }
}

fn changed(before: &Stat, after: &Stat) -> bool {
    let key = |stat: &Stat| {
        (
            stat.st_size,
            (stat.st_mtime, stat.st_mtime_nsec),
            (stat.st_ctime, stat.st_ctime_nsec),
        )
    };
    key(before) != key(after)
}

fn odd(kind: FileType) -> Odd {
    match kind {
        FileType::Fifo => Odd::Fifo,
        FileType::Socket => Odd::Socket,
        FileType::CharacterDevice => Odd::CharDevice,
        FileType::BlockDevice => Odd::BlockDevice,
        _ => Odd::Unknown,
    }
}
