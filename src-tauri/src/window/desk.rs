//! What the window works with: the engine, the watchers, the event stream. One for the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_sandbox::engine_app::EngineApp;
use agent_sandbox::ipc::app::{EngineState, ImageState};
use agent_sandbox::ipc::error::{ErrorCode, WireError};
use agent_sandbox::ipc::event::Event;
use agent_sandbox::ipc::from::sentence;
use agent_sandbox::ipc::handover::ProgressReport;
use agent_sandbox::ipc::network::SiteAsk;
use agent_sandbox::ipc::sandbox::{Attention, NetworkMode, SandboxRow, SandboxStatus};
use sandbox_engine::agents::doing::Doing;
use sandbox_engine::network::presets;
use sandbox_engine::sandbox::{PausedBy, State, Watching, paused_by, why_paused};
use sandbox_engine::terminal::{TerminalHub, TerminalState};
use sandbox_engine::{Code, Engine, Error, Operation, Phase as EnginePhase, SandboxId};
use sandbox_workspace::{Cancel, Step};
use tauri::async_runtime::JoinHandle;

use super::feed::Feed;
use super::pace::{Pace, wire_phase};
use super::turns::Turns;

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
    rows: Turns<SandboxId>,
    /// Held while the page is told that a sandbox is there, or is gone: it hears the latter last.
    telling: Mutex<()>,
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
            rows: Turns::default(),
            telling: Mutex::default(),
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
    pub async fn image_ended(&self) {
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
        let terminals = self.engine().known_terminals(id);
        let agent_name = self.engine().recipes().name(&row.record.agent);
        let paused = match row.state {
            State::Paused => paused_by(&self.engine().data().sandbox(id)),
            _ => None,
        };
        let attention =
            match (&row.state, paused) {
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
                (_, Some(PausedBy::Fence)) => Some(Attention::Failed {
                    error: self.failed().get(id).cloned().unwrap_or_else(|| {
                        stands_still(why_paused(&self.engine().data().sandbox(id)))
                    }),
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
            State::Running => agent_status(&terminals),
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

    /// The snapshots that wait.
    pub fn quiet(&self) -> MutexGuard<'_, HashMap<SandboxId, JoinHandle<()>>> {
        self.0.quiet.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Tells the page how a sandbox is now. Where that is being found out already it is found out once more after it,
    /// and this does not wait.
    pub async fn tell_row(&self, id: &SandboxId) {
        let Some(mut turn) = self.0.rows.take(id) else {
            return;
        };
        loop {
            if let Ok(row) = self.row(id).await {
                if row.network != NetworkMode::Offline && is_up(row.status) {
                    self.engine().attend(id);
                }
                let _telling = self.telling();
                // Removed while this was found out: the page has heard of it.
                if self.engine().load(id).is_ok() {
                    self.feed().tell(Event::Sandbox { row: Box::new(row) });
                }
            }
            match turn.again() {
                Some(again) => turn = again,
                None => return,
            }
        }
    }

    /// Likewise, by itself: nobody waits for what one sandbox takes to answer.
    pub fn tell_row_soon(&self, id: &SandboxId) {
        let (desk, id) = (self.clone(), id.clone());
        tauri::async_runtime::spawn(async move { desk.tell_row(&id).await });
    }

    /// Tells the page that a sandbox is gone.
    pub fn tell_removed(&self, id: &SandboxId) {
        let _telling = self.telling();
        let sandbox = id.to_string();
        self.feed().tell(Event::SandboxRemoved { sandbox });
    }

    fn telling(&self) -> MutexGuard<'_, ()> {
        let telling = &self.0.telling;
        telling.lock().unwrap_or_else(PoisonError::into_inner)
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
}

/// What is said of a sandbox that the app paused for its fence, or its gateway.
fn stands_still(why: Option<String>) -> WireError {
    let why = why.unwrap_or_else(|| "Paused: its fence could not be tried out".to_owned());
    WireError {
        safe: Some("What ran in it stands still, and nothing is lost.".to_owned()),
        fix: Some("Start it again: it goes on once its gateway was told its rules and its fence is proven closed. If that fails, stop it first.".to_owned()),
        ..WireError::said(ErrorCode::FenceOpen, &sentence(&why))
    }
}

/// A sandbox's id as the page sends it.
pub fn id(text: &str) -> Answer<SandboxId> {
    SandboxId::try_from(text.to_owned())
        .map_err(|error| WireError::new(ErrorCode::InvalidRequest, &error))
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
        patience: sandbox_engine::network::PATIENCE,
    }
}

/// The app that can be opened where an engine is installed and does not run.
pub fn opens(error: &Error) -> Option<String> {
    let app = EngineApp::installed().filter(|_| error.code() == Code::EngineNotRunning)?;
    Some(app.name.to_owned())
}

/// What its agent does, in however many terminals. One that waits needs somebody, whatever the others do. What runs
/// in a shell is the user's own work, not the agent's.
fn agent_status(terminals: &[(TerminalState, Doing)]) -> SandboxStatus {
    let one = |wanted| {
        terminals
            .iter()
            .any(|(state, doing)| state.agent && *doing == wanted)
    };
    match () {
        () if one(Doing::Waiting) => SandboxStatus::Waiting,
        () if one(Doing::Working) => SandboxStatus::Working,
        () => SandboxStatus::Idle,
    }
}

fn is_up(status: SandboxStatus) -> bool {
    !matches!(status, SandboxStatus::Stopped | SandboxStatus::Attention)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(agent: bool, doing: Doing) -> (TerminalState, Doing) {
        let state = TerminalState {
            id: 1,
            name: String::new(),
            title: None,
            cols: 80,
            rows: 24,
            exit: None,
            working: true,
            bells: 1,
            notices: 0,
            notice: None,
            agent,
            full_screen: false,
        };
        (state, doing)
    }

    #[test]
    fn the_agents_terminals_alone_make_the_status_and_the_one_that_waits_comes_first() {
        use Doing::{Finished, Idle, Waiting, Working};
        let (shell, agent) = (false, true);
        for (terminals, status) in [
            (vec![], SandboxStatus::Idle),
            (vec![(shell, Working)], SandboxStatus::Idle),
            (vec![(agent, Idle), (shell, Working)], SandboxStatus::Idle),
            (vec![(agent, Finished(0))], SandboxStatus::Idle),
            (
                vec![(agent, Finished(1)), (agent, Working)],
                SandboxStatus::Working,
            ),
            (
                vec![(agent, Working), (agent, Waiting)],
                SandboxStatus::Waiting,
            ),
        ] {
            let all: Vec<_> = terminals
                .iter()
                .map(|(agent, doing)| terminal(*agent, *doing))
                .collect();
            assert_eq!(agent_status(&all), status, "{terminals:?}");
        }
    }
}
