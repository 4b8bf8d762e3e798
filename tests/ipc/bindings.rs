//! The TypeScript types are made from the Rust ones. Nothing is written here but on request:
//! `UPDATE_BINDINGS=1 cargo test --test ipc`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use agent_sandbox::ipc::{
    activity, app, error, event, handover, keys, network, path, ports, review, sandbox, settings,
    snapshot, terminal,
};
use ts_rs::{Config, TS};

/// Every type that a command takes or gives; what they are made of follows.
fn export(to: &Path) {
    let config = Config::new().with_out_dir(to);
    macro_rules! all {
        ($($name:ty),* $(,)?) => { $(<$name>::export_all(&config).unwrap();)* };
    }
    all!(
        activity::ActivityPage,
        app::AppInfo,
        app::AtLogin,
        app::Check,
        app::DataFolder,
        app::DiskUse,
        app::ImageState,
        app::OtherDataFolder,
        error::WireError,
        event::Dropped,
        event::Numbered,
        handover::AgentCard,
        handover::AgentProblem,
        handover::CreateRequest,
        handover::Preflight,
        keys::KeyList,
        keys::KeySet,
        keys::LogInRow,
        keys::LogInState,
        network::ProxyState,
        network::SiteAnswer,
        network::SiteAsk,
        network::SiteChange,
        network::SiteRules,
        network::SitesForAll,
        path::WirePath,
        ports::PortRow,
        review::BroughtIn,
        review::ConflictView,
        review::CopyOutEntry,
        review::CopyOutReport,
        review::Decide,
        review::DiffOptions,
        review::FileDiff,
        review::Resolution,
        review::Review,
        review::SavedBranch,
        review::UnchangedLines,
        sandbox::FileView,
        sandbox::Listing,
        sandbox::LiveChanges,
        sandbox::ProcessRow,
        sandbox::Stats,
        settings::Settings,
        snapshot::CompareSide,
        snapshot::ResetReport,
        snapshot::SnapshotRow,
        terminal::OpenTerminal,
    );
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_generated_types_are_not_stale() {
    let kept = super::root().join("ui/src/ipc/generated");
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::remove_dir_all(&kept).unwrap();
        export(&kept);
    }
    let fresh = tempfile::tempdir().unwrap();
    export(fresh.path());
    let (kept, fresh) = (files(&kept), files(fresh.path()));
    let differ: Vec<&String> = kept
        .keys()
        .chain(fresh.keys())
        .filter(|name| kept.get(*name) != fresh.get(*name))
        .collect();
    assert!(
        differ.is_empty(),
        "stale: {differ:?}; run UPDATE_BINDINGS=1 cargo test --test ipc"
    );
}
