//! A stream of records becomes a tree, its contents go into the store.

use std::io::{self, Read};

use sandbox_protocol::Decoder;
use sandbox_protocol::home::{Meta, Odd, Record};
use sandbox_workspace::{
    BlobSink, Cancel, Entry, EntryKind, FileTime, Progress, Special, Step, Tree, Unreadable,
    WorkspacePath,
};

use super::{Bounds, HomeError};

/// Bytes between two looks at what is free.
const LOOK: u64 = 64 << 20;
const PIECE: usize = 64 * 1024;

/// Where a home goes, and what stops it.
pub(crate) struct Takes<'a> {
    pub sink: &'a dyn BlobSink,
    pub bounds: Bounds,
    /// Whether the disk has room for more.
    pub has_room: &'a dyn Fn() -> bool,
    pub progress: &'a dyn Progress,
    pub cancel: &'a Cancel,
}

/// A home that was wholly read.
#[derive(Debug)]
pub(crate) struct Taken {
    pub tree: Tree,
    /// Bytes free where it lies, as the guest says.
    pub free: u64,
}

/// Reads the stream to its end.
pub(crate) fn take(stream: &mut dyn Read, to: &Takes<'_>) -> Result<Taken, HomeError> {
    let mut taking = Taking {
        records: Records {
            stream,
            decoder: Decoder::new(),
            piece: vec![0; PIECE],
        },
        to,
        entries: Vec::new(),
        unreadable: Vec::new(),
        torn: Vec::new(),
        bytes: 0,
        looked: 0,
        names: 0,
    };
    let free = taking.all()?;
    taking.records.must_end()?;
    let Taking {
        entries,
        unreadable,
        mut torn,
        ..
    } = taking;
    let count = entries.len();
    let mut tree = Tree::new(entries);
    check(&tree, count)?;
    torn.sort();
    tree.torn = torn;
    tree.unreadable = unreadable;
    Ok(Taken { tree, free })
}

/// Each path once, and in a folder.
fn check(tree: &Tree, told: usize) -> Result<(), HomeError> {
    if tree.entries().len() != told {
        return Err(HomeError::wrong("a path is told twice"));
    }
    let is_folder = |path: WorkspacePath| {
        let found = tree.get(&path);
        found.is_some_and(|entry| entry.kind == EntryKind::Dir)
    };
    let mut parents = tree.entries().iter().filter_map(|e| e.path.parent());
    if parents.all(is_folder) {
        Ok(())
    } else {
        Err(HomeError::wrong("a path lies in no folder"))
    }
}

struct Taking<'a> {
    records: Records<'a>,
    to: &'a Takes<'a>,
    entries: Vec<Entry>,
    unreadable: Vec<Unreadable>,
    torn: Vec<WorkspacePath>,
    bytes: u64,
    /// At so many bytes the disk was looked at.
    looked: u64,
    names: u64,
}

impl Taking<'_> {
    fn all(&mut self) -> Result<u64, HomeError> {
        loop {
            if self.to.cancel.is_cancelled() {
                return Err(HomeError::Cancelled);
            }
            match self.records.next()? {
                Owned::Entry(entry) => self.add(entry)?,
                Owned::File { path, meta } => self.file(path, meta)?,
                Owned::Unreadable(place) => self.unreadable(place)?,
                Owned::End { entries, free } => {
                    if entries != self.entries.len() as u64 {
                        return Err(HomeError::wrong("not all of it was told"));
                    }
                    return Ok(free);
                }
                Owned::Data(_) | Owned::FileEnd { .. } => {
                    return Err(HomeError::wrong("bytes of no file"));
                }
            }
        }
    }

    fn add(&mut self, entry: Entry) -> Result<(), HomeError> {
        let target = match &entry.kind {
            EntryKind::Symlink { target } => target.len(),
            _ => 0,
        };
        self.name(entry.path.as_bytes().len() + target)?;
        let bounds = &self.to.bounds;
        if self.entries.len() as u64 >= bounds.entries {
            let message = format!("more than {} files and folders", bounds.entries);
            return Err(HomeError::TooLarge(message));
        }
        self.entries.push(entry);
        self.to.progress.report(Step {
            entries: self.entries.len() as u64,
            bytes: self.bytes,
            ..Step::default()
        });
        Ok(())
    }

    fn unreadable(&mut self, place: Unreadable) -> Result<(), HomeError> {
        let path = place.path.as_ref().map_or(0, |path| path.as_bytes().len());
        self.name(path + place.reason.len())?;
        if self.unreadable.len() as u64 >= self.to.bounds.unreadable {
            return Err(HomeError::TooLarge(
                "too many places cannot be read".to_owned(),
            ));
        }
        self.unreadable.push(place);
        Ok(())
    }

    fn name(&mut self, bytes: usize) -> Result<(), HomeError> {
        self.names += bytes as u64;
        if self.names > self.to.bounds.names {
            return Err(HomeError::TooLarge("its names are too long".to_owned()));
        }
        Ok(())
    }

    fn file(&mut self, path: WorkspacePath, meta: Meta) -> Result<(), HomeError> {
        let sink = self.to.sink;
        let mut content = Content {
            taking: self,
            data: Vec::new(),
            at: 0,
            torn: None,
            failure: None,
        };
        let kept = sink.put_reader(&mut content);
        let Content { torn, failure, .. } = content;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let (blob, size) = kept.map_err(HomeError::Keep)?;
        if torn.ok_or_else(|| HomeError::wrong("a file without an end"))? {
            self.torn.push(path.clone());
        }
        let kind = EntryKind::File { blob, size };
        self.add(entry(path, meta, kind))
    }

    /// Bytes of a file, before they are kept.
    fn weigh(&mut self, bytes: usize) -> Result<(), HomeError> {
        self.bytes += bytes as u64;
        if self.bytes > self.to.bounds.bytes {
            let message = format!("more than {} bytes", self.to.bounds.bytes);
            return Err(HomeError::TooLarge(message));
        }
        if self.bytes >= self.looked {
            self.looked = self.bytes + LOOK;
            if !(self.to.has_room)() {
                let place = "on the disk of the snapshots";
                return Err(HomeError::NoRoom { place });
            }
        }
        Ok(())
    }
}

/// The bytes of one file, up to its end.
struct Content<'t, 'a> {
    taking: &'t mut Taking<'a>,
    data: Vec<u8>,
    at: usize,
    torn: Option<bool>,
    /// What stopped it; the error that the store sees says nothing.
    failure: Option<HomeError>,
}

impl Content<'_, '_> {
    fn more(&mut self) -> Result<(), HomeError> {
        if self.taking.to.cancel.is_cancelled() {
            return Err(HomeError::Cancelled);
        }
        match self.taking.records.next()? {
            Owned::Data(data) => {
                self.taking.weigh(data.len())?;
                (self.data, self.at) = (data, 0);
                Ok(())
            }
            Owned::FileEnd { torn } => {
                self.torn = Some(torn);
                Ok(())
            }
            _ => Err(HomeError::wrong("a file without an end")),
        }
    }
}

impl Read for Content<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.data.len() {
            if self.torn.is_some() {
                return Ok(0);
            }
            if self.failure.is_none()
                && let Err(failure) = self.more()
            {
                self.failure = Some(failure);
            }
            if self.failure.is_some() {
                return Err(io::Error::other("the stream of the home folder stopped"));
            }
        }
        let rest = &self.data[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// A record of those that a reader is told, with its own bytes.
enum Owned {
    Entry(Entry),
    File { path: WorkspacePath, meta: Meta },
    Data(Vec<u8>),
    FileEnd { torn: bool },
    Unreadable(Unreadable),
    End { entries: u64, free: u64 },
}

struct Records<'a> {
    stream: &'a mut dyn Read,
    decoder: Decoder,
    piece: Vec<u8>,
}

impl Records<'_> {
    fn next(&mut self) -> Result<Owned, HomeError> {
        loop {
            if let Some((kind, payload)) = self.decoder.frame()? {
                return own(Record::read(kind, payload)?);
            }
            match self.fill()? {
                0 => return Err(HomeError::BrokenOff),
                count => self.decoder.push(&self.piece[..count]),
            }
        }
    }

    fn fill(&mut self) -> Result<usize, HomeError> {
        loop {
            match self.stream.read(&mut self.piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|_| HomeError::BrokenOff),
            }
        }
    }

    /// Nothing may come after the end.
    fn must_end(&mut self) -> Result<(), HomeError> {
        if self.decoder.held() == 0 && self.fill()? == 0 {
            return Ok(());
        }
        Err(HomeError::wrong("it goes on after its end"))
    }
}

fn own(record: Record<'_>) -> Result<Owned, HomeError> {
    Ok(match record {
        Record::Folder { meta, path } => Owned::Entry(entry(checked(path)?, meta, EntryKind::Dir)),
        Record::File { meta, path } => Owned::File {
            path: checked(path)?,
            meta,
        },
        Record::Data(bytes) => Owned::Data(bytes.to_vec()),
        Record::FileEnd { torn } => Owned::FileEnd { torn },
        Record::Link { meta, target, path } => {
            let target = target.to_vec();
            let meta = Meta {
                mode: 0o777,
                ..meta
            };
            Owned::Entry(entry(checked(path)?, meta, EntryKind::Symlink { target }))
        }
        Record::Special { odd, meta, path } => {
            let kind = EntryKind::Unsupported(special(odd));
            Owned::Entry(entry(checked(path)?, meta, kind))
        }
        Record::Unreadable { path, reason } => Owned::Unreadable(Unreadable {
            path: if path.is_empty() {
                None
            } else {
                Some(checked(path)?)
            },
            reason: sandbox_protocol::plain_text(reason.as_bytes()),
        }),
        Record::End { entries, free } => Owned::End { entries, free },
        _ => return Err(HomeError::wrong("a step that belongs to putting back")),
    })
}

fn checked(path: &[u8]) -> Result<WorkspacePath, HomeError> {
    WorkspacePath::new(path).map_err(|error| HomeError::Wrong(error.to_string()))
}

fn entry(path: WorkspacePath, meta: Meta, kind: EntryKind) -> Entry {
    Entry {
        path,
        kind,
        mode: meta.mode,
        mtime: FileTime {
            seconds: meta.seconds,
            nanos: meta.nanos,
        },
    }
}

fn special(odd: Odd) -> Special {
    match odd {
        Odd::Fifo => Special::Fifo,
        Odd::Socket => Special::Socket,
        Odd::CharDevice => Special::CharDevice,
        Odd::BlockDevice => Special::BlockDevice,
        Odd::Unknown => Special::Unknown,
    }
}
