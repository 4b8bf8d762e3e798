//! Opens the window and runs until it is closed.

use tauri::{
    App, Manager, RunEvent, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use tauri_plugin_window_state::StateFlags;

use super::desk::Desk;
use super::drops::Drops;
use super::environment::Environment;
use super::subscriptions::Subscriptions;
use super::{at_login, closing, commands, notices, state, tray};

/// The only window's name; the capability names it too.
pub const MAIN: &str = "main";

/// Runs until the window is closed.
pub fn run(environment: Environment, desk: Desk) -> tauri::Result<()> {
    let own_data = environment.data_dir.is_some();
    let mut builder = tauri::Builder::default();
    if !own_data {
        // First of all plugins: a second start ends before it does anything. A data folder of its own is
        // another app, so tests and try-outs open beside the user's window, and leave its place alone.
        builder = builder
            .plugin(tauri_plugin_single_instance::init(|app, _, _| {
                tray::to_front(app);
            }))
            .plugin(place_of_the_window());
    }
    builder
        .plugin(at_login::plugin())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        // Without its script, which would open any link that is clicked in the page.
        .plugin(
            tauri_plugin_opener::Builder::new()
                .open_js_links_on_click(false)
                .build(),
        )
        .invoke_handler(commands::handler())
        .setup(move |app| {
            attend(&desk);
            tauri::async_runtime::spawn(notices::give(app.handle().clone(), desk.clone()));
            state::manage(app, environment, desk)?;
            // With a data folder of its own no second start would bring a hidden window back.
            let tray = tray::Tray(tray::show(app)? && !own_data);
            let visible = !(at_login::starts_in_tray() && tray.is_shown());
            app.manage(tray);
            open(app, visible)?;
            Ok(())
        })
        .on_page_load(|webview, _| webview.state::<Subscriptions>().stop_all())
        .build(tauri::generate_context!())?
        .run(|app, event| match event {
            RunEvent::Exit => app.state::<Subscriptions>().stop_all(),
            // Where the window is hidden, a click in the Dock brings it back.
            #[cfg(target_os = "macos")]
            RunEvent::Reopen { .. } => tray::to_front(app),
            _ => {}
        });
    Ok(())
}

/// What goes on as long as the window is there.
fn attend(desk: &Desk) {
    tauri::async_runtime::spawn(desk.clone().pass_on());
    tauri::async_runtime::spawn(desk.clone().attend_engine());
    tauri::async_runtime::spawn(desk.clone().begin());
    tauri::async_runtime::spawn(desk.clone().keep_space());
    tauri::async_runtime::spawn(desk.clone().keep_tidy());
    tauri::async_runtime::spawn(desk.clone().keep_neighbours());
    tauri::async_runtime::spawn(desk.clone().keep_rooms());
}

fn open<R: Runtime>(app: &App<R>, visible: bool) -> tauri::Result<WebviewWindow<R>> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("Agent Sandbox")
        .inner_size(1280.0, 800.0)
        .min_inner_size(720.0, 480.0)
        .visible(visible)
        // The page is the app's own and nothing else: links go to the browser after a question.
        .on_navigation(is_own_page)
        .build()?;
    let handle = app.handle().clone();
    window.on_window_event(move |event| match event {
        WindowEvent::DragDrop(event) => handle.state::<Drops>().tell(event),
        WindowEvent::CloseRequested { api, .. } => closing::asked(&handle, api),
        _ => {}
    });
    Ok(window)
}

fn is_own_page(url: &tauri::Url) -> bool {
    match url.scheme() {
        "tauri" => true,
        // Where custom schemes are not to be had (Windows), Tauri serves the page by this name.
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

fn place_of_the_window<R: Runtime>() -> tauri::plugin::TauriPlugin<R> {
    tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_shows_nothing_but_its_own_page() {
        let url = |text: &str| text.parse::<tauri::Url>().expect("a link");
        assert!(is_own_page(&url("tauri://localhost/")));
        assert!(is_own_page(&url("http://tauri.localhost/index.html")));
        for bad in [
            "https://example.org/",
            "file:///etc/passwd",
            "data:text/html,x",
            "http://localhost/",
        ] {
            assert!(!is_own_page(&url(bad)), "{bad}");
        }
    }
}
