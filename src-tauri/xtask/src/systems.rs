//! The code for Windows and macOS, compiled here and not run: of a system that nobody tries, this much is known.

use std::path::Path;

use crate::cargo::Count;
use crate::shell::{Failure, Shell, is_there, run};

struct System {
    name: &'static str,
    target: &'static str,
    /// A program that is needed beside the target.
    needs: Option<&'static str>,
    /// What is compiled.
    packages: &'static [&'static str],
    /// Stands in for programs that are not there.
    environment: &'static [(&'static str, &'static str)],
}

const LIBRARIES: [&str; 4] = [
    "sandbox-protocol",
    "sandbox-workspace",
    "sandbox-review",
    "sandbox-engine",
];

const SYSTEMS: [System; 2] = [
    System {
        name: "Windows",
        target: "x86_64-pc-windows-gnu",
        needs: Some("x86_64-w64-mingw32-gcc"),
        packages: &[
            LIBRARIES[0],
            LIBRARIES[1],
            LIBRARIES[2],
            LIBRARIES[3],
            "agent-sandbox",
        ],
        environment: &[],
    },
    System {
        name: "macOS",
        target: "aarch64-apple-darwin",
        needs: None,
        // The programs need Apple's frameworks to be built.
        packages: &LIBRARIES,
        // C (zstd, blake3) is not compiled: nothing is linked in a check, so what it would make is not missed.
        environment: &[
            ("CC_aarch64_apple_darwin", "true"),
            ("AR_aarch64_apple_darwin", "true"),
        ],
    },
];

/// Compiles for each system that this computer has the target of; the others are named.
pub fn check(shell: &Shell) -> Result<Count, Failure> {
    let mut count = Count::default();
    for system in &SYSTEMS {
        if let Some(missing) = missing(shell, system) {
            count.skipped.push(format!("{}: {missing}", system.name));
            continue;
        }
        let mut arguments = vec!["clippy", "--target", system.target];
        for package in system.packages {
            arguments.extend(["-p", *package]);
        }
        arguments.extend(["--", "-D", "warnings"]);
        let mut command = shell.command("cargo", &arguments);
        match run(command.envs(system.environment.iter().copied())) {
            Ok(()) => count.passed += 1,
            Err(error) => {
                eprintln!("xtask: {}: {error}", system.name);
                count.failed += 1;
            }
        }
    }
    Ok(count)
}

fn missing(shell: &Shell, system: &System) -> Option<String> {
    let question = ["--print", "target-libdir", "--target", system.target];
    let found = shell.read("rustc", &question);
    if !found.is_some_and(|folder| Path::new(folder.trim()).exists()) {
        return Some(format!("rustup target add {}", system.target));
    }
    let program = system.needs.filter(|program| !is_there(program))?;
    Some(format!("no {program} (gcc-mingw-w64-x86-64)"))
}
