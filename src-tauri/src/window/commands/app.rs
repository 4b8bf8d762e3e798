//! The app itself: what it runs on, settings, disk use, events, links, the clipboard.

use agent_sandbox::engine_app::{EngineApp, NotStarted};
use agent_sandbox::ipc::app::{
    AppInfo, AtLogin, Check, CheckId, CheckState, DiskUse, ImageState, Tried,
};
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::event::{Dropped, Numbered};
use agent_sandbox::ipc::from::{self, sentence};
use agent_sandbox::ipc::settings::Settings;
use agent_sandbox::place::{self, Place};
use sandbox_engine::image::packages::PackageName;
use sandbox_engine::sandbox::Check as Row;
use sandbox_engine::{Engine, Operation};
use tauri::ipc::Channel;
use tauri::{AppHandle, Runtime, State};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::block_in_place;

use crate::desk::{Answer, Desk, opens};
use crate::drops::Drops;
use crate::operations::Operations;
use crate::subscriptions::Subscriptions;
use crate::{ask, at_login, clipboard};

#[tauri::command]
pub async fn app_info(desk: State<'_, Desk>) -> Answer<AppInfo> {
    let settings = desk.engine().settings()?;
    let home = directories::BaseDirs::new();
    Ok(AppInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: std::env::consts::OS.to_owned(),
        home: home.map_or_else(String::new, |dirs| {
            dirs.home_dir().to_string_lossy().into_owned()
        }),
        data_dir: desk.engine().data().root().to_string_lossy().into_owned(),
        checked_before: settings.checked_before,
        usual_limits: Engine::usual_limits().into(),
        engine: desk.engine_state().await,
    })
}

#[tauri::command]
pub async fn run_check(check: CheckId, desk: State<'_, Desk>) -> Answer<Check> {
    Ok(match check {
        CheckId::Engine => check_engine(&desk).await,
        CheckId::Disk => check_disk(&desk.engine().check_disk()),
        CheckId::Fence => check_fence(&desk).await,
    })
}

async fn check_engine(desk: &Desk) -> Check {
    let found = desk.engine().docker().await;
    let (state, figure, summary, tried) = match &found {
        Ok(docker) => {
            let info = docker.info();
            let mut summary = "Found and running, and your account may use it.".to_owned();
            for warning in &info.warnings {
                summary.push(' ');
                summary.push_str(&sentence(warning));
            }
            let state = if info.warnings.is_empty() {
                CheckState::Ok
            } else {
                CheckState::Warning
            };
            let tried = vec![Tried {
                what: format!("Connect ({})", docker.endpoint().found_by),
                happened: format!("{} {} answered", info.product, info.version),
                ok: true,
            }];
            (
                state,
                format!("{} {}", info.product, info.version),
                summary,
                tried,
            )
        }
        Err(error) => {
            let wire = WireError::from(error);
            let words = [Some(wire.message), wire.fix].into_iter().flatten();
            let tried = wire.details.iter().flat_map(|details| details.lines());
            let tried = tried.map(|line| Tried {
                what: "Connect".to_owned(),
                happened: line.to_owned(),
                ok: false,
            });
            (
                CheckState::Failed,
                "not available".to_owned(),
                words.collect::<Vec<_>>().join(" "),
                tried.collect(),
            )
        }
    };
    let command = match found.as_ref().err().map(sandbox_engine::Error::code) {
        Some(sandbox_engine::Code::EngineNotInstalled) => Some("sudo apt install docker.io"),
        Some(sandbox_engine::Code::EngineNotRunning) => Some("sudo systemctl start docker"),
        Some(sandbox_engine::Code::EngineNoPermission) => Some("sudo usermod -aG docker \"$USER\""),
        _ => None,
    };
    Check {
        id: CheckId::Engine,
        state,
        figure,
        summary,
        opens: found.as_ref().err().and_then(opens),
        command: command
            .filter(|_| cfg!(target_os = "linux"))
            .map(str::to_owned),
        tried,
    }
}

fn check_disk(row: &Row) -> Check {
    let fix = row.fix.as_ref();
    let fix = fix.map(|fix| format!("{fix} Or keep them on another disk."));
    Check {
        id: CheckId::Disk,
        state: if row.ok {
            CheckState::Ok
        } else {
            CheckState::Failed
        },
        figure: row.detail.clone(),
        summary: fix.unwrap_or_else(|| "Enough for copies and snapshots.".to_owned()),
        command: None,
        opens: None,
        tried: Vec::new(),
    }
}

async fn check_fence(desk: &Desk) -> Check {
    let check = |state, figure, summary: &str, tried| Check {
        id: CheckId::Fence,
        state,
        figure,
        summary: summary.to_owned(),
        command: None,
        opens: None,
        tried,
    };
    match desk.engine().fence().await {
        Ok(fence) => {
            let tried: Vec<Tried> = fence
                .findings
                .iter()
                .map(|finding| Tried {
                    what: what_was_tried(&finding.what, &finding.tried),
                    happened: finding.happened.clone(),
                    ok: finding.closed,
                })
                .collect();
            let closed = tried.iter().filter(|one| one.ok).count();
            let figure = format!("{closed} of {} passed", tried.len());
            if fence.is_closed() {
                let words = "It cannot see your files. It cannot reach your network. It cannot reach the \
                             internet except the sites you allow: its gateway let it through to the one \
                             approved site, and to nothing else.";
                check(CheckState::Ok, figure, words, tried)
            } else {
                let words = "A test container reached something it must not. No agent is started \
                             until this is mended; look at what was tried.";
                check(CheckState::Failed, figure, words, tried)
            }
        }
        Err(error) => {
            let wire = WireError::from(&error);
            let no_engine = desk.engine().docker().await.is_err();
            if no_engine {
                let words = "It is tried as soon as the container engine answers.";
                return check(
                    CheckState::Warning,
                    "not tried".to_owned(),
                    words,
                    Vec::new(),
                );
            }
            let words = [Some(wire.message), wire.fix].into_iter().flatten();
            let words = words.collect::<Vec<_>>().join(" ");
            check(
                CheckState::Failed,
                "could not be tried".to_owned(),
                &words,
                Vec::new(),
            )
        }
    }
}

/// `tried` is a kind, a colon and an address; of some kinds there is but one.
fn what_was_tried(what: &str, tried: &str) -> String {
    match tried.split_once(':') {
        Some(("file", path)) => format!("See {what} ({path})"),
        Some((_, address)) => format!("Reach {what} ({address})"),
        None => format!("Reach {what}"),
    }
}

/// Opens the app that brings the container engine; which one is not the page's to say.
#[tauri::command]
pub async fn open_engine_app() -> Answer<()> {
    let started = match EngineApp::installed() {
        Some(app) => app.start().await,
        None => Err(NotStarted::Unknown),
    };
    started.map_err(|error| {
        let plain = WireError::new(ErrorCode::EngineFailed, &error);
        WireError {
            message: sentence(&plain.message),
            safe: Some("Your folders and the sandboxes are as they were.".to_owned()),
            fix: Some(
                "Start it yourself, from the menu of your desktop; this window notices.".to_owned(),
            ),
            ..plain
        }
    })
}

#[tauri::command]
pub async fn starts_at_login<R: Runtime>(app: AppHandle<R>) -> Answer<AtLogin> {
    block_in_place(|| at_login::read(&app))
}

#[tauri::command]
pub async fn start_at_login<R: Runtime>(on: bool, app: AppHandle<R>) -> Answer<AtLogin> {
    block_in_place(|| at_login::set(&app, on))
}

#[tauri::command]
pub async fn finish_first_start(desk: State<'_, Desk>) -> Answer<()> {
    let mut settings = desk.engine().settings()?;
    settings.checked_before = true;
    Ok(desk.engine().save_settings(&settings)?)
}

#[tauri::command]
pub async fn image_state(desk: State<'_, Desk>) -> Answer<ImageState> {
    match desk.image() {
        Some(state) => Ok(state),
        None => Ok(desk.ready_or_missing().await),
    }
}

#[tauri::command]
pub async fn prepare_image(desk: State<'_, Desk>) -> Answer<()> {
    if let Some(ImageState::Preparing { .. }) = desk.image() {
        return Ok(());
    }
    let state = desk.ready_or_missing().await;
    if let ImageState::Ready { .. } = state {
        desk.set_image(state);
        return Ok(());
    }
    desk.set_image(ImageState::Preparing {
        phase: "Looking for the environment image".to_owned(),
        fraction: None,
    });
    let desk = desk.inner().clone();
    tauri::async_runtime::spawn(async move {
        let state = match desk.engine().prepare_image(&Operation::silent()).await {
            Ok(()) => desk.ready_or_missing().await,
            Err(error) => ImageState::Failed {
                error: (&error).into(),
            },
        };
        desk.set_image(state);
    });
    Ok(())
}

#[tauri::command]
pub async fn list_images(desk: State<'_, Desk>) -> Answer<Vec<String>> {
    let docker = desk.engine().docker().await?;
    let names = docker.image_names().await;
    Ok(names.map_err(sandbox_engine::Error::from)?)
}

#[tauri::command]
pub async fn settings(desk: State<'_, Desk>) -> Answer<Settings> {
    Ok((&desk.engine().settings()?).into())
}

#[tauri::command]
pub async fn save_settings(settings: Settings, desk: State<'_, Desk>) -> Answer<Settings> {
    for name in &settings.packages {
        let parsed: Result<PackageName, _> = name.parse();
        parsed.map_err(|error| WireError::new(ErrorCode::InvalidRequest, &error))?;
    }
    let saved = from::chosen(desk.engine().settings()?, settings);
    desk.engine().save_settings(&saved)?;
    Ok((&saved).into())
}

#[tauri::command]
pub async fn disk_use(desk: State<'_, Desk>) -> Answer<DiskUse> {
    Ok(desk.engine().disk_use().await?.into())
}

#[tauri::command]
pub async fn remove_everything_preview(desk: State<'_, Desk>) -> Answer<Vec<String>> {
    let made = desk.engine().made().await?;
    let sandboxes = desk.engine().records()?.len();
    let mut lines = vec![match sandboxes {
        1 => "1 sandbox with its workspace and snapshots".to_owned(),
        n => format!("{n} sandboxes with their workspaces and snapshots"),
    }];
    for (names, what) in [
        (&made.containers, "container"),
        (&made.volumes, "volume"),
        (&made.images, "image"),
    ] {
        lines.extend(names.iter().map(|name| format!("The {what} {name}")));
    }
    lines.extend(made.keys.iter().map(|kept| format!("The {kept}")));
    lines.push(format!("The folder {}", made.data));
    lines.extend(made.kept.iter().map(|why| format!("Kept: {why}")));
    if let Some(folder) = Place::of_user().ok().as_ref().and_then(Place::left_behind) {
        let folder = folder.display();
        lines.push(format!(
            "Kept: what lies in {folder}, from before another disk was chosen; go back to it to remove it"
        ));
    }
    Ok(lines)
}

#[tauri::command]
pub async fn remove_everything(operation: String, desk: State<'_, Desk>) -> Answer<()> {
    tracing::info!(operation, "everything is removed by the user's wish");
    for record in desk.engine().records()? {
        desk.watching().forget(&record.id);
    }
    desk.engine().purge().await?;
    place::forget(desk.engine().data().root())
        .map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub fn subscribe(
    channel: Channel<Numbered>,
    desk: State<'_, Desk>,
    subscriptions: State<'_, Subscriptions>,
) -> u32 {
    let mut events = desk.feed().subscribe();
    subscriptions.start(async move {
        loop {
            match events.recv().await {
                Ok(event) => {
                    if channel.send(event).is_err() {
                        return;
                    }
                }
                // The numbers have a gap: the page reads everything again.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    })
}

#[tauri::command]
pub fn watch_drops(
    channel: Channel<Dropped>,
    drops: State<'_, Drops>,
    subscriptions: State<'_, Subscriptions>,
) -> u32 {
    let mut dropped = drops.subscribe();
    subscriptions.start(async move {
        while let Ok(drop) = dropped.recv().await {
            if channel.send(drop).is_err() {
                return;
            }
        }
    })
}

#[tauri::command]
pub fn unwatch(id: u32, subscriptions: State<'_, Subscriptions>) {
    subscriptions.stop(id);
}

#[tauri::command]
pub fn cancel_operation(operation: &str, operations: State<'_, Operations>) {
    operations.cancel(operation);
}

#[tauri::command]
pub async fn open_in_file_manager<R: Runtime>(path: String, app: AppHandle<R>) -> Answer<()> {
    ask::file_manager(&app, &path).map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn open_link<R: Runtime>(url: String, app: AppHandle<R>) -> Answer<()> {
    if !ask::is_web_link(&url) {
        return Err(WireError::said(
            ErrorCode::InvalidRequest,
            "Only links to web pages can be opened.",
        ));
    }
    ask::browser(&app, &url).map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn copy_text<R: Runtime>(text: String, app: AppHandle<R>) -> Answer<()> {
    clipboard::write(&app, text)
        .await
        .map_err(|error| WireError::new(ErrorCode::Io, &error))
}

#[tauri::command]
pub async fn read_clipboard<R: Runtime>(app: AppHandle<R>) -> Answer<String> {
    clipboard::read(&app)
        .await
        .map_err(|error| WireError::new(ErrorCode::Io, &error))
}
