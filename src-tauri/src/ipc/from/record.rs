//! What is written down: settings, limits, activity, snapshots.

use sandbox_engine::state::activity as past;
use sandbox_engine::state::{record, settings};
use sandbox_workspace::snapshots;

use super::count;
use crate::ipc::activity::{ActivityEntry, ActivityKind};
use crate::ipc::sandbox::{Limits, NetworkMode};
use crate::ipc::settings::{OnClose, Settings, Theme};
use crate::ipc::snapshot::{SnapshotKind, SnapshotRow};

/// An enum here and one there with the same names.
macro_rules! same_names {
    ($from:ty => $to:ty { $($name:ident),* $(,)? }) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value { $(<$from>::$name => Self::$name,)* }
            }
        }
    };
}

same_names!(record::NetworkMode => NetworkMode { Offline, Approved, Open });
same_names!(NetworkMode => record::NetworkMode { Offline, Approved, Open });
same_names!(settings::Theme => Theme { System, Light, Dark });
same_names!(Theme => settings::Theme { System, Light, Dark });
same_names!(settings::OnClose => OnClose { GoOn, Stop });
same_names!(OnClose => settings::OnClose { GoOn, Stop });
same_names!(snapshots::SnapshotKind => SnapshotKind { Baseline, Auto, Safety, Named });
same_names!(past::ActivityKind => ActivityKind {
    HandedOver, Started, Stopped, Paused, Resumed, Snapshot, Reset, CopiedOut, CopyOutUndone, Network,
    LimitHit, Recovered, Removed, Failed,
});

impl From<record::Limits> for Limits {
    fn from(limits: record::Limits) -> Self {
        let record::Limits {
            cpu_millis,
            memory,
            processes,
            file_size,
            workspace_size,
            workspace_files,
        } = limits;
        Self {
            cpu_millis,
            memory,
            processes,
            file_size,
            workspace_size,
            workspace_files,
        }
    }
}

impl From<Limits> for record::Limits {
    fn from(limits: Limits) -> Self {
        let Limits {
            cpu_millis,
            memory,
            processes,
            file_size,
            workspace_size,
            workspace_files,
        } = limits;
        Self {
            cpu_millis,
            memory,
            processes,
            file_size,
            workspace_size,
            workspace_files,
        }
    }
}

impl From<&past::ActivityEntry> for ActivityEntry {
    fn from(entry: &past::ActivityEntry) -> Self {
        let past::ActivityEntry {
            id,
            time,
            kind,
            what,
            decision,
            detail,
            subject,
        } = entry.clone();
        Self {
            id,
            time,
            kind: kind.into(),
            what,
            decision,
            detail,
            subject,
        }
    }
}

impl From<&snapshots::Snapshot> for SnapshotRow {
    fn from(snapshot: &snapshots::Snapshot) -> Self {
        let snapshots::Snapshot {
            id,
            kind,
            name,
            time_ms,
            tree: _,
            base: _,
            changed,
            bytes,
            home,
            trashed: _,
        } = snapshot;
        Self {
            id: id.as_str().to_owned(),
            kind: (*kind).into(),
            name: name.clone(),
            time: i64::try_from(*time_ms).unwrap_or(i64::MAX),
            changed: count(*changed),
            bytes: *bytes,
            home: home.map(|home| home.bytes),
        }
    }
}

impl From<&settings::Settings> for Settings {
    fn from(settings: &settings::Settings) -> Self {
        let settings::Settings {
            theme,
            text_size,
            reduce_motion,
            on_close,
            notify_finished,
            notify_waiting,
            notify_site,
            default_agent,
            default_network,
            default_limits,
            image,
            packages,
            upstream_proxy: _,
            upstream_user: _,
            single_keys,
            terminal_font_size,
            copy_on_select,
            keep_backups_days,
            auto_snapshots,
            checked_before: _,
            unknown: _,
        } = settings.clone();
        Self {
            theme: theme.into(),
            text_size,
            reduce_motion,
            on_close: on_close.into(),
            notify_finished,
            notify_waiting,
            notify_site,
            default_agent,
            default_network: default_network.into(),
            default_limits: default_limits.map(Limits::from),
            image,
            packages: packages.into_iter().map(String::from).collect(),
            single_keys,
            terminal_font_size,
            copy_on_select,
            keep_backups_days,
            auto_snapshots,
        }
    }
}

/// The window's choices over what is on disk; what the window does not know stays.
pub fn chosen(on_disk: settings::Settings, settings: Settings) -> settings::Settings {
    let Settings {
        theme,
        text_size,
        reduce_motion,
        on_close,
        notify_finished,
        notify_waiting,
        notify_site,
        default_agent,
        default_network,
        default_limits,
        image,
        packages,
        single_keys,
        terminal_font_size,
        copy_on_select,
        keep_backups_days,
        auto_snapshots,
    } = settings;
    settings::Settings {
        theme: theme.into(),
        text_size: text_size.clamp(100, 200),
        reduce_motion,
        on_close: on_close.into(),
        notify_finished,
        notify_waiting,
        notify_site,
        default_agent,
        default_network: default_network.into(),
        default_limits: default_limits.map(record::Limits::from),
        image: image.filter(|name| !name.trim().is_empty()),
        // What is no name was refused before.
        packages: packages
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect(),
        upstream_proxy: on_disk.upstream_proxy,
        upstream_user: on_disk.upstream_user,
        single_keys,
        terminal_font_size: terminal_font_size.clamp(8, 32),
        copy_on_select,
        keep_backups_days: keep_backups_days.clamp(1, 3650),
        auto_snapshots,
        checked_before: on_disk.checked_before,
        unknown: on_disk.unknown,
    }
}
