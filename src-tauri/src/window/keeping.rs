//! What the window does for ever: passes on what the engine tells, watches the container engine, the disk and the
//! workspaces, and takes a snapshot where it has become quiet.

use std::time::Duration;

use agent_sandbox::ipc::app::ImageState;
use agent_sandbox::ipc::event::Event;
use sandbox_engine::docker::events::EngineEvent;
use sandbox_engine::event::Event as Told;
use sandbox_engine::sandbox::RoomGuard;
use sandbox_engine::{Error, Operation, SandboxId};
use tokio::sync::broadcast::error::RecvError;

use super::desk::{Desk, wire_ask};

/// Between two tries to reach a container engine that is away.
const RETRY: Duration = Duration::from_secs(3);

/// Without a change for this long, a workspace is quiet.
const QUIET: Duration = Duration::from_secs(30);

/// How often the free space is looked at: one system call.
const SPACE_CHECK: Duration = Duration::from_secs(2);
/// How often it is looked who is next to this computer: some system calls.
const NEIGHBOURS_CHECK: Duration = Duration::from_secs(2);
/// With less than this free, what runs is frozen: copy-outs and snapshots must still have room.
const LOW_SPACE: u64 = 1 << 30;
/// How often the app thins what it holds, and how long after the start it first does.
const TIDYING: Duration = Duration::from_secs(12 * 60 * 60);
const SETTLED: Duration = Duration::from_secs(120);

impl Desk {
    /// Passes on what the engine tells, for ever. Nothing here waits for a sandbox: the questions of all go by this way.
    pub async fn pass_on(self) {
        let mut told = self.engine().events().subscribe();
        loop {
            match told.recv().await {
                Ok(numbered) => self.translate(numbered.event).await,
                // The page sees a gap by the rows that come; nothing of it is lost on disk.
                Err(RecvError::Lagged(_)) => self.tell_all_rows(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn tell_all_rows(&self) {
        for record in self.engine().records().unwrap_or_default() {
            self.tell_row_soon(&record.id);
        }
    }

    async fn translate(&self, event: Told) {
        let feed = self.feed();
        match event {
            Told::Engine => {
                let state = self.engine_state().await;
                feed.tell(Event::Engine { state });
            }
            Told::Image(progress) => {
                if let Some(line) = progress.line {
                    feed.tell(Event::ImageLog { line });
                }
                self.set_image(ImageState::Preparing {
                    phase: progress.phase,
                    fraction: progress.fraction,
                });
            }
            Told::ImageEnded => self.image_ended().await,
            Told::Sandbox(id) => {
                if let Err(error) = self.watching().watch(&id) {
                    tracing::warn!(%error, "a workspace is not watched");
                }
                self.tell_row_soon(&id);
            }
            Told::SandboxRemoved(id) => {
                self.forget_failure(&id);
                if let Some(waiting) = self.quiet().remove(&id) {
                    waiting.abort();
                }
                self.tell_removed(&id);
                // Its thread may be in the middle of a look.
                let desk = self.clone();
                tokio::task::spawn_blocking(move || desk.watching().forget(&id));
            }
            Told::Workspace(id) => {
                feed.tell(Event::Workspace {
                    sandbox: id.to_string(),
                });
                self.snapshot_when_quiet(id);
            }
            Told::Terminal(id, terminal) => {
                let known = self.engine().known_terminals(&id);
                if let Some(known) = known.iter().find(|(state, _)| state.id == terminal) {
                    feed.tell(Event::Terminal {
                        sandbox: id.to_string(),
                        terminal: known.into(),
                    });
                }
                self.tell_row_soon(&id);
            }
            Told::TerminalClosed(id, terminal) => {
                let sandbox = id.to_string();
                feed.tell(Event::TerminalClosed { sandbox, terminal });
                self.tell_row_soon(&id);
            }
            Told::Activity(id, entries) => feed.tell(Event::Activity {
                sandbox: id.to_string(),
                entries: entries.iter().map(Into::into).collect(),
            }),
            Told::Snapshots(id) => {
                feed.tell(Event::Snapshots {
                    sandbox: id.to_string(),
                });
                self.tell_row_soon(&id);
            }
            Told::Review(id) => feed.tell(Event::Review {
                sandbox: id.to_string(),
            }),
            Told::Ask(id, ask) => {
                let ask = wire_ask(&id, &ask);
                feed.tell(Event::Ask { ask });
                self.tell_row_soon(&id);
            }
            Told::AskEnded(id, ask) => {
                let sandbox = id.to_string();
                feed.tell(Event::AskEnded { sandbox, ask });
                self.tell_row_soon(&id);
            }
            Told::Ports(id) => feed.tell(Event::Ports {
                sandbox: id.to_string(),
            }),
            Told::Settings => {
                if let Ok(settings) = self.engine().settings() {
                    feed.tell(Event::Settings {
                        settings: (&settings).into(),
                    });
                }
            }
        }
    }

    /// The workspace changed: once nothing more changes for a while, its state is kept.
    fn snapshot_when_quiet(&self, id: SandboxId) {
        let (desk, sandbox) = (self.clone(), id.clone());
        let waiting = tauri::async_runtime::spawn(async move {
            tokio::time::sleep(QUIET).await;
            let op = Operation::silent();
            match desk.engine().auto_snapshot(&sandbox, &op).await {
                Ok(_) => {}
                // Removed meanwhile, or something else works on it and will change it again.
                Err(Error::NotFound { .. } | Error::Busy { .. }) => {}
                Err(error) => tracing::warn!(%error, "no automatic snapshot"),
            }
        });
        if let Some(earlier) = self.quiet().insert(id, waiting) {
            earlier.abort();
        }
    }

    /// For ever: stops what runs before the disk is full. Nothing else is waited for here: a disk fills in seconds.
    pub async fn keep_space(self) {
        loop {
            tokio::time::sleep(SPACE_CHECK).await;
            if let Err(error) = self.engine().guard_space(LOW_SPACE).await {
                tracing::warn!(%error, "the free space is not watched");
            }
        }
    }

    /// For ever: thins what the app holds.
    pub async fn keep_tidy(self) {
        tokio::time::sleep(SETTLED).await;
        loop {
            let engine = self.engine().clone();
            let tidied = tokio::task::spawn(async move { engine.tidy_up() }).await;
            if let Ok(Err(error)) = tidied {
                tracing::warn!(%error, "not tidied up");
            }
            tokio::time::sleep(TIDYING).await;
        }
    }

    /// For ever: tells gateways who is next to this computer once others are.
    pub async fn keep_neighbours(self) {
        loop {
            tokio::time::sleep(NEIGHBOURS_CHECK).await;
            if let Err(error) = self.engine().guard_neighbours().await {
                tracing::warn!(%error, "gateways are not told who is next to this computer");
            }
        }
    }

    /// For ever: stops what runs once its workspace is larger than its limit. Beside the free space, which is looked at
    /// more often than a workspace is counted.
    pub async fn keep_rooms(self) {
        let mut rooms = RoomGuard::default();
        loop {
            tokio::time::sleep(RoomGuard::OFTEN).await;
            if let Err(error) = rooms.look(self.engine()).await {
                tracing::warn!(%error, "the workspaces are not counted");
            }
        }
    }

    /// Watches the container engine, for ever: says when it comes and goes, and what happens to containers.
    pub async fn attend_engine(self) {
        let mut was_there = None;
        loop {
            let docker = self.engine().docker().await.ok();
            if was_there != Some(docker.is_some()) {
                was_there = Some(docker.is_some());
                if docker.is_some() {
                    // Nobody looked while it, or this window, was away.
                    let desk = self.clone();
                    tokio::spawn(async move {
                        for (id, error) in desk.engine().prove_all().await {
                            desk.note_failure(&id, &error, true).await;
                            desk.tell_row(&id).await;
                        }
                    });
                }
                let state = self.engine_state().await;
                self.feed().tell(Event::Engine { state });
                self.tell_all_rows();
            }
            let Some(docker) = docker else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let mut events = docker.events(self.engine().data().instance());
            while let Some(event) = events.next().await {
                match event {
                    EngineEvent::Connected => self.tell_all_rows(),
                    EngineEvent::Lost => break,
                    EngineEvent::Container { sandbox, .. } => self.tell_row_soon(&sandbox),
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Before anything else: what a crash interrupted is finished, and every workspace is watched.
    pub async fn begin(self) {
        match self.engine().recover().await {
            Ok(found) => {
                for one in found.iter().filter(|one| !one.resolved) {
                    tracing::warn!(sandbox = %one.sandbox, what = one.what, outcome = %one.outcome, "not recovered");
                }
            }
            Err(error) => tracing::warn!(%error, "the recovery did not finish"),
        }
        for record in self.engine().records().unwrap_or_default() {
            if let Err(error) = self.watching().watch(&record.id) {
                tracing::warn!(%error, "a workspace is not watched");
            }
        }
    }
}
