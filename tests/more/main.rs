//! The built command line with tools that not every computer has: `cargo xtask test --long`.
#![allow(clippy::unwrap_used)]

#[path = "../command_line/bench_of_one.rs"]
#[allow(dead_code)]
mod bench_of_one;
mod gvisor;
mod keychain;
#[path = "../command_line/model/mod.rs"]
mod model;
mod podman;
mod rootless_podman;
#[path = "../engine/second_daemon.rs"]
#[allow(dead_code)]
mod second_daemon;

/// Whether programs are installed; says which is missing.
fn are_there(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &&&str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    match programs.iter().find(|program| !is_there(program)) {
        Some(missing) => {
            eprintln!("SKIPPED: {missing} is not installed");
            false
        }
        None => true,
    }
}
