//! The command line: a face of the engine that links no window.
//!
//! Standard output is the answer, one JSON document with `--json`; progress goes to standard error and
//! only to a terminal. Exit 0 done, 1 failed, 2 wrong use, 3 conflict; `exec` gives the command's own.

mod agents;
mod answer;
pub mod args;
mod bring_in;
mod exec;
mod keys;
mod limits;
mod log_ins;
mod mistake;
mod own_terminal;
mod preview;
mod progress;
mod proxy;
mod review;
mod save;
mod shell;
mod sites;
mod store;
mod usage;
mod verbs;
mod wanted;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

pub use answer::Printer;
pub use mistake::Mistake;

use args::{Cli, Verb};

/// What `exec` ends with where we failed, not the command.
const OURS: u8 = 125;

/// Runs one command. `None` is "no verb": the caller opens the window.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return Some(not_understood(&error, &arguments)),
    };
    let verb = cli.verb?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::ERROR)
        .init();
    let printer = Printer::new(&cli.global);
    let is_exec = matches!(verb, Verb::Exec(_));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.error(&Mistake::Failed(
                format!("could not start: {error}"),
                None,
                None,
            ));
            return Some(ExitCode::FAILURE);
        }
    };
    let done = runtime.block_on(verbs::run(verb, &cli.global, &printer));
    // A read of standard input that never ends must not hold the process.
    runtime.shutdown_background();
    Some(match done {
        Ok(code) => ExitCode::from(code),
        Err(mistake) => {
            printer.error(&mistake);
            ExitCode::from(if is_exec { OURS } else { mistake.code() })
        }
    })
}

/// Help and version are answers; anything else is wrong use, said as every failure is.
fn not_understood(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let printer = Printer::new(&usage::global(arguments));
    // What is missing is a verb below this one: the list of them is the best answer, in its own lines.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !printer.is_json() {
        let _ = error.print();
        return ExitCode::from(2);
    }
    let mistake = Mistake::Use(usage::in_one_line(&error.render().to_string()));
    printer.error(&mistake);
    ExitCode::from(mistake.code())
}
