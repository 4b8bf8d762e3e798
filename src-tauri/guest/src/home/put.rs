//! Writing: the steps that make the folder what it was, each tried, the failed ones told.
//!
//! A file is written beside its name and renamed: killed at any instant, it is there as before or as wanted.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;
use sandbox_protocol::Decoder;
use sandbox_protocol::home::{Meta, Record};

/// A handle to be gone through only.
const PASS: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const MAKE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// What a file is called until it is whole. One that a kill left is no part of what was wanted, so that the
/// next look takes it away.
const UNFINISHED: &str = ".agent-sandbox-unfinished-";
const PIECE: usize = 64 * 1024;

/// Does all steps up to `End`.
///
/// # Errors
/// A stream that ends before, or that does not read: nothing after that place was done.
pub fn put(root: OwnedFd, mut input: impl Read, mut out: impl Write) -> io::Result<()> {
    let mut work = Work {
        root,
        parent: None,
        file: None,
        unfinished: 0,
    };
    let mut decoder = Decoder::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = input.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decoder.push(&piece[..count]);
        while let Some((kind, payload)) = decoder.frame().map_err(io::Error::other)? {
            match Record::read(kind, payload).map_err(io::Error::other)? {
                Record::End { .. } => {
                    rustix::fs::syncfs(&work.root)?;
                    return answer(&mut out, &Record::Done);
                }
                record => {
                    if let Some((path, error)) = work.step(&record)? {
                        let reason = error.to_string();
                        let failed = Record::Failed {
                            path: &path,
                            reason: &reason,
                        };
                        answer(&mut out, &failed)?;
                    }
                }
            }
        }
    }
}

fn answer(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    let mut bytes = Vec::new();
    record.put(&mut bytes);
    out.write_all(&bytes)?;
    out.flush()
}

struct Work {
    root: OwnedFd,
    /// The folder of the last step: many lie in one.
    parent: Option<(Vec<u8>, OwnedFd)>,
    file: Option<Unfinished>,
    /// Files begun so far.
    unfinished: u64,
}

/// The file that is being written.
struct Unfinished {
    path: Vec<u8>,
    meta: Meta,
    state: Result<(File, String), Errno>,
    /// Zeros at the end that are a hole yet.
    hole: u64,
}

impl Work {
    /// Does one step; gives what failed. The wrong step at this place ends everything.
    fn step(&mut self, record: &Record<'_>) -> io::Result<Option<(Vec<u8>, Errno)>> {
        let inside = matches!(record, Record::Data(_) | Record::FileEnd { .. });
        if inside != self.file.is_some() {
            return Err(io::Error::other("a file's bytes are out of place"));
        }
        let (path, done) = match *record {
            Record::OpenUp { path } => (path, self.open_up(path)),
            Record::Remove { folder, path } => (path, self.remove(path, folder)),
            Record::Folder { path, .. } => (path, self.make(path)),
            Record::Link { meta, target, path } => (path, self.link(path, target, meta)),
            Record::Touch { meta, path } => (path, self.touch(path, meta)),
            Record::File { meta, path } => {
                self.begin(path, meta);
                return Ok(None);
            }
            Record::Data(bytes) => {
                self.data(bytes);
                return Ok(None);
            }
            Record::FileEnd { torn } => return Ok(self.end(torn)),
            _ => return Err(io::Error::other("a step that is none")),
        };
        Ok(done.err().map(|error| (path.to_vec(), error)))
    }

    fn open_up(&mut self, path: &[u8]) -> Result<(), Errno> {
        let (dir, name) = self.place(path)?;
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777 | 0o700);
        rustix::fs::chmodat(dir, name, mode, AtFlags::empty())
    }

    fn remove(&mut self, path: &[u8], folder: bool) -> Result<(), Errno> {
        let flags = if folder {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        let (dir, name) = self.place(path)?;
        match rustix::fs::unlinkat(dir, name, flags) {
            Err(Errno::NOENT) => Ok(()),
            done => done,
        }
    }

    fn make(&mut self, path: &[u8]) -> Result<(), Errno> {
        let (dir, name) = self.place(path)?;
        rustix::fs::mkdirat(dir, name, Mode::RWXU)
    }

    fn link(&mut self, path: &[u8], target: &[u8], meta: Meta) -> Result<(), Errno> {
        let ((), unfinished) =
            self.unfinished(path, |dir, name| rustix::fs::symlinkat(target, dir, name))?;
        let (dir, name) = self.place(path)?;
        let named = set_time(dir, unfinished.as_bytes(), meta)
            .and_then(|()| rustix::fs::renameat(dir, unfinished.as_str(), dir, name));
        if named.is_err() {
            let _ = rustix::fs::unlinkat(dir, unfinished.as_str(), AtFlags::empty());
        }
        named
    }

    fn touch(&mut self, path: &[u8], meta: Meta) -> Result<(), Errno> {
        let (dir, name) = self.place(path)?;
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        // A time needs no permission of its own, so a mode that closes comes last.
        set_time(dir, name, meta)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            let mode = Mode::from_raw_mode(meta.mode);
            rustix::fs::chmodat(dir, name, mode, AtFlags::empty())?;
        }
        Ok(())
    }

    fn begin(&mut self, path: &[u8], meta: Meta) {
        let made = self.unfinished(path, |dir, name| {
            rustix::fs::openat(dir, name, MAKE, Mode::RUSR | Mode::WUSR)
        });
        self.file = Some(Unfinished {
            path: path.to_vec(),
            meta,
            state: made.map(|(fd, name)| (File::from(fd), name)),
            hole: 0,
        });
    }

    fn data(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else {
            return;
        };
        let Ok((open, name)) = &mut file.state else {
            return;
        };
        if bytes.iter().all(|byte| *byte == 0) {
            file.hole += bytes.len() as u64;
            return;
        }
        let skip = std::mem::take(&mut file.hole);
        let written = i64::try_from(skip)
            .map_err(|_| Errno::FBIG)
            .and_then(|skip| rustix::fs::seek(&*open, SeekFrom::Current(skip)))
            .and_then(|_| open.write_all(bytes).map_err(|error| errno(&error)));
        if let Err(error) = written {
            let name = std::mem::take(name);
            file.state = Err(error);
            self.drop_unfinished(&name);
        }
    }

    /// Gives the whole file its name.
    fn end(&mut self, lost: bool) -> Option<(Vec<u8>, Errno)> {
        let file = self.file.take()?;
        let (open, name) = match file.state {
            Ok(state) => state,
            Err(error) => return Some((file.path, error)),
        };
        let done = if lost {
            Err(Errno::IO)
        } else {
            self.finish(&file.path, &open, &name, file.meta, file.hole)
        };
        let error = done.err()?;
        self.drop_at(&file.path, &name);
        Some((file.path, error))
    }

    fn finish(
        &mut self,
        path: &[u8],
        open: &File,
        unfinished: &str,
        meta: Meta,
        hole: u64,
    ) -> Result<(), Errno> {
        if hole > 0 {
            let end = rustix::fs::tell(open)?;
            rustix::fs::ftruncate(open, end + hole)?;
        }
        rustix::fs::fchmod(open, Mode::from_raw_mode(meta.mode))?;
        rustix::fs::futimens(open, &times(meta))?;
        let (dir, name) = self.place(path)?;
        rustix::fs::renameat(dir, unfinished, dir, name)
    }

    fn drop_unfinished(&mut self, name: &str) {
        if let Some(path) = self.file.as_ref().map(|file| file.path.clone()) {
            self.drop_at(&path, name);
        }
    }

    fn drop_at(&mut self, path: &[u8], unfinished: &str) {
        if let Ok((dir, _)) = self.place(path) {
            let _ = rustix::fs::unlinkat(dir, unfinished, AtFlags::empty());
        }
    }

    /// Makes something beside a name, by a name that is free.
    fn unfinished<T>(
        &mut self,
        path: &[u8],
        make: impl Fn(&OwnedFd, &str) -> Result<T, Errno>,
    ) -> Result<(T, String), Errno> {
        loop {
            self.unfinished += 1;
            let name = format!("{UNFINISHED}{}", self.unfinished);
            match make(self.place(path)?.0, &name) {
                Err(Errno::EXIST) => {}
                made => return Ok((made?, name)),
            }
        }
    }

    /// The folder of a path, and the name in it.
    fn place<'p>(&mut self, path: &'p [u8]) -> Result<(&OwnedFd, &'p [u8]), Errno> {
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&path[..0], path),
        };
        if folder.is_empty() {
            return Ok((&self.root, name));
        }
        let known = self.parent.take().filter(|(path, _)| path == folder);
        let parent = match known {
            Some(parent) => parent,
            None => (folder.to_vec(), self.folder(folder)?),
        };
        Ok((&self.parent.insert(parent).1, name))
    }

    fn folder(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut at: Option<OwnedFd> = None;
        for part in path.split(|byte| *byte == b'/') {
            let below = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            at = Some(rustix::fs::openat(below, part, PASS, Mode::empty())?);
        }
        at.ok_or(Errno::NOENT)
    }
}

fn set_time(dir: &OwnedFd, name: &[u8], meta: Meta) -> Result<(), Errno> {
    rustix::fs::utimensat(dir, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW)
}

fn times(meta: Meta) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: meta.seconds,
            tv_nsec: meta.nanos.into(),
        },
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
