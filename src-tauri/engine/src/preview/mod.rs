//! A page that a sandbox serves, seen in the user's own browser (SECURITY §3.13).
//!
//! The page is the agent's: in the browser it could reach what the sandbox cannot. So it is served by a proxy of
//! ours on a name of its own, which lets in only the browser that was sent there, and tells that browser to
//! load nothing beyond the page itself and the sandbox's approved sites. What stays open, a link that is
//! followed or a page that goes elsewhere by itself, is said where a preview is opened.

mod answer;
mod callback;
mod door;
mod forward;
mod server;

pub use server::{Kind, Preview, SiteRules};
