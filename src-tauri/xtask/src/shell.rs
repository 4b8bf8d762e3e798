//! Running other programs from the project's root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a step stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A program could not be started.
    #[error("could not start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("{command} failed")]
    Failed {
        /// As it was run.
        command: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something is missing that only the user can add.
    #[error("{0}")]
    Missing(String),
}

/// The project's root, where everything is run.
pub struct Shell {
    root: PathBuf,
}

impl Shell {
    /// Finds the root from where this crate lies.
    pub fn at_root() -> Result<Self, Failure> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        own.ancestors()
            .nth(2)
            .map(|root| Self {
                root: root.to_owned(),
            })
            .ok_or_else(|| Failure::Missing("the project's root was not found".to_owned()))
    }

    /// A path below the root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A command at the root.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Runs a program with its output shown.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<(), Failure> {
        run(&mut self.command(program, arguments))
    }

    /// Whether a program ends well; its output is not shown.
    pub fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        self.command(program, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// What a program prints, if it ends well.
    pub fn read(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = self
            .command(program, arguments)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Runs a prepared command with its output shown.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let words = format!("{command:?}").replace('"', "");
    println!("$ {words}");
    let status = command.status().map_err(|source| Failure::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Failed { command: words })
    }
}

/// Whether a program is on the search path.
pub fn is_there(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    })
}
