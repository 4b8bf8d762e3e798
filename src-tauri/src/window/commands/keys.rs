//! Keys of model providers.

use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::keys::{KeyKept, KeyList, KeyPlace, KeyRow, KeySet};
use sandbox_engine::credentials::{Kept, NewKey, Place, Secret, providers};
use tauri::State;

use crate::desk::{Answer, Desk};

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
        place: Some(match key.place {
            KeyPlace::Keychain => Place::Keychain,
            KeyPlace::File => Place::File,
            KeyPlace::Session => Place::Session,
            KeyPlace::Nowhere => Place::Nowhere,
        }),
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

fn wire(kept: &Kept) -> KeyKept {
    KeyKept {
        place: match kept.place {
            Place::Keychain => KeyPlace::Keychain,
            Place::File => KeyPlace::File,
            Place::Session => KeyPlace::Session,
            Place::Nowhere => KeyPlace::Nowhere,
        },
        since: kept.since,
        server: kept.server.clone(),
        model: kept.model.clone(),
    }
}
