//! `session`: between fork and the program of a terminal. Own session, controlling terminal, first to be
//! killed when memory runs out; then it becomes the program. `run` is the same for a command without a terminal.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Above process 1, below what the kernel never picks last.
const OOM_SCORE: &str = "500";

/// Returns only if the program could not be started.
pub fn run(command: &[OsString]) -> io::Error {
    if let Err(error) = become_session() {
        return io::Error::new(error.kind(), format!("cannot take the terminal: {error}"));
    }
    become_program(command)
}

/// Returns only if the program could not be started.
pub fn become_program(command: &[OsString]) -> io::Error {
    // Raising one's own score is always allowed; where /proc is missing the program still runs.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let (program, args) = command
        .split_first()
        .map_or((OsString::new(), &[][..]), |(p, a)| (p.clone(), a));
    let error = Command::new(&program).args(args).exec();
    io::Error::new(
        error.kind(),
        format!("cannot start {}: {error}", program.display()),
    )
}

fn become_session() -> rustix::io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())
}
