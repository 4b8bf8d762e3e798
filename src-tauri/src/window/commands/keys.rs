//! Keys of model providers.

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::keys::{KeyKept, KeyList, KeyPlace, KeyRow, KeySet, LogInRow, LogInState};
use sandbox_engine::credentials::{Kept, KeptLogIn, NewKey, Place, Secret, providers};
use tauri::State;

use crate::desk::{Answer, Desk, id};

#[tauri::command]
pub async fn keys(desk: State<'_, Desk>) -> Answer<KeyList> {
    let kept = desk.engine().keys()?;
    let rows = providers::PROVIDERS.iter().map(|provider| KeyRow {
        provider: provider.id.to_owned(),
        name: provider.name.to_owned(),
        what: provider.what.to_owned(),
        page: provider.page.to_owned(),
        kept: kept
            .iter()
            .find(|one| one.provider == provider.id)
            .map(wire),
    });
    let answers = desk.engine().keychain_answers().await;
    Ok(KeyList {
        rows: rows.collect(),
        no_keychain: answers.err().map(|error| error.0),
    })
}

#[tauri::command]
pub async fn set_key(key: KeySet, desk: State<'_, Desk>) -> Answer<KeyList> {
    if key.key.is_none() && key.place != KeyPlace::Nowhere {
        desk.engine().set_model(&key.provider, key.model).await?;
        return keys(desk).await;
    }
    let secret = key.key.map(|text| {
        Secret::new(text.trim().to_owned()).ok_or_else(|| {
            WireError::said(
                ErrorCode::InvalidRequest,
                "That is no key: it has 8 to 4096 visible signs, without spaces.",
            )
        })
    });
    let new = NewKey {
        provider: key.provider,
        key: secret.transpose()?,
        place: Some(place(key.place)),
        server: key.server.filter(|server| !server.trim().is_empty()),
        model: key.model,
    };
    desk.engine().set_key(new).await?;
    keys(desk).await
}

#[tauri::command]
pub async fn remove_key(provider: &str, desk: State<'_, Desk>) -> Answer<KeyList> {
    desk.engine().remove_key(provider).await?;
    keys(desk).await
}

/// Lets a sandbox use these providers' keys beside those of its agent.
#[tauri::command]
pub async fn use_keys(sandbox: &str, providers: Vec<String>, desk: State<'_, Desk>) -> Answer<()> {
    Ok(desk.engine().use_keys(&id(sandbox)?, providers).await?)
}

#[tauri::command]
pub async fn log_ins(desk: State<'_, Desk>) -> Answer<Vec<LogInRow>> {
    let kept = desk.engine().log_ins()?;
    Ok(kept.iter().map(|one| row(&desk, one)).collect())
}

#[tauri::command]
pub async fn log_in(sandbox: &str, desk: State<'_, Desk>) -> Answer<LogInState> {
    let id = id(sandbox)?;
    let (possible, kept) = desk.engine().log_in_for(&id)?;
    let (_, record) = desk.engine().load(&id)?;
    let answers = desk.engine().keychain_answers().await;
    Ok(LogInState {
        agent: desk.engine().recipes().name(&record.agent),
        possible,
        kept: kept.map(|one| row(&desk, &one)),
        no_keychain: answers.err().map(|error| error.0),
    })
}

#[tauri::command]
pub async fn keep_log_in(sandbox: &str, at: KeyPlace, desk: State<'_, Desk>) -> Answer<LogInState> {
    desk.engine().keep_log_in(&id(sandbox)?, place(at)).await?;
    log_in(sandbox, desk).await
}

#[tauri::command]
pub async fn forget_log_in(agent: &str, desk: State<'_, Desk>) -> Answer<Vec<LogInRow>> {
    desk.engine().forget_log_in(agent).await?;
    log_ins(desk).await
}

fn row(desk: &Desk, kept: &KeptLogIn) -> LogInRow {
    LogInRow {
        agent: kept.agent.clone(),
        name: desk.engine().recipes().name(&kept.agent),
        place: wire_place(kept.place),
        since: kept.since,
        from: kept.from.clone(),
    }
}

fn place(at: KeyPlace) -> Place {
    match at {
        KeyPlace::Keychain => Place::Keychain,
        KeyPlace::File => Place::File,
        KeyPlace::Session => Place::Session,
        KeyPlace::Nowhere => Place::Nowhere,
    }
}

fn wire_place(place: Place) -> KeyPlace {
    match place {
        Place::Keychain => KeyPlace::Keychain,
        Place::File => KeyPlace::File,
        Place::Session => KeyPlace::Session,
        Place::Nowhere => KeyPlace::Nowhere,
    }
}

fn wire(kept: &Kept) -> KeyKept {
    KeyKept {
        place: wire_place(kept.place),
        since: kept.since,
        server: kept.server.clone(),
        model: kept.model.clone(),
    }
}
