//! What happened.

use agent_sandbox::ipc::activity::{ActivityEntry, ActivityKind, ActivityPage};
use tauri::State;

use crate::desk::{Answer, Desk, id};

/// Rows of one page.
const PAGE: usize = 100;

#[tauri::command]
pub async fn activity(
    sandbox: &str,
    kinds: Vec<ActivityKind>,
    query: &str,
    before: Option<u64>,
    desk: State<'_, Desk>,
) -> Answer<ActivityPage> {
    let all = desk.engine().activity(&id(sandbox)?)?;
    let query = query.trim().to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&query);
    let mut found = all
        .iter()
        .rev()
        .filter(|entry| before.is_none_or(|before| entry.id < before))
        .map(ActivityEntry::from)
        .filter(|entry| kinds.is_empty() || kinds.contains(&entry.kind))
        .filter(|entry| has(&entry.what) || has(&entry.detail));
    let entries: Vec<ActivityEntry> = found.by_ref().take(PAGE).collect();
    Ok(ActivityPage {
        more: found.next().is_some(),
        entries,
    })
}
