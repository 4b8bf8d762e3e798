//! The terminal that this program was started in.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Endings, Quiet, Raw, check, resizes, size};
#[cfg(windows)]
pub use windows::{Endings, Quiet, Raw, check, resizes, size};
