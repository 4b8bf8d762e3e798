//! The record of one copy-out: append-only, checksummed, each record durable before the next thing is
//! done. It outlives the copy-out, for undo.

use std::fs::File;
use std::io::{Read, Write};

use sandbox_workspace::{BlobId, Dir, WorkspacePath, system};
use serde::{Deserialize, Serialize};

use super::means::Means;
use super::step::Step;
use super::{BaseMove, CopyOutError, CopyOutId, point};

const NAME: &[u8] = b"journal";
const VERSION: u32 = 1;
/// Kept free on the disk beyond what is written, so that going back can always be recorded.
const RESERVE: u64 = 64 * 1024;
/// A larger journal is not ours.
const LARGEST: u64 = 1 << 30;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// Stages may exist from here on.
    Begin(Begin),
    /// Everything is staged; steps are done from here on.
    Apply(Apply),
    /// The project is as before; stages may still exist.
    RolledBack,
    /// The project is as before, but for these, at which nothing was overwritten. Backups stay.
    Unresolved(Vec<WorkspacePath>),
    /// The project is as accepted.
    Committed,
    /// The base was moved and stages beside the project are gone.
    Settled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) version: u32,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    pub(super) capture: Option<String>,
    /// Of an undo, what it undoes.
    pub(super) undoes: Option<CopyOutId>,
    pub(super) stages: Vec<Place>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Apply {
    pub(super) steps: Vec<Step>,
    /// How names are moved, by stage.
    #[serde(default)]
    pub(super) means: Vec<Means>,
    pub(super) bases: Vec<BaseMove>,
    /// The changes as the user knows them.
    pub(super) applied: Vec<WorkspacePath>,
}

/// Where a stage lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// In the copy-out's own folder.
    Own,
    /// On another mount: in a folder of the project.
    Beside {
        /// Which; `None` is the project itself.
        folder: Option<WorkspacePath>,
        /// The name of the stage in it.
        name: String,
    },
}

/// What a journal says, read to its last whole record.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) begin: Option<Begin>,
    pub(super) apply: Option<Apply>,
    pub(super) rolled_back: bool,
    pub(super) unresolved: Option<Vec<WorkspacePath>>,
    pub(super) committed: bool,
    pub(super) settled: bool,
}

impl Begin {
    pub(super) fn new(
        capture: Option<String>,
        undoes: Option<CopyOutId>,
        stages: Vec<Place>,
    ) -> Self {
        let time = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        Self {
            version: VERSION,
            time,
            capture,
            undoes,
            stages,
        }
    }
}

/// A journal that is being written.
pub(super) struct Journal {
    file: File,
    id: CopyOutId,
    certain: bool,
}

impl Journal {
    /// Makes the journal of a new copy-out, whose folder is `dir`.
    pub(super) fn create(dir: &Dir, id: &CopyOutId) -> Result<Self, CopyOutError> {
        let file = dir
            .create_new(NAME, 0o600)
            .map_err(CopyOutError::file("beginning the copy-out"))?;
        let journal = Self {
            file,
            id: id.clone(),
            certain: true,
        };
        journal.reserve(RESERVE)?;
        Ok(journal)
    }

    /// Opens an existing one to go on. A torn last record is cut off first.
    pub(super) fn reopen(dir: &Dir, id: &CopyOutId) -> Result<Self, CopyOutError> {
        let failed = |source| CopyOutError::Journal {
            doing: "write",
            id: id.clone(),
            source,
        };
        let content = read(dir, id)?;
        let whole: usize = records(&content).map(|(length, _)| length).sum();
        let file = dir
            .open_append(NAME)
            .map_err(CopyOutError::file("going on with the copy-out"))?;
        if whole < content.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        Ok(Self {
            file,
            id: id.clone(),
            certain: true,
        })
    }

    /// Keeps room on the disk for what will be written, where the system can.
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), CopyOutError> {
        system::reserve(&self.file, bytes).map_err(|e| self.failed(e))
    }

    /// Adds a record and makes it durable.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), CopyOutError> {
        let json = serde_json::to_vec(record).map_err(|e| self.failed(e.into()))?;
        if json.len() as u64 > RESERVE / 2 {
            self.reserve(json.len() as u64 + RESERVE)?;
        }
        let mut line = BlobId::of(&json).to_hex().as_bytes()[..16].to_vec();
        line.push(b' ');
        line.extend_from_slice(&json);
        line.push(b'\n');
        let before = self.file.metadata().map_err(|e| self.failed(e))?.len();
        let written = self.append(&line);
        if written.is_err() {
            self.certain = self.cut(before).is_ok();
        }
        written
    }

    fn append(&mut self, line: &[u8]) -> Result<(), CopyOutError> {
        self.file.write_all(line).map_err(|e| self.failed(e))?;
        point("journal::sync")?;
        self.file.sync_data().map_err(|e| self.failed(e))
    }

    /// Takes a record back that could not be made durable: it may have reached the disk all the same, and a
    /// recovery would believe it.
    fn cut(&self, length: u64) -> Result<(), CopyOutError> {
        point("journal::cut")?;
        self.file.set_len(length).map_err(|e| self.failed(e))?;
        self.file.sync_all().map_err(|e| self.failed(e))
    }

    /// Whether the disk holds what was written without an error, and nothing else.
    pub(super) fn is_certain(&self) -> bool {
        self.certain
    }

    fn failed(&self, source: std::io::Error) -> CopyOutError {
        CopyOutError::Journal {
            doing: "write",
            id: self.id.clone(),
            source,
        }
    }
}

/// What the journal in `dir` says; nothing if there is none.
pub(super) fn state(dir: &Dir, id: &CopyOutId) -> Result<State, CopyOutError> {
    let content = read(dir, id)?;
    let mut state = State::default();
    for (_, record) in records(&content) {
        match record {
            Record::Begin(begin) if begin.version > VERSION => {
                return Err(CopyOutError::Damaged {
                    id: id.clone(),
                    why: "it was made by a newer version of this app",
                });
            }
            Record::Begin(begin) => state.begin = Some(begin),
            Record::Apply(apply) => state.apply = Some(apply),
            Record::RolledBack => state.rolled_back = true,
            Record::Unresolved(paths) => state.unresolved = Some(paths),
            Record::Committed => state.committed = true,
            Record::Settled => state.settled = true,
        }
    }
    Ok(state)
}

fn read(dir: &Dir, id: &CopyOutId) -> Result<Vec<u8>, CopyOutError> {
    let (file, _) = match dir.open_file_at(NAME) {
        Ok(opened) => opened,
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        Err(e) => return Err(CopyOutError::file("reading a copy-out's record")(e)),
    };
    let mut content = Vec::new();
    file.take(LARGEST)
        .read_to_end(&mut content)
        .map_err(|source| CopyOutError::Journal {
            doing: "read",
            id: id.clone(),
            source,
        })?;
    Ok(content)
}

/// Whole records with their length in bytes, up to the first that is torn.
fn records(content: &[u8]) -> impl Iterator<Item = (usize, Record)> {
    content.split_inclusive(|b| *b == b'\n').map_while(|line| {
        let (sum, rest) = line.split_at_checked(16)?;
        let json = rest.strip_prefix(b" ")?.strip_suffix(b"\n")?;
        let good = &BlobId::of(json).to_hex().as_bytes()[..16] == sum;
        let record = good.then(|| serde_json::from_slice(json).ok())??;
        Some((line.len(), record))
    })
}
