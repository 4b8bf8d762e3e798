//! What happened.

use std::collections::BTreeMap;

use agent_sandbox::ipc::activity::{ActivityEntry, ActivityKind, ActivityPage};
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use tauri::{AppHandle, Runtime, State};

use crate::ask;
use crate::desk::{Answer, Desk, id};

/// Rows of one page.
const PAGE: usize = 100;

#[tauri::command]
pub async fn activity(
    sandbox: &str,
    kinds: Vec<ActivityKind>,
    query: &str,
    before: Option<u64>,
    since: Option<i64>,
    desk: State<'_, Desk>,
) -> Answer<ActivityPage> {
    let all = desk.engine().activity(&id(sandbox)?)?;
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let passing: Vec<ActivityEntry> = all
        .iter()
        .rev()
        .filter(|entry| since.is_none_or(|since| entry.time >= since))
        .map(ActivityEntry::from)
        .filter(|entry| has_words(entry, &words))
        .collect();
    Ok(page(passing, &kinds, before))
}

/// All of it, as the command line's `activity --json` gives it; `None` where the dialog was dismissed.
#[tauri::command]
pub async fn save_activity<R: Runtime>(
    sandbox: &str,
    app: AppHandle<R>,
    desk: State<'_, Desk>,
) -> Answer<Option<String>> {
    let id = id(sandbox)?;
    let (_, record) = desk.engine().load(&id)?;
    let name = format!("{} activity.json", record.name);
    let Some(place) = ask::save_as(&app, "Save the activity", &name).await else {
        return Ok(None);
    };
    let failed = |error: &dyn std::error::Error| WireError::new(ErrorCode::Io, error);
    let entries = desk.engine().activity(&id)?;
    let text = serde_json::to_vec_pretty(&entries).map_err(|error| failed(&error))?;
    std::fs::write(&place, text).map_err(|error| failed(&error))?;
    Ok(Some(place.to_string_lossy().into_owned()))
}

/// Every word is somewhere in the entry.
fn has_words(entry: &ActivityEntry, words: &[String]) -> bool {
    let decision = entry.decision.as_deref().unwrap_or_default();
    let text = format!("{} {decision} {}", entry.what, entry.detail).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// The next page of those of the wanted kinds, with the counts of all kinds. `passing` is newest first.
fn page(passing: Vec<ActivityEntry>, kinds: &[ActivityKind], before: Option<u64>) -> ActivityPage {
    let mut counts = BTreeMap::new();
    for entry in &passing {
        *counts.entry(entry.kind).or_insert(0) += 1;
    }
    let mut wanted = passing
        .into_iter()
        .filter(|entry| kinds.is_empty() || kinds.contains(&entry.kind))
        .filter(|entry| before.is_none_or(|before| entry.id < before));
    let entries: Vec<ActivityEntry> = wanted.by_ref().take(PAGE).collect();
    ActivityPage {
        more: wanted.next().is_some(),
        entries,
        counts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, kind: ActivityKind, what: &str) -> ActivityEntry {
        ActivityEntry {
            id,
            time: 0,
            kind,
            what: what.into(),
            decision: None,
            detail: String::new(),
            subject: None,
        }
    }

    #[test]
    fn a_page_has_the_counts_of_all_kinds() {
        let passing: Vec<ActivityEntry> = (1..=250)
            .rev()
            .map(|id| match id % 2 {
                0 => entry(id, ActivityKind::Network, "crates.io"),
                _ => entry(id, ActivityKind::Snapshot, "Snapshot"),
            })
            .collect();
        let first = page(passing.clone(), &[ActivityKind::Network], None);
        assert_eq!(first.entries.len(), PAGE);
        assert!(first.more, "25 are left");
        let last = page(passing, &[ActivityKind::Network], Some(52));
        assert_eq!(last.entries.len(), 25, "the even ids below 52");
        assert!(!last.more);
        for counts in [first.counts, last.counts] {
            assert_eq!(
                counts[&ActivityKind::Network],
                125,
                "kinds and place do not change the counts"
            );
            assert_eq!(counts[&ActivityKind::Snapshot], 125);
        }
    }

    #[test]
    fn every_word_must_be_there() {
        let words = |query: &str| query.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let one = ActivityEntry {
            decision: Some("Blocked".into()),
            ..entry(1, ActivityKind::Network, "fonts.gstatic.com")
        };
        assert!(has_words(&one, &words("gstatic blocked")));
        assert!(!has_words(&one, &words("gstatic allowed")));
    }
}
