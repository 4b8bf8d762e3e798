//! What can be wrong with a container engine, and the next step for each.

use bollard::errors::Error as Bollard;

/// The kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is installed.
    NotInstalled,
    /// Installed, and does not run.
    NotRunning,
    /// It refuses this user.
    NoPermission,
    /// Set up in a way that cannot work: remote, or users remapped.
    Unsupported,
    /// Older than 20.10.
    TooOld,
    /// No answer in time.
    TimedOut,
    /// The object that was asked for is not there.
    Missing,
    /// The name or state is in conflict with what is there.
    Conflict,
    /// A step of an image's build failed.
    BuildFailed,
    /// Anything else that it answered.
    Failed,
}

impl Problem {
    /// How much it tells when several endpoints failed; the larger is reported.
    pub(crate) fn weight(self) -> u8 {
        match self {
            Self::NotInstalled => 0,
            Self::NotRunning => 1,
            Self::Failed | Self::Missing | Self::Conflict | Self::BuildFailed => 2,
            Self::TimedOut => 3,
            Self::TooOld => 4,
            Self::Unsupported => 5,
            Self::NoPermission => 6,
        }
    }
}

/// A failure of the container engine, in words.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DockerError {
    /// Its kind.
    pub problem: Problem,
    /// What happened.
    pub message: String,
}

impl DockerError {
    pub(crate) fn new(problem: Problem, message: impl Into<String>) -> Self {
        Self {
            problem,
            message: message.into(),
        }
    }

    pub(crate) fn from_bollard(what: &str, error: Bollard) -> Self {
        match error {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => {
                let problem = match status_code {
                    404 => Problem::Missing,
                    409 => Problem::Conflict,
                    _ => Problem::Failed,
                };
                let message = message.trim().replace(['\n', '\r'], " ");
                Self::new(
                    problem,
                    format!("the container engine could not {what}: {message}"),
                )
            }
            Bollard::RequestTimeoutError => Self::new(
                Problem::TimedOut,
                format!("the container engine did not {what} in time"),
            ),
            other => {
                let text = chain(&other);
                let problem = if text.contains("ermission denied") {
                    Problem::NoPermission
                } else if text.contains("onnection refused")
                    || text.contains("o such file")
                    || text.contains("onnect")
                {
                    Problem::NotRunning
                } else {
                    Problem::Failed
                };
                Self::new(problem, format!("could not {what}: {text}"))
            }
        }
    }

    /// Whether the object is simply not there.
    pub fn is_missing(&self) -> bool {
        self.problem == Problem::Missing
    }

    /// The exact next step.
    pub fn fix(&self) -> String {
        match self.problem {
            Problem::NotInstalled => NOT_INSTALLED.to_owned(),
            Problem::NotRunning => NOT_RUNNING.to_owned(),
            Problem::NoPermission => NO_PERMISSION.to_owned(),
            Problem::Unsupported => {
                "Use a container engine on this computer, in its usual set-up.".to_owned()
            }
            Problem::TooOld => "Update Docker to 20.10 or newer.".to_owned(),
            Problem::TimedOut => "Restart Docker, then check again.".to_owned(),
            Problem::BuildFailed => "Mend what its last line names, then try again.".to_owned(),
            Problem::Missing | Problem::Conflict | Problem::Failed => {
                "Run `agent-sandbox doctor` to see what is wrong.".to_owned()
            }
        }
    }
}

#[cfg(target_os = "linux")]
const NOT_INSTALLED: &str = "Install Docker: on Debian and Ubuntu `sudo apt install docker.io`, else Docker Desktop, Podman, Colima or OrbStack; then check again.";
#[cfg(not(target_os = "linux"))]
const NOT_INSTALLED: &str = "Install Docker Desktop, Rancher Desktop, OrbStack or Podman Desktop and open it once; then check again.";

#[cfg(target_os = "linux")]
const NOT_RUNNING: &str = "Start Docker (Docker Desktop from the menu, or `sudo systemctl start docker`), then check again.";
#[cfg(not(target_os = "linux"))]
const NOT_RUNNING: &str = "Open Docker Desktop, or whichever app brings your engine, and wait until it says that the engine runs.";

#[cfg(target_os = "linux")]
const NO_PERMISSION: &str =
    "Let your account use Docker: `sudo usermod -aG docker $USER`, then log out and in again.";
#[cfg(not(target_os = "linux"))]
const NO_PERMISSION: &str = "Let your account use the engine in its app’s own settings, or ask whoever looks after this computer; then check again.";

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.replace(['\n', '\r'], " ")
}
