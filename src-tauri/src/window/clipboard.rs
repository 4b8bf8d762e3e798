//! The system's clipboard. Text only, and only when the user asks by a key or a menu.

/// The clipboard did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the clipboard cannot be used: {0}")]
pub struct ClipboardError(&'static str);

#[cfg(target_os = "linux")]
mod system {
    use gtk::gdk::SELECTION_CLIPBOARD;
    use tauri::{AppHandle, Runtime};
    use tokio::sync::oneshot;

    use super::ClipboardError;

    /// Puts text in.
    pub async fn write<R: Runtime>(app: &AppHandle<R>, text: String) -> Result<(), ClipboardError> {
        on_main(app, move |tell| {
            gtk::Clipboard::get(&SELECTION_CLIPBOARD).set_text(&text);
            let _ = tell.send(());
        })
        .await
    }

    /// Takes text out; empty where there is none.
    pub async fn read<R: Runtime>(app: &AppHandle<R>) -> Result<String, ClipboardError> {
        on_main(app, |tell| {
            // Asked without blocking: the owner may be our own page, which needs this thread to answer.
            gtk::Clipboard::get(&SELECTION_CLIPBOARD).request_text(move |_, text| {
                let _ = tell.send(text.unwrap_or_default().to_owned());
            });
        })
        .await
    }

    /// GTK is used on its own thread only.
    async fn on_main<R: Runtime, T: Send + 'static>(
        app: &AppHandle<R>,
        act: impl FnOnce(oneshot::Sender<T>) + Send + 'static,
    ) -> Result<T, ClipboardError> {
        let (tell, told) = oneshot::channel();
        app.run_on_main_thread(move || act(tell))
            .map_err(|_| ClipboardError("the window is closing"))?;
        told.await.map_err(|_| ClipboardError("it did not answer"))
    }
}

/// On Windows and macOS the page's own clipboard is to be used; this says so.
#[cfg(not(target_os = "linux"))]
mod system {
    use tauri::{AppHandle, Runtime};

    use super::ClipboardError;

    /// Not yet.
    pub async fn write<R: Runtime>(_: &AppHandle<R>, _: String) -> Result<(), ClipboardError> {
        Err(ClipboardError("not on this system yet"))
    }

    /// Not yet.
    pub async fn read<R: Runtime>(_: &AppHandle<R>) -> Result<String, ClipboardError> {
        Err(ClipboardError("not on this system yet"))
    }
}

pub use system::{read, write};
