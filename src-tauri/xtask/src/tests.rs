//! All tests, step by step, each timed. The last line is `N passed, N failed`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::bundle;
use crate::cargo::{Count, count};
use crate::ready;
use crate::shell::{Failure, Shell};
use crate::systems;
use crate::tools;

type Step = (&'static str, fn(&Shell) -> Result<Count, Failure>);

/// In the order of how soon a mistake shows.
const STEPS: [Step; 12] = [
    ("format", |s| {
        check(s, "cargo", &["fmt", "--all", "--check"])
    }),
    ("interface types", |s| ui(s, "check")),
    ("interface lints", |s| ui(s, "lint")),
    ("interface format", |s| ui(s, "format")),
    ("interface tests", |s| {
        count(&mut s.command("npm", &["run", "--silent", "--prefix", "ui", "test"]))
    }),
    ("lints", lints),
    ("docs", docs),
    ("tests", |s| {
        rust(
            s,
            &[
                "test",
                "--workspace",
                "--no-fail-fast",
                "--",
                "--show-output",
            ],
        )
    }),
    ("crash tests", |s| {
        rust(
            s,
            &[
                "test",
                "-p",
                "sandbox-review",
                "-p",
                "sandbox-engine",
                "--features",
                "sandbox-review/failpoints,sandbox-engine/failpoints",
                "--no-fail-fast",
                "--test",
                "crash",
                "--test",
                "bring_in",
                "--",
                "--show-output",
            ],
        )
    }),
    ("command line", command_line),
    ("window", window),
    ("clean tree", clean_tree),
];

/// With `--long` only: minutes more, and tools that not every computer has.
const LONG: [Step; 4] = [
    ("other systems", systems::check),
    ("package", bundle::check),
    ("other engines", other_engines),
    ("fuzz", fuzz),
];

/// The readers of what lies on the disk or comes from a sandbox, each for a minute.
fn fuzz(shell: &Shell) -> Result<Count, Failure> {
    if !shell.succeeds("rustup", &["run", "nightly", "cargo", "--version"]) {
        shell.run(
            "rustup",
            &["toolchain", "install", "nightly", "--profile", "minimal"],
        )?;
    }
    if !shell.succeeds("cargo", &["fuzz", "--version"]) {
        shell.run("cargo", &["install", "--locked", "cargo-fuzz"])?;
    }
    let mut done = Count::default();
    for target in ["manifest", "pack", "records", "home", "messages"] {
        let mut run = shell.command(
            "rustup",
            &["run", "nightly", "cargo", "fuzz", "run", target],
        );
        run.args(["--", "-max_total_time=60", "-max_len=65536"]);
        // Its own toolchain, not the one that runs this.
        run.env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN");
        crate::shell::run(run.current_dir(shell.path("src-tauri/workspace")))?;
        done.passed += 1;
    }
    Ok(done)
}

/// Runs everything, or the steps named by `--only`.
pub fn all(shell: &Shell, options: &[&str]) -> ExitCode {
    let long = options.contains(&"--long");
    let only: Vec<&str> = options
        .iter()
        .copied()
        .filter(|o| !["--only", "--long"].contains(o))
        .collect();
    let known = || STEPS.iter().chain(&LONG);
    if let Some(unknown) = only.iter().find(|o| !known().any(|(name, _)| name == *o)) {
        let names: Vec<&str> = known().map(|(name, _)| *name).collect();
        eprintln!(
            "xtask: there is no step {unknown:?}; there are: {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    let mut total = Count::default();
    let mut times: Vec<(&str, Duration, Count)> = Vec::new();
    let start = Instant::now();
    if let Err(error) = ready::everything(shell) {
        eprintln!("xtask: set-up failed: {error}");
        println!("0 passed, 1 failed");
        return ExitCode::FAILURE;
    }
    times.push(("set-up", start.elapsed(), Count::default()));
    let wanted = known()
        .enumerate()
        .filter(|(at, (name, _))| match only[..] {
            [] => long || *at < STEPS.len(),
            _ => only.contains(name),
        });
    for (_, &(name, step)) in wanted {
        println!("\n== {name}");
        let start = Instant::now();
        let done = step(shell).unwrap_or_else(|error| {
            eprintln!("xtask: {error}");
            Count {
                failed: 1,
                ..Count::default()
            }
        });
        times.push((name, start.elapsed(), done.clone()));
        total.add(done);
    }
    summary(&times, &total)
}

fn summary(times: &[(&str, Duration, Count)], total: &Count) -> ExitCode {
    if !total.failures.is_empty() {
        // Again, at the end: a long run's middle is seldom kept.
        println!("\n== what failed");
        for line in &total.failures {
            println!("{line}");
        }
    }
    println!();
    for (name, time, done) in times {
        println!(
            "{name:<18} {:>5} s  {:>5} passed  {} failed",
            time.as_secs(),
            done.passed,
            done.failed
        );
    }
    for absent in &total.absent {
        println!("not here: {absent}");
    }
    for skipped in &total.skipped {
        println!("skipped: {skipped}");
    }
    // Where nobody watches, what was not tried must not look as if it held.
    let skips = if ready::is_ci() {
        total.skipped.len() as u64
    } else {
        0
    };
    if skips > 0 {
        println!("{skips} skipped, which counts as failed here");
    }
    println!("{} passed, {} failed", total.passed, total.failed + skips);
    if total.failed + skips == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A check that holds or does not: one test.
fn check(shell: &Shell, program: &str, arguments: &[&str]) -> Result<Count, Failure> {
    shell.run(program, arguments)?;
    Ok(Count {
        passed: 1,
        ..Count::default()
    })
}

fn ui(shell: &Shell, script: &str) -> Result<Count, Failure> {
    check(shell, "npm", &["run", "--silent", "--prefix", "ui", script])
}

fn rust(shell: &Shell, arguments: &[&str]) -> Result<Count, Failure> {
    count(&mut shell.command("cargo", arguments))
}

/// Everything; then the outer tests, which run only in steps of their own and so are not among all targets.
fn lints(shell: &Shell) -> Result<Count, Failure> {
    for which in [
        &["--all-targets"][..],
        &["--test", "command_line", "--test", "e2e", "--test", "more"],
    ] {
        let mut words = vec!["clippy", "--workspace"];
        words.extend(which);
        words.extend(["--", "-D", "warnings"]);
        shell.run("cargo", &words)?;
    }
    Ok(Count {
        passed: 1,
        ..Count::default()
    })
}

fn docs(shell: &Shell) -> Result<Count, Failure> {
    let mut doc = shell.command(
        "cargo",
        &[
            "doc",
            "--no-deps",
            "-p",
            "sandbox-engine",
            "-p",
            "sandbox-review",
            "-p",
            "sandbox-workspace",
            "-p",
            "sandbox-protocol",
        ],
    );
    crate::shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Count {
        passed: 1,
        ..Count::default()
    })
}

/// Both programs, and the environment image: building that takes longer than a test waits.
fn programs(shell: &Shell) -> Result<(), Failure> {
    shell.run("cargo", &["build", "-p", "agent-sandbox"])?;
    let program = shell.path("target/debug/agent-sandbox");
    let mut image = shell.command(&program.to_string_lossy(), &["image"]);
    crate::shell::run(image.env("AGENT_SANDBOX_DATA_DIR", shell.path("target/test-data")))
}

/// The built command line, from outside, on the real engine.
fn command_line(shell: &Shell) -> Result<Count, Failure> {
    from_outside(shell, "command_line")
}

/// Likewise on Podman, under gVisor, and with a real keychain.
fn other_engines(shell: &Shell) -> Result<Count, Failure> {
    from_outside(shell, "more")
}

fn from_outside(shell: &Shell, tests: &str) -> Result<Count, Failure> {
    programs(shell)?;
    let program = shell.path("target/debug/agent-sandbox");
    let mut tests = shell.command(
        "cargo",
        &[
            "test",
            // The same features as the other tests: nothing is built anew for it.
            "--workspace",
            "--test",
            tests,
            "--no-fail-fast",
            "--",
            "--show-output",
            "--test-threads=2",
        ],
    );
    count(tests.env("AGENT_SANDBOX_PROGRAM", program))
}

/// The real window, on a screen that nobody sees.
fn window(shell: &Shell) -> Result<Count, Failure> {
    programs(shell)?;
    let tools = tools::driver(shell)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![tools];
    folders.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(folders)
        .map_err(|error| Failure::Missing(format!("the search path cannot be used: {error}")))?;
    let mut tests = shell.command(
        "cargo",
        &[
            "test",
            // The same features as the other tests: nothing is built anew for it.
            "--workspace",
            "--test",
            "e2e",
            "--no-fail-fast",
            "--",
            "--show-output",
            "--test-threads=1",
        ],
    );
    count(tests.env("PATH", path))
}

/// Nothing that is made while building or testing lands among the sources.
fn clean_tree(shell: &Shell) -> Result<Count, Failure> {
    match shell.read("git", &["status", "--porcelain"]) {
        Some(list) if list.trim().is_empty() || !ready::is_ci() => Ok(Count {
            passed: 1,
            ..Count::default()
        }),
        found => Err(Failure::Missing(format!(
            "the tree is not as it was committed:\n{}",
            found.unwrap_or_default()
        ))),
    }
}
