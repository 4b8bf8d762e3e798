//! What sandboxes may reach: rules, presets, and the connection to each gateway, which decides.

pub(crate) mod here;
pub(crate) mod link;
pub mod presets;
pub mod rules;
pub(crate) mod streams;
pub mod upstream;

pub use sandbox_protocol::egress::{Answer, Ask, PATIENCE};
pub use sandbox_protocol::policy::UNSEEN_PORT;

pub use here::near;
