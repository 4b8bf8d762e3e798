//! The verbs: parse, call the engine, print.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use sandbox_engine::agents;
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::sandbox::{
    Check, Compared, CopyOut, LimitsWanted, NewSandbox, Row, Side, State, Wanted, is_paused_by_user,
};
use sandbox_engine::state::record::{NetworkMode, NetworkPolicy};
use sandbox_engine::{Engine, Error, Operation, SandboxId};
use sandbox_review::changes::{ChangeKind, Status};
use sandbox_review::copyout::Report;
use sandbox_review::unified::{self, Form};
use sandbox_review::{Change, Changes};
use sandbox_workspace::snapshots::Snapshot;
use sandbox_workspace::{Rules, WorkspacePath, system};
use serde_json::{Map, Value, json};

use super::answer::{Printer, put_path};
use super::args::{self, Cli, CompletionShell, Global, Network, Store, Verb};
use super::mistake::Mistake;
use super::{exec, preview, progress, shell};
use crate::host;

pub(super) type Done = Result<u8, Mistake>;

/// What one verb needs.
pub(super) struct Call<'a> {
    pub(super) engine: Engine,
    pub(super) printer: &'a Printer,
    pub(super) op: Operation,
}

/// Runs one verb; gives the exit status.
pub async fn run(verb: Verb, global: &Global, printer: &Printer) -> Done {
    if let Verb::Completions { shell } = verb {
        return completions(shell);
    }
    let config =
        host::config(global.data_dir.clone()).map_err(|e| Mistake::failed(e.to_string()))?;
    let call = Call {
        engine: Engine::open(config)?,
        printer,
        op: progress::operation(printer),
    };
    let done = call.run(verb).await;
    progress::clear(printer);
    done
}

impl Call<'_> {
    async fn run(&self, verb: Verb) -> Done {
        match verb {
            Verb::Doctor => self.doctor().await,
            Verb::Create(create) => self.create(create).await,
            Verb::List => self.list().await,
            Verb::Status(one) => self.status(&self.find(&one.sandbox)?).await,
            Verb::Exec(wanted) => {
                let id = self.find(&wanted.sandbox)?;
                exec::exec(&self.engine, &id, &wanted.command).await
            }
            Verb::Shell(one) => shell::shell(&self.engine, &self.find(&one.sandbox)?).await,
            Verb::Start(one) => self.start(&one.sandbox).await,
            Verb::Stop(one) => self.stop(&one.sandbox).await,
            Verb::Remove(one) => self.remove(&one.sandbox).await,
            Verb::Changes(wanted) => self.changes(&wanted).await,
            Verb::Diff(wanted) => self.diff(&wanted).await,
            Verb::Apply(wanted) => self.apply(wanted).await,
            Verb::Undo(one) => self.undo(&one.sandbox).await,
            Verb::Redo(one) => self.redo(&one.sandbox).await,
            Verb::Save(wanted) => self.save(wanted).await,
            Verb::BringIn(wanted) => self.bring_in(&wanted).await,
            Verb::StartAgain(one) => self.start_again(&one.sandbox).await,
            Verb::Snapshot(wanted) => self.snapshot(&wanted).await,
            Verb::Snapshots(one) => self.snapshots(&one.sandbox),
            Verb::Reset(wanted) => self.reset(&wanted).await,
            Verb::Recover => self.recover().await,
            Verb::Network(wanted) => self.network(&wanted).await,
            Verb::Preview(wanted) => {
                let id = self.find(&wanted.sandbox)?;
                preview::preview(&self.engine, self.printer, &id, &wanted).await
            }
            Verb::Store(store) => self.store(&store),
            Verb::Image => self.image().await,
            Verb::Purge(purge) => self.purge(purge.dry_run).await,
            Verb::Completions { shell } => completions(shell),
        }
    }

    pub(super) fn find(&self, wanted: &str) -> Result<SandboxId, Mistake> {
        Ok(self.engine.resolve(wanted)?)
    }

    pub(super) fn answer(&self, document: &Value, text: impl FnOnce(&Printer) -> String) -> Done {
        progress::clear(self.printer);
        self.printer.answer(document, text)?;
        Ok(0)
    }

    async fn doctor(&self) -> Done {
        let rows = self.engine.doctor().await;
        let all_well = rows.iter().all(|row| row.ok);
        let document = rows.iter().map(check_json).collect::<Vec<_>>().into();
        self.answer(&document, |printer| {
            rows.iter().map(|row| check_text(row, printer)).collect()
        })?;
        Ok(u8::from(!all_well))
    }

    async fn create(&self, wanted: args::Create) -> Done {
        self.engine.sweep().await?;
        let start = !wanted.no_start;
        let id = self
            .engine
            .create(new_sandbox(wanted, start)?, &self.op)
            .await?;
        let (dir, record) = self.engine.load(&id)?;
        let document = json!({
            "id": id.as_str(),
            "name": record.name,
            "project": record.project.to_lossy(),
            "workspace": dir.workspace().to_string_lossy(),
            "container": id.container_name(),
            "baseline": record.baseline,
        });
        self.answer(&document, |printer| {
            format!("{} {}", id.as_str(), printer.name(record.name.as_bytes()))
        })
    }

    async fn list(&self) -> Done {
        let rows = self.engine.list().await?;
        let document = rows.iter().map(row_json).collect::<Vec<_>>().into();
        self.answer(&document, |printer| {
            if rows.is_empty() {
                return "No sandboxes yet. Hand over a folder: agent-sandbox create PROJECT"
                    .to_owned();
            }
            rows.iter().map(|row| row_text(row, printer)).collect()
        })
    }

    async fn status(&self, id: &SandboxId) -> Done {
        let row = self.engine.status(id).await?;
        let dir = self.engine.data().sandbox(id);
        let mut document = row_json(&row);
        document["workspace"] = dir.workspace().to_string_lossy().into();
        document["container"] = id.container_name().into();
        document["network"] = network_word(row.record.network.mode).into();
        document["paused"] = (row.state == State::Paused && is_paused_by_user(&dir)).into();
        self.answer(&document, |printer| {
            format!(
                "{}workspace: {}\ncontainer: {}\nnetwork: {}\n",
                row_text(&row, printer),
                dir.workspace().display(),
                id.container_name(),
                network_word(row.record.network.mode),
            )
        })
    }

    async fn start(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        self.engine.start(&id, &self.op).await?;
        self.status(&id).await
    }

    async fn stop(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        self.engine.stop(&id).await?;
        self.status(&id).await
    }

    async fn remove(&self, sandbox: &str) -> Done {
        // Removing what is not there is done already.
        let id = match self.engine.resolve(sandbox) {
            Ok(id) => id,
            Err(Error::NotFound { .. }) => {
                return self.answer(&json!({ "removed": null }), |_| {
                    "Nothing to remove".to_owned()
                });
            }
            Err(error) => return Err(error.into()),
        };
        self.engine.remove(&id).await?;
        self.answer(&json!({ "removed": id.as_str() }), |_| {
            format!("Removed {}", id.as_str())
        })
    }

    async fn changes(&self, wanted: &args::Changes) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let compared = self
            .compare(&id, wanted.from.as_deref(), wanted.to.as_deref())
            .await?;
        let mut list = Vec::new();
        for change in &compared.changes.list {
            list.push(change_json(change));
        }
        let document = json!({
            "capture": compared.capture.as_ref().map(|c| c.id.clone()),
            "changes": list,
            "left_out": compared.changes.left_out,
            "unknown": compared.changes.unknown,
        });
        self.answer(&document, |printer| {
            changes_text(&compared.changes, printer)
        })
    }

    async fn compare(
        &self,
        id: &SandboxId,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Compared, Mistake> {
        let side = |name: Option<&str>, usual| {
            name.map_or(usual, |name: &str| Side::Named(name.to_owned()))
        };
        let (from, to) = (side(from, Side::Base), side(to, Side::Live));
        Ok(self.engine.changes(id, from, to, &self.op).await?)
    }

    async fn diff(&self, wanted: &args::Diff) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let paths = paths(&wanted.paths)?;
        let compared = self
            .compare(&id, wanted.from.as_deref(), wanted.to.as_deref())
            .await?;
        let mut out = Vec::new();
        for change in &compared.changes.list {
            let named =
                |path: &WorkspacePath| change.is_named_by(path) || change.path.starts_with(path);
            if paths.is_empty() || paths.iter().any(named) {
                unified::write(change, self.engine.store(), Form::Readable, &mut out)
                    .map_err(Error::from)?;
            }
        }
        progress::clear(self.printer);
        self.printer.diff(&out)?;
        Ok(0)
    }

    async fn apply(&self, wanted: args::Apply) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let chosen = if wanted.all {
            Wanted::All
        } else {
            Wanted::Paths(paths(&wanted.paths)?)
        };
        let request = CopyOut {
            wanted: chosen,
            include_risky: wanted.include_risky,
            capture: wanted.capture,
            merge: false,
            resolutions: Vec::new(),
            leave_conflicts: false,
        };
        let report = self.engine.copy_out(&id, request, &self.op).await?;
        self.report(&report, "Copied")
    }

    async fn undo(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        let report = self.engine.undo(&id, None, &self.op).await?;
        self.report(&report, "Put back")
    }

    pub(super) fn report(&self, report: &Report, verb: &str) -> Done {
        let document = report_json(report);
        self.answer(&document, |printer| report_text(report, verb, printer))?;
        if report.conflicts.is_empty() {
            return Ok(0);
        }
        self.printer.error(&Mistake::Failed(
            format!(
                "{} of your own files changed meanwhile, so nothing was written",
                report.conflicts.len()
            ),
            Some("Your own files are as they were.".to_owned()),
            Some("Look at the listed files, then name the others to copy them out.".to_owned()),
        ));
        Ok(3)
    }

    async fn snapshot(&self, wanted: &args::Snapshot) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let snapshot = self
            .engine
            .snapshot(&id, wanted.name.clone(), &self.op)
            .await?;
        self.answer(&snapshot_json(&snapshot), |printer| {
            snapshot_text(&snapshot, printer)
        })
    }

    fn snapshots(&self, sandbox: &str) -> Done {
        let id = self.find(sandbox)?;
        let (list, unreadable) = self.engine.snapshots(&id)?;
        for path in unreadable {
            self.printer.error(&Mistake::failed(format!(
                "the snapshot record {} cannot be read",
                path.display()
            )));
        }
        let document = list.iter().map(snapshot_json).collect::<Vec<_>>().into();
        self.answer(&document, |printer| {
            list.iter()
                .map(|s| snapshot_text(s, printer) + "\n")
                .collect()
        })
    }

    async fn reset(&self, wanted: &args::Reset) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let reset = self
            .engine
            .reset(&id, wanted.to.as_deref(), &self.op)
            .await?;
        let document = json!({
            "snapshot": reset.snapshot.as_str(),
            "safety": reset.safety.as_str(),
        });
        self.answer(&document, |_| {
            format!(
                "Workspace reset. Undo: agent-sandbox reset {} --to {}",
                id.as_str(),
                reset.safety.as_str()
            )
        })?;
        if reset.failed.is_empty() {
            return Ok(0);
        }
        Err(Mistake::failed(format!(
            "not everything could be put back: {}",
            reset.failed.join("; ")
        )))
    }

    async fn recover(&self) -> Done {
        let found = self.engine.recover().await?;
        let rows: Vec<Value> = found
            .iter()
            .map(|r| json!({ "sandbox": r.sandbox.as_str(), "what": r.what, "outcome": r.outcome }))
            .collect();
        self.answer(&json!({ "recovered": rows }), |_| {
            if found.is_empty() {
                return "Nothing was interrupted".to_owned();
            }
            found
                .iter()
                .map(|r| format!("{} {}: {}\n", r.sandbox.as_str(), r.what, r.outcome))
                .collect()
        })?;
        Ok(u8::from(found.iter().any(|r| !r.resolved)))
    }

    async fn network(&self, wanted: &args::NetworkArgs) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let change = NetworkChange {
            mode: wanted.mode.map(mode),
            allow: wanted.allow.clone(),
            block: wanted.block.clone(),
            forget: wanted.forget.clone(),
            presets: (!wanted.preset.is_empty()).then(|| wanted.preset.clone()),
            services: (!wanted.service.is_empty()).then(|| {
                wanted
                    .service
                    .iter()
                    .copied()
                    .filter(|port| *port != 0)
                    .collect()
            }),
        };
        if change != NetworkChange::default() {
            self.engine.set_network(&id, &change).await?;
        }
        let (_, record) = self.engine.load(&id)?;
        let word = network_word(record.network.mode);
        let document = json!({
            "mode": word,
            "allow": record.network.allow,
            "block": record.network.block,
            "presets": record.network.presets,
            "services": record.network.services,
        });
        self.answer(&document, |_| {
            let mut text = format!("{word}\n");
            for (verb, rules) in [
                ("list", &record.network.presets),
                ("allow", &record.network.allow),
                ("block", &record.network.block),
            ] {
                for rule in rules {
                    text += &format!("{verb} {rule}\n");
                }
            }
            text
        })
    }

    fn store(&self, store: &Store) -> Done {
        match store {
            Store::Verify => {
                let found = self.engine.verify(self.op.cancel())?;
                let damaged: Vec<Value> = found
                    .damaged
                    .iter()
                    .map(|d| json!({ "reason": d.reason }))
                    .collect();
                let count = damaged.len();
                let document = json!({
                    "blobs": found.blobs, "trees": found.trees, "damaged": damaged,
                });
                self.answer(&document, |_| {
                    format!(
                        "{} contents and {} trees read, {count} damaged",
                        found.blobs, found.trees
                    )
                })?;
                Ok(u8::from(count > 0))
            }
            Store::Prune => {
                let freed = self.engine.tidy_up()?;
                let document =
                    json!({ "trees": freed.trees, "blobs": freed.blobs, "freed": freed.freed });
                self.answer(&document, |_| format!("{} bytes freed", freed.freed))
            }
            Store::Stats => {
                let stats = self.engine.store_stats()?;
                let document = json!({
                    "trees": stats.trees, "logical": stats.logical, "on_disk": stats.on_disk,
                    "blobs": stats.blobs, "packs": stats.packs,
                });
                self.answer(&document, |_| {
                    format!("{} bytes on the disk for {}", stats.on_disk, stats.logical)
                })
            }
        }
    }

    async fn image(&self) -> Done {
        self.engine.prepare_image(&self.op).await?;
        self.answer(&json!({ "ready": true }), |_| {
            "The environment image is ready".to_owned()
        })
    }

    async fn purge(&self, dry_run: bool) -> Done {
        let all = if dry_run {
            self.engine.made().await?
        } else {
            self.engine.purge().await?
        };
        let document = json!({
            "containers": all.containers, "volumes": all.volumes, "images": all.images,
            "data": all.data, "kept": all.kept,
        });
        self.answer(&document, |_| {
            let verb = if dry_run { "Would remove" } else { "Removed" };
            let lists = [
                ("container", &all.containers),
                ("volume", &all.volumes),
                ("image", &all.images),
            ];
            let mut text = String::new();
            for (kind, names) in lists {
                for name in names {
                    text += &format!("{verb} {kind} {name}\n");
                }
            }
            text += &format!("{verb} data {}\n", all.data);
            for kept in &all.kept {
                text += &format!("Kept: {kept}\n");
            }
            text
        })
    }
}

fn new_sandbox(wanted: args::Create, start: bool) -> Result<NewSandbox, Mistake> {
    Ok(NewSandbox {
        project: wanted.project,
        name: wanted.name,
        command: None,
        image: wanted.image,
        network: NetworkPolicy {
            // A list of sites means nothing to a sandbox without a network.
            mode: match wanted.network {
                Some(network) => mode(network),
                None if wanted.allow.is_empty() && agents::hosts(&wanted.agent).is_empty() => {
                    NetworkMode::Offline
                }
                None => NetworkMode::Approved,
            },
            allow: wanted.allow,
            block: Vec::new(),
            presets: Vec::new(),
            services: Vec::new(),
        },
        agent: wanted.agent,
        limits: LimitsWanted {
            cpu_millis: wanted.cpus.map(cores).transpose()?,
            memory: wanted.memory.as_deref().map(size).transpose()?,
            ..LimitsWanted::default()
        },
        rules: Rules {
            exclude: wanted.exclude,
            include: wanted.include,
            ..Rules::default()
        },
        start,
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn cores(cores: f64) -> Result<u32, Mistake> {
    if !cores.is_finite() || !(0.1..=4096.0).contains(&cores) {
        return Err(Mistake::Use(
            "--cpus takes a number from 0.1 up, for instance 1.5".to_owned(),
        ));
    }
    Ok((cores * 1000.0).round() as u32)
}

/// `4g`, `512m`, `1048576`.
fn size(text: &str) -> Result<u64, Mistake> {
    let wrong = || {
        Mistake::Use(format!(
            "--memory takes a size such as 4g or 512m, not \u{201c}{text}\u{201d}"
        ))
    };
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match lower.as_bytes().last() {
        Some(b'k') => (&lower[..lower.len() - 1], 10),
        Some(b'm') => (&lower[..lower.len() - 1], 20),
        Some(b'g') => (&lower[..lower.len() - 1], 30),
        Some(b't') => (&lower[..lower.len() - 1], 40),
        _ => (lower, 0),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

fn mode(network: Network) -> NetworkMode {
    match network {
        Network::Offline => NetworkMode::Offline,
        Network::Approved => NetworkMode::Approved,
        Network::Open => NetworkMode::Open,
    }
}

fn network_word(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Offline => "offline",
        NetworkMode::Approved => "approved",
        NetworkMode::Open => "open",
    }
}

pub(super) fn paths(given: &[OsString]) -> Result<Vec<WorkspacePath>, Mistake> {
    given
        .iter()
        .map(|path| {
            let trimmed = Path::new(path)
                .components()
                .filter(|c| !matches!(c, std::path::Component::CurDir))
                .collect::<std::path::PathBuf>();
            WorkspacePath::new(system::path_bytes(&trimmed)).map_err(|error| {
                Mistake::failed(format!(
                    "\u{201c}{}\u{201d} is not a path in the project: {error}",
                    path.to_string_lossy()
                ))
            })
        })
        .collect()
}

fn completions(shell: CompletionShell) -> Done {
    use clap_complete::Shell;
    let shell = match shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        "agent-sandbox",
        &mut std::io::stdout(),
    );
    Ok(0)
}

fn check_json(row: &Check) -> Value {
    json!({ "check": row.check, "ok": row.ok, "detail": row.detail, "fix": row.fix })
}

fn check_text(row: &Check, printer: &Printer) -> String {
    let mark = if row.ok { "ok " } else { "NOT" };
    let fix = row
        .fix
        .as_ref()
        .map_or(String::new(), |fix| format!("\n    {fix}"));
    let detail = printer.name(row.detail.as_bytes());
    format!("{mark} {}: {detail}{fix}\n", row.check)
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Paused => "paused",
        State::Stopped | State::OutOfMemory => "stopped",
        State::Unknown => "unknown",
    }
}

fn row_json(row: &Row) -> Value {
    json!({
        "id": row.record.id.as_str(),
        "name": row.record.name,
        "project": row.record.project.to_lossy(),
        "state": state_word(row.state),
        "changed": row.changed,
    })
}

fn row_text(row: &Row, printer: &Printer) -> String {
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

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Added => "added",
        Status::Modified => "modified",
        Status::Deleted => "deleted",
        Status::Renamed => "renamed",
        Status::Mode => "mode",
        Status::Type => "type",
    }
}

fn change_json(change: &Change) -> Value {
    let mut object = Map::new();
    put_path(&mut object, "path", &change.path);
    object.insert("status".to_owned(), status_word(change.status).into());
    if let Some(old) = &change.old_path {
        put_path(&mut object, "old_path", old);
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

fn changes_text(changes: &Changes, printer: &Printer) -> String {
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

pub(super) fn path_list(paths: &[WorkspacePath]) -> Vec<Value> {
    paths.iter().map(|path| path.to_lossy().into()).collect()
}

pub(super) fn report_json(report: &Report) -> Value {
    let conflicts: Vec<Value> = report
        .conflicts
        .iter()
        .map(|c| json!({ "path": c.path.to_lossy(), "reason": c.reason }))
        .collect();
    let skipped: Vec<Value> = report
        .skipped
        .iter()
        .map(|s| json!({ "path": s.path.to_lossy(), "reason": s.reason }))
        .collect();
    json!({
        "capture": report.capture,
        "applied": path_list(&report.applied),
        "conflicts": conflicts,
        "skipped": skipped,
    })
}

pub(super) fn report_text(report: &Report, verb: &str, printer: &Printer) -> String {
    let mut text = String::new();
    for path in &report.applied {
        text += &format!("{verb} {}\n", printer.name(path.as_bytes()));
    }
    for conflict in &report.conflicts {
        let why = format!("{:?}", conflict.reason).to_lowercase();
        text += &format!(
            "Conflict ({why}) {}\n",
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

fn snapshot_json(snapshot: &Snapshot) -> Value {
    json!({
        "id": snapshot.id.as_str(),
        "name": snapshot.name,
        "kind": snapshot.kind,
        "time": rfc3339(snapshot.time_ms),
        "changed": snapshot.changed,
        "bytes": snapshot.bytes,
    })
}

fn rfc3339(time_ms: u64) -> String {
    i64::try_from(time_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

fn snapshot_text(snapshot: &Snapshot, printer: &Printer) -> String {
    let kind = json!(snapshot.kind);
    let name = snapshot.name.as_deref().unwrap_or_default();
    format!(
        "{}  {}  {:<8}  {} changed  {}",
        snapshot.id.as_str(),
        rfc3339(snapshot.time_ms),
        kind.as_str().unwrap_or_default(),
        snapshot.changed,
        printer.name(name.as_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("4g").ok(), Some(4 << 30));
        assert_eq!(size("512MB").ok(), Some(512 << 20));
        assert_eq!(size("1048576").ok(), Some(1 << 20));
        for wrong in ["", "g", "-1", "4x", "1.5g", "99999999999999t"] {
            assert!(size(wrong).is_err(), "took {wrong:?}");
        }
    }

    #[test]
    fn cores_have_a_floor() {
        assert_eq!(cores(1.5).ok(), Some(1500));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(cores(wrong).is_err(), "took {wrong}");
        }
    }

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }
}
