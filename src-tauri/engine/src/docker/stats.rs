//! Readings of a running container, streamed only while somebody looks.

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::{StatsOptionsBuilder, TopOptionsBuilder};
use futures_util::{Stream, StreamExt};

use super::Docker;
use super::error::DockerError;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Cores in use: 1.0 is one core.
    pub cpu: f64,
    /// Bytes, without the page cache that can be given back.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes received since the start.
    pub received: u64,
    /// Bytes sent since the start.
    pub sent: u64,
}

/// A process as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number on the engine's computer.
    pub pid: u32,
    /// Processor time, as `ps` prints it.
    pub time: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Its command line; untrusted.
    pub command: String,
}

impl Docker {
    /// About one reading a second; ends when the container ends.
    pub fn stats(
        &self,
        container: &str,
    ) -> impl Stream<Item = Result<Reading, DockerError>> + Send + use<> {
        let client = self.client.clone();
        let container = container.to_owned();
        let options = StatsOptionsBuilder::default().stream(true).build();
        async_stream(client, container, options)
    }

    /// As [`Self::stats`]; the bytes are those of its gateway, through which all of its traffic goes.
    pub fn stats_of_both(
        &self,
        container: &str,
        gateway: Option<String>,
    ) -> impl Stream<Item = Result<Reading, DockerError>> + Send + use<> {
        let own = Box::pin(self.stats(container));
        let gateway = gateway.map(|gateway| Box::pin(self.stats(&gateway)));
        let start = (own, gateway, (0, 0));
        futures_util::stream::unfold(start, |(mut own, mut gateway, mut passed)| async move {
            loop {
                let gateways = async {
                    match &mut gateway {
                        Some(gateway) => gateway.next().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    reading = own.next() => {
                        let reading = reading?.map(|reading| Reading {
                            received: reading.received + passed.0,
                            sent: reading.sent + passed.1,
                            ..reading
                        });
                        return Some((reading, (own, gateway, passed)));
                    }
                    reading = gateways => match reading {
                        Some(Ok(reading)) => passed = (reading.received, reading.sent),
                        // It ended: what went through it stays counted.
                        _ => gateway = None,
                    },
                }
            }
        })
    }

    /// What runs in it.
    pub async fn processes(&self, container: &str) -> Result<Vec<Process>, DockerError> {
        let options = TopOptionsBuilder::default()
            .ps_args("-eo pid,time,rss,args")
            .build();
        let call = self.client.top_processes(container, Some(options));
        let found = self.ask("list the processes", call).await?;
        Ok(found
            .processes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|row| {
                Some(Process {
                    pid: row.first()?.parse().ok()?,
                    time: row.get(1)?.clone(),
                    memory: row.get(2)?.parse::<u64>().ok()? * 1024,
                    command: row.get(3..)?.join(" "),
                })
            })
            .collect())
    }
}

fn async_stream(
    client: bollard::Docker,
    container: String,
    options: bollard::query_parameters::StatsOptions,
) -> impl Stream<Item = Result<Reading, DockerError>> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        let stream = client.stats(&container, Some(options));
        futures_util::pin_mut!(stream);
        loop {
            // The reader going away ends the stream, also where the engine says nothing more.
            let reply = tokio::select! {
                reply = stream.next() => reply,
                () = sender.closed() => None,
            };
            let Some(reply) = reply else { return };
            let reading = reply
                .map(|r| reading(&r))
                .map_err(|e| DockerError::from_bollard("read the statistics", e));
            if sender.send(reading).await.is_err() {
                return;
            }
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
}

fn reading(raw: &ContainerStatsResponse) -> Reading {
    let total = |stats: &Option<bollard::models::ContainerCpuStats>| {
        let stats = stats.clone().unwrap_or_default();
        (
            stats.cpu_usage.and_then(|u| u.total_usage).unwrap_or(0),
            stats.system_cpu_usage.unwrap_or(0),
            stats.online_cpus.unwrap_or(1).max(1),
        )
    };
    let (now, system_now, cores) = total(&raw.cpu_stats);
    let (before, system_before, _) = total(&raw.precpu_stats);
    // The first reading has nothing before it.
    let cpu = if system_before == 0 || system_now <= system_before {
        0.0
    } else {
        now.saturating_sub(before) as f64 / (system_now - system_before) as f64 * f64::from(cores)
    };
    let memory = raw.memory_stats.clone().unwrap_or_default();
    let inactive = memory
        .stats
        .as_ref()
        .and_then(|s| {
            s.get("total_inactive_file")
                .or_else(|| s.get("inactive_file"))
                .copied()
        })
        .unwrap_or(0);
    let (received, sent) = raw
        .networks
        .clone()
        .unwrap_or_default()
        .values()
        .fold((0, 0), |(r, s), n| {
            (r + n.rx_bytes.unwrap_or(0), s + n.tx_bytes.unwrap_or(0))
        });
    Reading {
        cpu,
        memory: memory.usage.unwrap_or(0).saturating_sub(inactive),
        processes: raw
            .pids_stats
            .clone()
            .unwrap_or_default()
            .current
            .unwrap_or(0),
        received,
        sent,
    }
}
