//! The window: translates between the page and the engine, and decides nothing.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod ask;
mod clipboard;
mod closing;
mod commands;
mod desk;
mod drops;
mod environment;
mod feed;
mod flow;
mod notices;
mod open;
mod operations;
mod sample;
mod save;
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
    let environment = environment::Environment::read();
    if let Err(error) = run(environment) {
        eprintln!("agent-sandbox-window: {error}");
        std::process::exit(1);
    }
}

fn run(environment: environment::Environment) -> Result<(), Box<dyn std::error::Error>> {
    let config = agent_sandbox::host::config(environment.data_dir.clone())?;
    let engine = sandbox_engine::Engine::open(config)?;
    Ok(open::run(environment, desk::Desk::new(engine))?)
}
