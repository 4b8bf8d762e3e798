//! The files of a workspace, to look at.

use std::collections::HashMap;

use agent_sandbox::ipc::path::WirePath;
use agent_sandbox::ipc::review::ChangeStatus;
use agent_sandbox::ipc::sandbox::{
    FileView, Listing, LiveChange, LiveChanges, TreeEntry, TreeKind,
};
use sandbox_engine::sandbox::FileContent;
use sandbox_workspace::{Kind, WorkspacePath};
use tauri::State;
use tokio::task::block_in_place;

use super::view;
use crate::desk::{Answer, Desk, id};

#[tauri::command]
pub async fn list_folder(
    sandbox: &str,
    folder: Option<WirePath>,
    desk: State<'_, Desk>,
) -> Answer<Listing> {
    let id = id(sandbox)?;
    let folder = folder.map(WorkspacePath::try_from).transpose()?;
    block_in_place(|| {
        let listed = desk.engine().list_folder(&id, folder.as_ref())?;
        let live = desk.engine().live(&id)?;
        let statuses: HashMap<&WorkspacePath, ChangeStatus> = live
            .changes
            .list
            .iter()
            .map(|change| (&change.path, change.status.into()))
            .collect();
        let status_of = |path: &WorkspacePath, is_dir: bool| {
            let own = statuses.get(path).copied();
            let below = || {
                let changes = live.changes.list.iter();
                changes
                    .clone()
                    .any(|change| change.path.starts_with(path))
                    .then_some(ChangeStatus::Modified)
            };
            own.or_else(|| is_dir.then(below).flatten())
        };
        let entries = listed
            .entries
            .iter()
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(entry.path.file_name()).into_owned(),
                kind: tree_kind(entry.kind),
                size: entry.size,
                status: status_of(&entry.path, entry.kind == Kind::Dir),
                left_out: entry.left_out,
                path: (&entry.path).into(),
            })
            .collect();
        Ok(Listing {
            entries,
            more: u32::try_from(listed.more).unwrap_or(u32::MAX),
        })
    })
}

fn tree_kind(kind: Kind) -> TreeKind {
    match kind {
        Kind::File => TreeKind::File,
        Kind::Dir => TreeKind::Dir,
        Kind::Symlink => TreeKind::Symlink,
        Kind::Special(_) => TreeKind::Special,
    }
}

#[tauri::command]
pub async fn find_files(
    sandbox: &str,
    query: &str,
    limit: usize,
    desk: State<'_, Desk>,
) -> Answer<Vec<WirePath>> {
    let id = id(sandbox)?;
    let found = block_in_place(|| desk.engine().find_files(&id, query, limit.min(1000)))?;
    Ok(found.iter().map(WirePath::from).collect())
}

#[tauri::command]
pub async fn read_file(sandbox: &str, path: WirePath, desk: State<'_, Desk>) -> Answer<FileView> {
    let id = id(sandbox)?;
    let path = WorkspacePath::try_from(path)?;
    let content = block_in_place(|| desk.engine().read_file(&id, &path))?;
    Ok(match content {
        FileContent::Bytes { bytes, size } => view::of_bytes(&bytes, size),
        FileContent::Link(target) => FileView::Symlink {
            leaves: sandbox_review::risk::leaves(&path, &target),
            target: String::from_utf8_lossy(&target).into_owned(),
        },
        FileContent::Other(kind) => FileView::Special {
            what: kind.to_string(),
        },
    })
}

#[tauri::command]
pub async fn live_changes(sandbox: &str, desk: State<'_, Desk>) -> Answer<LiveChanges> {
    let id = id(sandbox)?;
    let live = block_in_place(|| desk.engine().live(&id))?;
    Ok(LiveChanges {
        changes: live.changes.list.iter().map(LiveChange::from).collect(),
        left_out: u32::try_from(live.changes.left_out).unwrap_or(u32::MAX),
        incomplete: live.incomplete,
    })
}
