//! The life of sandboxes, and their readings.

use agent_sandbox::ipc::sandbox::{Limits, ProcessRow, SandboxRow, Stats};
use futures_util::StreamExt;
use futures_util::future::join_all;
use sandbox_engine::sandbox::State as Life;
use sandbox_engine::{Operation, SandboxId};
use tauri::State;
use tauri::ipc::Channel;
use tokio::task::block_in_place;

use crate::desk::{Answer, Desk, id};
use crate::subscriptions::Subscriptions;

#[tauri::command]
pub async fn list_sandboxes(desk: State<'_, Desk>) -> Answer<Vec<SandboxRow>> {
    let mut records = desk.engine().records()?;
    records.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    // All at once: one that does not answer keeps the others from nothing.
    let rows = join_all(records.iter().map(|record| desk.row(&record.id))).await;
    let there = rows.into_iter().zip(&records).filter(|(row, record)| {
        // Removed meanwhile.
        row.is_ok() || desk.engine().load(&record.id).is_ok()
    });
    there.map(|(row, _)| row).collect()
}

#[tauri::command]
pub async fn start_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    let id = id(sandbox)?;
    begun(
        &desk,
        &id,
        desk.engine().start(&id, &Operation::silent()).await,
    )
    .await
}

/// What became of a start.
async fn begun(desk: &Desk, id: &SandboxId, done: sandbox_engine::Result<()>) -> Answer<()> {
    match done {
        Ok(()) => desk.forget_failure(id),
        Err(error) => {
            desk.note_failure(id, &error, false).await;
            return Err(error.into());
        }
    }
    desk.tell_row(id).await;
    Ok(())
}

#[tauri::command]
pub async fn stop_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    let id = id(sandbox)?;
    desk.forget_failure(&id);
    Ok(desk.engine().stop(&id).await?)
}

#[tauri::command]
pub async fn restart_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    let id = id(sandbox)?;
    begun(
        &desk,
        &id,
        desk.engine().restart(&id, &Operation::silent()).await,
    )
    .await
}

#[tauri::command]
pub async fn pause_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    Ok(desk.engine().pause(&id(sandbox)?).await?)
}

#[tauri::command]
pub async fn resume_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    start_sandbox(sandbox, desk).await
}

#[tauri::command]
pub async fn rename_sandbox(sandbox: &str, name: &str, desk: State<'_, Desk>) -> Answer<()> {
    Ok(desk.engine().rename(&id(sandbox)?, name).await?)
}

#[tauri::command]
pub async fn reshape(
    sandbox: &str,
    limits: Limits,
    runtime: Option<String>,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let id = id(sandbox)?;
    Ok(desk.engine().reshape(&id, limits.into(), runtime).await?)
}

#[tauri::command]
pub async fn remove_sandbox(sandbox: &str, desk: State<'_, Desk>) -> Answer<()> {
    let id = id(sandbox)?;
    block_in_place(|| desk.watching().forget(&id));
    Ok(desk.engine().remove(&id).await?)
}

#[tauri::command]
pub async fn processes(sandbox: &str, desk: State<'_, Desk>) -> Answer<Vec<ProcessRow>> {
    let id = id(sandbox)?;
    let docker = desk.engine().docker().await?;
    let instance = desk.engine().data().instance();
    let found = docker.find(instance, &id).await;
    let Some(found) = found.map_err(sandbox_engine::Error::from)? else {
        return Ok(Vec::new());
    };
    if !found.state.is_up() {
        return Ok(Vec::new());
    }
    let list = docker.processes(&found.id).await;
    Ok(list
        .map_err(sandbox_engine::Error::from)?
        .into_iter()
        .map(|process| ProcessRow {
            pid: process.pid,
            command: process.command,
            cpu_time: process.time,
            memory: process.memory,
        })
        .collect())
}

#[tauri::command]
pub fn watch_stats(
    sandbox: &str,
    channel: Channel<Option<Stats>>,
    desk: State<'_, Desk>,
    subscriptions: State<'_, Subscriptions>,
) -> Answer<u32> {
    let (id, desk) = (id(sandbox)?, desk.inner().clone());
    Ok(subscriptions.start(async move {
        loop {
            if !send_readings(&desk, &id, &channel).await || channel.send(None).is_err() {
                return;
            }
            until_running(&desk, &id).await;
        }
    }))
}

/// Until the sandbox stops; false where the page listens no more.
async fn send_readings(desk: &Desk, id: &SandboxId, channel: &Channel<Option<Stats>>) -> bool {
    let Ok(docker) = desk.engine().docker().await else {
        return true;
    };
    let found = docker.find(desk.engine().data().instance(), id).await;
    let Ok(Some(found)) = found else { return true };
    if !found.state.is_up() {
        return true;
    }
    let gateway = docker
        .find_gateway(desk.engine().data().instance(), id)
        .await;
    let gateway = gateway.ok().flatten().filter(|found| found.state.is_up());
    let readings = docker.stats_of_both(&found.id, gateway.map(|found| found.id));
    let mut readings = std::pin::pin!(readings);
    let mut before: Option<(std::time::Instant, u64, u64)> = None;
    while let Some(Ok(reading)) = readings.next().await {
        // A container that ended is read once more, as all zeros.
        if reading.processes == 0 && reading.memory == 0 {
            return true;
        }
        let now = std::time::Instant::now();
        let rate = |new: u64, old: u64, since: std::time::Instant| {
            new.saturating_sub(old) as f64 / now.duration_since(since).as_secs_f64().max(0.001)
        };
        let (received, sent) = before.map_or((0.0, 0.0), |(since, received, sent)| {
            (
                rate(reading.received, received, since),
                rate(reading.sent, sent, since),
            )
        });
        before = Some((now, reading.received, reading.sent));
        let stats = Stats {
            cpu: reading.cpu,
            memory: reading.memory,
            processes: u32::try_from(reading.processes).unwrap_or(u32::MAX),
            received,
            sent,
        };
        if channel.send(Some(stats)).is_err() {
            return false;
        }
    }
    true
}

/// Waits for the sandbox to run (again), by the events of the window.
async fn until_running(desk: &Desk, id: &SandboxId) {
    let mut events = desk.engine().events().subscribe();
    loop {
        if let Ok(row) = desk.engine().glimpse(id).await
            && matches!(row.state, Life::Running | Life::Paused)
        {
            return;
        }
        // An event, or now and then: the container may be started by other means.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), events.recv()).await;
    }
}
