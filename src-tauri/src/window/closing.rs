//! The end of the window: the sandboxes go on, or stop, as the user chose.

use sandbox_engine::state::settings::OnClose;
use tauri::{AppHandle, CloseRequestApi, Manager, Runtime};

use super::desk::Desk;
use super::open::MAIN;

/// The user closes the window. Where sandboxes are to stop, it goes from the screen at once and the program ends
/// when they have.
pub fn asked<R: Runtime>(app: &AppHandle<R>, api: &CloseRequestApi) {
    if stops(app) {
        api.prevent_close();
        leave(app);
    }
}

/// The program ends.
pub fn leave<R: Runtime>(app: &AppHandle<R>) {
    if !stops(app) {
        app.exit(0);
        return;
    }
    if let Some(window) = app.get_webview_window(MAIN) {
        // A window that cannot be hidden stays until the end.
        let _ = window.hide();
    }
    let (app, desk) = (app.clone(), app.state::<Desk>().inner().clone());
    tauri::async_runtime::spawn(async move {
        desk.stop_all().await;
        app.exit(0);
    });
}

/// Settings that cannot be read stop nothing: what runs is shown again at the next start.
fn stops<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.state::<Desk>()
        .engine()
        .settings()
        .is_ok_and(|settings| settings.on_close == OnClose::Stop)
}
