//! The command line. Without a verb it becomes the window, the binary beside it.

use std::io;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match agent_sandbox::cli::run(std::env::args_os()) {
        Some(code) => code,
        None => open_window(),
    }
}

fn open_window() -> ExitCode {
    let name = format!("agent-sandbox-window{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(name)))
        .filter(|path| path.exists());
    let Some(window) = beside else {
        eprintln!(
            "agent-sandbox: the window (agent-sandbox-window) is not installed beside this program. \
             Everything works from here too: agent-sandbox --help"
        );
        return ExitCode::FAILURE;
    };
    match become_it(Command::new(&window).args(std::env::args_os().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "agent-sandbox: could not open {}: {error}",
                window.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// Takes this process's place; comes back only if it could not be started.
#[cfg(unix)]
fn become_it(program: &mut Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(program.exec())
}

/// Starts it and leaves: a process cannot be replaced on Windows.
#[cfg(windows)]
fn become_it(program: &mut Command) -> io::Result<()> {
    program.spawn().map(drop)
}
