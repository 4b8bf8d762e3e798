//! What differs between a home and a tree becomes a stream of steps.

use std::io;

use sandbox_protocol::home::{Meta, Record};
use sandbox_protocol::{Decoder, MAX_DATA};
use sandbox_workspace::restore::{How, Plan, Write};
use sandbox_workspace::{BlobSource, Entry, EntryKind, Progress, Step, Store, WorkspacePath};

use super::{HomeError, words};

/// Bytes gathered before they are sent.
const GATHER: usize = 128 * 1024;
/// Failures that are named; the rest is counted.
const NAMED: usize = 100;
/// Contents up to here are read and checked before anything of them is sent.
const SMALL: u64 = 4 << 20;

/// Room that a file system needs for itself.
pub(crate) const MARGIN: u64 = 64 << 20;

/// Refuses what would fill the disk of the container engine, before anything is written: each file is written
/// beside what it replaces.
pub(crate) fn check_room(plan: &Plan<'_>, free: u64) -> Result<(), HomeError> {
    let bytes = plan.bytes();
    if bytes > 0 && bytes.saturating_add(MARGIN) > free {
        let place = "on the disk of the container engine";
        return Err(HomeError::NoRoom { place });
    }
    Ok(())
}

/// Sends all steps, in the order of [`Plan`]. Gives the files whose content the store has lost: they stay as
/// they are.
pub(crate) fn put(
    plan: &Plan<'_>,
    store: &Store,
    out: &mut dyn io::Write,
    progress: &dyn Progress,
) -> Result<Vec<String>, HomeError> {
    let mut sender = Sender {
        out,
        gathered: Vec::with_capacity(2 * GATHER),
        store,
        progress,
        done: Step {
            entries_total: plan.steps() as u64,
            bytes_total: plan.bytes(),
            ..Step::default()
        },
        lost: Vec::new(),
    };
    sender.all(plan)?;
    Ok(sender.lost)
}

struct Sender<'a> {
    out: &'a mut dyn io::Write,
    gathered: Vec<u8>,
    store: &'a Store,
    progress: &'a dyn Progress,
    done: Step,
    lost: Vec<String>,
}

impl Sender<'_> {
    fn all(&mut self, plan: &Plan<'_>) -> Result<(), HomeError> {
        for folder in &plan.open_up {
            self.send(&Record::OpenUp {
                path: folder.path.as_bytes(),
            })?;
        }
        for (entry, folder) in &plan.remove {
            self.send(&Record::Remove {
                folder: *folder,
                path: entry.path.as_bytes(),
            })?;
            self.step(0);
        }
        for folder in &plan.make {
            self.send(&Record::Folder {
                meta: meta(folder),
                path: folder.path.as_bytes(),
            })?;
            self.step(0);
        }
        for write in plan.write.values().flatten() {
            self.write(write)?;
        }
        // The inner ones first: what is written in a folder changes its time.
        for folder in plan.finish.values().rev() {
            self.touch(folder)?;
        }
        self.send(&Record::End {
            entries: 0,
            free: 0,
        })?;
        self.flush()
    }

    fn write(&mut self, write: &Write<'_>) -> Result<(), HomeError> {
        let entry = write.entry;
        let bytes = match &entry.kind {
            _ if write.how == How::Touch => {
                self.touch(entry)?;
                0
            }
            EntryKind::File { size, .. } => {
                self.file(entry)?;
                *size
            }
            EntryKind::Symlink { target } => {
                self.send(&Record::Link {
                    meta: meta(entry),
                    target,
                    path: entry.path.as_bytes(),
                })?;
                0
            }
            EntryKind::Dir | EntryKind::Unsupported(_) => 0,
        };
        self.step(bytes);
        Ok(())
    }

    fn touch(&mut self, entry: &Entry) -> Result<(), HomeError> {
        self.send(&Record::Touch {
            meta: meta(entry),
            path: entry.path.as_bytes(),
        })
    }

    fn file(&mut self, entry: &Entry) -> Result<(), HomeError> {
        let EntryKind::File { blob, size } = &entry.kind else {
            return Ok(());
        };
        let begin = Record::File {
            meta: meta(entry),
            path: entry.path.as_bytes(),
        };
        if *size < SMALL {
            return match self.store.read(blob, *size) {
                Ok(content) => {
                    self.send(&begin)?;
                    for piece in content.chunks(MAX_DATA) {
                        self.send(&Record::Data(piece))?;
                    }
                    self.send(&Record::FileEnd { torn: false })
                }
                Err(error) => {
                    self.lose(&entry.path, &error);
                    Ok(())
                }
            };
        }
        self.send(&begin)?;
        let torn = self.stream(entry, blob)?;
        self.send(&Record::FileEnd { torn })
    }

    /// A large content; gives whether the store has lost it, of which the guest is told at the end.
    fn stream(
        &mut self,
        entry: &Entry,
        blob: &sandbox_workspace::BlobId,
    ) -> Result<bool, HomeError> {
        let store = self.store;
        let mut content = match store.open(blob) {
            Ok(content) => content,
            Err(error) => {
                self.lose(&entry.path, &error);
                return Ok(true);
            }
        };
        let mut piece = vec![0; MAX_DATA];
        loop {
            match content.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(count) => self.send(&Record::Data(&piece[..count]))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lose(&entry.path, &error);
                    return Ok(true);
                }
            }
        }
    }

    fn lose(&mut self, path: &WorkspacePath, error: &io::Error) {
        if self.lost.len() < NAMED {
            self.lost.push(format!("{}: {error}", words(path)));
        }
    }

    fn send(&mut self, record: &Record<'_>) -> Result<(), HomeError> {
        record.put(&mut self.gathered);
        if self.gathered.len() >= GATHER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), HomeError> {
        let sent = self.out.write_all(&self.gathered);
        self.gathered.clear();
        fail::fail_point!("home-sent");
        sent.and_then(|()| self.out.flush())
            .map_err(|_| HomeError::BrokenOff)
    }

    fn step(&mut self, bytes: u64) {
        self.done.entries += 1;
        self.done.bytes += bytes;
        self.progress.report(self.done);
    }
}

fn meta(entry: &Entry) -> Meta {
    Meta {
        mode: entry.mode,
        seconds: entry.mtime.seconds,
        nanos: entry.mtime.nanos,
    }
}

/// What the guest answers while it puts back.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    decoder: Decoder,
    failed: Vec<String>,
    more: u64,
    done: bool,
}

impl Answers {
    /// Takes a piece of its output.
    ///
    /// # Errors
    /// Anything but failures and one end.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), HomeError> {
        self.decoder.push(piece);
        loop {
            let Some((kind, payload)) = self.decoder.frame()? else {
                return Ok(());
            };
            match Record::read(kind, payload)? {
                _ if self.done => return Err(HomeError::wrong("it goes on after its end")),
                Record::Failed { .. } if self.failed.len() >= NAMED => self.more += 1,
                Record::Failed { path, reason } => {
                    let path = WorkspacePath::new(path);
                    let path = path.map_err(|error| HomeError::Wrong(error.to_string()))?;
                    let reason = sandbox_protocol::plain_text(reason.as_bytes());
                    self.failed.push(format!("{}: {reason}", words(&path)));
                }
                Record::Done => self.done = true,
                _ => return Err(HomeError::wrong("an answer that is none")),
            }
        }
    }

    /// Whether everything was tried.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What could not be put back, and why.
    pub fn into_failed(self) -> Vec<String> {
        let mut failed = self.failed;
        if self.more > 0 {
            failed.push(format!("and {} more in the home folder", self.more));
        }
        failed
    }
}
