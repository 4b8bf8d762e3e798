//! One folder and one name, as each system does it. The same functions on each; arguments are checked already.

#[cfg(unix)]
pub(super) mod resolve;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::*;
#[cfg(windows)]
pub(super) use windows::*;

/// What a move does where something is at its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rename {
    /// Fails.
    NoReplace,
    /// Swaps the two, at once.
    Exchange,
    /// Replaces it.
    Replace,
}
