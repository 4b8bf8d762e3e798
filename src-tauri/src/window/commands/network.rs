//! What sandboxes may reach, and their questions.

use agent_sandbox::ipc::network::{
    ProxyState, SiteAnswer, SiteAsk, SiteChange, SitePreset, SiteRules, SitesForAll,
};
use sandbox_engine::Error;
use sandbox_engine::credentials::Place;
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::network::upstream::UpstreamProxy;
use sandbox_engine::network::{Answer as Said, presets};
use sandbox_engine::sandbox::Offered;
use tauri::State;

use crate::desk::{Answer, Desk, id, wire_ask};

#[tauri::command]
pub async fn site_asks(desk: State<'_, Desk>) -> Answer<Vec<SiteAsk>> {
    let records = desk.engine().records()?;
    Ok(records
        .iter()
        .flat_map(|record| {
            let asks = desk.engine().asks(&record.id);
            asks.into_iter()
                .map(|ask| wire_ask(&record.id, &ask))
                .collect::<Vec<_>>()
        })
        .collect())
}

#[tauri::command]
pub async fn answer_site(
    sandbox: &str,
    ask: u64,
    answer: SiteAnswer,
    for_all: bool,
    desk: State<'_, Desk>,
) -> Answer<()> {
    let answer = match answer {
        SiteAnswer::Once => Said::Once,
        SiteAnswer::Always => Said::Always,
        SiteAnswer::Block => Said::Block,
    };
    let id = id(sandbox)?;
    Ok(desk.engine().answer(&id, ask, answer, for_all).await?)
}

#[tauri::command]
pub async fn proxy(desk: State<'_, Desk>) -> Answer<ProxyState> {
    let used = desk.engine().settings()?.upstream_proxy;
    let (offered, unusable) = match desk.engine().offered_proxy() {
        Offered::Nothing => (None, None),
        Offered::Proxy(proxy, _) => (Some(proxy.to_string()), None),
        Offered::Unusable(why) => (None, Some(why.to_string())),
    };
    Ok(ProxyState {
        used: used.map(|proxy| proxy.to_string()),
        offered,
        unusable,
    })
}

#[tauri::command]
pub async fn set_proxy(proxy: Option<String>, desk: State<'_, Desk>) -> Answer<ProxyState> {
    let wanted = proxy.as_deref().map(UpstreamProxy::with_log_in);
    let wanted = wanted.transpose().map_err(Error::from)?;
    let (proxy, log_in) = match (wanted, desk.engine().offered_proxy()) {
        // The page is shown it without the password that the computer names with it.
        (Some((proxy, None)), Offered::Proxy(offered, log_in)) if proxy == offered => {
            (Some(proxy), log_in)
        }
        (Some((proxy, log_in)), _) => (Some(proxy), log_in),
        (None, _) => (None, None),
    };
    let log_in = log_in.map(|log_in| (log_in, Place::Keychain));
    desk.engine().set_upstream_proxy(proxy, log_in).await?;
    self::proxy(desk).await
}

#[tauri::command]
pub async fn sites_for_all(desk: State<'_, Desk>) -> Answer<SitesForAll> {
    let sites = desk.engine().sites_for_all()?;
    Ok(SitesForAll {
        allow: sites.allow,
        block: sites.block,
    })
}

#[tauri::command]
pub async fn forget_site_for_all(rule: String, desk: State<'_, Desk>) -> Answer<SitesForAll> {
    let change = NetworkChange {
        forget: vec![rule],
        ..NetworkChange::default()
    };
    desk.engine().set_sites_for_all(&change).await?;
    sites_for_all(desk).await
}

#[tauri::command]
pub async fn site_rules(sandbox: &str, desk: State<'_, Desk>) -> Answer<SiteRules> {
    let (_, record) = desk.engine().load(&id(sandbox)?)?;
    let network = record.network;
    let presets = presets::PRESETS
        .iter()
        .map(|preset| SitePreset {
            id: preset.id.to_owned(),
            name: preset.name.to_owned(),
            what: preset.what.to_owned(),
            hosts: preset.hosts.iter().map(|host| (*host).to_owned()).collect(),
            on: network.presets.iter().any(|on| on == preset.id),
            usual: presets::USUAL.contains(&preset.id),
        })
        .collect();
    Ok(SiteRules {
        mode: network.mode.into(),
        presets,
        allow: network.allow,
        block: network.block,
        services: network.services,
    })
}

#[tauri::command]
pub async fn change_sites(
    sandbox: &str,
    change: SiteChange,
    desk: State<'_, Desk>,
) -> Answer<SiteRules> {
    let change = NetworkChange {
        mode: change.mode.map(Into::into),
        allow: change.allow,
        block: change.block,
        forget: change.forget,
        presets: change.presets,
        services: change.services,
    };
    desk.engine().set_network(&id(sandbox)?, &change).await?;
    site_rules(sandbox, desk).await
}
