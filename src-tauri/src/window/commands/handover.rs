//! Handing a folder over.

use tauri::{AppHandle, Runtime};

use crate::ask;

#[tauri::command]
pub async fn choose_folder<R: Runtime>(title: String, app: AppHandle<R>) -> Option<String> {
    let folder = ask::folder(&app, &title).await;
    folder.map(|path| path.to_string_lossy().into_owned())
}
