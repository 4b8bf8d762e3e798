//! Where the data lies: on another disk, from the next start on.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use agent_sandbox::ipc::app::{DataFolder, OtherDataFolder};
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::from::sentence;
use agent_sandbox::place::{Candidate, Place, PlaceError};
use tauri::{AppHandle, Runtime, State};
use tokio::task::block_in_place;

use crate::ask;
use crate::desk::{Answer, Desk};
use crate::environment::Environment;

/// What was looked at last: the page says *use it*, and names no path.
#[derive(Default)]
pub struct Looked(Mutex<Option<Candidate>>);

impl Looked {
    fn keep(&self, found: Candidate) -> OtherDataFolder {
        let shown = OtherDataFolder {
            path: found.path.to_string_lossy().into_owned(),
            free: found.free,
            known: found.known,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        shown
    }

    fn take(&self) -> Option<Candidate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[tauri::command]
pub async fn data_folder(
    desk: State<'_, Desk>,
    environment: State<'_, Environment>,
) -> Answer<DataFolder> {
    let fixed = environment.data_dir.is_some().then(|| {
        "AGENT_SANDBOX_DATA_DIR names the data folder of this window. Change it there.".to_owned()
    });
    Ok(DataFolder {
        path: desk.engine().data().root().to_string_lossy().into_owned(),
        free: desk.engine().free_space()?,
        chosen: fixed.is_none() && Place::of_user().is_ok_and(|place| place.is_chosen()),
        fixed,
    })
}

/// The system's dialog, and a look at what was chosen; `None` when dismissed.
#[tauri::command]
pub async fn choose_data_folder<R: Runtime>(
    app: AppHandle<R>,
    looked: State<'_, Looked>,
) -> Answer<Option<OtherDataFolder>> {
    let Some(folder) = ask::folder(&app, "Choose a folder on another disk").await else {
        return Ok(None);
    };
    look_at(&folder, &looked).map(Some)
}

/// The usual folder, looked at likewise.
#[tauri::command]
pub async fn usual_data_folder(looked: State<'_, Looked>) -> Answer<OtherDataFolder> {
    let place = Place::of_user().map_err(wire)?;
    look_at(place.usual(), &looked)
}

fn look_at(folder: &Path, looked: &Looked) -> Answer<OtherDataFolder> {
    let found = block_in_place(|| Place::of_user()?.look_at(folder));
    Ok(looked.keep(found.map_err(wire)?))
}

/// Stops what runs, and starts the app again with the folder that was looked at last.
#[tauri::command]
pub async fn use_data_folder<R: Runtime>(
    app: AppHandle<R>,
    desk: State<'_, Desk>,
    environment: State<'_, Environment>,
    looked: State<'_, Looked>,
) -> Answer<()> {
    let chosen = looked.take().filter(|_| environment.data_dir.is_none());
    let Some(chosen) = chosen else {
        let words = "No folder was chosen.";
        return Err(WireError::said(ErrorCode::InvalidRequest, words));
    };
    // What would not stop is not left behind without anybody who answers what it asks.
    desk.stop_all_or_fail().await?;
    let now = desk.engine().data().root();
    block_in_place(|| Place::of_user()?.choose(&chosen, now)).map_err(wire)?;
    app.request_restart();
    Ok(())
}

fn wire(error: PlaceError) -> WireError {
    let code = match error {
        PlaceError::NoRoom { .. } => ErrorCode::DiskFull,
        PlaceError::Io { .. } | PlaceError::Files(_) => ErrorCode::Io,
        _ => ErrorCode::InvalidRequest,
    };
    let plain = WireError::new(code, &error);
    WireError {
        message: sentence(&plain.message),
        safe: Some("Nothing was moved and nothing was changed.".to_owned()),
        ..plain
    }
}
