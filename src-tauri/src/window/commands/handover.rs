//! Handing a folder over.

use std::path::{Path, PathBuf};

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::from;
use agent_sandbox::ipc::handover::{CreateRequest, HandOverChoices, Preflight, StaysOut};
use agent_sandbox::ipc::sandbox::{NetworkMode, SandboxRow};
use sandbox_engine::Operation;
use sandbox_engine::image::folder::FolderImage;
use sandbox_engine::network::presets;
use sandbox_engine::sandbox::NewSandbox;
use sandbox_engine::state::record::{self, NetworkPolicy};
use sandbox_workspace::Dir;
use tauri::{AppHandle, Runtime, State};
use tokio::task::block_in_place;

use crate::desk::{Answer, Desk};
use crate::operations::Operations;
use crate::{ask, sample};

/// Projects that are offered again.
const RECENT: usize = 8;

#[tauri::command]
pub async fn choose_folder<R: Runtime>(title: String, app: AppHandle<R>) -> Option<String> {
    let folder = ask::folder(&app, &title).await;
    folder.map(|path| path.to_string_lossy().into_owned())
}

#[tauri::command]
pub async fn recent_projects(desk: State<'_, Desk>) -> Answer<Vec<String>> {
    let mut records = desk.engine().records()?;
    records.sort_by_key(|record| std::cmp::Reverse(record.created));
    let mut projects: Vec<String> = Vec::new();
    for record in records {
        let path = record.project.to_lossy();
        if !projects.contains(&path) && Path::new(&path).is_dir() {
            projects.push(path);
        }
    }
    projects.truncate(RECENT);
    Ok(projects)
}

#[tauri::command]
pub async fn sample_project() -> Answer<String> {
    let home = directories::BaseDirs::new().ok_or_else(|| {
        WireError::said(
            ErrorCode::Io,
            "Your home folder is not known, so there is no place for it.",
        )
    })?;
    let made = block_in_place(|| sample::make(home.home_dir()));
    match made {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(error) => Err(WireError::new(ErrorCode::Io, &error)),
    }
}

#[tauri::command]
pub async fn preflight(
    project: String,
    choices: HandOverChoices,
    desk: State<'_, Desk>,
) -> Answer<Preflight> {
    let engine = desk.engine();
    let path = PathBuf::from(&project);
    let rules = from::rules(choices)?;
    let settings = engine.settings()?;
    let default_limits = engine.default_limits()?;
    block_in_place(|| {
        let counted = engine.preflight(&path, &rules, &Operation::silent())?;
        let folder = Dir::open_root(&path).map_err(sandbox_engine::Error::from)?;
        let (goes_in, goes_in_more) = from::goes_in(&counted, &folder);
        let out = counted.left_out.iter();
        Ok(Preflight {
            suggested_name: engine.suggested_name(&path)?,
            project,
            goes_in,
            goes_in_more,
            files: counted.files,
            bytes: counted.bytes,
            out_files: out.clone().map(|left| left.files).sum(),
            out_bytes: out.clone().map(|left| left.bytes).sum(),
            stays_out: out.map(StaysOut::from).collect(),
            has_gitignore: path.join(".gitignore").exists(),
            warnings: from::warnings(&counted),
            free: engine.free_space()?,
            default_limits: default_limits.into(),
            default_network: settings.default_network.into(),
            default_agent: settings.default_agent,
            remembered: from::remembered(engine.rules_before(&path)?.as_ref(), &counted.left_out),
            folder_images: from::folder_images(engine.folder_images(&path)?),
        })
    })
}

#[tauri::command]
pub async fn create_sandbox(
    request: CreateRequest,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<SandboxRow> {
    let CreateRequest {
        operation,
        project,
        name,
        choices,
        agent,
        command,
        network,
        limits,
        runtime,
        keys,
        image,
        image_from,
    } = request;
    let at_work = operations.begin(&operation);
    let op = desk.operation(&operation, at_work.cancel());
    let new = NewSandbox {
        project: PathBuf::from(project),
        name: Some(name).filter(|name| !name.trim().is_empty()),
        agent,
        command: command.filter(|command| !command.trim().is_empty()),
        image: match image {
            Some(image) => Some(image),
            None => desk.engine().settings()?.image,
        },
        image_from: image_from.map(FolderImage::from),
        runtime,
        keys,
        network: NetworkPolicy {
            presets: match network {
                NetworkMode::Approved => presets::USUAL.map(str::to_owned).to_vec(),
                NetworkMode::Offline | NetworkMode::Open => Vec::new(),
            },
            mode: network.into(),
            ..NetworkPolicy::default()
        },
        limits: record::Limits::from(limits).into(),
        rules: from::rules(choices)?,
        start: true,
    };
    let id = desk.engine().create(new, &op).await?;
    desk.watching().watch(&id)?;
    desk.row(&id).await
}
