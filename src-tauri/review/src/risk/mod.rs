//! Changes that would act on the user's machine once copied out, or that hide something.
//!
//! An agent that can write the inputs of other programs was never in a sandbox (SECURITY R8, §1.3).
//! Such files are shown, set apart, and never part of "all"; `.git` is never copied out at all (R3).

mod content;
mod hidden;
mod manifest;
mod names;
mod pattern;
mod secrets;
mod table;

pub use content::{by_beginning, by_content};
pub(crate) use names::folded;
pub use names::{is_git, is_git_internal, refusal};
pub use table::{Rule, TABLE};

use sandbox_workspace::{Entry, EntryKind, WorkspacePath};
use serde::{Deserialize, Serialize};

use crate::Change;
use crate::diff::LARGEST;

/// What a risky file can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A program runs it without being asked to, for instance when the folder is opened.
    RunsByItself,
    /// Runs when the project is built, tested or installed.
    RunsOnBuild,
    /// Tells other agents what to do.
    SteersAgents,
    /// Can be started like a program.
    Executable,
    /// A link that leads out of the folder.
    EscapingLink,
    /// Has characters that do not show, or change how others are shown.
    HiddenCharacters,
    /// Seems to hold a key or password.
    Secret,
}

/// One reason to look twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What it can do.
    pub class: Class,
    /// In plain words.
    pub reason: String,
    /// What matched: a pattern of the table, or a place in the content.
    pub pattern: String,
}

impl Risk {
    pub(crate) fn new(class: Class, reason: &str, pattern: &str) -> Self {
        Self {
            class,
            reason: reason.to_owned(),
            pattern: pattern.to_owned(),
        }
    }
}

impl Class {
    /// The name in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Self::RunsByItself => "runs_by_itself",
            Self::RunsOnBuild => "runs_on_build",
            Self::SteersAgents => "steers_agents",
            Self::Executable => "executable",
            Self::EscapingLink => "escaping_link",
            Self::HiddenCharacters => "hidden_characters",
            Self::Secret => "secret",
        }
    }
}

/// Why a change may never be copied out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Belongs to git, in some spelling of `.git`.
    Git,
    /// Was rewritten when the folder was handed over: the project's own file is the real one.
    Ours,
    /// The whole workspace was emptied at once.
    Emptied,
}

impl Refusal {
    /// In plain words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Git => "Belongs to git, which runs programs named in it. Never copied out.",
            Self::Ours => {
                "Was filled with stand-ins when the folder was handed over. Your own file stays."
            }
            Self::Emptied => {
                "The whole workspace was emptied. Reset it; nothing of it is copied out."
            }
        }
    }
}

/// Risks that names and attributes show. A deletion has none.
pub fn by_name(change: &Change) -> Vec<Risk> {
    let Some(to) = &change.to else {
        return Vec::new();
    };
    let mut risks: Vec<Risk> = pattern::matches(&change.path)
        .filter(|rule| !rule.by_content || is_unread(to))
        .map(|rule| Risk::new(rule.class, rule.reason, rule.pattern))
        .collect();
    match &to.kind {
        EntryKind::Symlink { target } => risks.extend(link(&change.path, target)),
        EntryKind::File { .. } if to.mode & 0o111 != 0 => {
            let before = change.from.as_ref();
            let was = before.is_some_and(|from| {
                matches!(from.kind, EntryKind::File { .. }) && from.mode & 0o111 != 0
            });
            if !was {
                risks.push(Risk::new(
                    Class::Executable,
                    "Becomes a program that can be started.",
                    "executable bit",
                ));
            }
        }
        _ => {}
    }
    risks
}

/// Whether no content is looked at: a link's is elsewhere, and a very large one is not read.
fn is_unread(entry: &Entry) -> bool {
    match &entry.kind {
        EntryKind::File { size, .. } => *size > LARGEST,
        EntryKind::Symlink { .. } => true,
        EntryKind::Dir | EntryKind::Unsupported(_) => false,
    }
}

fn link(path: &WorkspacePath, target: &[u8]) -> Option<Risk> {
    if leaves(path, target) {
        return Some(Risk::new(
            Class::EscapingLink,
            "The link leads out of the folder: what is written through it lands elsewhere.",
            "link",
        ));
    }
    let into_git = target.split(|b| matches!(b, b'/' | b'\\')).any(is_git);
    into_git.then(|| {
        Risk::new(
            Class::RunsByItself,
            "The link leads into git's own folder.",
            "link",
        )
    })
}

/// Whether a link at `path` points to an absolute place or above the root, by its text alone.
pub fn leaves(path: &WorkspacePath, target: &[u8]) -> bool {
    let windows_absolute = matches!(target, [b'\\', ..] | [_, b':', ..]);
    if target.is_empty() || target.starts_with(b"/") || windows_absolute {
        return true;
    }
    let mut depth = path.components().count() - 1;
    for component in target.split(|b| matches!(b, b'/' | b'\\')) {
        match component {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return true,
            },
            // What lies below may itself be a link; the exact place is not ours to follow.
            _ => depth += 1,
        }
    }
    false
}
