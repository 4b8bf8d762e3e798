//! The content of one file.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::ScanError;
use super::known::Settled;
use super::walk::{Described, Local, Place, Walk};
use crate::confined::{Dir, FsError, Stat};
use crate::path::WorkspacePath;
use crate::store::{LARGE, read_full};
use crate::tree::{BlobId, EntryKind};

/// Times a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

impl Walk<'_> {
    /// What a file holds: as it is known, or else read.
    pub(super) fn file(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: Stat,
        place: Option<Place<'_>>,
        local: &mut Local,
    ) -> Result<Option<Described>, FsError> {
        let has = |blob: &BlobId| self.sink.has(blob, stat.size);
        if let Some(place) = place
            && place.kept
            && let Some(blob) = place.folder.content(place.at, &stat)
        {
            return Ok(Some(described(&stat, blob, stat.size)));
        }
        if let Some(blob) = self.options.index.and_then(|i| i.find(&stat)).filter(has) {
            // Trusted before, so settled: it was so already when this folder was begun.
            local.learn(place, &stat, local.settled.known(&stat, blob));
            return Ok(Some(described(&stat, blob, stat.size)));
        }
        local.learn(place, &stat, None);
        if stat.size > self.options.budget.file {
            self.unreadable(
                Some(path.clone()),
                format!("the file has {} bytes, more than is read", stat.size),
            );
            return Ok(None);
        }
        for attempt in 1..=ATTEMPTS {
            let (file, before) = self.open_file(dir, path, &stat)?;
            let began = SystemTime::now();
            let Some((blob, length)) = self.read(&file, &before, path)? else {
                return Ok(None);
            };
            let after = Stat::of(&file);
            let after = after.map_err(|e| FsError::io("examine", path.as_bytes(), e))?;
            if length == before.size && before.same_version(&after) {
                let mode = if before.mode & 0o400 == 0 {
                    stat.mode
                } else {
                    before.mode
                };
                let stat = Stat { mode, ..before };
                local.learn(place, &stat, Settled::before(began).known(&stat, blob));
                return Ok(Some(described(&stat, blob, length)));
            }
            if attempt == ATTEMPTS {
                self.found().torn.push(path.clone());
                return Ok(Some(described(&after, blob, length)));
            }
        }
        Ok(None)
    }

    /// Reads what is there; `None` if the sink failed, which ends the scan.
    fn read(
        &self,
        file: &File,
        stat: &Stat,
        path: &WorkspacePath,
    ) -> Result<Option<(BlobId, u64)>, FsError> {
        thread_local! {
            static BUFFER: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        let unread = |e| FsError::io("read", path.as_bytes(), e);
        self.read_files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(stat.size, Ordering::Relaxed);
        if stat.size >= LARGE {
            return match self.sink.put_file(file) {
                Err(e) if is_full(&e) => Ok(self.sink_failed(path, e)),
                done => done.map(Some).map_err(unread),
            };
        }
        BUFFER.with_borrow_mut(|buffer| {
            let size = stat.size as usize;
            if buffer.len() < size {
                buffer.resize(size.next_power_of_two(), 0);
            }
            let n = read_full(&mut &*file, &mut buffer[..size]).map_err(unread)?;
            match self.sink.put_bytes(&buffer[..n]) {
                Ok(id) => Ok(Some((id, n as u64))),
                Err(e) => Ok(self.sink_failed(path, e)),
            }
        })
    }

    fn sink_failed<T>(&self, path: &WorkspacePath, source: std::io::Error) -> Option<T> {
        let path = path.clone();
        self.fail(ScanError::Sink { path, source });
        None
    }

    fn open_file(
        &self,
        dir: &Dir,
        path: &WorkspacePath,
        stat: &Stat,
    ) -> Result<(File, Stat), FsError> {
        let name = path.file_name();
        match dir.open_file_at(name) {
            Err(e) if e.is_denied() && self.options.open_closed && stat.uid == self.user => {
                dir.set_mode(name, stat.mode | 0o400)?;
                let opened = dir.open_file_at(name);
                dir.set_mode(name, stat.mode)?;
                let (file, _) = opened?;
                let now = Stat::of(&file);
                Ok((file, now.map_err(|e| FsError::io("examine", name, e))?))
            }
            opened => opened,
        }
    }
}

fn described(stat: &Stat, blob: BlobId, size: u64) -> Described {
    (EntryKind::File { blob, size }, stat.mode, stat.mtime)
}

/// A full disk is the sink's: reading makes nothing.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}
