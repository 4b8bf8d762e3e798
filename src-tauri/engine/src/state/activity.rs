//! What happened in a sandbox, newest last. It is kept in parts, so that much of one pushes out none of another: what a
//! program inside can cause without an end never costs the entry of a copy-out. Each part is two files of one JSON line
//! each, the newer of which is appended to and takes the older's place when it is full.
//!
//! Numbers are given under a lock between processes, from 1 and without gaps. Nothing that is there already is read for
//! an entry but the end of the files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sandbox_workspace::Size;
use sandbox_workspace::system::OpenOptionsExt;
use serde::{Deserialize, Serialize};

use super::lock;
use crate::{Error, Result};

/// Bytes of one file. Of each part at least so much of the newest is kept, and at most twice that.
pub const FILE_MOST: u64 = 2 << 20;
/// Bytes of the longest text of an entry; the rest is cut.
const TEXT_MOST: usize = 4096;
/// What is read of a file's end at first: a few entries.
const END: u64 = 4096;

/// Kinds that the list can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ActivityKind {
    HandedOver,
    Started,
    Stopped,
    Paused,
    Resumed,
    Snapshot,
    Reset,
    CopiedOut,
    CopyOutUndone,
    Network,
    LimitHit,
    Recovered,
    /// Of the list itself: older entries that are not kept.
    Removed,
    Failed,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityEntry {
    /// Its number, from 1, given when it is added. 0: not of something that happened, but of entries that are not kept.
    #[serde(default)]
    pub id: u64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// For the filter.
    pub kind: ActivityKind,
    /// One short phrase: `Workspace reset`.
    pub what: String,
    /// For network rows: what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The rest in words.
    #[serde(default)]
    pub detail: String,
    /// The snapshot or copy-out that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// What is kept apart from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the user did, and what became of the sandbox.
    Own,
    /// What the app did by itself because of what a program inside did: automatic snapshots.
    ByItself,
    /// Connections that came about.
    Reached,
    /// Connections that did not, and what else a program inside causes by asking.
    Refused,
}

impl Part {
    const ALL: [Self; 4] = [Self::Own, Self::ByItself, Self::Reached, Self::Refused];

    /// The newer file's name, and the older one's.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Own => ["activity.jsonl", "activity-older.jsonl"],
            Self::ByItself => ["by-itself.jsonl", "by-itself-older.jsonl"],
            Self::Reached => ["reached.jsonl", "reached-older.jsonl"],
            Self::Refused => ["refused.jsonl", "refused-older.jsonl"],
        }
    }
}

/// A decision of a gateway, to be written down once.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its number in that gateway; they grow.
    pub number: u64,
    /// [`Part::Reached`] or [`Part::Refused`].
    pub part: Part,
    /// What is written down.
    pub entry: ActivityEntry,
}

/// The activity of one sandbox.
#[derive(Debug, Clone)]
pub struct ActivityLog {
    folder: PathBuf,
    most: u64,
}

/// Whose decision a line is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    gateway: String,
    number: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a ActivityEntry,
    #[serde(flatten)]
    origin: Option<&'a Origin>,
}

/// What the end of a part tells.
#[derive(Debug, Default)]
struct End {
    /// Bytes of whole lines in the newer file. What follows them a crash cut short.
    whole: u64,
    /// The last number; 0: none.
    id: u64,
    /// Whose decision came last.
    origin: Option<Origin>,
}

#[derive(Deserialize)]
struct Last {
    #[serde(default)]
    id: u64,
    #[serde(flatten)]
    origin: Option<Origin>,
}

impl ActivityLog {
    /// Of the sandbox that has this folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            most: FILE_MOST,
        }
    }

    /// Adds one entry; gives it with its number. A failure is the caller's to log: history never stops the work.
    pub fn append(&self, part: Part, entry: ActivityEntry) -> Result<ActivityEntry> {
        let _alone = self.alone()?;
        let mut ends = self.ends()?;
        let entry = ActivityEntry {
            id: next_id(&ends),
            ..fitted(entry)
        };
        self.put(part, &mut ends, &[(&entry, None)])?;
        Ok(entry)
    }

    /// Adds what a gateway decided; those that are written down already are passed over. Gives the new ones.
    pub fn append_decisions(
        &self,
        gateway: &str,
        decisions: Vec<Decision>,
    ) -> Result<Vec<ActivityEntry>> {
        let _alone = self.alone()?;
        let mut ends = self.ends()?;
        let mut id = next_id(&ends);
        let mut new = Vec::new();
        for Decision {
            number,
            part,
            entry,
        } in decisions
        {
            let last = ends[part as usize].origin.as_ref();
            if last.is_some_and(|last| last.gateway == gateway && last.number >= number) {
                continue;
            }
            let origin = Origin {
                gateway: gateway.to_owned(),
                number,
            };
            new.push((
                part,
                ActivityEntry {
                    id,
                    ..fitted(entry)
                },
                origin,
            ));
            id += 1;
        }
        for part in [Part::Reached, Part::Refused] {
            let of_part = new.iter().filter(|(one, ..)| *one == part);
            let lines: Vec<_> = of_part
                .map(|(_, entry, origin)| (entry, Some(origin)))
                .collect();
            self.put(part, &mut ends, &lines)?;
        }
        Ok(new.into_iter().map(|(_, entry, _)| entry).collect())
    }

    /// All that is kept, oldest first. Where older entries are not kept any more the first one, of number 0, says so.
    /// What cannot be read as an entry is passed over, and counts as not kept.
    pub fn read(&self) -> Result<Vec<ActivityEntry>> {
        let mut entries = Vec::new();
        for (path, mut file) in self.open_all()? {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .map_err(|source| Error::io("read", &path, source))?;
            let lines = bytes.split(|byte| *byte == b'\n').enumerate();
            entries.extend(lines.filter_map(|(at, line)| {
                let mut entry: ActivityEntry = serde_json::from_slice(line).ok()?;
                if entry.id == 0 {
                    entry.id = by_place(at);
                }
                Some(entry)
            }));
        }
        entries.sort_unstable_by_key(|entry| entry.id);
        entries.dedup_by_key(|entry| entry.id);
        let all = entries.last().map_or(0, |last| last.id);
        let gone = all.saturating_sub(entries.len() as u64);
        if let Some(oldest) = entries.first().filter(|_| gone > 0) {
            entries.insert(0, not_kept(gone, oldest.time, self.most));
        }
        Ok(entries)
    }

    /// Nobody else appends meanwhile.
    fn alone(&self) -> Result<lock::Held> {
        lock::wait(&self.folder.join("activity.lock"))
    }

    /// All files that there are, at one moment: none is renamed meanwhile. They are read after it.
    fn open_all(&self) -> Result<Vec<(PathBuf, File)>> {
        let _alone = self.alone();
        let mut files = Vec::new();
        for name in Part::ALL.iter().flat_map(|part| part.names()) {
            let path = self.folder.join(name);
            match File::open(&path) {
                Ok(file) => files.push((path, file)),
                Err(source) if source.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::io("read", path, source)),
            }
        }
        Ok(files)
    }

    fn ends(&self) -> Result<[End; 4]> {
        let mut ends = <[End; 4]>::default();
        for part in Part::ALL {
            let [newer, older] = part.names().map(|name| self.folder.join(name));
            let end = &mut ends[part as usize];
            *end = end_of(&newer).map_err(|source| Error::io("read", &newer, source))?;
            if end.id == 0 {
                let before = end_of(&older).map_err(|source| Error::io("read", &older, source))?;
                end.id = before.id;
                end.origin = before.origin;
            }
        }
        Ok(ends)
    }

    /// Writes lines at the end of a part, as a whole or not at all.
    fn put(
        &self,
        part: Part,
        ends: &mut [End; 4],
        lines: &[(&ActivityEntry, Option<&Origin>)],
    ) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let end = &mut ends[part as usize];
        let [newer, older] = part.names().map(|name| self.folder.join(name));
        let fail = |source| Error::io("write", &newer, source);
        let mut bytes = Vec::new();
        for (entry, origin) in lines {
            let line = Line {
                entry,
                origin: *origin,
            };
            serde_json::to_writer(&mut bytes, &line).map_err(|error| fail(error.into()))?;
            bytes.push(b'\n');
        }
        if end.whole > 0 && end.whole + bytes.len() as u64 > self.most {
            fs::rename(&newer, &older).map_err(fail)?;
            end.whole = 0;
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&newer)
            .map_err(fail)?;
        // What a crash cut short would spoil the next line too.
        file.set_len(end.whole).map_err(fail)?;
        file.write_all(&bytes).map_err(|source| {
            let _ = file.set_len(end.whole);
            fail(source)
        })
    }
}

fn next_id(ends: &[End]) -> u64 {
    ends.iter().map(|end| end.id).max().unwrap_or(0) + 1
}

/// Lines of before numbers were written down have that of their place.
fn by_place(line: usize) -> u64 {
    line as u64 + 1
}

fn not_kept(count: u64, time: i64, most: u64) -> ActivityEntry {
    ActivityEntry {
        id: 0,
        time,
        kind: ActivityKind::Removed,
        what: "Older entries are not kept".to_owned(),
        decision: None,
        detail: format!(
            "{count} so far: the newest {} are kept of what you did, of snapshots taken by themselves, of sites \
             that were reached, and of those that were not, each apart",
            Size(most)
        ),
        subject: None,
    }
}

/// With texts that fit.
fn fitted(mut entry: ActivityEntry) -> ActivityEntry {
    for text in [&mut entry.what, &mut entry.detail] {
        if text.len() > TEXT_MOST {
            text.truncate(text.floor_char_boundary(TEXT_MOST));
            text.push('\u{2026}');
        }
    }
    entry
}

/// Reads from the end as much as it takes for the last line that can be read.
fn end_of(path: &Path) -> io::Result<End> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(End::default()),
        Err(source) => return Err(source),
    };
    let length = file.metadata()?.len();
    let mut taken = END.min(length);
    loop {
        file.seek(SeekFrom::Start(length - taken))?;
        let mut bytes = Vec::new();
        (&mut file).take(taken).read_to_end(&mut bytes)?;
        let all = taken == length;
        let mut lines = bytes.split(|byte| *byte == b'\n').rev();
        let cut = lines.next().map_or(0, <[u8]>::len);
        // The first one that was read may be the end of a longer one.
        let whole_lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let readable = if all {
            whole_lines
        } else {
            whole_lines.saturating_sub(1)
        };
        let last = lines
            .take(readable)
            .find_map(|line| serde_json::from_slice::<Last>(line).ok());
        match last {
            Some(last) if last.id > 0 => {
                return Ok(End {
                    whole: length - cut as u64,
                    id: last.id,
                    origin: last.origin,
                });
            }
            _ if all => {
                return Ok(End {
                    whole: if whole_lines == 0 {
                        0
                    } else {
                        length - cut as u64
                    },
                    id: last.map_or(0, |_| whole_lines as u64),
                    origin: None,
                });
            }
            _ => taken = (taken * 8).min(length),
        }
    }
}

#[cfg(test)]
mod tests;
