//! The guest: one static binary. In a sandbox it is process 1, keeps the terminals and relays to the gateway;
//! in a gateway it is `egress`, the only way out. `control` is what the engine runs beside either to speak
//! with it. Always for Linux, whatever the computer: containers are.
#![forbid(unsafe_code)]

mod bulk;
mod control;
mod egress;
mod home;
mod init;
mod login;
mod ports;
mod probe;
mod relay;
mod report;
mod session;

use std::process::ExitCode;

const USAGE: &str = "usage: sandbox-guest init [--socket NAME] | egress | control [--socket NAME] | session COMMAND... | run COMMAND... | probe TARGET... | home take [--open-up] | home put | login read|put HOME...";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let verb = args.next();
    let rest: Vec<_> = args.collect();
    let done = match verb.as_ref().and_then(|verb| verb.to_str()) {
        Some("init") => socket_name(&rest).map(|name| init::run(&name)),
        Some("control") => socket_name(&rest).map(|name| control::run(&name)),
        Some("egress") if rest.is_empty() => Some(egress::run()),
        Some("probe") if !rest.is_empty() => {
            let rest: Vec<String> = rest
                .iter()
                .filter_map(|arg| arg.to_str().map(str::to_owned))
                .collect();
            Some(probe::run(&rest))
        }
        Some("home") => home::run(&rest),
        Some("login") => Some(login::run(&rest)),
        Some("session") if !rest.is_empty() => Some(Err(session::run(&rest))),
        Some("run") if !rest.is_empty() => {
            return not_started(&rest[0], &session::become_program(&rest));
        }
        _ => None,
    };
    match done {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("sandbox-guest: {error}");
            // As shells say it: a command that could not be started.
            ExitCode::from(if verb.is_some_and(|verb| verb == "session") {
                127
            } else {
                1
            })
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// In the words of the command line, whose user reads them, and with the status that shells give.
fn not_started(command: &std::ffi::OsStr, error: &std::io::Error) -> ExitCode {
    if error.kind() == std::io::ErrorKind::NotFound {
        eprintln!("agent-sandbox: {} was not found", command.display());
        return ExitCode::from(127);
    }
    eprintln!("agent-sandbox: {error}");
    ExitCode::from(126)
}

/// Another name is for tests, which run outside of a sandbox's own network namespace.
fn socket_name(args: &[std::ffi::OsString]) -> Option<String> {
    match args {
        [] => Some(sandbox_protocol::CONTROL_SOCKET.to_owned()),
        [flag, name] if flag == "--socket" => name.to_str().map(str::to_owned),
        _ => None,
    }
}
