//! The window: translates between the page and the engine, and decides nothing.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod ask;
mod at_login;
mod clipboard;
mod closing;
mod commands;
mod desk;
mod drops;
mod environment;
mod failed;
mod feed;
mod flow;
mod keeping;
mod notices;
mod open;
mod operations;
mod pace;
mod sample;
mod state;
mod subscriptions;
mod tray;
mod turns;

fn main() {
    #[cfg(target_os = "linux")]
    environment::spare_nvidia();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let environment = environment::Environment::read();
    let engine = match open_engine(&environment) {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("agent-sandbox-window: {error}");
            failed::show(&*error);
            std::process::exit(1);
        }
    };
    if let Err(error) = open::run(environment, desk::Desk::new(engine)) {
        eprintln!("agent-sandbox-window: {error}");
        std::process::exit(1);
    }
}

fn open_engine(
    environment: &environment::Environment,
) -> Result<sandbox_engine::Engine, Box<dyn std::error::Error>> {
    let config = agent_sandbox::host::config(environment.data_dir.clone())?;
    Ok(sandbox_engine::Engine::open(config)?)
}
