//! Answers: the documents of `--json` and their texts for people.

use sandbox_engine::network::UNSEEN_PORT;
use sandbox_engine::sandbox::{Check, Row, State};
use sandbox_engine::state::record::NetworkMode;
use sandbox_review::changes::{ChangeKind, Status};
use sandbox_review::copyout::Report;
use sandbox_review::{Change, Changes};
use sandbox_workspace::snapshots::Snapshot;
use sandbox_workspace::store::Damage;
use sandbox_workspace::{WorkspacePath, system};
use serde_json::{Map, Value, json};

use super::answer::{Printer, put_path};

pub fn network_word(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Offline => "offline",
        NetworkMode::Approved => "approved",
        NetworkMode::Open => "open",
    }
}

/// One rule about sites. What goes through SSH's port cannot be looked into, which is said of a rule that opens it.
pub fn rule_line(verb: &str, rule: &str) -> String {
    let is_unseen = verb == "allow" && rule.ends_with(&format!(":{UNSEEN_PORT}"));
    let label = if is_unseen { " (not inspectable)" } else { "" };
    format!("{verb} {rule}{label}\n")
}

pub fn check_json(row: &Check) -> Value {
    json!({ "check": row.check, "ok": row.ok, "detail": row.detail, "fix": row.fix })
}

pub fn check_text(row: &Check, printer: &Printer) -> String {
    let mark = if row.ok { "ok " } else { "NOT" };
    let fix = row
        .fix
        .as_ref()
        .map_or(String::new(), |fix| format!("\n    {fix}"));
    let detail = printer.name(row.detail.as_bytes());
    format!("{mark} {}: {detail}{fix}\n", row.check)
}

pub fn state_word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Paused => "paused",
        State::Stopped | State::OutOfMemory => "stopped",
        State::Unknown => "unknown",
    }
}

pub fn row_json(row: &Row) -> Value {
    json!({
        "id": row.record.id.as_str(),
        "name": row.record.name,
        "project": row.record.project.to_lossy(),
        "state": state_word(row.state),
        "changed": row.changed,
    })
}

pub fn row_text(row: &Row, printer: &Printer) -> String {
    let changed = match row.changed {
        Some(1) => "1 change".to_owned(),
        Some(n) => format!("{n} changes"),
        None => "unreadable".to_owned(),
    };
    format!(
        "{}  {:<8} {:<11} {}  {}\n",
        row.record.id.as_str(),
        state_word(row.state),
        changed,
        printer.name(row.record.name.as_bytes()),
        printer.name(system::bytes(row.record.project.as_path().as_os_str())),
    )
}

pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Added => "added",
        Status::Modified => "modified",
        Status::Deleted => "deleted",
        Status::Renamed => "renamed",
        Status::Mode => "mode",
        Status::Type => "type",
    }
}

pub fn change_json(change: &Change) -> Value {
    let mut object = Map::new();
    put_path(&mut object, "path", &change.path);
    object.insert("status".to_owned(), status_word(change.status).into());
    if let Some(old) = &change.old_path {
        put_path(&mut object, "old_path", old);
    }
    if let Some(source) = &change.copied_from {
        put_path(&mut object, "copied_from", source);
    }
    let kind = match change.kind {
        ChangeKind::File => "file",
        ChangeKind::Dir => "dir",
        ChangeKind::Symlink => "symlink",
        ChangeKind::Special => "special",
    };
    let counts = |count: Option<u64>| if change.binary { None } else { count };
    object.insert("kind".to_owned(), kind.into());
    object.insert("binary".to_owned(), change.binary.into());
    object.insert("additions".to_owned(), counts(change.additions).into());
    object.insert("deletions".to_owned(), counts(change.deletions).into());
    object.insert("risks".to_owned(), json!(change.risks));
    object.insert("refused".to_owned(), json!(change.refused));
    Value::Object(object)
}

pub fn changes_text(changes: &Changes, printer: &Printer) -> String {
    let mut text = String::new();
    for change in &changes.list {
        let letter = match change.status {
            Status::Added => 'A',
            Status::Modified => 'M',
            Status::Deleted => 'D',
            Status::Renamed => 'R',
            Status::Mode => 'X',
            Status::Type => 'T',
        };
        let path = printer.name(change.path.as_bytes());
        let from = change.old_path.as_ref().map_or(String::new(), |old| {
            format!("{} -> ", printer.name(old.as_bytes()))
        });
        let risk = if change.is_risky() {
            "  (runs on your machine)"
        } else {
            ""
        };
        text += &format!("{letter} {from}{path}{risk}\n");
    }
    if changes.left_out > 0 {
        text += &format!("{} left out by the hand-over rules\n", changes.left_out);
    }
    if changes.unknown {
        text += "Part of the workspace could not be read; nothing there counts as deleted\n";
    }
    if text.is_empty() {
        text.push_str("No changes\n");
    }
    text
}

pub fn path_list(paths: &[WorkspacePath]) -> Vec<Value> {
    paths.iter().map(|path| path.to_lossy().into()).collect()
}

pub fn reasoned(path: &WorkspacePath, reason: &Value) -> Value {
    let mut object = Map::new();
    put_path(&mut object, "path", path);
    object.insert("reason".to_owned(), reason.clone());
    Value::Object(object)
}

pub fn report_json(report: &Report) -> Value {
    let conflicts: Vec<Value> = report
        .conflicts
        .iter()
        .map(|c| reasoned(&c.path, &json!(c.reason)))
        .collect();
    let skipped: Vec<Value> = report
        .skipped
        .iter()
        .map(|s| reasoned(&s.path, &json!(s.reason)))
        .collect();
    json!({
        "capture": report.capture,
        "applied": path_list(&report.applied),
        "conflicts": conflicts,
        "skipped": skipped,
    })
}

pub fn report_text(report: &Report, verb: &str, printer: &Printer) -> String {
    let mut text = String::new();
    for path in &report.applied {
        text += &format!("{verb} {}\n", printer.name(path.as_bytes()));
    }
    for conflict in &report.conflicts {
        text += &format!(
            "Conflict ({}) {}\n",
            conflict.reason.words(),
            printer.name(conflict.path.as_bytes())
        );
    }
    for skipped in &report.skipped {
        let why = json!(skipped.reason);
        let why = why.as_str().unwrap_or_default();
        text += &format!(
            "Skipped ({why}) {}\n",
            printer.name(skipped.path.as_bytes())
        );
    }
    if text.is_empty() {
        text.push_str("Nothing to do\n");
    }
    text
}

pub fn snapshot_json(snapshot: &Snapshot) -> Value {
    json!({
        "id": snapshot.id.as_str(),
        "name": snapshot.name,
        "kind": snapshot.kind,
        "time": rfc3339(snapshot.time_ms),
        "changed": snapshot.changed,
        "bytes": snapshot.bytes,
        "home": snapshot.home.is_some(),
    })
}

/// What is damaged, and the files of which trees need it.
pub fn damage(found: &Damage) -> Value {
    let files = found.files.iter().map(|(tree, path)| {
        let mut file = Map::new();
        file.insert("tree".to_owned(), json!(tree.to_string()));
        if let Some(path) = path {
            put_path(&mut file, "path", path);
        }
        Value::Object(file)
    });
    json!({ "reason": found.reason, "files": files.collect::<Vec<_>>() })
}

fn rfc3339(time_ms: u64) -> String {
    i64::try_from(time_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

pub fn snapshot_text(snapshot: &Snapshot, printer: &Printer) -> String {
    let kind = json!(snapshot.kind);
    let name = snapshot.name.as_deref().map_or(String::new(), |name| {
        format!("  {}", printer.name(name.as_bytes()))
    });
    format!(
        "{}  {}  {:<8}  {} changed{}{name}",
        snapshot.id.as_str(),
        rfc3339(snapshot.time_ms),
        kind.as_str().unwrap_or_default(),
        snapshot.changed,
        snapshot.home.map_or("", |_| ", with home"),
    )
}
