//! Keys of model providers, and log-ins that are used again. Keys are kept outside of every sandbox, go to gateways only, and are added there.

mod elsewhere;
mod keep;
mod log_ins;
pub mod providers;
mod proxy;
mod route;
mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use keep::{Keychain, Place, Unanswered};
pub use log_ins::KeptLogIn;
pub(crate) use log_ins::SessionLogIns;
#[cfg(test)]
pub(crate) use route::environment;
pub(crate) use route::{by_rank, filled_for_shell, joined};
pub use sandbox_protocol::routes::{PLACEHOLDER, Secret};
pub use server::Server;

use self::elsewhere::Announced;
use self::keep::Files;
use self::providers::{OWN, Provider};
use crate::event::Event;
use crate::sandbox::Keys;
use crate::state::json_file;
use crate::{Engine, Error, Result};

/// What is known of the keys, without any of them.
const LIST: &str = "keys.json";

/// Keys of this program's life only.
#[derive(Default)]
pub(crate) struct Session {
    keys: Mutex<HashMap<String, (Kept, Option<Secret>)>>,
    announced: Announced,
}

/// One key, but for the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The provider's id.
    pub provider: String,
    /// Where it is.
    pub place: Place,
    /// Milliseconds since 1970.
    pub since: i64,
    /// The address of the user's own server, or of one that stands in a provider's place.
    #[serde(default)]
    pub server: Option<String>,
    /// The model that it is asked for by itself.
    #[serde(default)]
    pub model: Option<String>,
}

impl Kept {
    /// Whose it is.
    pub fn provider(&self) -> Option<&'static Provider> {
        providers::find(&self.provider)
    }
}

/// A key to keep.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The provider's id.
    pub provider: String,
    /// The key; absent only for a server that wants none.
    pub key: Option<Secret>,
    /// Where; absent: in the keychain, and nowhere else.
    pub place: Option<Place>,
    /// The address of the user's own server.
    pub server: Option<String>,
    /// The model that it is asked for by itself.
    pub model: Option<String>,
}

impl Engine {
    /// All keys that are kept, without the keys; also those in the memory of another program of ours that runs.
    pub fn keys(&self) -> Result<Vec<Kept>> {
        let mut all = self.written_keys()?;
        for kept in self.keys_elsewhere().into_iter().chain(self.own_session()) {
            all.retain(|other| other.provider != kept.provider);
            all.push(kept);
        }
        let place = |kept: &Kept| {
            providers::PROVIDERS
                .iter()
                .position(|one| one.id == kept.provider)
        };
        all.sort_by_key(place);
        Ok(all)
    }

    fn kept(&self, provider: &str) -> Result<Kept> {
        let mut all = self.keys()?.into_iter();
        let kept = all.find(|one| one.provider == provider);
        kept.ok_or_else(|| Error::NotFound {
            what: "key",
            name: provider.to_owned(),
        })
    }

    fn written_keys(&self) -> Result<Vec<Kept>> {
        let written: Option<Vec<Kept>> = json_file::read(&self.data().root().join(LIST))?;
        Ok(written.unwrap_or_default())
    }

    fn write_keys(&self, list: &[Kept]) -> Result<()> {
        json_file::write(&self.data().root().join(LIST), &list)
    }

    fn session(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Kept, Option<Secret>)>> {
        let keys = &self.session_keys().keys;
        keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_session(&self) -> Vec<Kept> {
        let session = self.session();
        session.values().map(|(kept, _)| kept.clone()).collect()
    }

    fn keys_elsewhere(&self) -> Vec<Kept> {
        elsewhere::held(self.data().root(), &self.session_keys().announced)
    }

    /// Whether a key is in the memory of another program: this one can neither read nor forget it.
    fn is_elsewhere(&self, kept: &Kept) -> bool {
        kept.place == Place::Session && !self.session().contains_key(&kept.provider)
    }

    /// Tells the other programs what is in this one's memory.
    fn announce(&self) -> Result<()> {
        let announced = &self.session_keys().announced;
        announced.write(self.data().root(), &self.own_session())
    }

    fn not_elsewhere(&self, kept: &Kept) -> Result<()> {
        match self.is_elsewhere(kept) {
            true => Err(Error::NotSupported {
                message: "that key is in the memory of the window that is open, and only there. Nothing was changed. \
                    Remove or replace it in that window (Settings, Agents and keys), or close it"
                    .to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn files(&self) -> Files {
        Files::new(self.data().root())
    }

    /// The name under which the keychain knows a key: data folders do not share them.
    fn keychain_name(&self, provider: &str) -> String {
        format!("{} {provider}", self.data().instance())
    }

    /// Whether the system's keychain answers, and why not.
    pub async fn keychain_answers(&self) -> Result<(), Unanswered> {
        let name = self.keychain_name("-");
        keep::ask(self.config().keychain.clone(), move |keychain| {
            keychain.get(&name).map(drop)
        })
        .await
    }

    /// Keeps a key, and hands it to every gateway that uses it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a provider that is not known, [`Error::InvalidRequest`] for an address that is none
    /// or a key that is missing, [`Error::NotSupported`] where the keychain was wanted and does not answer: nothing
    /// is kept then, and nothing is put anywhere else. [`Error::NotInForce`]: it is kept, and a gateway cannot be told.
    pub async fn set_key(&self, new: NewKey) -> Result<Kept> {
        let provider = known(&new.provider)?;
        if let Some(before) = self.keys()?.iter().find(|one| one.provider == provider.id) {
            self.not_elsewhere(before)?;
        }
        let server = match &new.server {
            Some(text) => Some(Server::parse(text).map(|_| text.trim().to_owned())?),
            None if provider.id == OWN => {
                return Err(missing(
                    "the address of the server: --server http://localhost:11434/v1",
                ));
            }
            None => None,
        };
        if new.key.is_none() && provider.id != OWN {
            return Err(missing("the key"));
        }
        let place = match &new.key {
            None => Place::Nowhere,
            Some(_) => new.place.unwrap_or(Place::Keychain),
        };
        let kept = Kept {
            provider: provider.id.to_owned(),
            place,
            since: self.now(),
            server,
            model: new.model.filter(|model| !model.trim().is_empty()),
        };
        self.put_key(&kept, new.key).await?;
        self.keys_changed(provider.id).await?;
        Ok(kept)
    }

    /// Changes the model that a kept key's server is asked for. The key stays, and where it is, and whom it goes to.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no key of it is kept, [`Error::InvalidRequest`] where the key is listed and not
    /// there any more, [`Error::NotSupported`] where its keychain does not answer or it is in the memory of another
    /// program: all is as before then. [`Error::NotInForce`] as of [`Self::set_key`].
    pub async fn set_model(&self, provider: &str, model: Option<String>) -> Result<Kept> {
        let kept = self.kept(provider)?;
        self.not_elsewhere(&kept)?;
        let key = self.key_of(&kept).await?;
        if key.is_none() && kept.place != Place::Nowhere {
            return Err(missing("the key again: it is not where it was kept"));
        }
        self.set_key(NewKey {
            provider: kept.provider,
            key,
            place: Some(kept.place),
            server: kept.server,
            model,
        })
        .await
    }

    async fn put_key(&self, kept: &Kept, key: Option<Secret>) -> Result<()> {
        let id = kept.provider.clone();
        let before = self
            .written_keys()?
            .into_iter()
            .find(|one| one.provider == id);
        match (&key, kept.place) {
            (Some(key), Place::Keychain) => {
                let (name, key) = (self.keychain_name(&id), key.clone());
                let keychain = self.config().keychain.clone();
                let set =
                    keep::ask(keychain, move |keychain| keychain.set(&name, key.expose())).await;
                set.map_err(|error| no_keychain(&error))?;
            }
            (Some(key), Place::File) => self.files().set(&id, key.expose())?,
            _ => {}
        }
        let mut list = self.written_keys()?;
        list.retain(|one| one.provider != id);
        if kept.place == Place::Session {
            self.session().insert(id.clone(), (kept.clone(), key));
        } else {
            self.session().remove(&id);
            list.push(kept.clone());
        }
        self.announce()?;
        self.write_keys(&list)?;
        // Only now: the old one is not needed any more.
        if let Some(before) = before.filter(|before| before.place != kept.place) {
            self.forget_at(&id, before.place).await?;
        }
        Ok(())
    }

    /// Forgets a key, here and in every gateway.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotSupported`] where it is in a keychain that does not answer: it stays listed.
    /// [`Error::NotInForce`]: it is forgotten here, and a gateway cannot be told, which has it as long as it runs; its
    /// sandbox stands still.
    pub async fn remove_key(&self, provider: &str) -> Result<()> {
        let kept = self.kept(provider)?;
        self.not_elsewhere(&kept)?;
        self.forget_at(provider, kept.place).await?;
        self.session().remove(provider);
        self.announce()?;
        let mut list = self.written_keys()?;
        list.retain(|one| one.provider != provider);
        self.write_keys(&list)?;
        self.keys_changed(provider).await
    }

    async fn forget_at(&self, name: &str, place: Place) -> Result<()> {
        match place {
            Place::Keychain => {
                let name = self.keychain_name(name);
                let removed = keep::ask(self.config().keychain.clone(), move |keychain| {
                    keychain.remove(&name)
                })
                .await;
                removed.map_err(|error| no_keychain(&error))
            }
            Place::File => self.files().remove(name),
            Place::Session | Place::Nowhere => Ok(()),
        }
    }

    /// What is kept outside of this program's memory under a name.
    async fn text_at(&self, name: &str, place: Place) -> Result<Option<Zeroizing<String>>> {
        match place {
            Place::File => self.files().get(name),
            Place::Keychain => {
                let name = self.keychain_name(name);
                let found = keep::ask(self.config().keychain.clone(), move |keychain| {
                    keychain.get(&name)
                })
                .await;
                found.map_err(|error| no_keychain(&error))
            }
            Place::Session | Place::Nowhere => Ok(None),
        }
    }

    /// The key itself: only for a gateway.
    async fn key_of(&self, kept: &Kept) -> Result<Option<Secret>> {
        if kept.place == Place::Session {
            let session = self.session();
            let held = session.get(&kept.provider);
            return Ok(held.and_then(|(_, key)| key.clone()));
        }
        let text = self.text_at(&kept.provider, kept.place).await?;
        Ok(text.and_then(|text| Secret::new(text.to_string())))
    }

    /// Takes every key and log-in out of the keychain, for the removal of everything. Says what stays.
    pub(crate) async fn forget_keys(&self) -> Vec<String> {
        let mut stays = Vec::new();
        for kept in self.keys().unwrap_or_default() {
            if let Err(error) = self.forget_at(&kept.provider, kept.place).await {
                stays.push(format!("the key of {}: {error}", kept.provider));
            }
        }
        let user = self
            .settings()
            .ok()
            .and_then(|settings| settings.upstream_user);
        if let Some(user) = user
            && let Err(error) = self.forget_proxy_password(user.kept).await
        {
            stays.push(format!(
                "the password of the network\u{2019}s proxy: {error}"
            ));
        }
        self.session().clear();
        stays.extend(self.forget_log_ins().await);
        stays
    }

    async fn keys_changed(&self, provider: &str) -> Result<()> {
        self.events().send(Event::Settings);
        let users = self.records()?.into_iter().filter(|record| {
            let users = self.key_users(record);
            users.iter().any(|one| one == provider)
        });
        self.put_in_force(users.map(|record| record.id), Keys::Read)
            .await
    }
}

/// The provider of that id.
pub(crate) fn known(id: &str) -> Result<&'static Provider> {
    providers::find(id).ok_or_else(|| Error::InvalidRequest {
        message: format!(
            "there is no provider \u{201c}{}\u{201d}; there are {}",
            id.escape_debug(),
            providers::PROVIDERS.map(|provider| provider.id).join(", ")
        ),
    })
}

fn missing(what: &str) -> Error {
    Error::InvalidRequest {
        message: format!("this needs {what}"),
    }
}

fn no_keychain(error: &Unanswered) -> Error {
    Error::NotSupported {
        message: format!(
            "{error}. Nothing was changed. A key can be kept in a file that only you can read, or in the window for as long as it is open"
        ),
    }
}
