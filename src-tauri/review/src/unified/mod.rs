//! A change as `git diff` prints it, byte for byte, so that `git apply` takes it.

mod binary;
mod quote;

pub use quote::quoted;

use sandbox_workspace::{BlobSource, Entry, EntryKind, WorkspacePath};

use crate::diff::{Side, TextDiff};
use crate::{Change, ReviewError, Status, sha1, text};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// To be read: `Binary files … differ`.
    #[default]
    Readable,
    /// To be applied: binary contents are in it (`git diff --binary`).
    Patch,
}

/// One side as git sees it.
struct Blob {
    mode: u32,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    /// Too large to compare; the bytes are not read.
    TooLarge(String),
}

/// Appends one change. Folders and special files are not in git's world and print nothing.
pub fn write(
    change: &Change,
    blobs: &dyn BlobSource,
    form: Form,
    out: &mut Vec<u8>,
) -> Result<(), ReviewError> {
    let old_path = change.old_path.as_ref().unwrap_or(&change.path);
    let old = blob(old_path, change.from.as_ref(), blobs)?;
    let new = blob(&change.path, change.to.as_ref(), blobs)?;
    match (old, new) {
        // A file that became a link, or the other way round: gone, and new.
        (Some(old), Some(new)) if old.mode & 0o170_000 != new.mode & 0o170_000 => {
            file(old_path, &change.path, Some(&old), None, form, out);
            file(old_path, &change.path, None, Some(&new), form, out);
        }
        (None, None) => {}
        (old, new) => file(
            old_path,
            &change.path,
            old.as_ref(),
            new.as_ref(),
            form,
            out,
        ),
    }
    Ok(())
}

/// All of these changes, in their order.
pub fn patch(
    changes: &[Change],
    blobs: &dyn BlobSource,
    form: Form,
) -> Result<Vec<u8>, ReviewError> {
    let mut out = Vec::new();
    for change in changes {
        write(change, blobs, form, &mut out)?;
    }
    Ok(out)
}

fn blob(
    path: &WorkspacePath,
    entry: Option<&Entry>,
    blobs: &dyn BlobSource,
) -> Result<Option<Blob>, ReviewError> {
    let Some(entry) = entry else { return Ok(None) };
    Ok(match &entry.kind {
        EntryKind::File { blob, .. } => Some(Blob {
            mode: if entry.mode & 0o100 != 0 {
                0o100_755
            } else {
                0o100_644
            },
            content: match Side::read(path, Some(entry), blobs)? {
                Side::Bytes(bytes) => Content::Bytes(bytes),
                Side::None | Side::TooLarge => Content::TooLarge(blob.to_hex()),
            },
        }),
        EntryKind::Symlink { target } => Some(Blob {
            mode: 0o120_000,
            content: Content::Bytes(target.clone()),
        }),
        EntryKind::Dir | EntryKind::Unsupported(_) => None,
    })
}

impl Content {
    fn name(&self) -> String {
        match self {
            Self::Bytes(bytes) => sha1::git_blob(bytes),
            Self::TooLarge(hash) => hash[..40].to_owned(),
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::TooLarge(_) => None,
        }
    }
}

const NONE: &str = "0000000000000000000000000000000000000000";

fn file(
    old_path: &WorkspacePath,
    new_path: &WorkspacePath,
    old: Option<&Blob>,
    new: Option<&Blob>,
    form: Form,
    out: &mut Vec<u8>,
) {
    let (a, b) = (
        quoted(b"a/", old_path.as_bytes()),
        quoted(b"b/", new_path.as_bytes()),
    );
    let names = [old, new].map(|side| side.map_or_else(|| NONE.to_owned(), |s| s.content.name()));
    let same = names[0] == names[1];
    let mode_differs = old.zip(new).is_some_and(|(old, new)| old.mode != new.mode);
    let renamed = old_path != new_path && old.is_some() && new.is_some();
    if same && !mode_differs && !renamed {
        return;
    }
    line(out, &[b"diff --git ", &a, b" ", &b]);
    match (old, new) {
        (None, Some(new)) => line(out, &[format!("new file mode {:06o}", new.mode).as_bytes()]),
        (Some(old), None) => line(
            out,
            &[format!("deleted file mode {:06o}", old.mode).as_bytes()],
        ),
        (Some(old), Some(new)) if mode_differs => {
            line(out, &[format!("old mode {:06o}", old.mode).as_bytes()]);
            line(out, &[format!("new mode {:06o}", new.mode).as_bytes()]);
        }
        _ => {}
    }
    if renamed {
        rename(old_path, new_path, old, new, out);
    }
    if same {
        return;
    }
    let bytes = [old, new].map(|side| side.map(|side| side.content.bytes()));
    let too_large = bytes.contains(&Some(None));
    let [old_bytes, new_bytes] = bytes.map(|side| side.flatten().unwrap_or_default());
    let is_binary = too_large || text::is_binary(old_bytes) || text::is_binary(new_bytes);
    let whole = is_binary && form == Form::Patch && !too_large;
    let short = if whole { 40 } else { 7 };
    let mode = match (old, new) {
        (Some(old), Some(_)) if !mode_differs => format!(" {:06o}", old.mode),
        _ => String::new(),
    };
    let index = format!("index {}..{}{mode}", &names[0][..short], &names[1][..short]);
    line(out, &[index.as_bytes()]);
    let none = b"/dev/null".to_vec();
    let (a, b) = (
        if old.is_some() { a } else { none.clone() },
        if new.is_some() { b } else { none },
    );
    if whole {
        binary::write(old_bytes, new_bytes, out);
    } else if is_binary {
        line(out, &[b"Binary files ", &a, b" and ", &b, b" differ"]);
    } else {
        hunks(&TextDiff::of_bytes(old_bytes, new_bytes), &a, &b, out);
    }
}

fn rename(
    old_path: &WorkspacePath,
    new_path: &WorkspacePath,
    old: Option<&Blob>,
    new: Option<&Blob>,
    out: &mut Vec<u8>,
) {
    let percent = match [old, new].map(|side| side.and_then(|side| side.content.bytes())) {
        [Some(old), Some(new)] => crate::changes::percent(old, new),
        _ => 100,
    };
    line(out, &[format!("similarity index {percent}%").as_bytes()]);
    line(out, &[b"rename from ", &quoted(b"", old_path.as_bytes())]);
    line(out, &[b"rename to ", &quoted(b"", new_path.as_bytes())]);
}

fn hunks(diff: &TextDiff, a: &[u8], b: &[u8], out: &mut Vec<u8>) {
    if diff.hunk_count() == 0 {
        return;
    }
    // Git ends a name with a space in it by a tab, for the sake of other tools.
    let end = |name: &[u8]| -> &[u8] { if name.contains(&b' ') { b"\t" } else { b"" } };
    line(out, &[b"--- ", a, end(a)]);
    line(out, &[b"+++ ", b, end(b)]);
    for hunk in 0..diff.hunk_count() {
        let (old, new) = diff.extent(hunk);
        let place = |range: &std::ops::Range<usize>| {
            let start = range.start + usize::from(!range.is_empty());
            if range.len() == 1 {
                format!("{start}")
            } else {
                format!("{start},{}", range.len())
            }
        };
        out.extend_from_slice(format!("@@ -{} +{} @@", place(&old), place(&new)).as_bytes());
        if let Some(heading) = diff.heading(old.start) {
            out.push(b' ');
            out.extend_from_slice(heading.trim_ascii_end());
        }
        out.push(b'\n');
        let mut at = old.start;
        for block in diff.group(hunk) {
            (at..block.old.start).for_each(|l| marked(b' ', diff.old.get(l), out));
            block
                .old
                .clone()
                .for_each(|l| marked(b'-', diff.old.get(l), out));
            block
                .new
                .clone()
                .for_each(|l| marked(b'+', diff.new.get(l), out));
            at = block.old.end;
        }
        (at..old.end).for_each(|l| marked(b' ', diff.old.get(l), out));
    }
}

fn marked(mark: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(mark);
    out.extend_from_slice(content);
    if !content.ends_with(b"\n") {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'\n');
}

/// Whether git would print anything for this change.
pub fn is_printed(change: &Change) -> bool {
    let prints = |entry: &Option<Entry>| {
        entry.as_ref().is_some_and(|entry| {
            matches!(
                entry.kind,
                EntryKind::File { .. } | EntryKind::Symlink { .. }
            )
        })
    };
    let executable = |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.mode & 0o100 != 0);
    (prints(&change.from) || prints(&change.to))
        && (change.status != Status::Mode || executable(&change.from) != executable(&change.to))
}
