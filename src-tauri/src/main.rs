//! The command line. Without a verb it becomes the window, the binary beside it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match agent_sandbox::cli::run(std::env::args_os()) {
        Some(code) => code,
        None => open_window(),
    }
}

/// Comes back only if it could not be started.
fn open_window() -> ExitCode {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join("agent-sandbox-window")))
        .filter(|path| path.exists());
    let Some(window) = beside else {
        eprintln!(
            "agent-sandbox: the window (agent-sandbox-window) is not installed beside this program. \
             Everything works from here too: agent-sandbox --help"
        );
        return ExitCode::FAILURE;
    };
    let error = Command::new(&window)
        .args(std::env::args_os().skip(1))
        .exec();
    eprintln!(
        "agent-sandbox: could not open {}: {error}",
        window.display()
    );
    ExitCode::FAILURE
}
