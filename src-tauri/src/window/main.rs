//! The window: translates between the page and the engine, and decides nothing.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod ask;
mod clipboard;
mod commands;
mod drops;
mod environment;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the terminal commands follow with the engine")
)]
mod flow;
mod open;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the long commands follow with the engine")
)]
mod operations;
mod state;
mod subscriptions;
mod tray;

fn main() {
    #[cfg(target_os = "linux")]
    environment::spare_nvidia();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    if let Err(error) = open::run(environment::Environment::read()) {
        eprintln!("agent-sandbox-window: {error}");
        std::process::exit(1);
    }
}
