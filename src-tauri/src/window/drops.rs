//! Files and folders that are dragged over the window and dropped on it. The page is not granted Tauri's own
//! events, so it asks for these by a command.

use std::path::PathBuf;

use agent_sandbox::ipc::event::Dropped;
use tauri::DragDropEvent;
use tokio::sync::broadcast;

/// What is dragged, to whoever listens.
pub struct Drops(broadcast::Sender<Dropped>);

impl Default for Drops {
    fn default() -> Self {
        Self(broadcast::channel(16).0)
    }
}

impl Drops {
    /// Passes one event of the window on.
    pub fn tell(&self, event: &DragDropEvent) {
        let told = match event {
            DragDropEvent::Enter { .. } => Dropped {
                over: true,
                paths: None,
            },
            DragDropEvent::Leave => Dropped {
                over: false,
                paths: None,
            },
            DragDropEvent::Drop { paths, .. } => Dropped {
                over: false,
                paths: Some(texts(paths)),
            },
            // Where exactly is of no use to the page: the whole window takes it.
            _ => return,
        };
        // Nobody listening is no failure.
        let _ = self.0.send(told);
    }

    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Dropped> {
        self.0.subscribe()
    }
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}
