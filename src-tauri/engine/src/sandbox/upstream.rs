//! The proxy of this computer's network, for the gateways of all sandboxes.

use super::Engine;
use crate::credentials::Place;
use crate::network::upstream::{NoProxy, ProxyLogIn, UpstreamProxy};
use crate::state::settings::ProxyUser;
use crate::{Error, Result};

/// What this computer's own programs are told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// None is named.
    Nothing,
    /// It can be taken, with the name and password that stand in its address.
    Proxy(UpstreamProxy, Option<ProxyLogIn>),
    /// One is named, and cannot be used; its text may hold a password and is not repeated.
    Unusable(NoProxy),
}

impl Engine {
    /// The proxy that this computer names, to be offered. It is never taken by itself.
    pub fn offered_proxy(&self) -> Offered {
        let named = self.config().proxy.as_deref();
        match named.map(UpstreamProxy::with_log_in) {
            None => Offered::Nothing,
            Some(Ok((proxy, log_in))) => Offered::Proxy(proxy, log_in),
            Some(Err(why)) => Offered::Unusable(why),
        }
    }

    /// Gateways go by this proxy from now on; `None`: straight out. Running ones are told at once. Without a log-in
    /// the one that was kept is forgotten.
    ///
    /// # Errors
    /// [`Error::NotSupported`] where the password is to be kept in a keychain that does not answer: nothing is
    /// changed then. Settings that cannot be written. [`Error::NotInForce`], with the sandboxes that stand still because
    /// their gateways cannot be told: it is written down, and in force in all others.
    pub async fn set_upstream_proxy(
        &self,
        proxy: Option<UpstreamProxy>,
        log_in: Option<(ProxyLogIn, Place)>,
    ) -> Result<()> {
        let mut settings = self.settings()?;
        let before = settings.upstream_user.take();
        if settings.upstream_proxy == proxy && before.is_none() && log_in.is_none() {
            return self.put_in_force_everywhere().await;
        }
        settings.upstream_proxy = proxy;
        if let Some((log_in, place)) = &log_in {
            self.keep_proxy_password(log_in, *place).await?;
            settings.upstream_user = Some(ProxyUser {
                name: log_in.name().to_owned(),
                kept: *place,
            });
        }
        self.save_settings(&settings)?;
        // Only now: the old one is not needed any more.
        let stays = settings.upstream_user.as_ref().map(|user| user.kept);
        if let Some(before) = before.filter(|before| Some(before.kept) != stays) {
            self.forget_proxy_password(before.kept).await?;
        }
        self.put_in_force_everywhere().await
    }
}

impl From<NoProxy> for Error {
    fn from(why: NoProxy) -> Self {
        Self::InvalidRequest {
            message: why.to_string(),
        }
    }
}
