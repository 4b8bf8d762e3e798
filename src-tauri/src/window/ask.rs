//! What is asked of the system: its folder and save dialogs, its file manager, its browser. From here only;
//! the page is granted no plugin.

use std::path::PathBuf;

use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_dialog::{DialogExt, FilePath};
use tauri_plugin_opener::OpenerExt;
use tokio::sync::oneshot;

use super::environment::Environment;

/// The folder that the user chooses; `None` when dismissed.
pub async fn folder<R: Runtime>(app: &AppHandle<R>, title: &str) -> Option<PathBuf> {
    if let Some(path) = app.state::<Environment>().chosen_folder() {
        return Some(path);
    }
    let (tell, told) = oneshot::channel();
    app.dialog()
        .file()
        .set_title(title)
        .pick_folder(move |answer| {
            let _ = tell.send(answer);
        });
    path(told.await.ok().flatten())
}

/// The file that the user wants to save as; `None` when dismissed.
pub async fn save_as<R: Runtime>(app: &AppHandle<R>, title: &str, name: &str) -> Option<PathBuf> {
    let (tell, told) = oneshot::channel();
    app.dialog()
        .file()
        .set_title(title)
        .set_file_name(name)
        .save_file(move |answer| {
            let _ = tell.send(answer);
        });
    path(told.await.ok().flatten())
}

fn path(answer: Option<FilePath>) -> Option<PathBuf> {
    answer.and_then(|answer| answer.into_path().ok())
}

/// Shows a folder, or a file in its folder. Nothing is started that the file's own type names.
pub fn file_manager<R: Runtime>(
    app: &AppHandle<R>,
    path: &str,
) -> Result<(), tauri_plugin_opener::Error> {
    app.opener().reveal_item_in_dir(path)
}

/// Opens a link in the browser.
pub fn browser<R: Runtime>(
    app: &AppHandle<R>,
    url: &str,
) -> Result<(), tauri_plugin_opener::Error> {
    app.opener().open_url(url, None::<&str>)
}

/// Whether a link may be followed at all: to the web, and with no name and password in it.
pub fn is_web_link(url: &str) -> bool {
    let Ok(url) = tauri::Url::parse(url) else {
        return false;
    };
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_followed() {
        assert!(is_web_link("https://example.org/a?b#c"));
        assert!(is_web_link("http://127.0.0.1:8080/"));
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "ssh://example.org",
            "https://",
            "https://user:pass@example.org/",
            "not a link",
        ] {
            assert!(!is_web_link(bad), "{bad}");
        }
    }
}
