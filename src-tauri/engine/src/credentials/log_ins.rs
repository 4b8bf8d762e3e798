//! Log-ins by browser that the user wants in the other sandboxes of the same agent: kept as keys are kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandbox_protocol::login::LoginFile;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keep::{self, Place};
use super::no_keychain;
use crate::event::Event;
use crate::state::json_file;
use crate::{Engine, Error, Result};

/// What is known of them, without any token.
const LIST: &str = "log-ins.json";

type Held = HashMap<String, (KeptLogIn, Zeroizing<String>)>;
/// Log-ins of this program's life only.
pub(crate) type SessionLogIns = Mutex<Held>;

/// One agent's log-in, but for what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLogIn {
    /// The recipe's id.
    pub agent: String,
    /// Where it is.
    pub place: Place,
    /// Milliseconds since 1970.
    pub since: i64,
    /// The name that the sandbox had which it was read from.
    pub from: String,
}

/// Providers have no such names.
fn name(agent: &str) -> String {
    format!("log-in-{agent}")
}

impl Engine {
    /// All log-ins that are kept, without what they are.
    pub fn log_ins(&self) -> Result<Vec<KeptLogIn>> {
        let mut all = self.written_log_ins()?;
        for (kept, _) in self.held_log_ins().values() {
            all.retain(|other| other.agent != kept.agent);
            all.push(kept.clone());
        }
        all.sort_by(|a, b| a.agent.cmp(&b.agent));
        Ok(all)
    }

    fn written_log_ins(&self) -> Result<Vec<KeptLogIn>> {
        Ok(json_file::read(&self.data().root().join(LIST))?.unwrap_or_default())
    }

    fn write_log_ins(&self, list: &[KeptLogIn]) -> Result<()> {
        json_file::write(&self.data().root().join(LIST), &list)
    }

    fn held_log_ins(&self) -> MutexGuard<'_, Held> {
        self.session_log_ins()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was read, in place of what was kept before.
    pub(crate) async fn put_log_in(&self, kept: &KeptLogIn, files: &[LoginFile]) -> Result<()> {
        let text = serde_json::to_string(files).map_err(|_| Error::Internal {
            message: "a log-in cannot be written down".to_owned(),
        })?;
        let text = Zeroizing::new(text);
        let before = self.written_log_ins()?;
        let before = before.into_iter().find(|one| one.agent == kept.agent);
        let key = name(&kept.agent);
        match kept.place {
            Place::Keychain => {
                let (key, text) = (self.keychain_name(&key), text.clone());
                let keychain = self.config().keychain.clone();
                let set = keep::ask(keychain, move |keychain| keychain.set(&key, &text)).await;
                set.map_err(|error| no_keychain(&error))?;
            }
            Place::File => self.files().set(&key, &text)?,
            Place::Session => {}
            Place::Nowhere => {
                return Err(Error::InvalidRequest {
                    message: "a log-in is kept somewhere or not at all".to_owned(),
                });
            }
        }
        let mut list = self.written_log_ins()?;
        list.retain(|one| one.agent != kept.agent);
        if kept.place == Place::Session {
            self.held_log_ins()
                .insert(kept.agent.clone(), (kept.clone(), text));
        } else {
            self.held_log_ins().remove(&kept.agent);
            list.push(kept.clone());
        }
        self.write_log_ins(&list)?;
        // Only now: the old one is not needed any more.
        if let Some(before) = before.filter(|before| before.place != kept.place) {
            self.forget_at(&key, before.place).await?;
        }
        self.events().send(Event::Settings);
        Ok(())
    }

    /// Forgets one; where it was put already it stays, until that sandbox is wiped or removed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotSupported`] where it is in a keychain that does not answer: it stays listed.
    pub async fn forget_log_in(&self, agent: &str) -> Result<()> {
        let kept = self.log_ins()?.into_iter().find(|one| one.agent == agent);
        let kept = kept.ok_or_else(|| Error::NotFound {
            what: "kept log-in of",
            name: agent.to_owned(),
        })?;
        self.forget_at(&name(agent), kept.place).await?;
        self.held_log_ins().remove(agent);
        let mut list = self.written_log_ins()?;
        list.retain(|one| one.agent != agent);
        self.write_log_ins(&list)?;
        self.events().send(Event::Settings);
        Ok(())
    }

    /// Takes every log-in out of where it is, for the removal of everything. Says what stays.
    pub(super) async fn forget_log_ins(&self) -> Vec<String> {
        let mut stays = Vec::new();
        for kept in self.log_ins().unwrap_or_default() {
            if let Err(error) = self.forget_at(&name(&kept.agent), kept.place).await {
                stays.push(format!("the log-in of {}: {error}", kept.agent));
            }
        }
        self.held_log_ins().clear();
        stays
    }

    /// The files of an agent's log-in; none where none is kept.
    pub(crate) async fn log_in_of(&self, agent: &str) -> Result<Vec<LoginFile>> {
        let kept = self.log_ins()?.into_iter().find(|one| one.agent == agent);
        let Some(kept) = kept else {
            return Ok(Vec::new());
        };
        let text = match kept.place {
            Place::Session => self.held_log_ins().get(agent).map(|(_, text)| text.clone()),
            place => self.text_at(&name(agent), place).await?,
        };
        let Some(text) = text else {
            return Ok(Vec::new());
        };
        serde_json::from_str(&text).map_err(|_| Error::Internal {
            message: format!("the kept log-in of {agent} cannot be read; keep it again"),
        })
    }
}
