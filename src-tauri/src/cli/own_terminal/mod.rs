//! The terminal that this program was started in.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Quiet, Raw, asked_to_end, check, resizes, size};
#[cfg(windows)]
pub use windows::{Quiet, Raw, asked_to_end, check, resizes, size};
