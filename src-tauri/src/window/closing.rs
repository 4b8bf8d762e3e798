//! The end of the window: the sandboxes go on, or stop, as the user chose.

use sandbox_engine::sandbox::State;
use sandbox_engine::state::settings::OnClose;
use tauri::{AppHandle, CloseRequestApi, Manager, Runtime};

use super::desk::Desk;
use super::notices;
use super::open::MAIN;
use super::tray::Tray;

/// The user closes the window. Where sandboxes are to stop, it goes from the screen at once and the program ends
/// when they have. Where they go on and there is a tray, the program stays in it while something runs: it hears
/// what agents ask, and says so.
pub fn asked<R: Runtime>(app: &AppHandle<R>, api: &CloseRequestApi) {
    if stops(app) {
        api.prevent_close();
        leave(app);
    } else if app.state::<Tray>().is_shown() {
        api.prevent_close();
        hide(app);
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            match running(&app).await {
                0 => app.exit(0),
                count => say_that_they_go_on(&app, count),
            }
        });
    }
}

/// The program ends.
pub fn leave<R: Runtime>(app: &AppHandle<R>) {
    if !stops(app) {
        app.exit(0);
        return;
    }
    hide(app);
    let (app, desk) = (app.clone(), app.state::<Desk>().inner().clone());
    tauri::async_runtime::spawn(async move {
        desk.stop_all().await;
        app.exit(0);
    });
}

fn hide<R: Runtime>(app: &AppHandle<R>) {
    if let Some(window) = app.get_webview_window(MAIN) {
        // A window that cannot be hidden stays until the end.
        let _ = window.hide();
    }
}

fn say_that_they_go_on<R: Runtime>(app: &AppHandle<R>, count: usize) {
    let title = match count {
        1 => "One sandbox goes on".to_owned(),
        count => format!("{count} sandboxes go on"),
    };
    let body = "Agent Sandbox stays in the tray and tells you when it is needed.";
    notices::say(app, &title, body);
}

async fn running<R: Runtime>(app: &AppHandle<R>) -> usize {
    let engine = app.state::<Desk>().engine().clone();
    let mut count = 0;
    for record in engine.records().unwrap_or_default() {
        let row = engine.glimpse(&record.id).await;
        count += usize::from(row.is_ok_and(|row| matches!(row.state, State::Running)));
    }
    count
}

/// Settings that cannot be read stop nothing: what runs is shown again at the next start.
fn stops<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.state::<Desk>()
        .engine()
        .settings()
        .is_ok_and(|settings| settings.on_close == OnClose::Stop)
}
