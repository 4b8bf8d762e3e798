//! Failures of the engine.

use sandbox_engine::{Code, Error};

use super::BadPath;
use crate::ipc::error::{ErrorCode, WireError};

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for WireError {
    fn from(error: &Error) -> Self {
        let plain = Self::new(code(error.code()), error);
        Self {
            message: sentence(&plain.message),
            safe: error.safe().map(str::to_owned),
            fix: error.fix(),
            ..plain
        }
    }
}

impl From<BadPath> for WireError {
    fn from(error: BadPath) -> Self {
        Self::new(ErrorCode::InvalidRequest, &error)
    }
}

fn code(code: Code) -> ErrorCode {
    match code {
        Code::InvalidRequest | Code::Ambiguous => ErrorCode::InvalidRequest,
        Code::ProjectUnusable => ErrorCode::ProjectUnusable,
        Code::NotFound => ErrorCode::NotFound,
        Code::NameTaken => ErrorCode::NameTaken,
        Code::Busy => ErrorCode::Busy,
        Code::Cancelled => ErrorCode::Cancelled,
        Code::Conflict => ErrorCode::Conflict,
        Code::DiskFull => ErrorCode::DiskFull,
        Code::EngineNotInstalled => ErrorCode::EngineNotInstalled,
        Code::EngineNotRunning => ErrorCode::EngineNotRunning,
        Code::EngineNoPermission => ErrorCode::EngineNoPermission,
        Code::EngineUnsupported => ErrorCode::EngineUnsupported,
        Code::EngineTimeout => ErrorCode::EngineTimeout,
        Code::EngineFailed => ErrorCode::EngineFailed,
        Code::NotRunning => ErrorCode::NotRunning,
        Code::ImageUnavailable => ErrorCode::ImageUnavailable,
        Code::NotSupported => ErrorCode::NotSupported,
        Code::FenceOpen => ErrorCode::FenceOpen,
        Code::DataDamaged => ErrorCode::DataDamaged,
        Code::Io => ErrorCode::Io,
        Code::Internal => ErrorCode::Internal,
    }
}

/// The command line says `error: could not …`; the window says whole sentences.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let mut whole = first.unwrap_or_default() + chars.as_str();
    if !whole.ends_with(['.', '!', '?', ':']) {
        whole.push('.');
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_sentences() {
        let wire = WireError::from(Error::NameTaken {
            name: "rye".to_owned(),
        });
        assert_eq!(wire.code, ErrorCode::NameTaken);
        assert_eq!(
            wire.message,
            "There is a sandbox named \u{201c}rye\u{201d} already."
        );
        assert!(wire.fix.is_some());
    }
}
