//! The engine: sandboxes, containers, terminals, images, network. The window and the command line are
//! two faces of it.
//!
//! Async on tokio, cancellable, with progress; reads no environment and no home folder by itself: paths,
//! the container engine's endpoints, the user and the clock are constructor arguments. State on disk and
//! container labels are the truth, so the app can be killed at any time and adopts what runs.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod agents;
pub mod credentials;
pub mod docker;
pub mod error;
pub mod event;
mod home;
pub mod ids;
pub mod image;
pub mod network;
pub mod operation;
pub mod preview;
pub mod sandbox;
pub mod state;
pub mod terminal;

pub use error::{Code, Error, Result};
pub use ids::SandboxId;
pub use operation::{Operation, Phase};
pub use sandbox::{Config, Engine};
