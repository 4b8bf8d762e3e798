//! The password of the proxy of this computer's network: kept where keys are, and shown to that proxy only.

use sandbox_protocol::routes::Secret;
use zeroize::Zeroizing;

use super::keep::{self, Place};
use super::no_keychain;
use crate::network::upstream::ProxyLogIn;
use crate::{Engine, Error, Result};

/// What it is called where it is kept; no provider is called so.
const NAME: &str = "upstream-proxy";

impl Engine {
    pub(crate) async fn keep_proxy_password(
        &self,
        log_in: &ProxyLogIn,
        place: Place,
    ) -> Result<()> {
        match place {
            Place::Keychain => {
                let name = self.keychain_name(NAME);
                let password = Zeroizing::new(log_in.password().to_owned());
                let keychain = self.config().keychain.clone();
                let set = keep::ask(keychain, move |keychain| keychain.set(&name, &password));
                set.await.map_err(|error| no_keychain(&error))
            }
            Place::File => self.files().set(NAME, log_in.password()),
            Place::Session | Place::Nowhere => Err(Error::InvalidRequest {
                message: "a proxy\u{2019}s password is kept in the keychain or in a file"
                    .to_owned(),
            }),
        }
    }

    pub(crate) async fn forget_proxy_password(&self, place: Place) -> Result<()> {
        self.forget_at(NAME, place).await
    }

    /// What gateways show the proxy. `None`: it wants nothing, or what is kept cannot be had now, which is logged:
    /// the proxy then says so by itself.
    pub(crate) async fn proxy_log_in(&self) -> Option<Secret> {
        let user = self.settings().ok()?.upstream_user?;
        let found = self.text_at(NAME, user.kept).await;
        let log_in = match found {
            Ok(Some(password)) => ProxyLogIn::new(&user.name, password).ok()?.basic(),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the password of the network's proxy is not had");
                None
            }
        };
        if log_in.is_none() {
            tracing::warn!("gateways go to the network's proxy without its password");
        }
        log_in
    }
}
