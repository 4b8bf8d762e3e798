//! The terminal that this program was started in.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Raw, asked_to_end, check, resizes, size};
#[cfg(windows)]
pub use windows::{Raw, asked_to_end, check, resizes, size};
