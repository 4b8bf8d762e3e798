//! The item in the system's tray: brings the window to the front, and quits.

use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{App, AppHandle, Manager, Runtime};

use super::closing;

/// Whether the program can go on in the tray without its window.
pub struct Tray(pub bool);

impl Tray {
    /// See the type.
    pub fn is_shown(&self) -> bool {
        self.0
    }
}

/// Puts it there; false on a desktop without a tray: the window does without.
pub fn show<R: Runtime>(app: &App<R>) -> tauri::Result<bool> {
    if !available() {
        return Ok(false);
    }
    let open = MenuItem::with_id(app, "open", "Open Agent Sandbox", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Quit", true, None::<&str>)?;
    let mut tray = TrayIconBuilder::with_id("main")
        .tooltip("Agent Sandbox")
        .menu(&Menu::with_items(app, &[&open, &quit])?)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "open" => to_front(app),
            "quit" => closing::leave(app),
            _ => {}
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app)?;
    Ok(true)
}

/// Brings the window to the front.
pub fn to_front<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window("main") else {
        return;
    };
    // Each may be refused by the window manager, which then has its reasons.
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
}

/// The tray library ends the program where its own library is missing, so that is looked for first.
#[cfg(target_os = "linux")]
fn available() -> bool {
    const NAMES: [&str; 2] = ["libayatana-appindicator3.so.1", "libappindicator3.so.1"];
    let triplet = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/lib", "/usr/lib64", "/usr/local/lib", &triplet]
        .iter()
        .any(|folder| {
            NAMES
                .iter()
                .any(|name| std::path::Path::new(folder).join(name).exists())
        })
}

#[cfg(not(target_os = "linux"))]
fn available() -> bool {
    true
}
