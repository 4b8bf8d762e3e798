//! Whether the app starts when the user logs in to the computer. The system's own list is the truth, and is asked
//! each time: the user may have taken the app off it there.

use std::env;
use std::path::PathBuf;

use agent_sandbox::ipc::app::AtLogin;
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_autostart::ManagerExt;

use super::desk::Answer;
use super::environment::Environment;

/// What the system starts the app with, so that it waits in the tray.
const IN_TRAY: &str = "--in-tray";

/// The plugin that knows the system's list.
pub fn plugin<R: Runtime>() -> TauriPlugin<R> {
    tauri_plugin_autostart::Builder::new()
        .arg(IN_TRAY)
        .app_name("Agent Sandbox")
        .build()
}

/// Whether this process was started so.
pub fn starts_in_tray() -> bool {
    env::args_os().skip(1).any(|argument| argument == IN_TRAY)
}

/// As the system has it now.
pub fn read<R: Runtime>(app: &AppHandle<R>) -> Answer<AtLogin> {
    let on = app.autolaunch().is_enabled().map_err(|error| {
        not_done(
            "The system’s list of what starts at login could not be read.",
            &error,
        )
    })?;
    Ok(AtLogin {
        on,
        refused: refused(app),
    })
}

/// Puts the app on the list, or takes it off; answers with what the list says then.
pub fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Answer<AtLogin> {
    if on && let Some(why) = refused(app) {
        return Err(WireError::said(ErrorCode::InvalidRequest, &why));
    }
    let list = app.autolaunch();
    let (done, words) = if on {
        (
            list.enable(),
            "The app could not be put on the system’s list of what starts at login.",
        )
    } else {
        (
            list.disable(),
            "The app could not be taken off the system’s list of what starts at login.",
        )
    };
    done.map_err(|error| not_done(words, &error))?;
    read(app)
}

fn not_done(words: &str, error: &tauri_plugin_autostart::Error) -> WireError {
    WireError {
        safe: Some("Nothing else was changed.".to_owned()),
        fix: Some(
            "Set it in your system’s own settings, where it lists what starts at login.".to_owned(),
        ),
        details: Some(error.to_string()),
        ..WireError::said(ErrorCode::Io, words)
    }
}

/// Why it cannot be switched on, in words.
fn refused<R: Runtime>(app: &AppHandle<R>) -> Option<String> {
    if app.state::<Environment>().data_dir.is_some() {
        return Some(
            "This window keeps its data in a folder of its own. Start the app as usual to set this."
                .to_owned(),
        );
    }
    unwritable(program()?.to_str())
}

/// What the system would start: the image that a program was unpacked from, where it was.
fn program() -> Option<PathBuf> {
    let image = env::var_os("APPIMAGE").filter(|path| !path.is_empty());
    image.map(PathBuf::from).or_else(|| env::current_exe().ok())
}

/// A desktop's list holds a command line, which the plugin writes without quotes.
fn unwritable(program: Option<&str>) -> Option<String> {
    let plain = |path: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-@:,".contains(c) || !c.is_ascii();
        path.chars().all(plain)
    };
    if !cfg!(target_os = "linux") || program.is_some_and(plain) {
        return None;
    }
    Some(
        "The folder that the app lies in has a space or a sign in its name, which the system’s list cannot hold. \
         Move the app to another folder first."
            .to_owned(),
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_the_list_cannot_name_is_refused_in_words() {
        assert_eq!(unwritable(Some("/usr/bin/agent-sandbox")), None);
        assert_eq!(unwritable(Some("/home/zoë/Apps/Agent-1.0.AppImage")), None);
        for bad in ["/home/mira/My Apps/a", "/tmp/a;b", "/tmp/a\"b", "/tmp/%f"] {
            assert!(unwritable(Some(bad)).is_some(), "{bad}");
        }
        assert!(unwritable(None).is_some(), "a name that is no text");
    }
}
