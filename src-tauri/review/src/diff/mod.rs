//! The difference of one file's contents, in the units a person accepts or rejects.
//!
//! Hunks are computed once, here, from the bytes; the window and the command line only draw them, and
//! [`crate::decisions`] takes them apart by the same ids.

mod hunks;
mod image;
mod made_by;
mod sides;
mod words;

pub use hunks::{Hunk, HunkId, Line, LineKind, TextDiff};
pub use image::{ImageSide, dimensions};
pub use made_by::MadeBy;
pub use sides::{LARGEST, Side, Sides};

use sandbox_workspace::{BlobSource, EntryKind};

use crate::text::{Encoding, Eol};
use crate::{Change, ReviewError};

/// What is shown of one change.
#[derive(Debug)]
pub struct Diff {
    /// The contents.
    pub body: FileDiff,
    /// What is said above them.
    pub notes: Vec<Note>,
    /// The program that wrote the text, where no person did.
    pub made_by: Option<MadeBy>,
}

/// The contents of one change, by what they are.
#[derive(Debug)]
pub enum FileDiff {
    /// Lines.
    Text(Box<TextDiff>),
    /// A picture on at least one side.
    Image {
        /// Before.
        old: Option<ImageSide>,
        /// After.
        new: Option<ImageSide>,
    },
    /// Neither text nor a picture; sizes in bytes.
    Binary {
        /// Before.
        old: Option<BinarySide>,
        /// After.
        new: Option<BinarySide>,
    },
    /// More than [`LARGEST`] bytes: only as a whole.
    TooLarge {
        /// Size before.
        old: Option<u64>,
        /// Size after.
        new: Option<u64>,
    },
    /// The target of a link.
    Symlink {
        /// Before.
        old: Option<Vec<u8>>,
        /// After.
        new: Option<Vec<u8>>,
        /// Whether the new target is absolute or leaves the folder.
        leaves: bool,
    },
    /// Nothing but the notes: mode, kind, a folder.
    Facts,
}

/// One side of a file that is not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinarySide {
    /// Bytes.
    pub size: u64,
    /// The kind of content by its first bytes, as a media type.
    pub media_type: Option<&'static str>,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

/// Something to say above a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Permission bits differ.
    Mode {
        /// Before.
        old: u32,
        /// After.
        new: u32,
    },
    /// Another kind of entry now.
    Kind {
        /// Before.
        old: crate::ChangeKind,
        /// After.
        new: crate::ChangeKind,
    },
    /// Line endings differ.
    Eol {
        /// Before.
        old: Eol,
        /// After.
        new: Eol,
    },
    /// Another encoding.
    Encoding {
        /// Before.
        old: &'static str,
        /// After.
        new: &'static str,
    },
    /// The last line lost its line ending.
    FinalNewlineLost,
    /// The last line got a line ending.
    FinalNewlineAdded,
    /// The search for equal lines was cut short or not begun.
    Coarse,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mode { old, new } => write!(f, "Mode {old:03o} → {new:03o}"),
            Self::Kind { old, new } => {
                write!(f, "Was {}, is now {}", words_of(*old), words_of(*new))
            }
            Self::Eol { old, new } => {
                write!(
                    f,
                    "Line endings change from {} to {}",
                    old.name(),
                    new.name()
                )
            }
            Self::Encoding { old, new } => write!(f, "Encoding changes from {old} to {new}"),
            Self::FinalNewlineLost => f.write_str("The last line no longer ends with a newline"),
            Self::FinalNewlineAdded => f.write_str("The last line now ends with a newline"),
            Self::Coarse => f.write_str("Too different to compare line by line in time"),
        }
    }
}

fn words_of(kind: crate::ChangeKind) -> &'static str {
    match kind {
        crate::ChangeKind::File => "a file",
        crate::ChangeKind::Dir => "a folder",
        crate::ChangeKind::Symlink => "a link",
        crate::ChangeKind::Special => "a special file",
    }
}

/// The diff of one change.
pub fn of(change: &Change, blobs: &dyn BlobSource) -> Result<Diff, ReviewError> {
    let mut notes = facts(change);
    let mut made_by = None;
    let (from, to) = (kind(&change.from), kind(&change.to));
    let body = match (from, to) {
        (Some(EntryKind::File { .. }), Some(EntryKind::File { .. }) | None)
        | (None, Some(EntryKind::File { .. })) => {
            contents(change, blobs, &mut notes, &mut made_by)?
        }
        (Some(EntryKind::Symlink { .. }) | None, Some(EntryKind::Symlink { .. }))
        | (Some(EntryKind::Symlink { .. }), None) => link(change),
        // Another kind: what is there now is what matters.
        (_, Some(EntryKind::File { .. })) => contents(change, blobs, &mut notes, &mut made_by)?,
        (_, Some(EntryKind::Symlink { .. })) => link(change),
        _ => FileDiff::Facts,
    };
    Ok(Diff {
        body,
        notes,
        made_by,
    })
}

fn kind(entry: &Option<sandbox_workspace::Entry>) -> Option<&EntryKind> {
    entry.as_ref().map(|entry| &entry.kind)
}

fn facts(change: &Change) -> Vec<Note> {
    let mut notes = Vec::new();
    if let (Some(from), Some(to)) = (&change.from, &change.to) {
        let (old, new) = (
            crate::ChangeKind::of_entry(from),
            crate::ChangeKind::of_entry(to),
        );
        if old != new {
            notes.push(Note::Kind { old, new });
        } else if from.mode & 0o777 != to.mode & 0o777 {
            notes.push(Note::Mode {
                old: from.mode & 0o777,
                new: to.mode & 0o777,
            });
        }
    }
    notes
}

fn link(change: &Change) -> FileDiff {
    let target = |entry: &Option<sandbox_workspace::Entry>| match kind(entry) {
        Some(EntryKind::Symlink { target }) => Some(target.clone()),
        _ => None,
    };
    let new = target(&change.to);
    FileDiff::Symlink {
        old: target(&change.from),
        leaves: new
            .as_ref()
            .is_some_and(|target| crate::risk::leaves(&change.path, target)),
        new,
    }
}

fn contents(
    change: &Change,
    blobs: &dyn BlobSource,
    notes: &mut Vec<Note>,
    made_by: &mut Option<MadeBy>,
) -> Result<FileDiff, ReviewError> {
    let sides = Sides::read(change, blobs)?;
    let size = |entry: &Option<sandbox_workspace::Entry>| match kind(entry) {
        Some(EntryKind::File { size, .. }) => Some(*size),
        _ => None,
    };
    if matches!(sides.old, Side::TooLarge) || matches!(sides.new, Side::TooLarge) {
        return Ok(FileDiff::TooLarge {
            old: size(&change.from),
            new: size(&change.to),
        });
    }
    let (old, new) = (sides.old.bytes(), sides.new.bytes());
    let images = [old, new].map(|side| side.and_then(ImageSide::of));
    if images.iter().any(Option::is_some) {
        let [old, new] = images;
        return Ok(FileDiff::Image { old, new });
    }
    let encodings = [old, new].map(|side| side.map(Encoding::detect));
    let [old_encoding, new_encoding] = match encodings {
        [Some(Some(a)), Some(Some(b))] => [a, b],
        [Some(Some(a)), None] | [None, Some(Some(a))] => [a, a],
        _ => return Ok(binary(old, new)),
    };
    *made_by = made_by::made_by(&change.path, old);
    let text = TextDiff::new(&sides, old_encoding, new_encoding);
    text.notes(notes);
    Ok(FileDiff::Text(Box::new(text)))
}

fn binary(old: Option<&[u8]>, new: Option<&[u8]>) -> FileDiff {
    let side = |bytes: &[u8]| BinarySide {
        size: bytes.len() as u64,
        media_type: infer::get(bytes).map(|kind| kind.mime_type()),
        hash: sandbox_workspace::BlobId::of(bytes).to_hex(),
    };
    FileDiff::Binary {
        old: old.map(side),
        new: new.map(side),
    }
}
