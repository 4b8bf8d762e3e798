//! Accepted changes to other places: a patch, a folder, a branch; and the agent's own commits.

use std::path::Path;

use agent_sandbox::ipc::review::SavedBranch;
use sandbox_engine::Operation;
use sandbox_engine::sandbox::{Chosen, save_file};
use tauri::{AppHandle, Runtime, State};

use crate::ask;
use crate::desk::{Answer, Desk, id};
use crate::operations::Operations;

#[tauri::command]
pub async fn save_patch<R: Runtime>(
    sandbox: &str,
    capture: &str,
    app: AppHandle<R>,
    desk: State<'_, Desk>,
) -> Answer<Option<String>> {
    let id = id(sandbox)?;
    let chosen = Chosen::Review(capture.to_owned());
    let op = Operation::silent();
    let patch = desk.engine().save_patch(&id, &chosen, &op).await?;
    let (_, record) = desk.engine().load(&id)?;
    let name = format!("{}.patch", record.name);
    let Some(place) = ask::save_as(&app, "Save changes as a patch", &name).await else {
        return Ok(None);
    };
    write(&place, &patch)
}

#[tauri::command]
pub async fn save_to_folder<R: Runtime>(
    sandbox: &str,
    capture: &str,
    operation: &str,
    app: AppHandle<R>,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<Option<String>> {
    let id = id(sandbox)?;
    let Some(place) = ask::folder(&app, "Save the accepted files to a folder").await else {
        return Ok(None);
    };
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let chosen = Chosen::Review(capture.to_owned());
    let engine = desk.engine();
    let saved = engine.save_to_folder(&id, &chosen, &place, &op).await?;
    Ok(Some(saved.to_string_lossy().into_owned()))
}

#[tauri::command]
pub async fn save_branch(
    sandbox: &str,
    capture: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<SavedBranch> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let chosen = Chosen::Review(capture.to_owned());
    let made = desk.engine().save_branch(&id, &chosen, None, &op).await?;
    Ok(SavedBranch {
        name: made.name,
        commit: made.commit,
        files: u32::try_from(made.files).unwrap_or(u32::MAX),
        merged: made.merged.iter().map(Into::into).collect(),
    })
}

#[tauri::command]
pub async fn save_commits<R: Runtime>(
    sandbox: &str,
    app: AppHandle<R>,
    desk: State<'_, Desk>,
) -> Answer<Option<String>> {
    let id = id(sandbox)?;
    let patches = desk.engine().agents_commits(&id).await?;
    let (_, record) = desk.engine().load(&id)?;
    let name = format!("{} commits.patch", record.name);
    let Some(place) = ask::save_as(&app, "Save the agent\u{2019}s commits", &name).await else {
        return Ok(None);
    };
    write(&place, &patches)
}

fn write(place: &Path, content: &[u8]) -> Answer<Option<String>> {
    // The dialog has asked where something is there.
    save_file(place, content, true)?;
    Ok(Some(place.to_string_lossy().into_owned()))
}
