//! Review and copy-out.

use agent_sandbox::ipc::from;
use agent_sandbox::ipc::path::WirePath;
use agent_sandbox::ipc::review::{
    ConflictView, CopyOutEntry, CopyOutReport, Decide, DiffOptions, FileDiff, Resolution, Review,
    ReviewFile, ReviewFilters, UnchangedLines, Unfit,
};
use agent_sandbox::ipc::sandbox::FileView;
use sandbox_engine::Error;
use sandbox_engine::sandbox::Review as Reviewed;
use sandbox_review::copyout::{CopyOutId, Reason, Take};
use sandbox_review::diff::{FileDiff as Body, LARGEST, Side as Content};
use sandbox_review::text::Encoding;
use sandbox_review::{Change, Decisions, HunkId};
use sandbox_workspace::{BlobSource, FileTime, WorkspacePath};
use serde::Deserialize;
use tauri::State;
use tokio::task::block_in_place;

use super::view;
use crate::desk::{Answer, Desk, id};
use crate::operations::Operations;

/// The review as the page draws it.
fn drawn(review: &Reviewed) -> Review {
    let files = review
        .changes()
        .iter()
        .map(|change| (change, ReviewFile::from(change)))
        .map(|(change, file)| ReviewFile {
            unfit: review.unfit.get(&change.path).map(|reason| match reason {
                Reason::SameName => Unfit::SameName,
                _ => Unfit::CannotHold,
            }),
            conflict: review.conflicts.contains(&change.path),
            merges_cleanly: review.merges.contains(&change.path),
            decision: review.decision(change).into(),
            viewed: review.decisions.is_viewed(change),
            ..file
        })
        .collect();
    let changes = &review.compared.changes;
    Review {
        capture: review.capture.id.clone(),
        base: review.compared.from.to_string(),
        taken: review.capture.time,
        project: review.project.clone(),
        files,
        left_out: u32::try_from(changes.left_out).unwrap_or(u32::MAX),
        incomplete: changes.unknown,
        changed_since: u32::try_from(review.changed_since).unwrap_or(u32::MAX),
        filters: review.filters.clone().into(),
    }
}

#[tauri::command]
pub async fn review(
    sandbox: &str,
    fresh: bool,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<Option<Review>> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let review = desk.engine().review(&id, fresh, &op).await?;
    Ok(review.as_ref().map(drawn))
}

#[tauri::command]
pub async fn file_diff(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    options: DiffOptions,
    desk: State<'_, Desk>,
) -> Answer<FileDiff> {
    let path = WorkspacePath::try_from(path)?;
    let (change, diff, decisions) = desk.engine().diff_of(&id(sandbox)?, capture, &path).await?;
    Ok(from::file_diff(&change, &diff, &decisions, &options))
}

/// What would be written: the diff with the accepted part alone.
#[tauri::command]
pub async fn accepted_diff(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    options: DiffOptions,
    desk: State<'_, Desk>,
) -> Answer<FileDiff> {
    let path = WorkspacePath::try_from(path)?;
    let id = id(sandbox)?;
    let (change, diff) = desk.engine().accepted_diff_of(&id, capture, &path).await?;
    Ok(from::file_diff(
        &change,
        &diff,
        &Decisions::default(),
        &options,
    ))
}

#[tauri::command]
pub async fn unchanged_lines(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    new_from: u32,
    count: u32,
    accepted: bool,
    desk: State<'_, Desk>,
) -> Answer<UnchangedLines> {
    let path = WorkspacePath::try_from(path)?;
    let id = id(sandbox)?;
    let diff = if accepted {
        desk.engine().accepted_diff_of(&id, capture, &path).await?.1
    } else {
        desk.engine().diff_of(&id, capture, &path).await?.1
    };
    match diff.body {
        Body::Text(text) => Ok(from::unchanged(&text, new_from, count)),
        _ => Ok(UnchangedLines { lines: Vec::new() }),
    }
}

/// Which side of a picture.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSide {
    Old,
    New,
}

#[tauri::command]
pub async fn review_image(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    side: ImageSide,
    desk: State<'_, Desk>,
) -> Answer<FileView> {
    let path = WorkspacePath::try_from(path)?;
    let sides = desk
        .engine()
        .sides_of(&id(sandbox)?, capture, &path)
        .await?;
    let content = match side {
        ImageSide::Old => sides.old,
        ImageSide::New => sides.new,
    };
    Ok(match content {
        Content::Bytes(bytes) => view::of_bytes(&bytes, bytes.len() as u64),
        Content::TooLarge => FileView::TooLarge { size: LARGEST },
        Content::None => FileView::Special {
            what: "no file".to_owned(),
        },
    })
}

#[tauri::command]
pub async fn decide(
    sandbox: &str,
    capture: &str,
    decisions: Vec<Decide>,
    desk: State<'_, Desk>,
) -> Answer<Review> {
    let store = desk.engine().store();
    let review = desk
        .engine()
        .decide(&id(sandbox)?, capture, |made, review| {
            decisions
                .into_iter()
                .try_for_each(|one| apply(one, made, review, store))
        })
        .await?;
    Ok(drawn(&review))
}

/// Files that changed again since the capture; nothing where its review is not at hand.
#[tauri::command]
pub async fn changed_since(
    sandbox: &str,
    capture: &str,
    desk: State<'_, Desk>,
) -> Answer<Option<u32>> {
    let id = id(sandbox)?;
    let again = block_in_place(|| desk.engine().changed_since(&id, capture))?;
    Ok(again.map(|files| u32::try_from(files).unwrap_or(u32::MAX)))
}

#[tauri::command]
pub async fn remember_filters(
    sandbox: &str,
    filters: ReviewFilters,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let id = id(sandbox)?;
    Ok(desk.engine().remember_filters(&id, filters.into()).await?)
}

fn apply(
    decide: Decide,
    made: &mut Decisions,
    review: &Reviewed,
    store: &dyn BlobSource,
) -> Result<(), Error> {
    let find = |path: WirePath| -> Result<&Change, Error> {
        let path = WorkspacePath::try_from(path).map_err(|error| Error::InvalidRequest {
            message: error.to_string(),
        })?;
        review.change(&path)
    };
    let may_go = |change: &Change| match (&change.refused, change.unsupported) {
        (None, false) => Ok(()),
        _ => Err(Error::InvalidRequest {
            message: format!("\u{201c}{}\u{201d} may never be copied out", change.path),
        }),
    };
    match decide {
        Decide::All { accept } => {
            let ordinary = review.changes().iter();
            for change in ordinary.filter(|change| review.takes_part_in_all(change)) {
                made.file(change, accept);
            }
        }
        Decide::File { path, accept } => {
            let change = find(path)?;
            if accept {
                may_go(change)?;
            }
            made.file(change, accept);
        }
        Decide::Hunk { path, hunk, accept } => {
            let change = find(path)?;
            may_go(change)?;
            if let Body::Text(text) = change.diff(store)?.body {
                made.hunk(change, &text, &HunkId(hunk), accept)?;
            }
        }
        Decide::Lines {
            path,
            hunk,
            lines,
            accept,
        } => {
            let change = find(path)?;
            may_go(change)?;
            let lines: Vec<usize> = lines.into_iter().map(|line| line as usize).collect();
            if let Body::Text(text) = change.diff(store)?.body {
                made.lines(change, &text, &HunkId(hunk), &lines, accept)?;
            }
        }
        Decide::Viewed { path, viewed } => made.view(find(path)?, viewed),
    }
    Ok(())
}

#[tauri::command]
pub async fn conflict(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    desk: State<'_, Desk>,
) -> Answer<ConflictView> {
    let at = WorkspacePath::try_from(path.clone())?;
    let sides = desk.engine().conflict(&id(sandbox)?, capture, &at).await?;
    let merge = sides.merge.as_ref();
    let text = |side: &Option<Vec<u8>>| {
        let bytes = side.as_ref().filter(|_| merge.is_some())?;
        let encoding = Encoding::detect(bytes).unwrap_or(Encoding::Utf8);
        Some(encoding.decode(bytes))
    };
    Ok(ConflictView {
        path,
        text: merge.is_some(),
        yours: text(&sides.yours),
        yours_changed: sides.yours_changed.map(FileTime::milliseconds),
        agents: text(&sides.agents),
        base: text(&sides.base),
        pieces: merge.map(from::pieces).unwrap_or_default(),
    })
}

#[tauri::command]
pub async fn resolve_conflict(
    sandbox: &str,
    capture: &str,
    path: WirePath,
    resolution: Resolution,
    desk: State<'_, Desk>,
) -> Answer<Review> {
    let path = WorkspacePath::try_from(path)?;
    let take = match resolution {
        Resolution::Yours => Take::Yours,
        Resolution::Agents => Take::Agents,
        Resolution::Merged { text } => Take::Merged(text.into_bytes()),
    };
    let review = desk
        .engine()
        .resolve_conflict(&id(sandbox)?, capture, &path, take)
        .await?;
    Ok(drawn(&review))
}

#[tauri::command]
pub async fn copy_out(
    sandbox: &str,
    capture: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<CopyOutReport> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let report = desk.engine().copy_out_review(&id, capture, &op).await?;
    Ok((&report).into())
}

#[tauri::command]
pub async fn undo_copy_out(
    sandbox: &str,
    copy_out: Option<String>,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<CopyOutReport> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let one = copy_out.map(CopyOutId);
    let report = desk.engine().undo(&id, one.as_ref(), &op).await?;
    Ok((&report).into())
}

#[tauri::command]
pub async fn redo_copy_out(
    sandbox: &str,
    operation: &str,
    desk: State<'_, Desk>,
    operations: State<'_, Operations>,
) -> Answer<CopyOutReport> {
    let id = id(sandbox)?;
    let at_work = operations.begin(operation);
    let op = desk.operation(operation, at_work.cancel());
    let report = desk.engine().redo(&id, &op).await?;
    Ok((&report).into())
}

#[tauri::command]
pub async fn copy_outs(sandbox: &str, desk: State<'_, Desk>) -> Answer<Vec<CopyOutEntry>> {
    let all = desk.engine().copy_outs(&id(sandbox)?)?;
    Ok(all
        .iter()
        .filter(|past| past.undoes.is_none())
        .map(CopyOutEntry::from)
        .collect())
}
