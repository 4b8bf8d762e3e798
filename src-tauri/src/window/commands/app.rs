//! The app itself: what it runs on, links, the clipboard, what is watched.

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::event::Dropped;
use tauri::ipc::Channel;
use tauri::{AppHandle, Runtime, State};

use crate::drops::Drops;
use crate::operations::Operations;
use crate::subscriptions::Subscriptions;
use crate::{ask, clipboard};

type Answer<T> = Result<T, WireError>;

#[tauri::command]
pub fn watch_drops(
    channel: Channel<Dropped>,
    drops: State<'_, Drops>,
    subscriptions: State<'_, Subscriptions>,
) -> u32 {
    let mut dropped = drops.subscribe();
    subscriptions.start(async move {
        while let Ok(drop) = dropped.recv().await {
            if channel.send(drop).is_err() {
                return;
            }
        }
    })
}

#[tauri::command]
pub fn unwatch(id: u32, subscriptions: State<'_, Subscriptions>) {
    subscriptions.stop(id);
}

#[tauri::command]
pub fn cancel_operation(operation: &str, operations: State<'_, Operations>) {
    operations.cancel(operation);
}

#[tauri::command]
pub async fn open_in_file_manager<R: Runtime>(path: String, app: AppHandle<R>) -> Answer<()> {
    ask::file_manager(&app, &path).map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn open_link<R: Runtime>(url: String, app: AppHandle<R>) -> Answer<()> {
    if !ask::is_web_link(&url) {
        return Err(WireError::said(
            ErrorCode::InvalidRequest,
            "Only links to web pages can be opened.",
        ));
    }
    ask::browser(&app, &url).map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn copy_text<R: Runtime>(text: String, app: AppHandle<R>) -> Answer<()> {
    clipboard::write(&app, text)
        .await
        .map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn read_clipboard<R: Runtime>(app: AppHandle<R>) -> Answer<String> {
    clipboard::read(&app)
        .await
        .map_err(|error| WireError::new(ErrorCode::Io, &error))
}
