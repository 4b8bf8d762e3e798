//! What comes from the user's folder into the workspace.

use agent_sandbox::ipc::review::{BroughtIn, CopyOutReport};
use agent_sandbox::ipc::snapshot::ResetReport;
use std::time::Instant;
use tauri::State;

use super::snapshots::told;
use crate::desk::{Answer, Desk, id};
use crate::operations::Operations;

#[tauri::command]
pub async fn bring_in(
    sandbox: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<BroughtIn> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    Ok((&desk.engine().bring_in(&id, &op).await?).into())
}

#[tauri::command]
pub async fn undo_bring_in(
    sandbox: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<CopyOutReport> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    Ok((&desk.engine().undo_bring_in(&id, &op).await?).into())
}

#[tauri::command]
pub async fn start_again(
    sandbox: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<ResetReport> {
    let id = id(sandbox)?;
    let began = Instant::now();
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let done = desk.engine().start_again(&id, &op).await?;
    told(&done, 0, began)
}
