//! Failures as the command line tells them.

use sandbox_engine::{Code, Error};

/// Why a command did not do it.
#[derive(Debug)]
pub enum Mistake {
    /// The engine's own failure.
    Engine(Error),
    /// Wrong use: exit 2.
    Use(String),
    /// The user's own files changed meanwhile: exit 3.
    Conflict(String),
    /// Anything else, with what is safe and what to do.
    Failed(String, Option<String>, Option<String>),
}

impl From<Error> for Mistake {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Mistake {
    /// A plain failure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into(), None, None)
    }

    /// The exit status.
    pub fn code(&self) -> u8 {
        match self {
            Self::Use(_) => 2,
            Self::Conflict(_) => 3,
            Self::Engine(error) if error.code() == Code::Ambiguous => 2,
            _ => 1,
        }
    }

    /// The closed code, for `--json`.
    pub fn name(&self) -> String {
        let code = match self {
            Self::Engine(error) => error.code(),
            Self::Use(_) => Code::InvalidRequest,
            Self::Conflict(_) => Code::Conflict,
            Self::Failed(..) => Code::Io,
        };
        // `NameTaken` to `name_taken`.
        let mut name = String::new();
        for c in format!("{code:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(c.to_lowercase());
        }
        name
    }

    /// What happened.
    pub fn message(&self) -> String {
        match self {
            Self::Engine(error) => error.to_string(),
            Self::Use(message) | Self::Conflict(message) | Self::Failed(message, ..) => {
                message.clone()
            }
        }
    }

    /// What is safe.
    pub fn safe(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.safe().map(str::to_owned),
            Self::Failed(_, safe, _) => safe.clone(),
            Self::Conflict(_) => Some("Your own files are as they were.".to_owned()),
            Self::Use(_) => None,
        }
    }

    /// What to do.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.fix(),
            Self::Failed(_, _, fix) => fix.clone(),
            Self::Conflict(_) => {
                Some("Look at the listed files, then name the others to copy them out.".to_owned())
            }
            Self::Use(_) => None,
        }
    }
}
