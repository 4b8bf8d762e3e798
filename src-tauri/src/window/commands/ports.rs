//! Ports of a sandbox, and pages of it in the user's own browser.

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::ports::PortRow;
use sandbox_engine::SandboxId;
use sandbox_engine::preview::Kind;
use tauri::{AppHandle, Runtime, State};

use crate::ask;
use crate::desk::{Answer, Desk, id};

#[tauri::command]
pub async fn list_ports(sandbox: &str, desk: State<'_, Desk>) -> Answer<Vec<PortRow>> {
    Ok(rows(&desk, &id(sandbox)?))
}

/// The address goes to the browser and nowhere else: the page here need not know what lets one in.
#[tauri::command]
pub async fn open_preview<R: Runtime>(
    sandbox: &str,
    port: u16,
    desk: State<'_, Desk>,
    app: AppHandle<R>,
) -> Answer<()> {
    let id = id(sandbox)?;
    let opened = desk.engine().open_preview(&id, port, Kind::Page).await?;
    ask::browser(&app, &opened.address).map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn await_log_in(sandbox: &str, port: u16, desk: State<'_, Desk>) -> Answer<()> {
    let id = id(sandbox)?;
    desk.engine().open_preview(&id, port, Kind::LogIn).await?;
    Ok(())
}

#[tauri::command]
pub async fn close_preview(sandbox: &str, port: u16, desk: State<'_, Desk>) -> Answer<()> {
    desk.engine().close_preview(&id(sandbox)?, port);
    Ok(())
}

/// As the page shows them.
fn rows(desk: &Desk, id: &SandboxId) -> Vec<PortRow> {
    let ports = desk.engine().ports(id).into_iter();
    ports
        .map(|port| PortRow {
            number: port.number,
            listens: port.listens,
            previewed: port.previewed,
            awaits_log_in: port.awaits_log_in,
        })
        .collect()
}
