//! The engine's container part on a real engine: finding it, the contract, commands, the fence, events.
#![allow(clippy::unwrap_used)]

mod apart;
mod building;
mod connect;
mod contract;
mod events;
mod exec;
mod fence;
mod full_disk;
mod home;
mod house;
mod housekeeping;
mod lifecycle;
mod local_service;
mod log_ins;
mod preview;
mod readings;
mod restart;
mod room;
mod second_daemon;
mod table;
