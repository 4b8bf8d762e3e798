//! When the app cannot even open its data: a plain message of the desktop, for there is no window to say it in.

use tauri_plugin_dialog::{DialogExt, MessageDialogKind};

/// Shows it and ends when it was read. Where there is no display, standard error has it already.
pub fn show(error: &str) {
    let message = message(error);
    let shown = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .setup(move |app| {
            let handle = app.handle().clone();
            app.dialog()
                .message(message)
                .title("Agent Sandbox could not start")
                .kind(MessageDialogKind::Error)
                .show(move |_| handle.exit(1));
            Ok(())
        })
        .run(tauri::generate_context!());
    if let Err(error) = shown {
        eprintln!("agent-sandbox-window: {error}");
    }
}

fn message(error: &str) -> String {
    format!(
        "{error}\n\nYour own folders are as they were, and nothing of the sandboxes was changed. \
         Once this is settled, start Agent Sandbox again; `agent-sandbox doctor` says more."
    )
}
