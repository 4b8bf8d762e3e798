//! What a check that was killed left: probes, and gateways of no sandbox's.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::query_parameters::ListContainersOptionsBuilder;

use crate::SandboxId;
use crate::docker::error::DockerError;
use crate::docker::{Docker, labels};

impl Docker {
    /// Takes away probes and gateways of this instance that belong to none of the `known` sandboxes and are older than
    /// `age`: younger ones may be at work.
    pub async fn sweep_trials(
        &self,
        instance: &str,
        known: &[SandboxId],
        age: Duration,
    ) -> Result<(), DockerError> {
        let filters = HashMap::from([("label", vec![format!("{}={instance}", labels::INSTANCE)])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let call = self.client.list_containers(Some(options));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let before = now.unwrap_or_default().checked_sub(age);
        let old = |created: Option<i64>| {
            let created = created.and_then(|seconds| u64::try_from(seconds).ok());
            let made = created.map(Duration::from_secs);
            made.zip(before)
                .is_some_and(|(made, before)| made <= before)
        };
        for found in self.ask("list the containers", call).await? {
            let labels = found.labels.unwrap_or_default();
            let is = |role| labels.get(labels::ROLE).map(String::as_str) == Some(role);
            let Some(id) = found.id.filter(|_| old(found.created)) else {
                continue;
            };
            if is("probe") {
                self.remove_own(instance, &id).await?;
            }
            let sandbox = labels.get(labels::SANDBOX).cloned();
            let sandbox = sandbox.and_then(|text| SandboxId::try_from(text).ok());
            if let Some(trial) = sandbox.filter(|one| is("gateway") && !known.contains(one)) {
                self.remove_trial(instance, &trial).await?;
            }
        }
        Ok(())
    }

    /// A gateway that was only tried, with its volume and its network.
    pub(crate) async fn remove_trial(
        &self,
        instance: &str,
        trial: &SandboxId,
    ) -> Result<(), DockerError> {
        self.remove_gateway(instance, trial).await?;
        self.remove_own_volume(instance, &trial.relay_volume())
            .await
    }
}
