//! What the page can ask for, by feature. Each body is parse, call, map. A command is on the list here and in
//! one file of `permissions/`; a test compares both with the page's own list.

mod app;
mod handover;

use tauri::ipc::Invoke;

/// The list.
pub fn handler<R: tauri::Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        app::cancel_operation,
        app::copy_text,
        app::open_in_file_manager,
        app::open_link,
        app::read_clipboard,
        app::unwatch,
        app::watch_drops,
        handover::choose_folder,
    ]
}
