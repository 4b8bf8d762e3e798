//! The verbs: parse, call the engine, print.

use clap::CommandFactory;
use sandbox_engine::network::rules::NetworkChange;
use sandbox_engine::sandbox::{Check, HAND_OVER_NOTE, State, is_paused_by_user};
use sandbox_engine::{Engine, Error, Operation, SandboxId};
use sandbox_workspace::escape::escaped;
use serde_json::{Value, json};

use super::answer::{self, Printer};
use super::args::{self, Cli, CompletionShell, Global, Verb};
use super::mistake::Mistake;
use super::wanted::{mode, new_sandbox, package_names, paths};
use super::words::{
    check_json, check_text, network_word, row_json, row_text, rule_line, snapshot_json,
    snapshot_text,
};
use super::{
    agents as cli_agents, exec, keys, limits, log_ins, preview, progress, proxy, shell, sites,
};
use crate::host;
use crate::place;

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
    let engine = match Engine::open(config) {
        Ok(engine) => engine,
        Err(error) if matches!(verb, Verb::Doctor) => return no_data(&error, printer),
        Err(error) => return Err(error.into()),
    };
    let call = Call {
        engine,
        printer,
        op: progress::operation(printer),
    };
    let done = call.run(verb).await;
    progress::clear(printer);
    done
}

/// The doctor's answer where there is no place to keep anything: the other checks need one.
fn no_data(error: &Error, printer: &Printer) -> Done {
    let row = Check {
        check: "data",
        ok: false,
        detail: error.to_string(),
        fix: Some(error.fix().unwrap_or_else(|| {
            "Make the data folder writable, or name another one with --data-dir.".to_owned()
        })),
    };
    printer.answer(&json!([check_json(&row)]), |printer| {
        check_text(&row, printer)
    })?;
    Ok(1)
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
            Verb::Limits(wanted) => {
                let id = self.find(&wanted.sandbox)?;
                let (document, text) = limits::run(&self.engine, &id, &wanted).await?;
                self.answer(&document, |_| text)
            }
            Verb::Activity(one) => self.activity(&one.sandbox),
            Verb::Preview(wanted) => {
                let id = self.find(&wanted.sandbox)?;
                preview::preview(&self.engine, self.printer, &id, &wanted).await
            }
            Verb::Sites(wanted) => {
                let (document, text) = sites::run(&self.engine, wanted).await?;
                self.answer(&document, |_| text)
            }
            Verb::Key(key) => {
                let (document, text) = keys::run(&self.engine, key, self.printer).await?;
                self.answer(&document, |_| text)
            }
            Verb::Login(login) => {
                let (document, text) = log_ins::run(&self.engine, login, self.printer).await?;
                self.answer(&document, |_| text)
            }
            Verb::Proxy(wanted) => {
                let (document, text) = proxy::run(&self.engine, wanted).await?;
                self.answer(&document, |_| text)
            }
            Verb::Agents { what } => {
                let (document, text) = cli_agents::run(&self.engine, what, &self.op).await?;
                self.answer(&document, |_| text)
            }
            Verb::Store(store) => self.store(&store),
            Verb::Image => self.image().await,
            Verb::Packages(wanted) => self.packages(&wanted),
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
        let new = new_sandbox(wanted, start, &self.engine.recipes())?;
        let id = self.engine.create(new, &self.op).await?;
        let (dir, record) = self.engine.load(&id)?;
        if self.printer.progress {
            progress::clear(self.printer);
            let notes = self.engine.activity(&id)?.into_iter();
            for note in notes.filter(|entry| entry.what == HAND_OVER_NOTE) {
                eprintln!("{}", escaped(note.detail.as_bytes()));
            }
        }
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

    async fn snapshot(&self, wanted: &args::Snapshot) -> Done {
        let id = self.find(&wanted.sandbox)?;
        let snapshot = self
            .engine
            .snapshot(&id, wanted.name.clone(), wanted.with_home, &self.op)
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
        let reset = match &wanted.to {
            _ if wanted.wipe => self.engine.wipe(&id, &self.op).await?,
            Some(to) if !wanted.paths.is_empty() => {
                let paths = paths(&wanted.paths)?;
                self.engine.put_back(&id, to, &paths, &self.op).await?
            }
            to => {
                let to = to.as_deref();
                self.engine
                    .reset(&id, to, wanted.with_home, &self.op)
                    .await?
            }
        };
        let document = json!({
            "snapshot": reset.snapshot.as_str(),
            "safety": reset.safety.as_str(),
        });
        self.answer(&document, |_| {
            let (done, with_home) = match wanted {
                args::Reset { paths, .. } if !paths.is_empty() => ("Put back", ""),
                args::Reset {
                    with_home: true, ..
                } => ("Workspace and home folder reset", " --with-home"),
                _ => ("Workspace reset", ""),
            };
            format!(
                "{done}. Undo: agent-sandbox reset {} --to {}{with_home}",
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
                    text += &rule_line(verb, rule);
                }
            }
            text
        })
    }

    fn activity(&self, sandbox: &str) -> Done {
        let entries = self.engine.activity(&self.find(sandbox)?)?;
        let document = serde_json::to_value(&entries)
            .map_err(|error| Mistake::failed(format!("could not print: {error}")))?;
        self.answer(&document, |printer| {
            let lines = entries.iter().map(|entry| {
                let parts = [entry.decision.as_deref(), Some(entry.detail.as_str())];
                let rest: Vec<String> = parts
                    .into_iter()
                    .flatten()
                    .filter(|part| !part.is_empty())
                    .map(|part| printer.name(part.as_bytes()))
                    .collect();
                let what = printer.name(entry.what.as_bytes());
                let time = jiff::Timestamp::from_millisecond(entry.time)
                    .map_or_else(|_| entry.time.to_string(), |time| time.to_string());
                let end = if rest.is_empty() { "" } else { ": " };
                format!("{time} {what}{end}{}\n", rest.join(", "))
            });
            lines.collect()
        })
    }

    async fn image(&self) -> Done {
        self.engine.prepare_image(&self.op).await?;
        self.answer(&json!({ "ready": true }), |_| {
            "The environment image is ready".to_owned()
        })
    }

    fn packages(&self, wanted: &args::Packages) -> Done {
        let add = package_names(&wanted.add)?;
        let remove = package_names(&wanted.remove)?;
        let packages = if add.is_empty() && remove.is_empty() {
            self.engine.settings()?.packages
        } else {
            self.engine.change_packages(&add, &remove)?
        };
        self.answer(&json!({ "packages": packages }), |_| {
            if packages.is_empty() {
                return "None besides the environment\u{2019}s own".to_owned();
            }
            packages.iter().map(|name| format!("{name}\n")).collect()
        })
    }

    async fn purge(&self, dry_run: bool) -> Done {
        let all = if dry_run {
            self.engine.made().await?
        } else {
            let all = self.engine.purge().await?;
            place::forget(self.engine.data().root())
                .map_err(|error| Mistake::failed(error.to_string()))?;
            all
        };
        let document = json!({
            "containers": all.containers, "volumes": all.volumes, "networks": all.networks,
            "images": all.images, "keys": all.keys,
            "data": all.data, "kept": all.kept,
        });
        self.answer(&document, |_| {
            let verb = if dry_run { "Would remove" } else { "Removed" };
            let lists = [
                ("container", &all.containers),
                ("volume", &all.volumes),
                ("network", &all.networks),
                ("image", &all.images),
            ];
            let mut text = String::new();
            for (kind, names) in lists {
                for name in names {
                    text += &format!("{verb} {kind} {name}\n");
                }
            }
            for kept in &all.keys {
                text += &format!("{verb} the {kept}\n");
            }
            text += &format!("{verb} data {}\n", all.data);
            for kept in &all.kept {
                text += &format!("Kept: {kept}\n");
            }
            text
        })
    }
}

fn completions(shell: CompletionShell) -> Done {
    use clap_complete::Shell;
    let shell = match shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    // Through memory: the library panics where its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "agent-sandbox", &mut script);
    answer::write(&script)?;
    Ok(0)
}
