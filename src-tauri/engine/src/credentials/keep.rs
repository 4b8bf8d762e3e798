//! Where keys are kept: the system's keychain, a file that only the user reads, or this program's memory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sandbox_workspace::system::{OpenOptionsExt, sync_folder};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::state::data_dir::make_private;
use crate::{Error, Result};

/// A keychain may ask the user to unlock it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The folder of files, in the data folder.
const FOLDER: &str = "keys";

/// The system's keychain. Calls may block for as long as the user is asked.
pub trait Keychain: Send + Sync {
    /// The text of that name; `None`: there is none.
    ///
    /// # Errors
    /// No keychain answers, or it is locked; in words.
    fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unanswered>;
    /// Keeps it.
    ///
    /// # Errors
    /// As above.
    fn set(&self, name: &str, value: &str) -> Result<(), Unanswered>;
    /// Forgets it; a missing one is fine.
    ///
    /// # Errors
    /// As above.
    fn remove(&self, name: &str) -> Result<(), Unanswered>;
}

/// The keychain does not answer, in its own words. Never holds what is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system\u{2019}s keychain does not answer: {0}")]
pub struct Unanswered(pub String);

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The system's keychain.
    Keychain,
    /// A file in the data folder that only the user can read.
    File,
    /// The memory of this program, until it ends.
    Session,
    /// No key: a server that wants none.
    Nowhere,
}

impl Place {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Keychain => "in the system\u{2019}s keychain",
            Self::File => "in a file that only you can read",
            Self::Session => "in memory, until the app ends",
            Self::Nowhere => "no key",
        }
    }
}

/// Asks the keychain on a thread of its own, for a while.
pub(super) async fn ask<T: Send + 'static>(
    keychain: Option<Arc<dyn Keychain>>,
    what: impl FnOnce(&dyn Keychain) -> Result<T, Unanswered> + Send + 'static,
) -> Result<T, Unanswered> {
    let Some(keychain) = keychain else {
        return Err(Unanswered(
            "this program was started without one".to_owned(),
        ));
    };
    let (to, from) = tokio::sync::oneshot::channel();
    // Not one of the runtime's: a keychain may wait for a person, and have a runtime of its own.
    std::thread::spawn(move || to.send(what(&*keychain)));
    match tokio::time::timeout(PATIENCE, from).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Unanswered("it failed".to_owned())),
        Err(_) => Err(Unanswered(format!("nothing for {} s", PATIENCE.as_secs()))),
    }
}

/// The files.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(root: &Path) -> Self {
        Self(root.join(FOLDER))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("read", path, source)),
        }
    }

    /// Beside the old one, then in its place: never half of it, and never readable by others.
    pub(super) fn set(&self, name: &str, text: &str) -> Result<()> {
        make_private(&self.0)?;
        let path = self.path(name);
        let temporary = self.0.join(format!(".{name}.{}.new", std::process::id()));
        let put = || -> io::Result<()> {
            let _ = fs::remove_file(&temporary);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            sync_folder(&self.0)
        };
        put().map_err(|source| {
            let _ = fs::remove_file(&temporary);
            Error::io("write", &path, source)
        })
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, source))
            }
            _ => Ok(()),
        }
    }
}
