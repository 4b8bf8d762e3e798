//! Sites that are approved or blocked in every sandbox.

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::event::Event;
use crate::network::rules::NetworkChange;
use crate::state::json_file;
use crate::state::record::{NetworkMode, NetworkPolicy};
use crate::{Error, Result};

/// In the data folder.
const FILE: &str = "sites.json";

/// Rules of all sandboxes, beside each one's own. They open no network: an offline sandbox stays offline.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SitesForAll {
    /// `HOST[:PORT]` or `*.suffix` rules.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Deny beats allow, also a sandbox's own.
    #[serde(default)]
    pub block: Vec<String>,
}

impl Engine {
    /// The rules of all sandboxes.
    pub fn sites_for_all(&self) -> Result<SitesForAll> {
        Ok(json_file::read(&self.data().root().join(FILE))?.unwrap_or_default())
    }

    /// Changes them, and hands them to every gateway at once.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], naming a rule that is none: nothing is changed then. [`Error::NotInForce`], with the
    /// sandboxes that stand still because their gateways cannot be told: it is written down, and in force in all others.
    pub async fn set_sites_for_all(&self, change: &NetworkChange) -> Result<SitesForAll> {
        if change.mode.is_some() || change.presets.is_some() || change.services.is_some() {
            return Err(Error::InvalidRequest {
                message: "only sites can be for all sandboxes".to_owned(),
            });
        }
        let before = self.sites_for_all()?;
        // The same reading as for one sandbox.
        let as_one = NetworkPolicy {
            mode: NetworkMode::Approved,
            allow: before.allow.clone(),
            block: before.block.clone(),
            ..NetworkPolicy::default()
        };
        let after = change.applied_to(&as_one)?;
        let sites = SitesForAll {
            allow: after.allow,
            block: after.block,
        };
        // What is the same may be written down and not in force.
        if sites != before {
            json_file::write(&self.data().root().join(FILE), &sites)?;
            self.events().send(Event::Settings);
        }
        self.put_in_force_everywhere().await?;
        Ok(sites)
    }

    /// A sandbox's own policy with the rules of all.
    pub(super) fn with_sites_for_all(&self, own: &NetworkPolicy) -> Result<NetworkPolicy> {
        let sites = self.sites_for_all()?;
        let mut policy = own.clone();
        policy.allow.extend(sites.allow);
        policy.block.extend(sites.block);
        Ok(policy)
    }
}
