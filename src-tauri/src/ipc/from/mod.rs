//! From what the crates below say to what crosses to the window. Every field is taken apart by name, so that a
//! new one is a compile error here and not a silence in the window.

mod changes;
mod copyout;
mod diff;
mod disk_use;
mod error;
mod filters;
mod handover;
mod merge;
mod path;
mod record;
mod terminal;

pub use diff::{file_diff, unchanged};
pub use error::sentence;
pub use handover::{folder_images, goes_in, remembered, rules, warnings};
pub use merge::pieces;
pub use path::BadPath;
pub use record::chosen;

/// A count for the window; more than four thousand million is as good as infinite.
pub(super) fn count(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}
