//! What the window works with: the engine, the watchers, the event stream. One for the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_sandbox::engine_app::EngineApp;
use agent_sandbox::ipc::app::{EngineState, ImageState};
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::event::Event;
use agent_sandbox::ipc::from::sentence;
use agent_sandbox::ipc::handover::{Phase, ProgressReport};
use agent_sandbox::ipc::network::SiteAsk;
use agent_sandbox::ipc::sandbox::{Attention, NetworkMode, SandboxRow, SandboxStatus};
use sandbox_engine::docker::events::EngineEvent;
use sandbox_engine::event::Event as Told;
use sandbox_engine::network::presets;
use sandbox_engine::sandbox::{PausedBy, RoomGuard, State, Watching, paused_by};
use sandbox_engine::terminal::TerminalHub;
use sandbox_engine::{Code, Engine, Error, Operation, Phase as EnginePhase, SandboxId};
use sandbox_workspace::{Cancel, Step};
use tauri::async_runtime::JoinHandle;
use tokio::sync::broadcast::error::RecvError;

use super::feed::Feed;

/// Between two tries to reach a container engine that is away.
const RETRY: Duration = Duration::from_secs(3);

/// Without a change for this long, a workspace is quiet.
const QUIET: Duration = Duration::from_secs(30);

/// How often the free space is looked at: one system call.
const SPACE_CHECK: Duration = Duration::from_secs(2);
/// With less than this free, what runs is frozen: copy-outs and snapshots must still have room.
const LOW_SPACE: u64 = 1 << 30;
/// How often the app thins what it holds, and how long after the start it first does.
const TIDYING: Duration = Duration::from_secs(12 * 60 * 60);
const SETTLED: Duration = Duration::from_secs(120);

/// Shared by all commands.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

struct Shared {
    engine: Engine,
    watching: Watching,
    feed: Feed,
    image: Mutex<Option<ImageState>>,
    /// Why sandboxes do not run that were to: said where one looks at them, until they run or are stopped by hand.
    failed: Mutex<HashMap<SandboxId, WireError>>,
    /// The snapshots that wait for a workspace to fall quiet.
    quiet: Mutex<HashMap<SandboxId, JoinHandle<()>>>,
}

/// What a command answers.
pub type Answer<T> = Result<T, WireError>;

impl Desk {
    /// Over an engine that is open.
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(Shared {
            watching: Watching::new(engine.clone()),
            engine,
            feed: Feed::default(),
            image: Mutex::new(None),
            failed: Mutex::default(),
            quiet: Mutex::default(),
        }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The event stream.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// The watchers.
    pub fn watching(&self) -> &Watching {
        &self.0.watching
    }

    /// What is being done with the environment image; `None` where nothing is.
    pub fn image(&self) -> Option<ImageState> {
        self.0
            .image
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers and tells it.
    pub fn set_image(&self, state: ImageState) {
        let kept = matches!(
            state,
            ImageState::Preparing { .. } | ImageState::Failed { .. }
        );
        *self.0.image.lock().unwrap_or_else(PoisonError::into_inner) = kept.then(|| state.clone());
        self.feed().tell(Event::Image { state });
    }

    /// What there is of the environment image, apart from what is being done with it.
    pub async fn ready_or_missing(&self) -> ImageState {
        match self.engine().environment_image().await {
            Ok(Some((reference, bytes))) => ImageState::Ready { reference, bytes },
            Ok(None) => ImageState::Missing,
            Err(error) => ImageState::Failed {
                error: (&error).into(),
            },
        }
    }

    /// Nothing is prepared any more; what failed meanwhile is said where it was asked for.
    async fn image_ended(&self) {
        let prepares = || matches!(self.image(), Some(ImageState::Preparing { .. }));
        if prepares() {
            let state = self.ready_or_missing().await;
            if prepares() {
                self.set_image(state);
            }
        }
    }

    /// An operation that reports to the page under the name that the page gave it.
    pub fn operation(&self, name: &str, cancel: Cancel) -> Operation {
        let (desk, name) = (self.clone(), name.to_owned());
        let pace = Mutex::new(Pace::default());
        let listener = move |phase: EnginePhase, step: Step| {
            let left = pace
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .seconds_left(phase, step);
            desk.feed().tell(Event::Progress {
                report: ProgressReport {
                    operation: name.clone(),
                    phase: wire_phase(phase),
                    entries: step.entries,
                    entries_total: step.entries_total,
                    bytes: step.bytes,
                    bytes_total: step.bytes_total,
                    seconds_left: left,
                },
            });
        };
        Operation::new(cancel, Some(Arc::new(listener)))
    }

    /// The container engine as it is now.
    pub async fn engine_state(&self) -> EngineState {
        match self.engine().docker().await {
            Err(error) => EngineState::Unavailable {
                opens: opens(&error),
                error: (&error).into(),
            },
            Ok(docker) => {
                let info = docker.info();
                EngineState::Running {
                    product: info.product.clone(),
                    version: info.version.clone(),
                    cpus: info.cpus,
                    memory: info.memory,
                    runtimes: info.other_runtimes(),
                }
            }
        }
    }

    /// A sandbox as the list shows it.
    pub async fn row(&self, id: &SandboxId) -> Answer<SandboxRow> {
        let row = self.engine().glimpse(id).await?;
        let snapshots = self.engine().snapshots(id)?.0.len();
        let terminals = self.engine().known_terminals(id).await;
        let agent_name = self.engine().recipes().name(&row.record.agent);
        let paused = match row.state {
            State::Paused => paused_by(&self.engine().data().sandbox(id)),
            _ => None,
        };
        let attention = match (&row.state, paused) {
            (State::OutOfMemory, _) => Some(Attention::OutOfMemory {
                limit: row.record.limits.memory,
            }),
            (_, Some(PausedBy::Space)) => Some(Attention::DiskLow {
                free: self.engine().space_of(id)?,
            }),
            (_, Some(PausedBy::Room)) => Some(Attention::WorkspaceLarge {
                limit: row.record.limits.workspace_size,
                files: row.record.limits.workspace_files,
            }),
            (State::Stopped | State::Paused, _) => self
                .failed()
                .get(id)
                .cloned()
                .map(|error| Attention::Failed { error }),
            _ => None,
        };
        let status = match row.state {
            // Whatever works meanwhile: a connection waits for the user.
            State::Running if !self.engine().asks(id).is_empty() => SandboxStatus::Waiting,
            State::Running if terminals.iter().any(|t| t.exit.is_none() && t.working) => {
                SandboxStatus::Working
            }
            State::Running if terminals.iter().any(|t| t.agent && t.bells + t.notices > 0) => {
                SandboxStatus::Waiting
            }
            State::Running => SandboxStatus::Idle,
            State::Paused if attention.is_some() => SandboxStatus::Attention,
            State::Paused => SandboxStatus::Paused,
            State::Stopped if attention.is_some() => SandboxStatus::Attention,
            State::Stopped | State::Unknown => SandboxStatus::Stopped,
            State::OutOfMemory => SandboxStatus::Attention,
        };
        Ok(SandboxRow {
            id: id.to_string(),
            name: row.record.name.clone(),
            project: row.record.project.to_lossy(),
            agent: row.record.agent.clone(),
            agent_name,
            status,
            changed: row.changed.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            snapshots: u32::try_from(snapshots).unwrap_or(u32::MAX),
            network: row.record.network.mode.into(),
            limits: row.record.limits.into(),
            runtime: row.record.runtime.clone(),
            keys: row.record.keys.clone(),
            image: row.record.image.clone(),
            created: row.record.created,
            attention,
            watch_note: self.watching().note(id),
        })
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<SandboxId, WireError>> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sandbox was not started, or what ran was ended, because its fence is not proven closed. Other errors are
    /// said once, where they were caused.
    pub async fn note_failure(&self, id: &SandboxId, error: &Error, ran: bool) {
        let (message, words) = match error {
            Error::FenceOpen { message } if ran => (
                message,
                "When this window looked again, the fence of the sandbox was not closed, so it was ended: ",
            ),
            Error::FenceOpen { message } => (
                message,
                "The fence of the sandbox was not closed, so nothing was started in it: ",
            ),
            Error::FenceUnclear { message } => (
                message,
                "Whether the fence of the sandbox is closed could not be found out, so it is paused, as it was: ",
            ),
            _ => return,
        };
        let told = WireError {
            safe: Some("Your folder, the workspace and the snapshots are as they were. You can still review and copy out.".to_owned()),
            fix: Some("Start it again: the fence is tested before anything runs. If it fails again, see what was tried under Settings, Container engine.".to_owned()),
            ..WireError::said(ErrorCode::FenceOpen, &sentence(&format!("{words}{message}")))
        };
        self.failed().insert(id.clone(), told);
        self.tell_row(id).await;
    }

    /// The terminals of a sandbox that runs; its fence is proven first where nobody looked since it was started.
    pub async fn terminals(&self, id: &SandboxId) -> Answer<Arc<TerminalHub>> {
        let terminals = self.engine().terminals(id).await;
        if let Err(error) = &terminals {
            self.note_failure(id, error, true).await;
        }
        Ok(terminals?)
    }

    /// It runs, was stopped by hand, or is gone.
    pub fn forget_failure(&self, id: &SandboxId) {
        self.failed().remove(id);
    }

    /// Tells the page how a sandbox is now.
    pub async fn tell_row(&self, id: &SandboxId) {
        if let Ok(row) = self.row(id).await {
            if row.network != NetworkMode::Offline && is_up(row.status) {
                self.engine().attend(id);
            }
            self.feed().tell(Event::Sandbox { row: Box::new(row) });
        }
    }

    /// Passes on what the engine tells, for ever.
    pub async fn pass_on(self) {
        let mut told = self.engine().events().subscribe();
        loop {
            match told.recv().await {
                Ok(numbered) => self.translate(numbered.event).await,
                // The page sees a gap by the rows that come; nothing of it is lost on disk.
                Err(RecvError::Lagged(_)) => self.tell_all_rows().await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn tell_all_rows(&self) {
        for record in self.engine().records().unwrap_or_default() {
            self.tell_row(&record.id).await;
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
                self.tell_row(&id).await;
            }
            Told::SandboxRemoved(id) => {
                self.watching().forget(&id);
                self.forget_failure(&id);
                if let Some(waiting) = self.quiet().remove(&id) {
                    waiting.abort();
                }
                let sandbox = id.to_string();
                feed.tell(Event::SandboxRemoved { sandbox });
            }
            Told::Workspace(id) => {
                feed.tell(Event::Workspace {
                    sandbox: id.to_string(),
                });
                self.snapshot_when_quiet(id);
            }
            Told::Terminal(id, terminal) => {
                let known = self.engine().known_terminals(&id).await;
                if let Some(state) = known.iter().find(|state| state.id == terminal) {
                    feed.tell(Event::Terminal {
                        sandbox: id.to_string(),
                        terminal: state.into(),
                    });
                }
                self.tell_row(&id).await;
            }
            Told::TerminalClosed(id, terminal) => {
                let sandbox = id.to_string();
                feed.tell(Event::TerminalClosed { sandbox, terminal });
            }
            Told::Activity(id, entry) => feed.tell(Event::Activity {
                sandbox: id.to_string(),
                entry: (&entry).into(),
            }),
            Told::Snapshots(id) => {
                feed.tell(Event::Snapshots {
                    sandbox: id.to_string(),
                });
                self.tell_row(&id).await;
            }
            Told::Review(id) => feed.tell(Event::Review {
                sandbox: id.to_string(),
            }),
            Told::Ask(id, ask) => {
                let ask = wire_ask(&id, &ask);
                feed.tell(Event::Ask { ask });
                self.tell_row(&id).await;
            }
            Told::AskEnded(id, ask) => {
                let sandbox = id.to_string();
                feed.tell(Event::AskEnded { sandbox, ask });
                self.tell_row(&id).await;
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

    fn quiet(&self) -> MutexGuard<'_, HashMap<SandboxId, JoinHandle<()>>> {
        self.0.quiet.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// For ever: stops what runs before the disk is full, and thins what the app holds.
    pub async fn keep_house(self) {
        let mut next_tidying = Instant::now() + SETTLED;
        loop {
            tokio::time::sleep(SPACE_CHECK).await;
            if let Err(error) = self.engine().guard_space(LOW_SPACE).await {
                tracing::warn!(%error, "the free space is not watched");
            }
            if Instant::now() >= next_tidying {
                next_tidying = Instant::now() + TIDYING;
                let engine = self.engine().clone();
                let tidied = tokio::task::spawn(async move { engine.tidy_up() }).await;
                if let Ok(Err(error)) = tidied {
                    tracing::warn!(%error, "not tidied up");
                }
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

    /// Stops every sandbox that runs.
    pub async fn stop_all(&self) {
        for record in self.engine().records().unwrap_or_default() {
            if let Err(error) = self.engine().stop(&record.id).await {
                tracing::warn!(%error, sandbox = %record.id, "not stopped");
            }
        }
    }

    /// Stops every sandbox that runs, or says which one it could not stop.
    pub async fn stop_all_or_fail(&self) -> Answer<()> {
        for record in self.engine().records()? {
            let state = self.engine().glimpse(&record.id).await?.state;
            if matches!(state, State::Running | State::Paused) {
                self.engine().stop(&record.id).await?;
            }
        }
        Ok(())
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
                self.tell_all_rows().await;
            }
            let Some(docker) = docker else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let mut events = docker.events(self.engine().data().instance());
            while let Some(event) = events.next().await {
                match event {
                    EngineEvent::Connected => self.tell_all_rows().await,
                    EngineEvent::Lost => break,
                    EngineEvent::Container { sandbox, .. } => self.tell_row(&sandbox).await,
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

/// A sandbox's id as the page sends it.
pub fn id(text: &str) -> Answer<SandboxId> {
    SandboxId::try_from(text.to_owned())
        .map_err(|error| WireError::new(ErrorCode::InvalidRequest, &error))
}

fn is_up(status: SandboxStatus) -> bool {
    !matches!(status, SandboxStatus::Stopped | SandboxStatus::Attention)
}

/// A question as the page shows it.
pub fn wire_ask(id: &SandboxId, ask: &sandbox_engine::network::Ask) -> SiteAsk {
    SiteAsk {
        id: ask.id,
        sandbox: id.to_string(),
        host: ask.host.clone(),
        port: ask.port,
        claim: ask.claim.clone(),
        known_for: presets::known_for(&ask.host).map(str::to_owned),
    }
}

/// The app that can be opened where an engine is installed and does not run.
pub fn opens(error: &Error) -> Option<String> {
    let app = EngineApp::installed().filter(|_| error.code() == Code::EngineNotRunning)?;
    Some(app.name.to_owned())
}

fn wire_phase(phase: EnginePhase) -> Phase {
    match phase {
        EnginePhase::Counting => Phase::Counting,
        EnginePhase::Copying => Phase::Copying,
        EnginePhase::Baseline => Phase::Baseline,
        EnginePhase::Image => Phase::Image,
        EnginePhase::Preparing => Phase::Preparing,
        EnginePhase::Starting => Phase::Starting,
        EnginePhase::Capturing => Phase::Capturing,
        EnginePhase::Comparing => Phase::Comparing,
        EnginePhase::Staging => Phase::Staging,
        EnginePhase::Writing => Phase::Writing,
        EnginePhase::Restoring => Phase::Restoring,
        EnginePhase::Removing => Phase::Removing,
    }
}

/// How fast a phase goes.
#[derive(Default)]
struct Pace {
    phase: Option<(EnginePhase, Instant)>,
}

impl Pace {
    /// Nothing before two seconds and a tenth of the way: earlier it would be a guess.
    fn seconds_left(&mut self, phase: EnginePhase, step: Step) -> Option<u32> {
        let since = match self.phase {
            Some((known, since)) if known == phase => since,
            _ => {
                let now = Instant::now();
                self.phase = Some((phase, now));
                now
            }
        };
        let (done, total) = if step.bytes_total > 0 {
            (step.bytes, step.bytes_total)
        } else {
            (step.entries, step.entries_total)
        };
        let elapsed = since.elapsed();
        if elapsed < Duration::from_secs(2) || done == 0 || done < total / 10 || done >= total {
            return None;
        }
        let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
        Some(left.ceil() as u32)
    }
}
