//! The home folder in a snapshot: taken from a stream of records into the store, and put back by one.
//!
//! The stream comes from a guest of ours, about files of the agent's. It is read as if the agent had written
//! it: every order, number and length is checked, and whatever is wrong with it, nothing is kept.

pub(crate) mod put;
pub(crate) mod take;

#[cfg(test)]
mod tests;

use std::io;

use sandbox_protocol::FrameError;
use sandbox_protocol::home::RecordError;
use sandbox_workspace::{StoreError, WorkspacePath};

/// What one home may hold at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of all paths, targets and reasons: they are held in memory.
    pub names: u64,
    /// Places that could not be read.
    pub unreadable: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: sandbox_protocol::home::MAX_ENTRIES,
            bytes: 256 << 30,
            names: 512 << 20,
            unreadable: 10_000,
        }
    }
}

/// Bytes that stay free where the store lies.
pub(crate) const KEEP_FREE: u64 = 512 << 20;

/// Why a home was not taken or not put back.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The stream ended before it was whole.
    #[error("the stream of the home folder broke off")]
    BrokenOff,
    /// The stream is not one of a home folder.
    #[error("the stream of the home folder is not what it must be: {0}")]
    Wrong(String),
    /// More than one home may hold.
    #[error("the home folder is larger than a snapshot can hold: {0}")]
    TooLarge(String),
    /// The disk of the store, or of the container engine, would be full.
    #[error("there is no room for the home folder {place}")]
    NoRoom {
        /// Where, as part of a sentence.
        place: &'static str,
    },
    /// Part of it could not be read, so that what is there could not be had back.
    #[error("{path} in the home folder could not be read ({reason}), so nothing was put back")]
    Unreadable {
        /// The first of them.
        path: String,
        /// Why.
        reason: String,
    },
    /// A content cannot be kept.
    #[error("the home folder cannot be kept: {0}")]
    Keep(io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FrameError> for HomeError {
    fn from(error: FrameError) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<RecordError> for HomeError {
    fn from(error: RecordError) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl HomeError {
    fn wrong(what: &str) -> Self {
        Self::Wrong(what.to_owned())
    }

    /// Whether a disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoRoom { .. } => true,
            Self::Keep(error) => crate::error::is_full(error),
            Self::Store(error) => error.is_full(),
            _ => false,
        }
    }
}

/// A path as the user would write it.
pub(crate) fn words(path: &WorkspacePath) -> String {
    format!("~/{path}")
}
