//! What a folder held at one moment: the result of a scan, the content of a snapshot.

use serde::{Deserialize, Serialize};

use crate::path::WorkspacePath;

/// The blake3 hash of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub [u8; 32]);

/// A point in time as the file system keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileTime {
    /// Seconds since 1970, before it negative.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

impl FileTime {
    /// Whole milliseconds since 1970, before it negative.
    pub fn milliseconds(self) -> i64 {
        let of_second = i64::from(self.nanos / 1_000_000);
        self.seconds.saturating_mul(1000).saturating_add(of_second)
    }
}

/// What an entry is, with what makes two of a kind differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Its content.
        blob: BlobId,
        /// Length in bytes.
        size: u64,
    },
    /// A folder.
    Dir,
    /// A symbolic link; the target is kept as bytes and never followed.
    Symlink {
        /// Where it points, verbatim.
        target: Vec<u8>,
    },
    /// A FIFO, socket or device: recorded, never opened, never copied, never proposed as a deletion.
    Unsupported(Special),
}

/// Kinds of entry that are recorded and otherwise left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Special {
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
    Unknown,
}

/// One path of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it lies.
    pub path: WorkspacePath,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, `0o7777`; for a symbolic link always `0o777`.
    pub mode: u32,
    /// Modification time.
    pub mtime: FileTime,
}

/// A part of the folder that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Where; `None` is the root itself.
    pub path: Option<WorkspacePath>,
    /// Why, in words.
    pub reason: String,
}

/// Every path below a root, sorted by path, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: Vec<Entry>,
    /// What could not be read or kept changing. Anything here, and anything below it, is *unknown*:
    /// it is never taken for deleted, and a tree with it never drives a deletion there.
    pub unreadable: Vec<Unreadable>,
    /// Files that changed while they were read without a pause ("torn"); sorted.
    pub torn: Vec<WorkspacePath>,
}

impl Tree {
    /// Takes entries in any order; of two with the same path the later one stays.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        if entries.is_sorted_by(|a, b| a.path < b.path) {
            return Self::from_sorted(entries);
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.reverse();
        entries.dedup_by(|a, b| a.path == b.path);
        entries.reverse();
        Self {
            entries,
            ..Self::default()
        }
    }

    /// Takes entries that are in order, each path once.
    pub(crate) fn from_sorted(entries: Vec<Entry>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.path < b.path));
        Self {
            entries,
            ..Self::default()
        }
    }

    /// All entries, sorted by path: a folder directly before what lies in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`.
    pub fn get(&self, path: &WorkspacePath) -> Option<&Entry> {
        self.entries
            .binary_search_by(|e| e.path.cmp(path))
            .ok()
            .map(|at| &self.entries[at])
    }

    /// What lies below `folder`, without it.
    pub fn below(&self, folder: &WorkspacePath) -> &[Entry] {
        let from = self.entries.partition_point(|e| e.path <= *folder);
        let len = self.entries[from..].partition_point(|e| e.path.starts_with(folder));
        &self.entries[from..from + len]
    }

    /// Whether everything below the root was read.
    pub fn is_complete(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// Whether this tree can say if something is at `path`: false at and below what could not be read.
    pub fn knows(&self, path: &WorkspacePath) -> bool {
        !self.unreadable.iter().any(|u| match &u.path {
            None => true,
            Some(unread) => path.starts_with(unread),
        })
    }

    /// Number of files and their bytes together.
    pub fn totals(&self) -> (u64, u64) {
        self.entries
            .iter()
            .fold((0, 0), |(files, bytes), e| match e.kind {
                EntryKind::File { size, .. } => (files + 1, bytes + size),
                _ => (files, bytes),
            })
    }

    /// The entries, to be changed and made into a new tree.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

impl BlobId {
    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut out, b| {
            use std::fmt::Write;
            let _ = write!(out, "{b:02x}");
            out
        })
    }

    /// Reads what [`Self::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut id = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Self(id))
    }

    /// The hash of these bytes.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

impl std::fmt::Debug for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}…", &self.to_hex()[..12])
    }
}

impl Serialize for BlobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("not a blake3 hash in hexadecimal"))
    }
}
