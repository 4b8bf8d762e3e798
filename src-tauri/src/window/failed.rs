//! When the app cannot even open its data: a plain message of the desktop, for there is no window to say it in.

use agent_sandbox::place::{Place, PlaceError};
use tauri_plugin_dialog::{DialogExt, MessageDialogButtons, MessageDialogKind};

/// Shows it and ends when it was read. Where there is no display, standard error has it already.
pub fn show(error: &(dyn std::error::Error + 'static)) {
    let message = message(&error.to_string());
    // With the chosen disk away, one can go on without it.
    let away = matches!(error.downcast_ref(), Some(PlaceError::Away(_)));
    let shown = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .setup(move |app| {
            let handle = app.handle().clone();
            let mut dialog = app
                .dialog()
                .message(message)
                .title("Agent Sandbox could not start")
                .kind(MessageDialogKind::Error);
            if away {
                dialog = dialog.buttons(MessageDialogButtons::OkCancelCustom(
                    "Use this computer\u{2019}s own disk".to_owned(),
                    // Also what closing it means.
                    "Quit".to_owned(),
                ));
            }
            dialog.show(move |confirmed| {
                if away && confirmed {
                    match Place::of_user().and_then(|place| place.go_back()) {
                        Ok(()) => handle.request_restart(),
                        Err(error) => {
                            eprintln!("agent-sandbox-window: {error}");
                            handle.exit(1);
                        }
                    }
                } else {
                    handle.exit(1);
                }
            });
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
