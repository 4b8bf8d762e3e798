//! The proxy of this computer's network, for the gateways of all sandboxes.

use super::Engine;
use crate::network::upstream::{NoProxy, UpstreamProxy};
use crate::{Error, Result};

/// What this computer's own programs are told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// None is named.
    Nothing,
    /// It can be taken.
    Proxy(UpstreamProxy),
    /// One is named, and cannot be used; its text may hold a password and is not repeated.
    Unusable(NoProxy),
}

impl Engine {
    /// The proxy that this computer names, to be offered. It is never taken by itself.
    pub fn offered_proxy(&self) -> Offered {
        match self.config().proxy.as_deref().map(str::parse) {
            None => Offered::Nothing,
            Some(Ok(proxy)) => Offered::Proxy(proxy),
            Some(Err(why)) => Offered::Unusable(why),
        }
    }

    /// Gateways go by this proxy from now on; `None`: straight out. Running ones are told at once.
    ///
    /// # Errors
    /// Settings that cannot be written. A gateway that cannot be told is logged, and told at its next start.
    pub async fn set_upstream_proxy(&self, proxy: Option<UpstreamProxy>) -> Result<()> {
        let mut settings = self.settings()?;
        if settings.upstream_proxy == proxy {
            return Ok(());
        }
        settings.upstream_proxy = proxy;
        self.save_settings(&settings)?;
        for record in self.records()? {
            if let Err(error) = self.hand_keys_over(&record.id).await {
                tracing::warn!(%error, sandbox = %record.id, "a gateway was not told of the proxy");
            }
        }
        Ok(())
    }
}

impl From<NoProxy> for Error {
    fn from(why: NoProxy) -> Self {
        Self::InvalidRequest {
            message: why.to_string(),
        }
    }
}
