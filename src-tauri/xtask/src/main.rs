//! `cargo xtask`: set-up, run, test, bench and bundle, with nothing but cargo to begin with.

mod bundle;
mod cargo;
mod ready;
mod shell;
mod systems;
mod tests;
mod tools;

use std::process::ExitCode;

use shell::{Failure, Shell};

const USAGE: &str = "\
cargo xtask run [--build-only] [--xvfb]  make everything ready and open the window
cargo xtask test [--only STEP]... [--long]  make everything ready and run all tests
cargo xtask bench [--all]                ratios beside peers, in the same run; all: large trees too
cargo xtask guest                        build the static guest binary
cargo xtask bundle                       make a .deb with both binaries
cargo xtask doctor                       check this computer";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let shell = match Shell::at_root() {
        Ok(shell) => shell,
        Err(error) => return say(&error),
    };
    let done = match words.split_first() {
        Some((&"run", rest)) => run(&shell, rest),
        Some((&"test", rest)) => return tests::all(&shell, rest),
        Some((&"bench", rest)) => cargo::bench(&shell, rest),
        Some((&"guest", _)) => ready::guest(&shell),
        Some((&"bundle", _)) => bundle::make(&shell).map(|_| ()),
        Some((&"doctor", _)) => doctor(&shell),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&error),
    }
}

fn say(error: &Failure) -> ExitCode {
    eprintln!("xtask: {error}");
    ExitCode::FAILURE
}

fn run(shell: &Shell, options: &[&str]) -> Result<(), Failure> {
    ready::everything(shell)?;
    shell.run("cargo", &["build", "--release", "-p", "agent-sandbox"])?;
    let program = shell.path("target/release/agent-sandbox");
    let program = program.to_string_lossy().into_owned();
    shell.run(&program, &["image"])?;
    if options.contains(&"--build-only") {
        return Ok(());
    }
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    let window = shell.path("target/release/agent-sandbox-window");
    let window = window.to_string_lossy().into_owned();
    if options.contains(&"--xvfb") {
        return shell.run("xvfb-run", &["-a", "dbus-run-session", "--", &window]);
    }
    if !has_display {
        println!(
            "There is no display here. Everything works from the command line:\n  {program} --help\n\
             For a window on a screen that nobody sees: cargo xtask run --xvfb"
        );
        return Ok(());
    }
    shell.run(&window, &[])
}

fn doctor(shell: &Shell) -> Result<(), Failure> {
    shell.run(
        "cargo",
        &[
            "run",
            "--quiet",
            "-p",
            "agent-sandbox",
            "--bin",
            "agent-sandbox",
            "--",
            "doctor",
        ],
    )
}
