//! Snapshots, comparing, going back.

use std::time::Instant;

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::from;
use agent_sandbox::ipc::path::WirePath;
use agent_sandbox::ipc::review::{DiffOptions, FileDiff};
use agent_sandbox::ipc::sandbox::{LiveChange, LiveChanges};
use agent_sandbox::ipc::snapshot::{CompareSide, ResetReport, SnapshotRow};
use sandbox_engine::sandbox::{Compared, Reset, Side};
use sandbox_engine::{Error, Operation, SandboxId};
use sandbox_review::Decisions;
use sandbox_workspace::WorkspacePath;
use tauri::State;
use tokio::task::block_in_place;

use crate::desk::{Answer, Desk, id};
use crate::operations::Operations;

#[tauri::command]
pub async fn snapshots(sandbox: &str, desk: State<'_, Desk>) -> Answer<Vec<SnapshotRow>> {
    let (list, unreadable) = desk.engine().snapshots(&id(sandbox)?)?;
    for path in unreadable {
        tracing::warn!(path = %path.display(), "a snapshot cannot be read");
    }
    Ok(list.iter().rev().map(SnapshotRow::from).collect())
}

#[tauri::command]
pub async fn home_size(sandbox: &str, desk: State<'_, Desk>) -> Answer<Option<u64>> {
    Ok(desk.engine().home_bytes(&id(sandbox)?).await)
}

#[tauri::command]
pub async fn take_snapshot(
    sandbox: &str,
    name: Option<String>,
    with_home: bool,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<SnapshotRow> {
    let name = name
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let taken = desk.engine().snapshot(&id, name, with_home, &op).await?;
    Ok((&taken).into())
}

#[tauri::command]
pub async fn name_snapshot(
    sandbox: &str,
    snapshot: &str,
    name: Option<&str>,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let id = id(sandbox)?;
    Ok(desk
        .engine()
        .rename_snapshot(&id, snapshot, name.unwrap_or(""))
        .await?)
}

#[tauri::command]
pub async fn delete_snapshot(sandbox: &str, snapshot: &str, desk: State<'_, Desk>) -> Answer<()> {
    Ok(desk
        .engine()
        .delete_snapshot(&id(sandbox)?, snapshot)
        .await?)
}

#[tauri::command]
pub async fn compare(
    sandbox: &str,
    from: CompareSide,
    to: CompareSide,
    desk: State<'_, Desk>,
) -> Answer<LiveChanges> {
    let compared = compared(&desk, &id(sandbox)?, from, to).await?;
    Ok(LiveChanges {
        changes: compared.changes.list.iter().map(LiveChange::from).collect(),
        left_out: u32::try_from(compared.changes.left_out).unwrap_or(u32::MAX),
        incomplete: compared.changes.unknown,
    })
}

#[tauri::command]
pub async fn compare_diff(
    sandbox: &str,
    from: CompareSide,
    to: CompareSide,
    path: WirePath,
    options: DiffOptions,
    desk: State<'_, Desk>,
) -> Answer<FileDiff> {
    let path = WorkspacePath::try_from(path)?;
    let compared = compared(&desk, &id(sandbox)?, from, to).await?;
    let change = compared.changes.list.iter().find(|c| c.path == path);
    let change = change.ok_or_else(|| {
        WireError::said(ErrorCode::NotFound, "This file is the same on both sides.")
    })?;
    let diff = block_in_place(|| change.diff(desk.engine().store())).map_err(Error::from)?;
    Ok(from::file_diff(
        change,
        &diff,
        &Decisions::default(),
        &options,
    ))
}

async fn compared(
    desk: &Desk,
    id: &SandboxId,
    from: CompareSide,
    to: CompareSide,
) -> Answer<Compared> {
    let side = |side| match side {
        CompareSide::Now => Side::Live,
        CompareSide::Project => Side::Project,
        CompareSide::Snapshot { id } => Side::Snapshot(id),
    };
    let op = Operation::silent();
    let (from, to) = (side(from), side(to));
    Ok(desk.engine().changes(id, from, to, &op).await?)
}

#[tauri::command]
pub async fn put_back(
    sandbox: &str,
    snapshot: &str,
    paths: Vec<WirePath>,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<ResetReport> {
    let id = id(sandbox)?;
    let paths: Vec<WorkspacePath> = paths
        .into_iter()
        .map(WorkspacePath::try_from)
        .collect::<Result<_, _>>()?;
    let began = Instant::now();
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let done = desk.engine().put_back(&id, snapshot, &paths, &op).await?;
    told(&done, paths.len(), began)
}

#[tauri::command]
pub async fn reset(
    sandbox: &str,
    snapshot: Option<&str>,
    with_home: bool,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<ResetReport> {
    let id = id(sandbox)?;
    let began = Instant::now();
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let done = desk.engine().reset(&id, snapshot, with_home, &op).await?;
    report(&id, &done, began, &desk)
}

#[tauri::command]
pub async fn wipe(
    sandbox: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<ResetReport> {
    let id = id(sandbox)?;
    let began = Instant::now();
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let done = desk.engine().wipe(&id, &op).await?;
    report(&id, &done, began, &desk)
}

fn report(id: &SandboxId, done: &Reset, began: Instant, desk: &Desk) -> Answer<ResetReport> {
    let (list, _) = desk.engine().snapshots(id)?;
    let files = list
        .iter()
        .find(|snapshot| snapshot.id == done.safety)
        .map_or(0, |safety| safety.changed);
    told(done, usize::try_from(files).unwrap_or(usize::MAX), began)
}

/// Files that could not be put back are a failure that the page shows; the rest was put back.
pub(super) fn told(done: &Reset, files: usize, began: Instant) -> Answer<ResetReport> {
    if let Some(first) = done.failed.first() {
        let mut error = WireError::said(
            ErrorCode::Io,
            &format!(
                "{} could not be put back: {first}.",
                count(done.failed.len())
            ),
        );
        error.safe =
            Some("Everything else was put back, and what was there before is kept.".to_owned());
        error.details = Some(done.failed.join("\n"));
        return Err(error);
    }
    Ok(ResetReport {
        snapshot: done.snapshot.as_str().to_owned(),
        safety: done.safety.as_str().to_owned(),
        files: u32::try_from(files).unwrap_or(u32::MAX),
        millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn count(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}
