//! The system's keychain: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.

use keyring::v1::{Entry, Error};
use sandbox_engine::credentials::{Keychain, Unanswered};
use zeroize::Zeroizing;

/// Under which the keychain lists what is ours.
const SERVICE: &str = "agent-sandbox";

/// See the module.
pub struct SystemKeychain;

fn entry(name: &str) -> Result<Entry, Unanswered> {
    // Of the store's own state first: an entry only says that there is none.
    if let Err(error) = Entry::store_status() {
        return Err(unanswered(error));
    }
    Entry::new(SERVICE, name).map_err(|error| unanswered(&error))
}

/// In its own words but for those errors that carry what they were given.
fn unanswered(error: &Error) -> Unanswered {
    Unanswered(match error {
        Error::PlatformFailure(error) | Error::NoStorageAccess(error) => error.to_string(),
        Error::NoDefaultStore => "there is none".to_owned(),
        Error::Ambiguous(_) => "it holds several of that name".to_owned(),
        _ => "it refused".to_owned(),
    })
}

impl Keychain for SystemKeychain {
    fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unanswered> {
        match entry(name)?.get_password() {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(unanswered(&error)),
        }
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Unanswered> {
        entry(name)?
            .set_password(value)
            .map_err(|error| unanswered(&error))
    }

    fn remove(&self, name: &str) -> Result<(), Unanswered> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unanswered(&error)),
        }
    }
}
